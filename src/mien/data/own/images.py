"""Where the pixels of rows are: image files, images inside a Parquet file, or numbers in a column of a CSV file."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError
from mien.reading.guard import parsing

Rows = NDArray[np.intp]
Pixels = NDArray[np.uint8]


class Images(Protocol):
    """The images of N rows."""

    def files(self) -> dict[str, Path]:
        """Return the files whose content they depend on, by name."""

    def key(self) -> str:
        """Return which images of these files they are."""

    def get(self, row: int) -> bytes | Path | Pixels:
        """Return a row's image: a file, its bytes, or grey pixels uint8 (H, W)."""

    def take(self, rows: Rows) -> "Images":
        """Return the images of some rows."""


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """An image file per row; a file with several faces may be there more than once."""

    paths: Sequence[Path]

    def files(self) -> dict[str, Path]:
        """Return the files by their number, so that a cache entry survives a move of the folder."""
        return {str(k): path for k, path in enumerate(dict.fromkeys(self.paths))}

    def key(self) -> str:
        """Return the numbers of the files by row, "" where each has one row."""
        number = {path: k for k, path in enumerate(dict.fromkeys(self.paths))}
        return "" if len(number) == len(self.paths) else ",".join(str(number[path]) for path in self.paths)

    def get(self, row: int) -> Path:
        """Return a row's file."""
        return self.paths[row]

    def take(self, rows: Rows) -> "ImageFiles":
        """Return the files of some rows."""
        return ImageFiles([self.paths[k] for k in rows])


@dataclass(frozen=True, eq=False)
class ParquetImages:
    """Encoded images in a column of Parquet files: bytes, or {bytes, path} as Hugging Face writes them.

    Rows are read a row group at a time, and the last group is kept.
    """

    paths: Sequence[Path]
    column: str
    rows: Rows
    _last: dict[tuple[int, int], list[Any]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def files(self) -> dict[str, Path]:
        """Return the Parquet files by their number."""
        return {str(k): path for k, path in enumerate(self.paths)}

    def key(self) -> str:
        """Return the column and the rows."""
        return f"{self.column} {self.rows.tolist()}"

    def get(self, row: int) -> bytes:
        """Return a row's encoded image; DataError where the cell holds none."""
        with self._lock:
            file, group, place = self._places[self.rows[row]]
            cell = self._group(int(file), int(group))[place]
        data = cell.get("bytes") if isinstance(cell, Mapping) else cell
        if not isinstance(data, bytes) or not data:
            raise DataError("no image in its cell")
        return data

    def take(self, rows: Rows) -> "ParquetImages":
        """Return the images of some rows."""
        return ParquetImages(self.paths, self.column, self.rows[rows], self._last, self._lock)

    @property
    def everything(self) -> range:
        """All rows of the files, of which `rows` are some."""
        return range(len(self._places))

    @property
    def _places(self) -> NDArray[np.intp]:
        """File, row group and place in it of every row of the files, (rows, 3)."""
        if (-1, -1) not in self._last:
            self._last[-1, -1] = [_groups(self.paths)]
        return np.asarray(self._last[-1, -1][0])

    def _group(self, file: int, group: int) -> list[Any]:
        import pyarrow.parquet as pq

        if (file, group) not in self._last:
            for key in [key for key in self._last if key != (-1, -1)]:
                del self._last[key]
            path = self.paths[file]
            with parsing(path), path.open("rb") as stream, pq.ParquetFile(stream) as table:
                read = table.read_row_group(group, columns=[self.column])
            self._last[file, group] = read.column(0).to_pylist()
        return self._last[file, group]


def _groups(paths: Sequence[Path]) -> NDArray[np.intp]:
    import pyarrow.parquet as pq

    parts = []
    for number, path in enumerate(paths):
        with path.open("rb") as stream, pq.ParquetFile(stream) as table:
            sizes = [table.metadata.row_group(k).num_rows for k in range(table.num_row_groups)]
        parts += [np.array([(number, k, place) for place in range(size)], np.intp) for k, size in enumerate(sizes)]
    return np.concatenate([np.zeros((0, 3), np.intp), *(part.reshape(-1, 3) for part in parts)])


@dataclass(frozen=True, eq=False)
class NumberImages:
    """Grey square images as numbers from 0 to 255 with blanks between, in a column of a file, as FER2013 has them."""

    path: Path
    cells: Sequence[str]
    places: Rows

    def files(self) -> dict[str, Path]:
        """Return the file that has them."""
        return {"": self.path}

    def key(self) -> str:
        """Return the rows."""
        return str(self.places.tolist())

    def get(self, row: int) -> Pixels:
        """Return a row's pixels; DataError where they are not numbers of a square."""
        words = self.cells[row].split()
        side = round(len(words) ** 0.5)
        if not words or side * side != len(words):
            raise DataError(f"{len(words):,} pixels, not the number of a square")
        if wrong := [word for word in words if not word.isdecimal() or len(word) > 3 or int(word) > 255]:
            raise DataError(f"pixel {wrong[0][:20]!r}, not a number from 0 to 255")
        return np.array(words, np.uint8).reshape(side, side)

    def take(self, rows: Rows) -> "NumberImages":
        """Return the images of some rows."""
        return NumberImages(self.path, [self.cells[k] for k in rows], self.places[rows])
