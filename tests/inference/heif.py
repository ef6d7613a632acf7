"""HEIF and AVIF files of every shape, box by box (ISO/IEC 23008-12), coded by x265 and SVT-AV1 through PyAV.

Heif([Coded(image)]).bytes()                                     one HEVC image
grid(image, 2, 3).with_(irot=1).bytes()                          tiles, turned
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

import av
import numpy as np

from .. import scheduling


def box(kind: bytes, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return struct.pack(">I", len(data) + 8) + kind + data


def full(kind: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def ispe(width: int, height: int) -> bytes:
    return full(b"ispe", struct.pack(">II", width, height))


def irot(quarters: int) -> bytes:
    return box(b"irot", bytes([quarters]))


def imir(axis: int) -> bytes:
    return box(b"imir", bytes([axis]))


def clap(width: int, height: int, left: float = 0, top: float = 0) -> bytes:
    """A crop of width x height whose middle lies `left`, `top` pixels from the middle of the image."""
    return box(b"clap", struct.pack(">IIIIiIiI", width, 1, height, 1, round(2 * left), 2, round(2 * top), 2))


@dataclass(frozen=True, eq=False)
class Item:
    """An item: its kind, its bytes, its properties (whole boxes) and the items that it refers to."""

    kind: bytes
    data: bytes
    properties: tuple[bytes, ...] = ()
    refers: tuple[tuple[bytes, tuple[int, ...]], ...] = ()
    hidden: bool = False
    in_idat: bool = False
    mime: bytes = b""

    def with_(self, *more: bytes, **changes: Any) -> "Item":
        return replace(self, properties=(*self.properties, *more), **changes)


@dataclass(frozen=True, eq=False)
class Heif:
    """A file of items, numbered from 1; `primary` is one of them."""

    items: tuple[Item, ...]
    primary: int = 1
    brand: bytes = b"heic"
    compatible: tuple[bytes, ...] = (b"mif1", b"heic")
    before: bytes = b""
    after: bytes = b""
    extra: dict[str, Any] = field(default_factory=dict)

    def bytes(self) -> bytes:
        head = box(b"ftyp", self.brand, bytes(4), *self.compatible) + self.before
        base = len(head) + len(self._meta(0)) + 8
        data = b"".join(item.data for item in self.items if not item.in_idat)
        return head + self._meta(base) + box(b"mdat", data) + self.after

    def _meta(self, base: int) -> bytes:
        known: list[bytes] = []
        for item in self.items:
            known += [p for p in item.properties if p not in known]
        infos, places, tied, refers, inside = b"", b"", b"", b"", b""
        for number, item in enumerate(self.items, 1):
            name = item.kind + b"\0" + (item.mime + b"\0" if item.mime else b"")
            infos += full(b"infe", struct.pack(">HH", number, 0), name, version=2, flags=int(item.hidden))
            at = len(inside) if item.in_idat else base
            places += struct.pack(">HHHHII", number, int(item.in_idat), 0, 1, at, len(item.data))
            if item.in_idat:
                inside += item.data
            else:
                base += len(item.data)
            numbers = bytes(0x80 | known.index(p) + 1 for p in item.properties)
            tied += struct.pack(">HB", number, len(numbers)) + numbers
            for kind, to in item.refers:
                refers += box(kind, struct.pack(">HH", number, len(to)), *(struct.pack(">H", k) for k in to))
        count = len(self.items)
        return full(
            b"meta",
            full(b"hdlr", bytes(4), b"pict", bytes(13)),
            full(b"pitm", struct.pack(">H", self.primary)),
            full(b"iinf", struct.pack(">H", count), infos),
            full(b"iloc", struct.pack(">BBH", 0x44, 0, count), places, version=1),
            full(b"iref", refers) if refers else b"",
            box(b"iprp", box(b"ipco", *known), full(b"ipma", struct.pack(">I", count), tied)),
            box(b"idat", inside) if inside else b"",
        )


def coded(image: np.ndarray, codec: str = "hevc", pix: str = "yuv420p", size: tuple[int, int] | None = None) -> Item:
    """An image uint8 (H, W, 3) as one coded item; `size` is what it says of itself."""
    height, width = image.shape[:2]
    config, data = _encode(image.tobytes(), width, height, codec, pix)
    kind = {"hevc": b"hvc1", "av1": b"av01", "avc": b"avc1"}[codec]
    return Item(kind, data, (config, ispe(*(size or (width, height)))))


@lru_cache(maxsize=200)
def _encode(pixels: bytes, width: int, height: int, codec: str, pix: str) -> tuple[bytes, bytes]:
    """Return the codec's configuration box and the bytes of one frame.

    Without a file format in between: FFmpeg's refuse single frames now and then.
    """
    image = np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
    name, options = {
        "hevc": ("libx265", {"x265-params": "log-level=none:pools=none:frame-threads=1", "crf": "4"}),
        "av1": ("libsvtav1", {"crf": "8", "preset": "10", "svtav1-params": "lp=1"}),
        "avc": ("libx264", {"crf": "4"}),
    }[codec]
    context = av.CodecContext.create(name, "w")
    context.width, context.height, context.pix_fmt, context.time_base = width, height, pix, Fraction(1, 25)
    context.options = options
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24").reformat(format=pix)
    frame.pts = 0
    with scheduling.kept():
        data = b"".join(bytes(packet) for packet in (*context.encode(frame), *context.encode(None)))
    return {"hevc": _hevc, "av1": _av1, "avc": _avc}[codec](data, pix)


def _hevc(data: bytes, pix: str) -> tuple[bytes, bytes]:
    units = [(unit[0] >> 1 & 63, unit) for unit in _units(data)]
    sps = next(unit for kind, unit in units if kind == 33).replace(b"\0\0\3", b"\0\0")
    depth = 10 if "10" in pix else 12 if "12" in pix else 8
    chroma = 0 if "gray" in pix else 3 if "444" in pix or "gbr" in pix else 2 if "422" in pix else 1
    arrays = b"".join(
        struct.pack(">BHH", 0x80 | kind, 1, len(unit)) + unit for kind, unit in units if kind in (32, 33, 34)
    )
    fixed = bytes([0xF0, 0, 0xFC, 0xFC | chroma, 0xF8 | depth - 8, 0xF8 | depth - 8, 0, 0, 0x0F, 3])
    return box(b"hvcC", b"\1", sps[3:15], fixed, arrays), _with_lengths(unit for kind, unit in units if kind < 32)


def _avc(data: bytes, pix: str) -> tuple[bytes, bytes]:
    units = [(unit[0] & 31, unit) for unit in _units(data)]
    sps, pps = (next(unit for kind, unit in units if kind == wanted) for wanted in (7, 8))
    config = b"\1" + sps[1:4] + b"\xff\xe1" + struct.pack(">H", len(sps)) + sps + b"\1" + struct.pack(">H", len(pps))
    return box(b"avcC", config, pps), _with_lengths(unit for kind, unit in units if kind == 5)


def _av1(data: bytes, pix: str) -> tuple[bytes, bytes]:
    return box(b"av1C", bytes([0x81, 8, 0x4C if "10" in pix else 0x0C, 0])), data.removeprefix(b"\x12\0")


def _units(data: bytes) -> list[bytes]:
    return [unit.rstrip(b"\0") for unit in data.split(b"\0\0\1")[1:]]


def _with_lengths(units: Iterable[bytes]) -> bytes:
    return b"".join(struct.pack(">I", len(unit)) + unit for unit in units)


def grid(
    image: np.ndarray, rows: int, columns: int, codec: str = "hevc", pix: str = "yuv420p", tile: int = 128
) -> Heif:
    """An image stored as tiles, those at its right and lower edge reaching beyond it, as phones do it."""
    height, width = image.shape[:2]
    padded = np.pad(image, ((0, rows * tile - height), (0, columns * tile - width), (0, 0)), mode="edge")
    tiles = [
        coded(padded[r * tile : (r + 1) * tile, c * tile : (c + 1) * tile], codec, pix)
        for r in range(rows)
        for c in range(columns)
    ]
    numbers = tuple(range(1, len(tiles) + 1))
    data = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)
    whole = Item(b"grid", data, (ispe(width, height),), ((b"dimg", numbers),), in_idat=True)
    brand = {"hevc": b"heic", "av1": b"avif"}[codec]
    hidden = tuple(replace(item, hidden=True) for item in tiles)
    return Heif((*hidden, whole), len(tiles) + 1, brand, (b"mif1", brand))
