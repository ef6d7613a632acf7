"""Pictures to RGB, as a viewer shows them.

Whatever a file holds comes out as uint8 RGB (H, W, 3): turned by its EXIF orientation, transparent parts over
white, 16-bit and float values scaled to 8.  A multi-page picture gives its first page; animated ones, like everything
else that moves, are read in video.py.  Anything that Pillow cannot read is a MediaError of one line; a bad file raises
nothing else.
"""

import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from mien.errors import MediaError

Pixels = NDArray[np.uint8]

USUAL = ("JPEG", "PNG", "GIF", "BMP", "PPM")  # what Pillow knows at once; for others it imports all of its readers
PHOTOS = (*USUAL, "DIB", "WEBP", "TIFF", "AVIF", "HEIF", "JPEG2000", "TGA", "ICO")
"""What photographs come in; not, say, EPS, for which Pillow would start another program."""
MOST_PIXELS = 200_000_000
MAX_PIXELS = 100_000_000
"""Pixels that one image or video frame may decode to, unless --max-pixels asks for more."""
ORIENTATION = 0x0112  # the EXIF tag
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

OPENING = threading.Lock()


def check_size(width: int, height: int, name: str | Path, most: int | None = None) -> None:
    """Refuse what would decode to more than `most` pixels, MAX_PIXELS when not given; MediaError.

    To be asked with what a file's head says, before anything is allocated; for images and video frames alike.
    """
    most = MAX_PIXELS if most is None else most
    if width * height > most:
        raise MediaError(
            f"{name} has {width} x {height} pixels",
            f"at most {most / 1e6:g} million",
            f"--max-pixels {width * height} reads it",
        )


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture, perhaps at a fraction of its size.

    Attributes:
        image: uint8 RGB (H, W, 3).
        width, height: pixels at full size, as seen.
    """

    image: Pixels
    width: int
    height: int

    @property
    def ratio(self) -> float:
        """Full-size pixels per pixel of `image`."""
        return self.width / int(self.image.shape[1])


def read(path: str | Path) -> Pixels:
    """Return a picture at full size, uint8 RGB (H, W, 3); MediaError when it cannot be decoded."""
    return load(path).image


def load(path: str | Path, most: int = MOST_PIXELS) -> Picture:
    """Return a picture, halved in size until it has at most `most` pixels; MediaError when it cannot be decoded.

    A JPEG is decoded at the smaller size, so 100 megapixels need no more memory than `most` do.
    """
    try:
        # a stream, not a name: Pillow maps named TIFFs into memory and garbles those that are stored turned
        with Path(path).open("rb") as file, opened(file) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise MediaError(f"{path} has {picture.width} x {picture.height} pixels", "at most 200 million")
            return _decode(picture, most)
    except MediaError:
        raise
    except Exception as error:  # decoders raise a dozen kinds for a broken file: it is the file that is wrong
        raise MediaError(f"{path} cannot be read as a picture: {reason(error)}") from None


def opened(file: BinaryIO | Path) -> Image.Image:
    """Return a picture of which only the head is read; whatever Pillow raises where there is none."""
    # Pillow's own limit is global and warns from 89 million pixels on: lift it for us alone, `load` checks ours
    with OPENING:
        usual, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(file, formats=USUAL)
        except UnidentifiedImageError:
            return Image.open(file, formats=formats())
        finally:
            Image.MAX_IMAGE_PIXELS = usual


@cache
def formats() -> tuple[str, ...]:
    """Return the formats of PHOTOS that this Pillow reads."""
    Image.init()
    return tuple(name for name in PHOTOS if name in Image.OPEN)


def _decode(picture: Image.Image, most: int) -> Picture:
    width, height = picture.size
    factor = 1
    while width * height > most * factor**2:
        factor *= 2
    if factor > 1:
        picture.draft(None, (width // factor, height // factor))  # for JPEG alone: decodes at 1/2, 1/4 or 1/8
    picture.load()
    turn = orientation(picture)  # after loading, because Pillow itself turns a TIFF while it loads
    left = round(picture.width * factor / width)
    image = shown(picture, turn, left)
    return Picture(image, height, width) if turn >= 5 else Picture(image, width, height)


def shown(picture: Image.Image, turn: int, smaller: int = 1) -> Pixels:
    """Return a loaded picture of any mode as uint8 RGB, over white, turned, at a fraction of its size."""
    image = _flat(picture)
    image = image.reduce(smaller) if smaller > 1 else image
    image = image.transpose(TURNS[turn]) if turn in TURNS else image
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))  # convert would copy


def orientation(picture: Image.Image) -> int:
    """Return how a picture is to be turned, 1 to 8, as EXIF numbers it; 1 is not at all."""
    try:
        return int(picture.getexif().get(ORIENTATION, 1))
    except Exception:  # EXIF is decoration: broken EXIF leaves a good picture
        return 1


def _flat(image: Image.Image) -> Image.Image:
    """Return a picture of any mode as 8-bit grey ("L") or colour ("RGB"), transparent parts over white."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return Image.fromarray(_to_eight_bits(np.asarray(image)))
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        flat = Image.new("RGB", image.size, "white")
        flat.paste(seen, mask=seen.getchannel("A"))
        return flat
    return image if image.mode in ("L", "RGB") else image.convert("L" if image.mode == "1" else "RGB")


def _to_eight_bits(values: NDArray[Any]) -> Pixels:
    """Scale values by the smallest usual full scale that holds them: 1 (floats), 255, 65535 or their maximum.

    >>> _to_eight_bits(np.array([[0, 257, 65535]], np.uint16)).tolist()
    [[0, 1, 255]]
    """
    top = float(np.nanmax(values))
    if values.dtype == np.uint16:
        full = 65535.0
    else:
        scales = (1.0, 255.0, 65535.0) if values.dtype.kind == "f" else (255.0, 65535.0)
        full = next((scale for scale in scales if top <= scale), top)
    scaled = np.nan_to_num(values.astype(np.float32)) * np.float32(255.0 / full)
    return np.asarray(np.clip(np.rint(scaled), 0, 255), np.uint8)


def reason(error: Exception) -> str:
    """Return what a decoder has to say for itself, in a few words."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, UnidentifiedImageError):
        return "not a picture of a known format"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
