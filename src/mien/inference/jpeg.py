"""What of a JPEG's bytes is there: where its pixels end, whether they are all there, and what follows them.

libjpeg fills what is missing with grey and Pillow does not hear of it.  So a file whose end is missing, and one that
ends in grey, is decoded twice with different bytes where its own stop: rows that come out the same were in the file.
"""

import re
import struct
from io import BytesIO

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

END = b"\xff\xd9"
SCAN = 0xDA
FRAMES = frozenset((0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF))
PROGRESSIVE = frozenset((0xC2, 0xC6, 0xCA, 0xCE))
MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]", re.DOTALL)  # in a scan; what stands there else is data
OTHER = bytes(range(1, 255)) * 64
"""Bytes that mean something else than zero coefficients, and no marker."""


def pixels_end(data: bytes) -> int:
    """Return the byte after the last scan, where END is or should be.

    >>> pixels_end(b"\\xff\\xd8\\xff\\xda\\x00\\x02abc\\xff\\x00\\xff\\xd0d\\xff\\xd9more")
    14
    """
    at, scan = 2, 0
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == END[1]:
            return at
        at += 2 + struct.unpack_from(">H", data, at + 2)[0]
        if marker == SCAN:
            found = MARKER.search(data, at)
            if not found:
                return len(data)
            scan = at = found.start()
    return min(len(data), scan or at)


def buffered(data: bytes) -> bool:
    """Return whether the whole image has to be held at full size to decode it: progressive, or a scan per colour."""
    at, parts = 2, 0
    while at + 10 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in PROGRESSIVE:
            return True
        if marker in FRAMES:
            parts = data[at + 9]
        if marker == SCAN:
            return data[at + 4] < parts
        at += 1 if marker == 0xFF else 2 + struct.unpack_from(">H", data, at + 2)[0]
    return False


def loaded(picture: Image.Image, data: bytes) -> tuple[Image.Image, str]:
    """Return a JPEG whose bytes are `data`, loaded at the scale of `picture`, and what was read of it.

    ValueError when not all of its pixels are there.
    """
    count = int(getattr(picture, "n_frames", 1))
    told = [f"primary image of {count} (MPO)"] if count > 1 else []
    end = len(data) - 2
    if not data.endswith(END):
        end = pixels_end(data)
        if data.find(b"ftyp", end) >= end + 4:
            told.append("still image of a motion photo")
    size = picture.size
    if data.startswith(END, end):
        picture.load()
        if not _ends_grey(picture):
            return picture, "; ".join(told)
        end = pixels_end(data)
    one = _loaded(data[:end] + END, size)
    two = _loaded(data[:end].rstrip(b"\xff") + OTHER + END, size)
    same = (np.asarray(one) == np.asarray(two)).reshape(one.height, -1).all(1)
    if not same.all():
        raise ValueError(f"it is cut short: {same.argmin() / len(same):.0%} of its rows are there")
    return one, "; ".join(told)


def _loaded(data: bytes, size: tuple[int, int]) -> Image.Image:
    picture = JpegImageFile(BytesIO(data))
    picture.draft(None, size)
    picture.load()
    return picture


def _ends_grey(picture: Image.Image) -> bool:
    """Return whether the last corner is the grey with which libjpeg fills what is missing."""
    corner = (max(0, picture.width - 4), picture.height - 1, picture.width, picture.height)
    return bool((np.asarray(picture.crop(corner)) == 128).all())
