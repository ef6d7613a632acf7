"""Where a Matroska or WebM file is damaged, by its structure and checksums.

A cluster (RFC 9559, 5.1.3) holds a few seconds.  FFmpeg and others write a CRC-32 at its start.  FFmpeg's reader
ignores it, and several decoders (HEVC, VP8, Huffyuv) miss damage that it would show.  Without a checksum, the elements
of a cluster must still fill it.
"""

import math
import zlib
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

SEGMENT, INFO, SCALE = 0x18538067, 0x1549A966, 0x2AD7B1
CLUSTER, TIME, CRC = 0x1F43B675, 0xE7, 0xBF
CHUNK = 1 << 20
MAX_LOOKBACK = 1 << 26  # bytes searched backwards for the start of a cluster


class _Element(NamedTuple):
    """An EBML element: its name, the bytes of its content, and whether its length is stated."""

    name: int
    start: int
    end: int
    bounded: bool


def first_damage(path: Path, since: int = 0) -> float | None:
    """Return the timestamp, in seconds, of the first damaged cluster from the one at byte `since` on, or None.

    It is infinity where the file ends within an element: after the last whole frame, wherever that is.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        scale, seconds, at = 1_000_000, 0.0, 0
        while (element := _element(file, at, size)) is not None:
            at = element.end
            if element.name in (SEGMENT, INFO):
                at = element.start  # read its children
            elif element.name == SCALE:
                scale = _number(file, element)
            elif element.name == CLUSTER and since:
                at, since = _cluster_before(file, since), 0
            elif element.end > size:
                return math.inf  # merely cut short
            elif element.name == CLUSTER:
                time = _child(file, element, TIME)
                seconds = seconds if time is None else _number(file, time) * scale / 1e9
                if not element.bounded:
                    at = element.start
                elif not _whole(file, element):
                    return seconds
        return None if at >= size else seconds


def _cluster_before(file: BinaryIO, at: int) -> int:
    """Return the start of the cluster that holds a byte, or the end of the file when there is none."""
    first = max(0, at - MAX_LOOKBACK)
    file.seek(first)
    before = file.read(at - first)
    offset = before.rfind(CLUSTER.to_bytes(4, "big"))
    return first + offset if offset >= 0 else file.seek(0, 2)


def _whole(file: BinaryIO, cluster: _Element) -> bool:
    first = _element(file, cluster.start, cluster.end)
    if first is None:
        return cluster.start == cluster.end
    if first.name == CRC and first.end - first.start == 4:
        return _crc(file, first.end, cluster.end) == _number(file, first, "little")
    at = cluster.start
    while at < cluster.end:
        child = _element(file, at, cluster.end)
        if child is None or child.end > cluster.end:
            return False
        at = child.end
    return True


def _crc(file: BinaryIO, start: int, end: int) -> int:
    value = 0
    file.seek(start)
    while start < end and (chunk := file.read(min(CHUNK, end - start))):
        value, start = zlib.crc32(chunk, value), start + len(chunk)
    return value


def _child(file: BinaryIO, parent: _Element, name: int) -> _Element | None:
    """Return an element of that name among the first few of another."""
    at = parent.start
    for _ in range(4):
        child = _element(file, at, parent.end)
        if child is None or child.name == name:
            return child
        at = child.end
    return None


def _number(file: BinaryIO, element: _Element, order: Literal["big", "little"] = "big") -> int:
    file.seek(element.start)
    return int.from_bytes(file.read(min(8, element.end - element.start)), order)


def _element(file: BinaryIO, at: int, limit: int) -> _Element | None:
    """Return the element at a byte (RFC 8794, 4 to 7); None at the limit and where the bytes are invalid."""
    if at >= limit:
        return None
    file.seek(at)
    head = file.read(12)
    name = 9 - head[0].bit_length() if head and head[0] else 9
    if name > 4 or len(head) <= name or not head[name]:
        return None
    length = 9 - head[name].bit_length()
    content = int.from_bytes(head[name : name + length], "big") & ((1 << 7 * length) - 1)
    start, bounded = at + name + length, content != (1 << 7 * length) - 1
    return _Element(int.from_bytes(head[:name], "big"), start, start + content if bounded else limit, bounded)
