"""Images to RGB, as a viewer shows them.

Whatever a file holds comes out as uint8 RGB (H, W, 3): turned by its EXIF orientation or, in HEIF and AVIF, by its own
crop, rotation and mirror, transparent parts over white, deeper values scaled to 8 bits (tones.py).  A file of several
images gives its first or primary one, and the note says so; animated ones, like everything else that moves, are read
in video.py.  Anything that cannot be read is a MediaError of one line; a bad file raises nothing else.

Sizes are checked from the head, before anything is allocated.  Pillow's own limit and its other settings belong to the
whole process, so its readers are called directly and nothing of that is touched.
"""

import re
import struct
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from mien.errors import MediaError
from mien.inference.media import heif, jpeg, raws, sizes, tones
from mien.inference.media.budget import Budget
from mien.inference.media.heif import Still

Pixels = NDArray[np.uint8]

USUAL = ("JPEG", "PNG", "GIF", "BMP", "PPM")  # what Pillow knows at once; for others it imports all of its readers
PHOTOS = (*USUAL, "DIB", "WEBP", "TIFF", "AVIF", "JPEG2000", "ICO")
"""What photographs come in; not, say, EPS, for which Pillow would start another program."""
UNSIGNED = ("TGA",)
"""Formats that nothing at the head of a file betrays: tried when all others were."""
MAX_PIXELS = 100_000_000
"""Pixels that one image or video frame may decode to, unless --max-pixels asks for more."""
MOST_BYTES = 1 << 29  # of a JPEG whose end is looked at
EMPTY = "it is empty"
CUT = re.compile(
    "truncated|EOF|but only got|decoder (object|error)|data stream|beyond end of file|not enough image|invalid literal",
    re.IGNORECASE,
)
"""What Pillow says of files that end too early or whose bytes are not what they should be."""
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


@dataclass(frozen=True, eq=False)
class Limits:
    """What decoding an image may cost.

    Attributes:
        max_pixels: so many pixels it may decode to, at the reduced scale where its codec has one.
        target: a larger image is halved in size until it has at most so many.
        budget: pixels shared with images that other threads decode, or None.
    """

    max_pixels: int = MAX_PIXELS
    target: int = MAX_PIXELS
    budget: Budget | None = None

    def hold(self, pixels: int) -> AbstractContextManager[None]:
        """Take pixels from the budget while the block lasts, waiting until they are free."""
        return self.budget.hold(pixels) if self.budget else nullcontext()

    def factor(self, width: int, height: int) -> int:
        """Return the power of two by which an image has to become smaller."""
        factor = 1
        while width * height > self.target * factor**2:
            factor *= 2
        return factor


USUAL_LIMITS = Limits()


def check_size(width: int, height: int, name: str | Path, most: int | None = None) -> None:
    """Refuse what would decode to more than `most` pixels, MAX_PIXELS when not given; MediaError.

    To be asked with what a file's head says, before anything is allocated; for images and video frames alike.
    """
    most = MAX_PIXELS if most is None else most
    if width * height > most:
        raise MediaError(
            f"{name} has {width} x {height} pixels",
            f"at most {most / 1e6:g} million",
            f"`max_pixels` {width * height} reads it",
        )


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """A decoded image, perhaps at a fraction of its size.

    Attributes:
        image: uint8 RGB (H, W, 3).
        width, height: pixels at full size, as seen.
        note: what was read where that is not obvious ("page 1 of 3"), or nothing.
    """

    image: Pixels
    width: int
    height: int
    note: str = ""

    @property
    def ratio(self) -> float:
        """Full-size pixels per pixel of `image`."""
        return self.width / int(self.image.shape[1])


def read(path: str | Path) -> Pixels:
    """Return an image at full size, uint8 RGB (H, W, 3); MediaError when it cannot be decoded."""
    return load(path).image


def load(path: str | Path, limits: Limits = USUAL_LIMITS) -> DecodedImage:
    """Return an image, halved in size until it has at most `limits.target` pixels; MediaError when it cannot be.

    A JPEG is decoded at the smaller size, so 100 megapixels need no more memory than the target does.
    """
    try:
        # a stream, not a name: Pillow maps named TIFFs into memory and garbles those that are stored turned
        with Path(path).open("rb") as file:
            return decode(file, limits, str(path))
    except OSError as error:
        raise MediaError(f"{path} cannot be read as an image: {reason(error)}") from None


def decode(data: bytes | BinaryIO, limits: Limits = USUAL_LIMITS, name: str = "the image") -> DecodedImage:
    """Return the image that a file's bytes, or a file open for reading, hold; MediaError when it cannot be decoded."""
    try:
        return _decoded(BytesIO(data) if isinstance(data, bytes) else data, limits, name)
    except MediaError:
        raise
    except Exception as error:  # decoders raise a dozen kinds for a broken file: it is the file that is wrong
        raise MediaError(f"{name} cannot be read as an image: {reason(error)}") from None


def opened(
    file: BinaryIO, guess: bool = False, max_pixels: int = MAX_PIXELS, name: str | Path = "the image"
) -> Image.Image:
    """Return an image of which only the head is read; whatever Pillow raises where there is none.

    With `guess` the formats that nothing betrays are tried in the end.  MediaError when a reader would allocate more
    than `max_pixels` at once.
    """
    check_size(*sizes.largest(file), name, max_pixels)
    Image.preinit()
    file.seek(0)
    start = file.read(16)
    for names in (lambda: USUAL, formats, lambda: UNSIGNED if guess else ()):
        for name in names():
            reader, accepts = Image.OPEN[name]
            try:
                if accepts is None or accepts(start):
                    file.seek(0)
                    return reader(file, "")
            except (SyntaxError, IndexError, TypeError, struct.error):
                continue
    raise UnidentifiedImageError


@cache
def formats() -> tuple[str, ...]:
    """Return the formats of PHOTOS that this Pillow reads, but for the usual ones."""
    Image.init()
    return tuple(name for name in PHOTOS if name in Image.OPEN and name not in USUAL)


def _decoded(file: BinaryIO, limits: Limits, name: str) -> DecodedImage:
    file.seek(0)
    start = file.read(16)
    if not start:
        raise ValueError(EMPTY)
    if raws.starts_raw(start):
        raise ValueError(raws.REFUSAL)
    still = heif.head(file)
    if still and still.codec != "AV1":
        return _heif(file, still, limits, name)
    if still:
        check_size(still.width, still.height, name, limits.max_pixels)
        file.seek(0)
        heif.check_whole(file.read(), still)
    with _image(file, limits.max_pixels, name) as image:
        return _pillow(image, file, still, limits, name)


def _image(file: BinaryIO, max_pixels: int, name: str) -> Image.Image:
    try:
        return opened(file, True, max_pixels, name)
    except UnidentifiedImageError:
        file.seek(0)
        if file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            raise ValueError("a TIFF of a kind that is not read; store it with 8 or 16 bits a colour") from None
        raise


def _heif(file: BinaryIO, still: Still, limits: Limits, name: str) -> DecodedImage:
    import pi_heif

    check_size(still.width, still.height, name, limits.max_pixels)
    file.seek(0)
    data = file.read()
    heif.check_whole(data, still)
    for width, height in heif.canvases(data, still):
        check_size(width, height, name, limits.max_pixels)
    crops = any(kind == b"clap" for kind, _, _ in still.turns)
    try:
        images = pi_heif.open_heif(heif.plain(data, still) if crops else data)
        check_size(images.size[0], images.size[1], name, limits.max_pixels)
        with limits.hold(images.size[0] * images.size[1]):
            image = images.to_pillow()
            if crops:
                image = heif.upright(image, still)
            return _finished(image, 1, image.size, limits, still.note())
    except (RuntimeError, SyntaxError) as error:
        raise ValueError(f"{error} (its pixels are coded as {still.codec})") from None


def _pillow(image: Image.Image, file: BinaryIO, still: Still | None, limits: Limits, name: str) -> DecodedImage:
    if raws.is_raw(getattr(image, "tag_v2", {})):
        raise ValueError(raws.REFUSAL)
    width, height = image.size
    factor = limits.factor(width, height)
    if factor > 1 and image.format == "JPEG2000":
        vars(image)["reduce"] = min(factor.bit_length() - 1, 5)
    elif factor > 1:
        image.draft(None, (width // factor, height // factor))  # for JPEG alone: decodes at 1/2, 1/4 or 1/8
    data = _bytes(file) if isinstance(image, JpegImageFile) else b""
    held = width * height if data and jpeg.buffered(data) else image.width * image.height
    if held > limits.max_pixels:
        check_size(width, height, name, limits.max_pixels)
    with limits.hold(held):
        loaded, note = jpeg.loaded(image, data) if data else _loaded(image, file)
        if still:
            loaded = heif.upright(loaded, still)
            return _finished(loaded, 1, loaded.size, limits, "; ".join(filter(None, (still.note(), note))))
        # after loading, because Pillow itself turns a TIFF while it loads; of what Pillow read, as others keep no EXIF
        turn = orientation(image)
        return _finished(loaded, turn, (width, height), limits, note)


def _bytes(file: BinaryIO) -> bytes:
    file.seek(0, 2)
    if file.tell() > MOST_BYTES:
        return b""
    file.seek(0)
    return file.read()


def _finished(opened: Image.Image, turn: int, size: tuple[int, int], limits: Limits, note: str) -> DecodedImage:
    """Return a loaded image of a file of `size` as RGB, turned, at a fraction of its size."""
    width, height = size
    image, how = tones.rgb(opened, round(opened.width * limits.factor(width, height) / width))
    pixels = _upright(image, turn)
    note = "; ".join(filter(None, (note, how)))
    return DecodedImage(pixels, height, width, note) if turn >= 5 else DecodedImage(pixels, width, height, note)


def _loaded(image: Image.Image, file: BinaryIO) -> tuple[Image.Image, str]:
    rawmode = str([tile.args for tile in getattr(image, "tile", [])])
    image.load()
    note = _pages(image)
    if tones.misread(image, rawmode):
        file.seek(0)
        image, how = tones.colours(file.read())
        note = "; ".join(filter(None, (note, how)))
    return image, note


def _pages(image: Image.Image) -> str:
    try:
        count = int(getattr(image, "n_frames", 1))
    except Exception:  # the first one was read; what is wrong with others is not known to matter
        return ""
    what = "page" if image.format == "TIFF" else "frame"
    return f"{what} 1 of {count}" if count > 1 else ""


def shown(image: Image.Image, turn: int, smaller: int = 1) -> Pixels:
    """Return a loaded image of any mode as uint8 RGB, over white, turned, at a fraction of its size."""
    return _upright(tones.rgb(image, smaller)[0], turn)


def _upright(image: Image.Image, turn: int) -> Pixels:
    image = image.transpose(TURNS[turn]) if turn in TURNS else image
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))  # convert would copy


def orientation(image: Image.Image) -> int:
    """Return how an image is to be turned, 1 to 8, as EXIF numbers it; 1 is not at all, as anything else is."""
    try:
        told = image.getexif().get(ORIENTATION, 1)
    except Exception:  # EXIF is decoration: broken EXIF leaves a good image
        return 1
    return told if isinstance(told, int) and 1 <= told <= 8 else 1


def reason(error: Exception) -> str:
    """Return what a decoder has to say for itself, in a few words."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, UnidentifiedImageError):
        return "not an image or video of a known format"
    if isinstance(error, MemoryError):
        return "not enough memory"
    told = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if isinstance(error, struct.error | IndexError | KeyError | EOFError) or CUT.search(told):
        return "it is cut short or damaged"
    return told
