"""Whether a JPEG is complete: where its pixels end, which are missing, and what follows them.

libjpeg fills missing rows with grey and Pillow is not informed.  So a file without an end marker, or one that ends in
grey, is decoded twice, with different bytes appended: rows that are equal in both were in the file.  A progressive
file that was cut lacks scans, one with restart markers lacks markers.
"""

import re
import struct
from collections.abc import Iterator
from io import BytesIO

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

END = b"\xff\xd9"
SCAN, RESTARTS, PIXELS = 0xDA, 0xDD, 0
FRAMES = frozenset((0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF))
MARKS = re.compile(rb"\xff[\xd0-\xd7]")
PROGRESSIVE = frozenset((0xC2, 0xC6, 0xCA, 0xCE))
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)  # that ends a scan; all else there is data
OTHER = bytes(range(1, 255)) * 64
"""Bytes that decode to coefficients other than zero and hold no marker."""


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the marker of every segment and where its content begins and ends; PIXELS is what follows a SCAN."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == END[1]:
            return
        if marker == 0xFF:
            at += 1
            continue
        start, at = at + 4, at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        yield marker, start, min(at, len(data))
        if marker == SCAN:
            match = MARKER.search(data, at)
            start, at = at, match.start() if match else len(data)
            yield PIXELS, start, at


def pixels_end(data: bytes) -> int:
    """Return the byte after the last scan, where END is or should be.

    >>> pixels_end(b"\\xff\\xd8\\xff\\xda\\x00\\x02abc\\xff\\x00\\xff\\xd0d\\xff\\xd9more")
    14
    """
    return max((end for marker, _, end in segments(data) if marker == PIXELS), default=len(data))


def buffered(data: bytes) -> bool:
    """Return whether decoding holds the whole image at full size: progressive, or one scan per colour."""
    parts = 0
    for marker, start, _ in segments(data):
        if marker in PROGRESSIVE:
            return True
        if marker in FRAMES:
            parts = data[start + 5]
        if marker == SCAN:
            return data[start] < parts
    return False


def complete_fraction(data: bytes) -> float:
    """Return the fraction of a JPEG's scans, or of its restart markers, that is present; 1 where it has neither."""
    levels_left, every, marks = {}, 0, 0
    expected = 0
    for marker, start, end in segments(data):
        if marker == RESTARTS:
            (every,) = struct.unpack_from(">H", data, start)
        elif marker in FRAMES:
            levels_left = {data[start + 6 + 3 * k]: [1] * 64 for k in range(data[start + 5])}
            expected = _units(data[start:end])
        elif marker == SCAN:
            if not (every or buffered(data)):
                return 1.0
            parts, first, last, low = data[start], *data[end - 3 : end]
            for k in range(parts):
                levels_left[data[start + 1 + 2 * k]][first : last + 1] = [low & 15] * (last + 1 - first)
        elif marker == PIXELS:
            marks += len(MARKS.findall(data, start, end)) if every else 0
    if buffered(data):
        levels = [level for levels in levels_left.values() for level in levels]
        return levels.count(0) / len(levels) if levels else 1.0
    return min(1.0, marks / ((expected - 1) // every)) if every and expected > every else 1.0


def _units(frame: bytes) -> int:
    """Return the number of units in a frame's only scan: 8 x 8 pixels times the largest sampling factor."""
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    factors = [frame[7 + 3 * k] for k in range(frame[5])]
    across, down = (max(f >> 4 for f in factors), max(f & 15 for f in factors)) if len(factors) > 1 else (1, 1)
    return -(-width // (8 * across)) * -(-height // (8 * down))


def loaded(image: Image.Image, data: bytes) -> tuple[Image.Image, str]:
    """Return a JPEG with the bytes `data`, loaded at the scale of `image`, and a note on what was read.

    ValueError when pixels are missing.
    """
    count = int(getattr(image, "n_frames", 1))
    notes = [f"primary image of {count} (MPO)"] if count > 1 else []
    end = len(data) - 2
    if not data.endswith(END):
        end = pixels_end(data)
        if data.find(b"ftyp", end) >= end + 4:
            notes.append("still image of a motion photo")
    if (part := complete_fraction(data)) < 1:
        raise _cut_short(data, part)
    size = image.size
    if data.startswith(END, end):
        image.load()
        if not _ends_grey(image):
            return image, "; ".join(notes)
        end = pixels_end(data)
    one = _loaded(data[:end] + END, size)
    two = _loaded(data[:end].rstrip(b"\xff") + OTHER + END, size)
    same = (np.asarray(one) == np.asarray(two)).reshape(one.height, -1).all(1)
    if not same.all():
        raise _cut_short(data, same.argmin() / len(same))
    return one, "; ".join(notes)


def _cut_short(data: bytes, part: float) -> ValueError:
    """Return the error for a JPEG with a fraction of its rows; a progressive one has them all, but coarse."""
    left = "its scans are incomplete" if buffered(data) else f"{part:.0%} of its rows are there"
    return ValueError(f"it is cut short: {left}")


def _loaded(data: bytes, size: tuple[int, int]) -> Image.Image:
    image = JpegImageFile(BytesIO(data))
    image.draft(None, size)
    image.load()
    return image


def _ends_grey(image: Image.Image) -> bool:
    """Return whether the last corner is the grey with which libjpeg fills missing pixels."""
    corner = (max(0, image.width - 4), image.height - 1, image.width, image.height)
    return bool((np.asarray(image.crop(corner)) == 128).all())
