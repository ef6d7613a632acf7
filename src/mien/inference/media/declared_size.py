"""Width and height in the header of images whose readers allocate memory before they report the size."""

import struct
from typing import BinaryIO

HEAD = 1 << 16


def declared_size(file: BinaryIO) -> tuple[int, int]:
    """Return the largest width and height that a WebP, ICO or JPEG 2000 file declares; (0, 0) for other files."""
    file.seek(0)
    start = file.read(HEAD)
    try:
        if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
            return _webp(start)
        if start[:4] == b"\0\0\1\0":
            return _ico(start, file)
        return _jpeg2000(start)
    except (struct.error, IndexError):
        return 0, 0  # cut short, which its reader reports


def _webp(start: bytes) -> tuple[int, int]:
    kind = start[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(start[24:27], "little"), 1 + int.from_bytes(start[27:30], "little")
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", start, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", start, 26)
    return width & 0x3FFF, height & 0x3FFF


def _ico(start: bytes, file: BinaryIO) -> tuple[int, int]:
    """Return the declared size of the largest image inside; a bitmap declares twice its height, for its mask."""
    sizes = [(0, 0)]
    for k in range(min(struct.unpack_from("<H", start, 4)[0], 256)):
        (at,) = struct.unpack_from("<I", start, 6 + 16 * k + 12)
        file.seek(at)
        inner = file.read(24)
        if inner.startswith(b"\x89PNG"):
            sizes.append(struct.unpack_from(">II", inner, 16))
        elif len(inner) >= 12:
            width, height = struct.unpack_from("<ii", inner, 4)
            sizes.append((abs(width), abs(height) // 2))
    return max(sizes, key=lambda size: size[0] * size[1])


def _jpeg2000(start: bytes) -> tuple[int, int]:
    at = start.find(b"\xff\x4f\xff\x51")
    if at < 0 or not (at == 0 or start[4:8] == b"jP  "):
        return 0, 0
    right, lower, left, top = struct.unpack_from(">IIII", start, at + 8)
    return right - left, lower - top
