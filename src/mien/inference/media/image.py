"""Image files to RGB, as a viewer shows them.

Every file becomes uint8 RGB (H, W, 3).  Its EXIF orientation is applied or, in HEIF and AVIF, its own crop, rotation
and mirror.  Transparent parts are laid over white, and deeper values are scaled to 8 bits (bit_depth.py).  A file of
several images gives its first or primary one, with a note; animated images are read in video.py.  A file that cannot be
read raises a MediaError of one line, and nothing else.

The size in a file's header is checked before memory is allocated.  Pillow's limit and its other settings are global to
the process, so its readers are called directly and those settings stay as they are.
"""

import re
import struct
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from mien import errors
from mien.errors import MediaError
from mien.inference.media import bit_depth, camera_raw, declared_size, heif, jpeg
from mien.inference.media.budget import Budget
from mien.inference.media.heif import Still

Pixels = NDArray[np.uint8]

COMMON_FORMATS = (
    "JPEG",
    "PNG",
    "GIF",
    "BMP",
    "PPM",
)  # loaded first; the others make Pillow import every reader
PHOTO_FORMATS = (*COMMON_FORMATS, "DIB", "WEBP", "TIFF", "AVIF", "JPEG2000", "ICO")
"""Formats of photographs.  EPS is left out: Pillow would start another program for it."""
FORMATS_WITHOUT_MAGIC = ("TGA",)
"""Formats without a signature in the header: tried last."""
MAX_PIXELS = 100_000_000
"""Pixels that one image or video frame may decode to, unless `max_pixels` sets another limit."""
QUICK_PIXELS = 1_600_000  # more than a detector reads; 24.5 megapixels, as of many phones, at a quarter are less
MIN_QUICK_FACTOR = 4  # half the size takes hardly less time than the whole
FULL_SIZE_PIXELS = 24_000_000  # larger images are read at half size: detected faces stay larger than a crop
MAX_JPEG_BYTES = 1 << 29  # of a JPEG that is checked for missing data
EMPTY = "it is empty"
DAMAGE = re.compile(
    "truncated|EOF|but only got|decoder (object|error)|data stream|beyond end of file|not enough image|invalid literal",
    re.IGNORECASE,
)
"""Pillow's messages for files that are cut short or damaged."""
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
    """Limits on decoding an image.

    Attributes:
        max_pixels: pixels that it may decode to, at the reduced scale where its codec has one.
        target: a larger image is halved until it has at most this many pixels.
        budget: pixels shared with the other threads, or None.
        quick: whether a large JPEG is decoded at a quarter of its size or less, down to QUICK_PIXELS.
    """

    max_pixels: int = MAX_PIXELS
    target: int = MAX_PIXELS
    budget: Budget | None = None
    quick: bool = False

    def hold(self, pixels: int) -> AbstractContextManager[None]:
        """Hold pixels of the budget for the block, waiting until they are free."""
        return self.budget.hold(pixels) if self.budget else nullcontext()

    def factor(self, width: int, height: int) -> int:
        """Return the power of two by which an image must shrink."""
        factor = 1
        while width * height > self.target * factor**2:
            factor *= 2
        return factor

    def of_jpeg(self, width: int, height: int) -> "Limits":
        """Return the limits of a JPEG of this size, whose decoder takes less time for a smaller image."""
        quick = replace(self, target=min(self.target, QUICK_PIXELS))
        return quick if self.quick and quick.factor(width, height) >= MIN_QUICK_FACTOR else self


DEFAULT_LIMITS = Limits()


def check_size(width: int, height: int, name: str | Path, max_pixels: int | None = None) -> None:
    """Raise MediaError for an image or video frame of more than `max_pixels` pixels, by default MAX_PIXELS.

    Called with the size in the header, before memory is allocated.
    """
    max_pixels = MAX_PIXELS if max_pixels is None else max_pixels
    if width * height > max_pixels:
        raise MediaError(
            f"{name} has {width} x {height} pixels",
            f"at most {max_pixels / 1e6:g} million",
            f"`max_pixels` {width * height} reads it",
        )


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """A decoded image, perhaps at a fraction of its size.

    Attributes:
        image: uint8 RGB (H, W, 3).
        width, height: pixels at full size, as seen.
        note: which part of the file was read, if that is not obvious ("page 1 of 3"); or empty.
    """

    image: Pixels
    width: int
    height: int
    note: str = ""

    @property
    def ratio(self) -> float:
        """Full-size pixels per pixel of `image`: a whole number, as decoders round each side up."""
        return factor_of(self.image, self.width, self.height)


def factor_of(image: Pixels, width: int, height: int) -> float:
    """Return the pixels of the full size, (`width`, `height`), in one of an image decoded smaller: 1.0, 2.0, ...

    >>> factor_of(np.zeros((938, 126, 3), np.uint8), 1001, 7500)
    8.0
    """
    return float(round(max(width / image.shape[1], height / image.shape[0])))


def read_image(path: str | Path) -> Pixels:
    """Return an image at full size, uint8 RGB (H, W, 3); MediaError when it cannot be decoded."""
    return load_image(path).image


def load_image(path: str | Path, limits: Limits = DEFAULT_LIMITS) -> DecodedImage:
    """Return an image, halved until it has at most `limits.target` pixels; MediaError when it cannot be decoded.

    A JPEG is decoded at the smaller size, so 100 megapixels need only the memory of the target.
    """
    try:
        # a stream, not a name: Pillow memory-maps named TIFFs and garbles those stored rotated
        with Path(path).open("rb") as file:
            return decode(file, limits, str(path))
    except OSError as error:
        raise MediaError(f"{path} cannot be read as an image: {reason(error)}") from None


def decode(data: bytes | BinaryIO, limits: Limits = DEFAULT_LIMITS, name: str = "the image") -> DecodedImage:
    """Return the image in bytes or in an open binary file; MediaError, with `name`, when it cannot be decoded.

    uint8 RGB (H, W, 3), halved until it has at most `limits.target` pixels.  An animation gives its first image.
    """
    try:
        return _decoded(BytesIO(data) if isinstance(data, bytes) else data, limits, name)
    except MediaError:
        raise
    except Exception as error:  # decoders raise a dozen types for a damaged file
        raise MediaError(f"{name} cannot be read as an image: {reason(error)}") from None


def open_image(
    file: BinaryIO, guess: bool = False, max_pixels: int = MAX_PIXELS, name: str | Path = "the image"
) -> Image.Image:
    """Return an image with only its header read; raises what Pillow raises for other files.

    With `guess`, formats without a signature are tried last.  MediaError when a reader would allocate more than
    `max_pixels` at once.
    """
    check_size(*declared_size.declared_size(file), name, max_pixels)
    Image.preinit()
    file.seek(0)
    start = file.read(16)
    for names in (lambda: COMMON_FORMATS, formats, lambda: FORMATS_WITHOUT_MAGIC if guess else ()):
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
    """Return the formats of PHOTO_FORMATS that this Pillow reads, except the common ones."""
    Image.init()
    return tuple(name for name in PHOTO_FORMATS if name in Image.OPEN and name not in COMMON_FORMATS)


def _decoded(file: BinaryIO, limits: Limits, name: str) -> DecodedImage:
    file.seek(0)
    start = file.read(16)
    if not start:
        raise ValueError(EMPTY)
    if camera_raw.starts_raw(start):
        raise ValueError(camera_raw.REFUSAL)
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
        return open_image(file, True, max_pixels, name)
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
    if camera_raw.is_raw(getattr(image, "tag_v2", {})):
        raise ValueError(camera_raw.REFUSAL)
    width, height = image.size
    if isinstance(image, JpegImageFile):
        limits = limits.of_jpeg(width, height)
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
        # after loading, because Pillow itself rotates a TIFF while it loads; only what Pillow read keeps EXIF
        turn = orientation(image)
        return _finished(loaded, turn, (width, height), limits, note)


def _bytes(file: BinaryIO) -> bytes:
    file.seek(0, 2)
    if file.tell() > MAX_JPEG_BYTES:
        return b""
    file.seek(0)
    return file.read()


def _finished(opened: Image.Image, turn: int, size: tuple[int, int], limits: Limits, note: str) -> DecodedImage:
    """Return a loaded image of a file of `size` as RGB, upright, at a fraction of its size."""
    width, height = size
    image, how = bit_depth.rgb(opened, round(opened.width * limits.factor(width, height) / width))
    pixels = _upright(image, turn)
    note = "; ".join(filter(None, (note, how)))
    return DecodedImage(pixels, height, width, note) if turn >= 5 else DecodedImage(pixels, width, height, note)


def _loaded(image: Image.Image, file: BinaryIO) -> tuple[Image.Image, str]:
    rawmode = str([tile.args for tile in getattr(image, "tile", [])])
    image.load()
    note = _pages(image)
    if bit_depth.misread(image, rawmode):
        file.seek(0)
        image, how = bit_depth.colours(file.read())
        note = "; ".join(filter(None, (note, how)))
    return image, note


def _pages(image: Image.Image) -> str:
    try:
        count = int(getattr(image, "n_frames", 1))
    except Exception:  # the first page was read; damage in the others does not matter
        return ""
    what = "page" if image.format == "TIFF" else "frame"
    return f"{what} 1 of {count}" if count > 1 else ""


def to_rgb(image: Image.Image, turn: int, smaller: int = 1) -> Pixels:
    """Return a loaded image of any mode as uint8 RGB over white, upright, at a fraction of its size."""
    return _upright(bit_depth.rgb(image, smaller)[0], turn)


def _upright(image: Image.Image, turn: int) -> Pixels:
    image = image.transpose(TURNS[turn]) if turn in TURNS else image
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))  # convert would copy


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation of an image, 1 to 8; 1, upright, where it is absent or invalid."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # an image with damaged EXIF is still good
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def reason(error: Exception) -> str:
    """Return the reason of a decoder's exception, in a few words."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, UnidentifiedImageError):
        return "not an image or video of a known format"
    message = errors.reason(error)
    if isinstance(error, struct.error | IndexError | KeyError | EOFError) or DAMAGE.search(message):
        return "it is cut short or damaged"
    return message
