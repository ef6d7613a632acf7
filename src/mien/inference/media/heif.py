"""The header of a HEIF or AVIF file (ISO/IEC 23008-12): its primary image and how to orient it.

libheif (pi_heif) decodes HEVC and libavif (Pillow) AV1.  pi_heif is not registered with Pillow, since that would affect
the whole process.  libavif leaves crop, rotation and mirror to its caller, and pi_heif refuses images that are cropped
by much, so the header is read here; libheif does the rest where it can.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

STILLS = frozenset(
    (
        *(b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1", b"miaf"),
        *(b"avif", b"avis", b"avci", b"avcs", b"jpeg", b"jpgs", b"j2ki", b"vvic", b"1pic"),
    )
)
"""Brands of images; a video with a cover image has a brand of videos."""

CODED = {b"hvc1": "HEVC", b"hev1": "HEVC", b"lhv1": "HEVC", b"av01": "AV1", b"avc1": "H.264", b"vvc1": "VVC"}
CODED |= {b"jpeg": "JPEG", b"j2k1": "JPEG 2000", b"unci": "uncompressed"}
DERIVED = frozenset((b"grid", b"iden", b"iovl"))
TURNS = frozenset((b"clap", b"irot", b"imir"))
ZEROS = 16  # zero bytes at the end of the pixels that no encoder writes, but an incomplete download leaves
MAX_META_BYTES = 1 << 24  # of a header; those of phones have a few thousand

Box = tuple[bytes, int, int]  # name, first byte of its content, and the byte after its last
Kinds = dict[int, tuple[bytes, bool]]  # by item number: kind, and whether it is hidden
Refers = tuple[bytes, int, tuple[int, ...]]  # kind of reference, item, and the items it refers to


@dataclass(frozen=True)
class Still:
    """The primary image of a file.

    Attributes:
        codec: how its pixels are coded, such as "HEVC", or the four letters of an unknown one.
        width, height: pixels as coded, before `turns`; 0 when not stated.
        turns: (name, content, position of the name in the file) of crop, rotation and mirror, in order.
        images: how many images the file holds, without thumbnails, alpha, depth and tiles.
        moving: the kind of moving content in the file, or empty.
        places: for each piece of its pixels, its first byte in the file and the byte after its last.
        made: for each image composed of others, its kind (grid or overlay) and where the file states its size.
        prefix: size in bytes of the length field of HEVC units; 0 for other codecs.
    """

    codec: str
    width: int
    height: int
    turns: tuple[tuple[bytes, bytes, int], ...]
    images: int
    moving: str = ""
    places: tuple[tuple[int, int], ...] = ()
    made: tuple[tuple[bytes, int], ...] = ()
    prefix: int = 0

    def note(self) -> str:
        """Return which image was read, if that is not obvious; or empty."""
        parts = [f"primary image of {self.images}"] if self.images > 1 else []
        return "; ".join([*parts, *([f"still image of {self.moving}"] if self.moving else [])])


def head(file: BinaryIO) -> Still | None:
    """Return the primary image in a file's header, or None for other files; moves the file position."""
    try:
        return _head(file)
    except (struct.error, IndexError, KeyError):
        return None


def check_whole(data: bytes, still: Still) -> None:
    """Raise ValueError when pixels are missing or damaged.

    libheif leaves missing tiles blank; libde265 and dav1d decode anything.
    """
    if any(end > len(data) for _, end in still.places):
        missing = sum(end - max(start, min(len(data), end)) for start, end in still.places)
        all_of_it = sum(end - start for start, end in still.places)
        raise ValueError(f"it is cut short: {1 - missing / all_of_it:.0%} of its pixels' bytes are there")
    zeros = any(end - start > ZEROS and not any(data[end - ZEROS : end]) for start, end in still.places)
    if zeros or (still.prefix and not all(_is_hevc(data, start, end, still.prefix) for start, end in still.places)):
        raise ValueError("its pixels are damaged")


def _is_hevc(data: bytes, at: int, end: int, prefix: int) -> bool:
    """Return whether bytes are HEVC units with valid lengths and contents (ISO/IEC 23008-2, 7.4.2)."""
    while at < end:
        start = at + prefix
        at = start + int.from_bytes(data[at:start], "big")
        if at > end or at <= start or any(data.find(bytes((0, 0, k)), start, at) >= 0 for k in range(3)):
            return False
    return True


def canvases(data: bytes, still: Still) -> Iterator[tuple[int, int]]:
    """Yield the width and height of every canvas from which the primary image is composed, as the file states them."""
    for kind, at in still.made:
        size = at + (10 if kind == b"iovl" else 4)  # after version, flags, and the background or the rows and columns
        if len(data) >= size + 8:
            yield struct.unpack_from(">II" if data[at + 1] & 1 else ">HH", data, size)


def plain(data: bytes, still: Still) -> bytes:
    """Return the file without the primary image's crop, rotation and mirror, for `turned` to do."""
    changed = bytearray(data)
    for _, _, at in still.turns:
        changed[at : at + 4] = b"free"
    return bytes(changed)


def upright(image: Image.Image, still: Still) -> Image.Image:
    """Return a decoded image with the file's crop, rotation and mirror applied."""
    return Image.fromarray(np.ascontiguousarray(turned(np.asarray(image), still))) if still.turns else image


def turned(image: NDArray[Any], still: Still) -> NDArray[Any]:
    """Return a view of decoded pixels (H, W, ...) with the file's crop, rotation and mirror applied."""
    for name, content, _ in still.turns:
        if name == b"clap":
            rows, columns = _window(content, image.shape[0], image.shape[1])
            image = image[rows, columns]
        elif name == b"irot":
            image = np.rot90(image, content[0] & 3)
        else:  # axis 1 is vertical: left and right change places
            image = image[:, ::-1] if content[0] & 1 else image[::-1]
    return image


def _window(content: bytes, height: int, width: int) -> tuple[slice, slice]:
    """Return the rows and columns of a crop, whole pixels inside the image; all of them where it lies outside."""
    values = struct.unpack(">IIIIiIiI", content[:32])
    wide, high, left, top = (
        Fraction(a, b) if b else Fraction(0) for a, b in zip(values[::2], values[1::2], strict=True)
    )
    slices: list[slice] = []
    for size, length, shift in ((height, high, top), (width, wide, left)):
        start = round(shift + Fraction(size - 1, 2) - (length - 1) / 2)
        inside = slice(max(0, start), min(size, start + round(length)))
        slices.append(inside if inside.stop > inside.start else slice(0, size))
    return slices[0], slices[1]


def _head(file: BinaryIO) -> Still | None:
    file.seek(0, 2)
    size = file.tell()
    brand, names, meta, base = b"", [], b"", 0
    for name, start, end in _boxes_of(file, size):
        names.append(name)
        file.seek(start)
        if len(names) == 1:
            if name != b"ftyp":
                return None
            brand = file.read(4)
        elif name == b"meta" and not meta:
            meta, base = file.read(min(end, start + MAX_META_BYTES) - start), start
    if not meta or (b"moov" in names and brand not in STILLS):
        return None
    return _primary(meta, base, names)


def _primary(meta: bytes, base: int, names: list[bytes]) -> Still | None:
    boxes = {name: (start, end) for name, start, end in _boxes(meta, 4, len(meta))}
    if not {b"hdlr", b"pitm", b"iinf", b"iprp"} <= boxes.keys() or meta[boxes[b"hdlr"][0] + 8 :][:4] != b"pict":
        return None
    kinds = _kinds(meta, *boxes[b"iinf"])
    at = boxes[b"pitm"][0]
    primary = struct.unpack_from(">I" if meta[at] else ">H", meta, at + 4)[0]
    refers = list(_refers(meta, *boxes[b"iref"])) if b"iref" in boxes else []
    tied = _properties(meta, *boxes[b"iprp"])
    own = tied.get(primary, [])
    sizes = [struct.unpack_from(">II", meta, start + 4) for name, start, _ in own if name == b"ispe"]
    width, height = sizes[0] if sizes else (0, 0)
    turns = tuple((name, meta[start:end], base + start - 4) for name, start, end in own if name in TURNS)
    coded, derived = _parts(primary, kinds, refers)
    codec = kinds[coded[0]][0] if coded else b"?"
    inner = boxes.get(b"idat", (0, 0))[0]
    extents = _extents(meta, *boxes[b"iloc"], base + inner) if b"iloc" in boxes else {}
    places = tuple(place for item in coded for place in extents.get(item, ()))
    made = tuple((kinds[item][0], extents[item][0][0]) for item in derived if extents.get(item))
    prefix = [1 + (meta[start + 21] & 3) for item in coded for name, start, _ in tied.get(item, ()) if name == b"hvcC"]
    return Still(
        CODED.get(codec, codec.decode("latin-1")),
        width,
        height,
        turns,
        _count(kinds, refers),
        _moving(names),
        places,
        made,
        prefix[0] if prefix and len(places) == len(coded) else 0,
    )


def _moving(names: list[bytes]) -> str:
    return "a motion photo" if b"mpvd" in names else "a sequence" if b"moov" in names else ""


def _parts(item: int, kinds: Kinds, refers: list[Refers]) -> tuple[list[int], list[int]]:
    """Return the coded items of an item, and the items that compose them, perhaps itself."""
    made_of = {of: to for name, of, to in refers if name == b"dimg"}
    coded: list[int] = []
    derived: list[int] = []
    left, seen = [item], set()
    while left:
        item = left.pop()
        if item in kinds and item not in seen:
            seen.add(item)
            (derived if kinds[item][0] in DERIVED else coded).append(item)
            left += made_of.get(item, ())
    return coded, derived


def _extents(meta: bytes, start: int, end: int, inner: int) -> dict[int, list[tuple[int, int]]]:
    """Return the byte ranges of every item in the file; `inner` is the offset of those stored in the header."""
    version, sizes = meta[start], struct.unpack_from(">H", meta, start + 4)[0]
    offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    numbers = 4 if version == 2 else 2
    at = start + 6

    def read(size: int) -> int:
        nonlocal at
        at += size
        if at > end:
            raise IndexError
        return int.from_bytes(meta[at - size : at], "big")

    extents: dict[int, list[tuple[int, int]]] = {}
    for _ in range(read(numbers)):
        number = read(numbers)
        method = read(2) & 15 if version else 0
        _, first, count = read(2), read(base), read(2)
        pieces = []
        for _ in range(count if index + offset + length else min(count, 1)):
            _, begins = read(index if version else 0), first + read(offset) + (inner if method == 1 else 0)
            pieces.append((begins, begins + read(length)))
        extents[number] = pieces if method < 2 else []
    return extents


def _count(kinds: Kinds, refers: list[Refers]) -> int:
    parts = {item for name, of, to in refers if name == b"dimg" for item in to}
    parts |= {of for name, of, _ in refers if name in (b"thmb", b"auxl")}
    shown = {item for item, (kind, hidden) in kinds.items() if (kind in CODED or kind in DERIVED) and not hidden}
    return len(shown - parts)


def _kinds(meta: bytes, start: int, end: int) -> Kinds:
    """Return the kind of every item by its number, and whether it is hidden."""
    kinds: Kinds = {}
    for name, at, _ in _boxes(meta, start + (8 if meta[start] else 6), end):
        if name == b"infe" and meta[at] >= 2:
            wide = meta[at] > 2
            number = struct.unpack_from(">I" if wide else ">H", meta, at + 4)[0]
            kind = at + (10 if wide else 8)
            kinds[number] = (meta[kind : kind + 4], bool(meta[at + 3] & 1))
    return kinds


def _refers(meta: bytes, start: int, end: int) -> Iterator[Refers]:
    letter = "I" if meta[start] else "H"
    for name, at, _ in _boxes(meta, start + 4, end):
        size = struct.calcsize(letter)
        (of,), (count,) = struct.unpack_from(f">{letter}", meta, at), struct.unpack_from(">H", meta, at + size)
        yield name, of, struct.unpack_from(f">{count}{letter}", meta, at + size + 2)


def _properties(meta: bytes, start: int, end: int) -> dict[int, list[Box]]:
    """Return the properties of every item by its number, in their order."""
    known: list[Box] = []
    tied: dict[int, list[Box]] = {}
    for name, at, stop in _boxes(meta, start, end):
        if name == b"ipco":
            known = list(_boxes(meta, at, stop))
        elif name == b"ipma":
            for number, places in _places(meta, at):
                tied.setdefault(number, []).extend(known[k - 1] for k in places if 0 < k <= len(known))
    return tied


def _places(meta: bytes, at: int) -> Iterator[tuple[int, list[int]]]:
    letter, wide = "I" if meta[at] else "H", meta[at + 3] & 1
    (count,), at = struct.unpack_from(">I", meta, at + 4), at + 8
    for _ in range(count):
        (number,), at = struct.unpack_from(f">{letter}", meta, at), at + struct.calcsize(letter)
        many, at = meta[at], at + 1
        form = f">{many}{'H' if wide else 'B'}"
        places = struct.unpack_from(form, meta, at)
        at += struct.calcsize(form)
        yield number, [k & (0x7FFF if wide else 0x7F) for k in places]


def _boxes(data: bytes, at: int, end: int) -> Iterator[Box]:
    while at + 8 <= end and (box := _box(data[at : at + 16], at, end)):
        yield box
        at = box[2]


def _boxes_of(file: BinaryIO, end: int) -> Iterator[Box]:
    at = 0
    while at + 8 <= end:
        file.seek(at)
        if not (box := _box(file.read(16), at, end)):
            return
        yield box
        at = box[2]


def _box(start: bytes, at: int, end: int) -> Box | None:
    size, name, large = struct.unpack(">I4sQ", start.ljust(16, b"\0"))
    head, size = (16, large) if size == 1 else (8, size or end - at)
    return None if size < head else (name, at + head, min(end, at + size))
