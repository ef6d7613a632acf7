"""Frames of animated images: GIF, WebP, APNG and AVIF, through Pillow.

FFmpeg reads no animated WebP and leaves the transparency of the others to its caller; Pillow composes all of them to
full frames, so one way serves for all.  Pages of a TIFF follow each other in no time and are no animation.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from mien.errors import MediaError
from mien.inference.media import heif
from mien.inference.media import image as media
from mien.inference.media.image import Pixels

FORMATS = frozenset(("GIF", "WEBP", "PNG", "AVIF"))
SHORTEST = 20  # milliseconds; a browser shows a frame that asks for less, or says nothing, for USUAL
USUAL = 100


def is_animated(path: Path, max_pixels: int = media.MAX_PIXELS) -> bool:
    """Return whether a file is an image with several frames; only its head and, in a GIF, one frame are looked at."""
    try:
        with path.open("rb") as file:
            return moves(file, max_pixels)
    except OSError:
        return False


def moves(file: BinaryIO, max_pixels: int = media.MAX_PIXELS) -> bool:
    """Return as `is_animated` does, of an open file; what has too many pixels is left to be refused as a still."""
    try:
        with media.opened(file, max_pixels=max_pixels) as image:
            media.check_size(image.width, image.height, "", max_pixels)
            return image.format in FORMATS and bool(getattr(image, "is_animated", False))
    except Exception:  # whatever is wrong with it, it is not known to move
        return False


def frames(path: Path, max_pixels: int = media.MAX_PIXELS) -> Iterator[tuple[int, float, Callable[[], Pixels]]]:
    """Yield (index, seconds, what makes uint8 RGB (H, W, 3)) of every frame, composed, over white.

    Each is to be made before the next is asked for.  MediaError, after the frames that are whole, when the file is cut
    short or damaged.
    """
    now, made, whole = 0.0, 0, True
    with path.open("rb") as file, media.opened(file, False, max_pixels, path) as image:
        first = int(bool(image.info.get("default_image")))  # of an APNG: shown where nothing moves
        still = heif.head(file) if image.format == "AVIF" else None
        turn = 1 if still else media.orientation(image)
        for number in count(first):
            try:
                image.seek(number)
                media.check_size(image.width, image.height, path, max_pixels)  # frames of a GIF may make it grow
                image.load()
            except MediaError:
                raise
            except EOFError:
                whole = _ended(image, number, file)
                break
            except Exception:  # decoders raise a dozen kinds for a broken file
                whole = False
                break
            yield made, round(now, 6), partial(_shown, image, turn, still)
            made, now = made + 1, now + _lasts(image)
    if not whole:
        raise MediaError(f"{path} is cut short or damaged at {now:.1f} s", do=f"{made} frames were decoded")


def _shown(image: Image.Image, turn: int, still: heif.Still | None) -> Pixels:
    return media.shown(heif.upright(image, still) if still else image, turn)


def _ended(image: Image.Image, frames: int, file: BinaryIO) -> bool:
    """Return whether the file ends where it should, once there is no further frame."""
    if image.format != "GIF":
        return frames >= int(getattr(image, "n_frames", 0))
    file.seek(-1, 1)
    return file.read(1) == b";"


def _lasts(image: Image.Image) -> float:
    """Return the seconds for which the current frame is shown."""
    asked = float(image.info.get("duration") or 0)
    return (asked if asked >= SHORTEST else USUAL) / 1000
