"""Whether a video file is complete, by the sizes that its own structure states."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

SIZES = (188, 192, 204)  # bytes of a packet of an MPEG transport stream: broadcast, disc, with parity
SYNC = 0x47  # first byte of a packet
ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
"""The file properties of a Windows Media file: size, id, size of the file, ..., flags (ASF specification, 3.2)."""


def file_size(path: Path) -> int:
    """Return the size of a file in bytes, 0 when there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def is_empty(path: Path) -> bool:
    """Return whether a file exists and has no content."""
    return path.is_file() and not file_size(path)


def lacks_bytes(path: Path, name: str) -> bool:
    """Return whether a file is shorter than its header states (AVI, Matroska, MP4, MOV, WMV) or ends in a packet."""
    size = file_size(path)
    with path.open("rb") as file:
        head = file.read(256)
        if name == "avi":
            length = int.from_bytes(head[4:8], "little")
            return length == 0 or length + 8 > size  # 0 while it is being written
        if name.startswith("matroska"):
            return _segment_end(head) > size
        if name.startswith("mov"):
            return any(end > size for _, end in _boxes(file, size))
        if name == "asf":
            return _asf_size(head + file.read(1 << 16)) > size
        return name == "mpegts" and not _whole_packets(head + file.read(6 * max(SIZES)), size)


def _whole_packets(head: bytes, size: int) -> bool:
    """Return whether a transport stream ends with a complete packet; its first may be partial."""
    for length in SIZES:
        for first in range(length):
            if len(head) >= first + 5 * length and all(head[first + k * length] == SYNC for k in range(5)):
                start = first - (length == 192) * 4  # on a disc, four bytes of time before each
                return (size - start) % length == 0
    return not all(size % length for length in SIZES)


def complete_boxes_end(path: Path) -> int | None:
    """Return the end of the last complete box of an MP4 or MOV, 0 without a complete "moov", None for other files."""
    size = file_size(path)
    try:
        with path.open("rb") as file:
            if file.read(8)[4:] != b"ftyp":
                return None
            whole = [(name, end) for name, end in _boxes(file, size) if end <= size]
    except OSError:
        return None
    return whole[-1][1] if b"moov" in dict(whole) else 0


def _boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """Yield the name and the stated end of every box of an MP4 (ISO/IEC 14496-12, 4.2)."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        length = int.from_bytes(head[8:], "big") if length == 1 else length or size - at  # 0: up to the end
        if length < 8 or not head[4:8].isalnum():  # not a box: some programs append other bytes
            return
        yield head[4:8], at + length
        at += length


def _asf_size(head: bytes) -> int:
    """Return the stated size of a Windows Media file, 0 when it is not stated or was broadcast."""
    at = head.find(ASF_PROPERTIES)
    broadcast = int.from_bytes(head[at + 88 : at + 92], "little") & 1
    return 0 if at < 0 or broadcast else int.from_bytes(head[at + 40 : at + 48], "little")


def _segment_end(head: bytes) -> int:
    """Return the stated end of a Matroska file, 0 when it is not stated (RFC 8794, 4 and 6).

    >>> _segment_end(b"\\x1a\\x45\\xdf\\xa3\\x80\\x18\\x53\\x80\\x67\\x8a")
    20
    """
    at = head.find(b"\x18\x53\x80\x67") + 4
    if at < 4 or at >= len(head) or not head[at]:
        return 0
    width = 9 - head[at].bit_length()
    length = int.from_bytes(head[at : at + width], "big") & ((1 << 7 * width) - 1)
    return 0 if length == (1 << 7 * width) - 1 else at + width + length
