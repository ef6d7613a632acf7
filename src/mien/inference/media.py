"""Pictures, videos and cameras to RGB, as a viewer shows them.

Whatever a file holds comes out as uint8 RGB (H, W, 3): turned by its EXIF orientation or the video's display matrix,
transparent parts over white, 16-bit and float values scaled to 8.  An animated or multi-page picture gives its first
page.  Anything that a decoder cannot read is a MediaError of one line; a bad file raises nothing else.
Pictures decode through Pillow, videos through PyAV (FFmpeg), cameras through OpenCV.
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from mien.errors import MediaError

Pixels = NDArray[np.uint8]

Image.init()
FORMATS = tuple(  # what photographs come in; not, say, EPS, for which Pillow would start another program
    name
    for name in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "AVIF", "HEIF", "JPEG2000", "PPM", "TGA", "ICO")
    if name in Image.OPEN
)
MOST_PIXELS = 200_000_000
CAMERA = "camera:"
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
        with Path(path).open("rb") as file, _opened(file) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise MediaError(f"{path} has {opened.width} x {opened.height} pixels", "at most 200 million")
            return _decode(opened, most)
    except MediaError:
        raise
    except Exception as error:  # decoders raise a dozen kinds for a broken file: it is the file that is wrong
        raise MediaError(f"{path} cannot be read as a picture: {_reason(error)}") from None


def _opened(file: BinaryIO | Path) -> Image.Image:
    # Pillow's own limit is global and warns from 89 million pixels on: lift it for us alone, `load` checks ours
    with OPENING:
        usual, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(file, formats=FORMATS)
        finally:
            Image.MAX_IMAGE_PIXELS = usual


def _decode(opened: Image.Image, most: int) -> Picture:
    width, height = opened.size
    factor = 1
    while width * height > most * factor**2:
        factor *= 2
    if factor > 1:
        opened.draft(None, (width // factor, height // factor))  # for JPEG alone: decodes at 1/2, 1/4 or 1/8
    opened.load()
    turn = _orientation(opened)  # after loading, because Pillow itself turns a TIFF while it loads
    image = _flat(opened)
    left = round(image.width * factor / width)
    image = image.reduce(left) if left > 1 else image
    image = image.transpose(TURNS[turn]) if turn in TURNS else image
    if turn >= 5:
        width, height = height, width
    image = image if image.mode == "RGB" else image.convert("RGB")  # convert would copy
    return Picture(np.asarray(image), width, height)


def _orientation(opened: Image.Image) -> int:
    try:
        return int(opened.getexif().get(ORIENTATION, 1))
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


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, UnidentifiedImageError):
        return "not a picture of a known format"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def is_video(path: Path) -> bool:
    """Return whether the content of a file is a moving picture that FFmpeg reads and Pillow does not."""
    try:
        with _opened(path):
            return False
    except Exception:  # whatever is wrong with it as a picture, it may be a video
        pass
    try:
        with _open(path):
            return True
    except MediaError:
        return False


def frames(source: str | Path, every: int = 1) -> Iterator[tuple[int, float, Pixels]]:
    """Yield (index, seconds, image uint8 RGB (H, W, 3)) of a video file or of "camera:0", one at a time.

    Every `every`-th decoded frame, the first included; seconds count from the video's (or camera's) start.  A video
    that is cut short or damaged gives what can be decoded and then raises MediaError.
    """
    if str(source).startswith(CAMERA):
        yield from _camera(str(source), every)
        return
    path = Path(source)
    with _open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        start = float((stream.start_time or 0) * stream.time_base)
        numbers = count()
        damaged, end = 0, 0.0
        for packet in container.demux():
            if packet.pts is not None and packet.time_base:
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            if packet.stream_index != stream.index:
                continue
            try:
                decoded = packet.decode()
            except av.error.FFmpegError:
                damaged += 1
                continue
            for frame in decoded:
                if (index := next(numbers)) % every == 0:
                    yield index, _seconds(frame, start, index, stream), _upright(frame)
        shown = next(numbers)
        if not shown or damaged or _cut_short(container, stream, path, end):
            raise MediaError(f"{source} is cut short or damaged", do=f"{shown} frames could be read")


def _open(path: Path) -> Any:
    try:
        # titles and the like come in any encoding, and nobody reads them here
        container = av.open(f"file:{path}", options={"protocol_whitelist": "file"}, metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{path} cannot be read as a video: {_reason(error)}") from None
    # FFmpeg also "plays" text files and single pictures
    if not container.streams.video or container.format.name == "tty" or container.format.name.endswith("pipe"):
        container.close()
        raise MediaError(f"{path} has no moving picture", "a video file")
    return container


def _seconds(frame: Any, start: float, index: int, stream: Any) -> float:
    if frame.time is not None:
        return max(0.0, float(frame.time) - start)
    return index / float(stream.average_rate or 25)


def _upright(frame: Any) -> Pixels:
    image = frame.to_ndarray(format="rgb24")
    quarters = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, quarters)) if quarters else image


def _cut_short(container: Any, stream: Any, path: Path, end: float) -> bool:
    # FFmpeg ends quietly where the bytes end, so compare with what was promised: MP4 and AVI carry an index of bytes,
    # Matroska a duration that is not guessed
    entries = stream.index_entries
    if len(entries) and entries[-1].pos + entries[-1].size > path.stat().st_size:
        return True
    promised = float(container.duration or 0) / av.time_base
    return container.format.name.startswith("matroska") and end < 0.95 * promised - 0.1


def _camera(source: str, every: int) -> Iterator[tuple[int, float, Pixels]]:
    number = source.removeprefix(CAMERA)
    if not number.isdecimal():
        raise MediaError(f"{source} names no camera", "camera:0, camera:1, ...")
    cv2.utils.logging.setLogLevel(0)  # OpenCV would explain a missing camera in several lines of its own
    capture = cv2.VideoCapture(int(number))
    try:
        if not capture.isOpened():
            raise MediaError(f"{source} cannot be opened", "a camera that is connected and free")
        start = time.monotonic()
        for index in count():
            more, image = capture.read()
            if not more:
                raise MediaError(f"{source} stopped sending pictures")
            if index % every == 0:
                yield index, time.monotonic() - start, np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
    finally:
        capture.release()
