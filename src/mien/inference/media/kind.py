"""Whether a file gives one image or frames: its content decides, and its name only where the content is unknown."""

from pathlib import Path
from typing import BinaryIO

from mien.errors import MediaError
from mien.inference.media import animation, heif, raws, video
from mien.inference.media import image as media

IMAGES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"),
        *(".avif", ".avifs", ".heic", ".heif", ".heics", ".heifs", ".hif"),
        *(".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".tga"),
    )
)
VIDEOS = frozenset(
    (
        *(".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".mts", ".m2ts", ".m2t"),
        *(".3gp", ".ogv", ".vob", ".mxf", ".asf", ".h264", ".hevc"),
        *(".3g2", ".264", ".265", ".h265", ".divx", ".dv", ".f4v", ".ivf", ".m1v", ".m2v", ".m2p", ".mjpeg", ".mjpg"),
        *(".mp4v", ".mpe", ".nut", ".obu", ".ogm", ".qt", ".rm", ".rmvb", ".wtv", ".xvid", ".y4m"),
    )
)
JPEGS = frozenset((".mjpeg", ".mjpg"))  # a film that is nothing but JPEG after JPEG: by its content it is the first
FILMS = (b"\x1aE\xdf\xa3", b"\0\0\1\xba", b"FLV\1", b"OggS", b"\x30\x26\xb2\x75")
"""How files of Matroska, MPEG, Flash, Ogg and Windows Media begin, whatever they are called."""


def moves(path: Path, max_pixels: int = media.MAX_PIXELS) -> bool:
    """Return whether a file gives frames: a video or an animated image."""
    suffix = path.suffix.lower()
    if suffix in JPEGS:
        return True
    try:
        with path.open("rb") as file:
            start = file.read(16)
            image = False if raws.starts_raw(start) else _image(file, max_pixels)
    except OSError:
        return suffix in VIDEOS
    if image is not None or suffix in VIDEOS:
        return image is None or image
    film = start[4:8] in (b"ftyp", b"moov") or start[8:11] == b"AVI" or start.startswith(FILMS)
    return (film or suffix not in IMAGES) and video.is_video(path)


def _image(file: BinaryIO, max_pixels: int) -> bool | None:
    """Return whether an image moves, or None where the file is no image; one that is too large does not."""
    still = heif.head(file)
    if still and still.codec != "AV1":
        return False
    if animation.moves(file, max_pixels):
        return True
    try:
        with media.opened(file, max_pixels=max_pixels):
            return False
    except MediaError:
        return False
    except Exception:  # whatever is wrong with it as an image, it may be a video
        return False if still else None
