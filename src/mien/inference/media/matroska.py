"""Where a Matroska or WebM file is damaged, as its own structure and checksums tell.

A cluster (RFC 9559, 5.1.3) holds a few seconds.  FFmpeg and others write its CRC-32 at its front, FFmpeg's reader does
not look at it, and several decoders (HEVC, VP8, Huffyuv) do not notice what it would tell.  Without one, the elements
of a cluster still have to fill it.
"""

import zlib
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

SEGMENT, INFO, SCALE = 0x18538067, 0x1549A966, 0x2AD7B1
CLUSTER, TIME, CRC = 0x1F43B675, 0xE7, 0xBF
CHUNK = 1 << 20
MOST_BACK = 1 << 26  # bytes in which the beginning of a cluster is looked for


class _Element(NamedTuple):
    """An EBML element: its name, the bytes of its content, and whether it says where it ends."""

    name: int
    start: int
    end: int
    bounded: bool


def first_damage(path: Path, since: int = 0) -> float | None:
    """Return the timestamp, in seconds, of the first damaged cluster from the one at byte `since` on, or None."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        scale, seconds, at = 1_000_000, 0.0, 0
        while (element := _element(file, at, size)) is not None:
            at = element.end
            if element.name in (SEGMENT, INFO):
                at = element.start  # on with what is in it
            elif element.name == SCALE:
                scale = _number(file, element)
            elif element.name == CLUSTER and since:
                at, since = _cluster_before(file, since), 0
            elif element.end > size:
                return None  # what is merely cut short is told elsewhere
            elif element.name == CLUSTER:
                time = _child(file, element, TIME)
                seconds = seconds if time is None else _number(file, time) * scale / 1e9
                if not element.bounded:
                    at = element.start
                elif not _whole(file, element):
                    return seconds
        return None if at >= size else seconds


def _cluster_before(file: BinaryIO, at: int) -> int:
    """Return where the cluster begins that holds a byte; the end of the file where none is found."""
    first = max(0, at - MOST_BACK)
    file.seek(first)
    before = file.read(at - first)
    found = before.rfind(CLUSTER.to_bytes(4, "big"))
    return first + found if found >= 0 else file.seek(0, 2)


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
    """Return the element at a byte (RFC 8794, 4 to 7); None at the limit, and where none can begin."""
    if at >= limit:
        return None
    file.seek(at)
    head = file.read(12)
    name = 9 - head[0].bit_length() if head and head[0] else 9
    if name > 4 or len(head) <= name or not head[name]:
        return None
    length = 9 - head[name].bit_length()
    told = int.from_bytes(head[name : name + length], "big") & ((1 << 7 * length) - 1)
    start, bounded = at + name + length, told != (1 << 7 * length) - 1
    return _Element(int.from_bytes(head[:name], "big"), start, start + told if bounded else limit, bounded)
