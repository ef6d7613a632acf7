"""Frames of video files, animated images and cameras, or of a part of them.

    for index, seconds, image in frames("talk.mp4", Clip(start=60, end=120, max_fps=5)):
        ...

Only selected frames are converted to RGB, and none is kept.  ffmpeg.py reads videos, animation.py animated images,
camera.py cameras.  `timed_frames` also says how long each frame is on screen (durations.py).
"""

import math
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from mien.errors import MediaError, UsageError
from mien.inference.media import animation, camera
from mien.inference.media.camera import CAMERA
from mien.inference.media.durations import VideoFrame, lasting, lasting_live
from mien.inference.media.image import MAX_PIXELS, Pixels, open_image

ROUNDING = 0.001  # seconds by which timestamps in whole milliseconds, cut off as browsers write them, may be early


@dataclass(frozen=True)
class Clip:
    """Which frames of a video to read; by default all.

    Attributes:
        every: read every `every`-th frame, counted from the first one in the part.
        start, end: the part, in seconds from the video's start; `start` belongs to it, `end` does not; None is all.
        max_fps: highest number of frames a second, chosen by their times, or None.

    UsageError for an empty or invalid range.
    """

    every: int = 1
    start: float = 0.0
    end: float | None = None
    max_fps: float | None = None

    def __post_init__(self) -> None:
        if self.every < 1:
            raise UsageError(f"`every` {self.every}", "a whole number of frames, at least 1")
        if not (math.isfinite(self.start) and self.start >= 0):
            raise UsageError(f"`start` {self.start:g}", "seconds from the video's start, at least 0")
        if self.end is not None and not self.end > self.start:
            raise UsageError(f"`end` {self.end:g}", f"more seconds than `start` {self.start:g}")
        if self.max_fps is not None and not (math.isfinite(self.max_fps) and self.max_fps > 0):
            raise UsageError(f"`max_fps` {self.max_fps:g}", "frames a second, more than 0")


WHOLE = Clip()


def frames(
    source: str | Path, clip: Clip = WHOLE, max_pixels: int = MAX_PIXELS, only: Container[int] | None = None
) -> Iterator[tuple[int, float, Pixels]]:
    """Yield (index, seconds, image uint8 RGB (H, W, 3)) of a video, an animated image or "camera:0", one at a time.

    With `only` it yields those of the clip's frames whose index is in it.

    `index` counts all decoded frames of the file from 0, skipped ones included; `ffmpeg.frames` describes it after a
    seek to `clip.start`.  `seconds` is the time at which a viewer shows the frame, from the start of the video.
    MediaError when nothing can be read; when a file is cut short, damaged or still being written, after its readable
    frames; and when no frame lies in the clip.
    """
    for index, seconds, image in _in_clip(source, clip, max_pixels, _is_animated(source, max_pixels)):
        if image is not None and (only is None or index in only):
            yield index, seconds, image()


def timed_frames(source: str | Path, clip: Clip = WHOLE, max_pixels: int = MAX_PIXELS) -> Iterator[VideoFrame]:
    """Yield the same frames with how long each is on screen; but for cameras one frame is held until the next is known.

    MediaError as from `frames`.
    """
    animated = _is_animated(source, max_pixels)
    read = _in_clip(source, clip, max_pixels, animated)
    decoded = ((k, seconds, image and image()) for k, seconds, image in read)
    if str(source).startswith(CAMERA):
        return lasting_live(decoded)
    return lasting(decoded, math.inf if clip.end is None else clip.end, stated=animated)


def about(path: Path, max_pixels: int = MAX_PIXELS) -> tuple[str, float]:
    """Return what of a video is read and how, where that is not obvious ("video stream 1 of 2"), and how late it is.

    That is how many seconds after the start of the file its first frame, second 0, is shown; 0 where it is on time.
    MediaError when there is nothing to read.
    """
    if str(path).startswith(CAMERA) or animation.is_animated(path, max_pixels):
        return "", 0.0
    from mien.inference.media import ffmpeg

    return ffmpeg.about(path)


def is_video(path: Path) -> bool:
    """Return whether the content of a file is an animated image, or a video and not an image."""
    if animation.is_animated(path):
        return True
    try:
        with path.open("rb") as file, open_image(file):
            return False
    except Exception:  # not an image; perhaps a video
        pass
    from mien.inference.media import ffmpeg

    try:
        with ffmpeg.opened(path) as file:
            return ffmpeg.video_stream(file, path) is not None
    except MediaError:
        return False


def _is_animated(source: str | Path, max_pixels: int) -> bool:
    return not str(source).startswith(CAMERA) and animation.is_animated(Path(source), max_pixels)


def _in_clip(
    source: str | Path, clip: Clip, max_pixels: int, animated: bool
) -> Iterator[tuple[int, float, Callable[[], Pixels] | None]]:
    """Yield the frames from `clip.start` to the first one after its end; those that the clip skips have no image."""
    taken, slot, seconds = 0, -1, 0.0
    for index, seconds, image in _decoded(source, clip.start, max_pixels, animated):
        if seconds < clip.start:
            continue
        if clip.end is not None and seconds >= clip.end:
            yield index, seconds, None
            break
        taken += 1
        wanted = (taken - 1) % clip.every == 0
        if wanted and clip.max_fps is not None:  # one frame in each slot of 1 / max_fps seconds
            before, slot = slot, math.floor((seconds - clip.start + ROUNDING) * clip.max_fps)
            wanted = slot != before
        yield index, seconds, image if wanted else None
    if not taken:
        raise _nothing(source, clip, seconds)


def _decoded(
    source: str | Path, start: float, max_pixels: int, animated: bool
) -> Iterator[tuple[int, float, Callable[[], Pixels]]]:
    if str(source).startswith(CAMERA):
        return camera.frames(str(source))
    path = Path(source)
    if animated:
        return animation.frames(path, max_pixels)
    from mien.inference.media import ffmpeg  # FFmpeg takes long to import, and images do not wait for it

    return ffmpeg.frames(path, start, max_pixels)


def _nothing(source: str | Path, clip: Clip, seconds: float) -> MediaError:
    if seconds < clip.start:
        return MediaError(f"{source} ends at {seconds:.1f} s", f"`start` {clip.start:g} to be before that")
    if clip.start == 0 and clip.end is None:
        return MediaError(f"{source} has no frame")
    return MediaError(f"{source} has no frame from {clip.start:g} s to {clip.end or seconds:g} s")
