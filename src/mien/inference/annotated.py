"""Annotated pictures and videos under DIR/annotated, named after what they show.

A picture becomes a JPEG, a video an MP4 (H.264, with the frames' own times).  Two sources that would share a name get
a number.
"""

from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.inference.draw import annotate
from mien.inference.pipeline import Seen

LONGEST = 8192  # a JPEG ends at 65,535 pixels, and nobody looks at that many
CLOCK = Fraction(1, 1000)  # the time base of written videos, in seconds


class Annotated:
    """Writes what was seen, with boxes and expressions drawn in, until the `with` block is left."""

    def __init__(self, out: Path) -> None:
        self._folder = out / "annotated"
        self._taken: set[str] = set()
        self._video: _Video | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end_video()

    def add(self, seen: Seen) -> None:
        """Write a picture, or the next frame of a video; what could not be read is passed over."""
        prediction = seen.drawn()
        if prediction.frame is None or prediction.frame == 0:
            self._end_video()
        if seen.image is None:
            return
        drawn = annotate(seen.image, prediction.faces)
        if prediction.frame is None:
            picture = Image.fromarray(drawn)
            picture.thumbnail((LONGEST, LONGEST))
            picture.save(self._place(seen.source.below, (".jpg", ".jpeg")), "JPEG", quality=90)
            return
        if self._video is None:
            self._video = _Video(self._place(seen.source.below, (".mp4",)))
        self._video.add(drawn, prediction.seconds or 0.0)

    def _end_video(self) -> None:
        if self._video is not None:
            self._video.close()
            self._video = None

    def _place(self, below: Path, suffixes: tuple[str, ...]) -> Path:
        name = str(below).replace(":", "-")
        stem, suffix = (
            (below.with_suffix(""), below.suffix) if below.suffix.lower() in suffixes else (name, suffixes[0])
        )
        place, number = f"{stem}{suffix}", 1
        while place.casefold() in self._taken:
            number += 1
            place = f"{stem}-{number}{suffix}"
        self._taken.add(place.casefold())
        path = self._folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


class _Video:
    """One MP4 being written; frames that differ in size are brought to that of the first."""

    def __init__(self, path: Path) -> None:
        self._file = av.open(f"file:{path}", "w", format="mp4")
        self._stream: Any = None
        self._last = -1

    def add(self, image: NDArray[np.uint8], seconds: float) -> None:
        """Append a frame, uint8 RGB, at its time."""
        if self._stream is None:
            self._start(image.shape[1], image.shape[0])
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame = frame.reformat(self._stream.width, self._stream.height, "yuv420p")
        self._last = max(self._last + 1, round(seconds / CLOCK))
        frame.pts, frame.time_base = self._last, CLOCK
        self._file.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Write what the encoder still holds and end the file."""
        if self._stream is not None:
            self._file.mux(self._stream.encode(None))
        self._file.close()

    def _start(self, width: int, height: int) -> None:
        codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
        self._stream = self._file.add_stream(codec, rate=30)
        self._stream.width, self._stream.height = width + width % 2, height + height % 2  # H.264 wants even sides
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = CLOCK
