"""Images in shards: .npy files of a few hundred MB each, of which rows are read when they are needed.

    images = write(folder, "reading faces", 50_000, (224, 224, 3), 256, decode)   # writes the shards that are missing
    images[rows]             # a view, without reading
    np.asarray(images[rows]) # these rows, and nothing else, in memory

Rows are read by their position in the file and not through a memory map: a map's pages count as the process's memory
until the system takes them back, and a read of 150 kB costs less than its page faults.  So memory and address space
stay what a batch needs, however many images there are.

Beside each shard is a .json with a digest of each of its images.  A row is compared with it when a process first reads
it.  A shard that was corrupted is removed, so that the next run writes it again, and it alone.
"""

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from mien.errors import DataError, MienError
from mien.printable import say
from mien.progress import bar
from mien.reading.documents import read_json

SHARD_BYTES = 256 << 20
"""Of a shard, at most; images that fit into one are an ordinary array."""

BLOCK_BYTES = 32 << 20
"""Read at once when all images are read, one after the other."""

Rows = NDArray[np.intp]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Shard:
    """A file of images uint8 (n, H, W, C); `digests` uint8 (n, 16), zeros where a row has none.

    `checked` bool (n,) are the rows that this process has compared with their digests.
    """

    path: Path
    shape: tuple[int, ...]
    offset: int
    digests: NDArray[np.uint8]
    checked: NDArray[np.bool_]

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, rows: Rows, out: Pixels, places: Rows) -> None:
        """Read rows into out[places]; DataError where the file is shorter than it says or was corrupted."""
        size = math.prod(self.shape[1:])
        with self._file() as file:
            for row, place in zip(rows.tolist(), places.tolist(), strict=True):
                file.seek(self.offset + row * size)
                if file.readinto(memoryview(out[place]).cast("B")) != size or not self._sound(row, out[place]):
                    self._give_up()

    def _file(self) -> FileIO:
        try:
            return self.path.open("rb", buffering=0)
        except OSError as error:  # another process may be building it again
            raise DataError(f"{self.path} in the cache is gone ({error.strerror})", do="run it again") from None

    def _sound(self, row: int, image: Pixels) -> bool:
        if self.checked[row] or not self.digests[row].any():
            return True
        self.checked[row] = bytes(self.digests[row]) == digest_of(image)
        return bool(self.checked[row])

    def _give_up(self) -> None:
        again = "run it again, which builds this file again"
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            again = f"remove it, which was not allowed here ({error.strerror}), and run it again"
        raise DataError(f"{self.path} in the cache was corrupted", do=again)


@dataclass(frozen=True, eq=False)
class StoredImages:
    """Images uint8 (N, H, W, C) that are not in memory: `rows` int (N,) of all those in `parts`, in that order.

    Parts are shards and arrays of one image shape.  Indexing with an integer reads that image.  Indexing with a slice,
    positions or a mask gives a view; `np.asarray` reads one.  TypeError for an index of other axes than the first.
    """

    parts: tuple[Shard | Pixels, ...]
    rows: Rows

    dtype = np.dtype(np.uint8)
    ndim = 4

    @classmethod
    def of(cls, parts: Sequence[Shard | Pixels]) -> "StoredImages":
        """Return all images of the parts."""
        return cls(tuple(parts), np.arange(sum(map(len, parts))))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, H, W, C)."""
        return (len(self), *self.parts[0].shape[1:])

    @property
    def nbytes(self) -> int:
        """Bytes of the pixels, on disk as in memory."""
        return math.prod(self.shape)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, tuple) or (rows := self.rows[index]).ndim > 1:
            raise TypeError("images that are not in memory have one index; use np.asarray(images)[index]")
        return StoredImages(self.parts, rows) if rows.ndim else np.asarray(StoredImages(self.parts, rows[None]))[0]

    def __iter__(self) -> Iterator[Pixels]:
        for block in blocks_of(self):
            yield from block

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        out = np.empty(self.shape, np.uint8)
        ends = np.cumsum([len(part) for part in self.parts])
        home = np.searchsorted(ends, self.rows, side="right")
        for number in np.unique(home).tolist():
            part, into = self.parts[number], np.flatnonzero(home == number)
            into = into[np.argsort(self.rows[into], kind="stable")]  # in the order of the file
            inside = self.rows[into] - (ends[number] - len(part))
            if isinstance(part, Shard):
                part.read(inside, out, into)
            else:
                out[into] = part[inside]
        return out if dtype is None else out.astype(dtype, copy=False)


Images = Pixels | StoredImages
"""Images uint8 (N, H, W, C), in memory or not."""


def joined(parts: Sequence[Images]) -> Images:
    """Return images one set after the other; nothing is read where one of them is not in memory.

    >>> joined([np.zeros((2, 1, 1, 1), np.uint8), np.ones((1, 1, 1, 1), np.uint8)]).shape
    (3, 1, 1, 1)
    """
    if not any(isinstance(part, StoredImages) for part in parts):
        return np.concatenate([np.asarray(part) for part in parts])
    stored = [part if isinstance(part, StoredImages) else StoredImages.of([part]) for part in parts]
    starts = np.cumsum([0, *(sum(map(len, each.parts)) for each in stored)])
    rows = [each.rows + start for each, start in zip(stored, starts, strict=False)]
    return StoredImages(tuple(part for each in stored for part in each.parts), np.concatenate(rows))


def blocks_of(images: Images, step: int = 0) -> Iterator[Pixels]:
    """Yield all images in order, `step` at once, or as many as BLOCK_BYTES hold."""
    step = step or max(1, BLOCK_BYTES // max(1, math.prod(images.shape[1:])))
    for start in range(0, len(images), step):
        yield np.asarray(images[start : start + step])


def digest_of(image: Pixels) -> bytes:
    """Return 16 bytes that change with any pixel."""
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()


def write(
    folder: Path,
    title: str,
    count: int,
    shape: tuple[int, ...],
    step: int,
    block: Callable[[range], Iterable[Pixels | MienError]],
    key: str = "",
) -> StoredImages:
    """Return `count` images of a shape (H, W, C), written in shards into a folder that has some of them from before.

    `block(rows)` yields the image of each of at most `step` rows, or why there is none: such a row is zeros, and
    `faults` says why.  `key` says which rows these are, where the folder's name does not: shards of another key are
    written again.  DataError, before anything is decoded, where the disk has no space for what is missing.
    """
    whole = partial(_complete, shape=shape, key=key)
    per = max(1, SHARD_BYTES // math.prod(shape) // step) * step
    spans = [range(start, min(start + per, count)) for start in range(0, count, per)]
    lacking = sum(len(rows) for k, rows in enumerate(spans) if not whole(folder / _name(k), len(rows)))
    _check_room(folder, title, lacking * math.prod(shape))
    if lacking and len(spans) > 1:  # minutes, and a log has no bar
        say(f"mien: {title}: {lacking:,} of {count:,} images, once; they stay in the cache")
    with bar(title, count) as advance:
        advance(count - lacking)
        for number, rows in enumerate(spans):
            if not whole(path := folder / _name(number), len(rows)):
                parts = (range(start, min(start + step, rows.stop)) for start in range(rows.start, rows.stop, step))
                _write_shard(path, len(rows), shape, map(block, parts), advance, key)
    return opened([folder / _name(k) for k in range(len(spans))])


def opened(paths: Sequence[Path]) -> StoredImages:
    """Return the images of shards, one file after the other; DataError for a file that is not one."""
    return StoredImages.of([_open(path) for path in paths])


def faults(images: StoredImages) -> dict[int, str]:
    """Return why images of shards are missing, by row."""
    found: dict[int, str] = {}
    start = 0
    for shard in (part for part in images.parts if isinstance(part, Shard)):
        found |= {start + int(row): str(why) for row, why in _beside(shard.path)["faults"].items()}
        start += len(shard)
    return found


def digests(images: StoredImages) -> NDArray[np.uint8]:
    """Return the digests of all images of shards, uint8 (N, 16), zeros where there is no image."""
    held = [part.digests for part in images.parts if isinstance(part, Shard)]
    return np.concatenate([np.zeros((0, 16), np.uint8), *held])


def _name(number: int) -> str:
    return f"images.{number:05d}.npy"


def _check_room(folder: Path, title: str, size: int) -> None:
    from rich.filesize import decimal

    free = shutil.disk_usage(folder).free
    if size > free:
        got = f"{title} needs {decimal(size)} in the cache, and {decimal(free)} are free in {folder}"
        raise DataError(got, do="free some, or set MIEN_CACHE to a folder on a larger disk")


def _write_shard(
    path: Path,
    count: int,
    shape: tuple[int, ...],
    blocks: Iterable[Iterable[Pixels | MienError]],
    advance: Callable[[int], None],
    key: str,
) -> None:
    """Write a shard under another name, what is beside it, and rename it: a shard that is there is complete."""
    scratch, names, wrong, row = path.with_suffix(".part"), bytearray(), {}, 0
    with scratch.open("wb") as file:
        npy.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)})
        for block in blocks:
            before = row
            for image in block:
                if isinstance(image, MienError):
                    wrong[str(row)] = str(image)
                    file.write(bytes(math.prod(shape)))
                    names += bytes(16)
                else:
                    file.write(np.ascontiguousarray(image).data)
                    names += digest_of(image)
                row += 1
            advance(row - before)
    path.with_suffix(".json").write_text(json.dumps({"digests": names.hex(), "faults": wrong, "rows": key}))
    scratch.rename(path)


def _complete(path: Path, count: int, shape: tuple[int, ...], key: str) -> bool:
    try:
        return _open(path).shape == (count, *shape) and _beside(path).get("rows", "") == key
    except DataError:
        return False


def _open(path: Path) -> Shard:
    try:
        with path.open("rb") as file:
            npy.read_magic(file)
            shape, _, kind = npy.read_array_header_1_0(file)
            offset = file.tell()
        if kind != np.uint8 or path.stat().st_size != offset + math.prod(shape):
            raise ValueError(f"{path.stat().st_size:,} bytes for {shape} of {kind}")
        found = np.frombuffer(bytes.fromhex(_beside(path)["digests"]), np.uint8).reshape(shape[0], 16)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(f"{path} cannot be read ({error})", "a shard of images") from None
    return Shard(path, shape, offset, found, np.zeros(shape[0], np.bool_))


def _beside(path: Path) -> Mapping[str, Any]:
    return read_json(path.with_suffix(".json"), "")
