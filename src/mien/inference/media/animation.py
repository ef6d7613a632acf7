"""Frames of animated images: GIF, WebP, APNG and AVIF, through Pillow.

FFmpeg cannot read animated WebP and does not compose the transparency of the others.  Pillow composes full frames for
all four.  Pages of a TIFF have no times, so a TIFF is not an animation.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from mien.errors import MediaError
from mien.inference.media import heif
from mien.inference.media.image import MAX_PIXELS, Pixels, check_size, open_image, orientation, to_rgb

FORMATS = frozenset(("GIF", "WEBP", "PNG", "AVIF"))
MIN_MILLISECONDS = 20  # a frame with less, or no duration, is shown for the default, as in browsers
DEFAULT_MILLISECONDS = 100


def is_animated(path: Path, max_pixels: int = MAX_PIXELS) -> bool:
    """Return whether a file is an image with several frames, from its header and, in a GIF, one frame."""
    try:
        with path.open("rb") as file:
            return is_moving(file, max_pixels)
    except OSError:
        return False


def is_moving(file: BinaryIO, max_pixels: int = MAX_PIXELS) -> bool:
    """Return whether an open file is an animated image; False for one with too many pixels."""
    try:
        with open_image(file, max_pixels=max_pixels) as image:
            check_size(image.width, image.height, "", max_pixels)
            return image.format in FORMATS and bool(getattr(image, "is_animated", False))
    except Exception:  # a damaged file is not known to be animated
        return False


def frames(path: Path, max_pixels: int = MAX_PIXELS) -> Iterator[tuple[int, float, Callable[[], Pixels]]]:
    """Yield (index, seconds, a function that returns uint8 RGB (H, W, 3)) of every frame, over white.

    Call the function before the next frame is read.  MediaError, after the complete frames, when the file is cut short
    or damaged.
    """
    now, made, whole = 0.0, 0, True
    with path.open("rb") as file, open_image(file, False, max_pixels, path) as image:
        first = int(bool(image.info.get("default_image")))  # of an APNG: shown by viewers without animation
        still = heif.head(file) if image.format == "AVIF" else None
        turn = 1 if still else orientation(image)
        for number in count(first):
            try:
                image.seek(number)
                check_size(image.width, image.height, path, max_pixels)  # frames of a GIF may make it grow
                image.load()
            except MediaError:
                raise
            except EOFError:
                whole = _ended(image, number, file)
                break
            except Exception:  # decoders raise a dozen types for a damaged file
                whole = False
                break
            yield made, round(now, 6), partial(_shown, image, turn, still)
            made, now = made + 1, now + _duration(image)
    if not whole:
        raise MediaError(f"{path} is cut short or damaged at {now:.1f} s", do=f"{made} frames were decoded")


def _shown(image: Image.Image, turn: int, still: heif.Still | None) -> Pixels:
    return to_rgb(heif.upright(image, still) if still else image, turn)


def _ended(image: Image.Image, frames: int, file: BinaryIO) -> bool:
    """Return whether the file is complete after its last frame."""
    if image.format != "GIF":
        return frames >= int(getattr(image, "n_frames", 0))
    file.seek(-1, 1)
    return file.read(1) == b";"


def _duration(image: Image.Image) -> float:
    """Return the seconds for which the current frame is shown."""
    duration = float(image.info.get("duration") or 0)
    return (duration if duration >= MIN_MILLISECONDS else DEFAULT_MILLISECONDS) / 1000
