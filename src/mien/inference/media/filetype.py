"""Whether a file is an image or a video: its content decides, and its suffix where the content is unknown."""

from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from mien.errors import MediaError
from mien.inference.media import animation, camera_raw, heif, video
from mien.inference.media.image import MAX_PIXELS, open_image

IMAGE_SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"),
        *(".avif", ".avifs", ".heic", ".heif", ".heics", ".heifs", ".hif"),
        *(".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".tga"),
    )
)
VIDEO_SUFFIXES = frozenset(
    (
        *(".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".mts", ".m2ts", ".m2t"),
        *(".3gp", ".ogv", ".vob", ".mxf", ".asf", ".h264", ".hevc"),
        *(".3g2", ".264", ".265", ".h265", ".divx", ".dv", ".f4v", ".ivf", ".m1v", ".m2v", ".m2p", ".mjpeg", ".mjpg"),
        *(".mp4v", ".mpe", ".nut", ".obu", ".ogm", ".qt", ".rm", ".rmvb", ".wtv", ".xvid", ".y4m"),
    )
)
MOTION_JPEG_SUFFIXES = frozenset((".mjpeg", ".mjpg"))  # a sequence of JPEGs: by its content it is an image
VIDEO_MAGIC = (b"\x1aE\xdf\xa3", b"\0\0\1\xba", b"FLV\1", b"OggS", b"\x30\x26\xb2\x75")
"""First bytes of Matroska, MPEG, Flash, Ogg and Windows Media files."""


def is_moving(path: Path, max_pixels: int = MAX_PIXELS, name: Path | None = None) -> bool:
    """Return whether a file is a video or an animated image; `name` is what it is called, if not as its path."""
    suffix = (name or path).suffix.lower()
    if suffix in MOTION_JPEG_SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            start = file.read(16)
            image = False if camera_raw.starts_raw(start) else _image(file, max_pixels)
    except OSError:
        return suffix in VIDEO_SUFFIXES
    if image is not None or suffix in VIDEO_SUFFIXES:
        return image is None or image
    return (_starts_video(start) or suffix not in IMAGE_SUFFIXES) and video.is_video(path)


def seems_video(data: bytes, name: str) -> bool:
    """Return whether bytes that cannot be read as an image begin as a video, or have the name of one.

    >>> seems_video(b"FLV\\1", "a"), seems_video(b"", "a.TS"), seems_video(b"", "a.mp4"), seems_video(b"", "a.jpg")
    (True, False, True, False)
    """
    if Path(name).suffix.lower() in VIDEO_SUFFIXES:
        return True
    return _starts_video(data[:16]) and heif.head(BytesIO(data)) is None


def _starts_video(start: bytes) -> bool:
    return start[4:8] in (b"ftyp", b"moov") or start[8:11] == b"AVI" or start.startswith(VIDEO_MAGIC)


def _image(file: BinaryIO, max_pixels: int) -> bool | None:
    """Return whether an image is animated, or None for other files; False for an image that is too large."""
    still = heif.head(file)
    if still and still.codec != "AV1":
        return False
    if animation.is_moving(file, max_pixels):
        return True
    try:
        with open_image(file, max_pixels=max_pixels):
            return False
    except MediaError:
        return False
    except Exception:  # not an image; perhaps a video
        return False if still else None
