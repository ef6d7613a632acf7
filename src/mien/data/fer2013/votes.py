"""The FERPlus votes: the choices of ten raters per FER2013 image (Barsoum et al., arXiv 1608.01041).

Two kinds of file hold them and differ in some rows.  `fer2013new.csv` has one row per row of fer2013.csv.  `label.csv`,
one per split, names the images by a number that skips the ones the authors removed.  A `label.csv` leaves out images
that are not faces, so gaps are normal.  For the complete FER2013 its last number shows whether it was cut off; a part
of FER2013 may end anywhere.
Source: github.com/microsoft/FERPlus (MIT)
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data.cache import Entry, cached
from mien.data.fer2013.raw import USAGES, split_code
from mien.errors import DataError
from mien.labels import EXPRESSIONS, ORDERS
from mien.reading.tables import csv_lines

CHOICES = (*EXPRESSIONS, "unknown", "nf")
"""Columns of a vote array: the vocabulary, unknown, not a face."""

FILE_CHOICES = (*ORDERS["ferplus"], "unknown", "nf")
"""The same in the order of the files."""

FOLDERS = {"Training": "FER2013Train", "PublicTest": "FER2013Valid", "PrivateTest": "FER2013Test"}
"""The folders of the three label.csv."""

COMPLETE = 35_887
"""Rows of the complete FER2013, for which image numbers differ from rows."""

LAST = {"Training": 28_637, "PublicTest": 32_219, "PrivateTest": 35_801}
"""Number in the last line of each label.csv of the FERPlus repository, which is the last number of its usage."""

# fmt: off
UNNUMBERED = np.array([
    59, 501, 2059, 2171, 2809, 3262, 3931, 4275, 5082, 5274, 5439, 5722, 5881, 6458, 6699, 7172, 7496, 7527,
    7629, 8030, 8737, 8856, 9026, 9500, 9673, 9679, 9797, 10023, 10423, 11244, 11286, 11295, 11846, 12289,
    12352, 13148, 13402, 13697, 13988, 14148, 14279, 15144, 15835, 15838, 15894, 16540, 17081, 17620, 18337,
    19238, 19632, 20222, 20712, 20817, 21817, 21937, 22198, 22314, 22927, 23596, 23894, 24053, 24441, 24891,
    25219, 25603, 25909, 26383, 26860, 26897, 28601, 29447, 29557, 30002, 30705, 30981, 31127, 31825, 32662,
    32683, 34334, 35121, 35469, 35632, 35743,
])
"""Rows that FERPlus did not number, from the `Image name` column of fer2013new.csv."""
# fmt: on

MIXED = 0.3
"""Fraction of the votes from which on an expression is one of those that an image shows."""


def shown(votes: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Return which labels people saw in an image, bool (N, K), from their votes (N, K): those with MIXED of them.

    Single votes are dropped as slips; the most frequent label always counts.

    >>> shown(np.array([[6, 4, 0], [7, 2, 1], [5, 1, 4], [0, 1, 0]])).tolist()
    [[True, True, False], [True, False, False], [True, False, True], [False, False, False]]
    """
    left = np.where(np.asarray(votes) > 1, votes, 0)
    most, total = left.max(axis=1, keepdims=True), left.sum(axis=1, keepdims=True)
    return np.asarray((left > 0) & ((left >= MIXED * total) | (left == most)))


def vote_files(folder: Path) -> dict[str, Path]:
    """Return the vote files of a folder: {"rows": fer2013new.csv}, else a label.csv per usage, else none."""
    if (path := folder / "fer2013new.csv").is_file():
        return {"rows": path}
    for place in (folder, folder / "data", folder.parent, folder.parent / "data"):
        files = {usage: place / name / "label.csv" for usage, name in FOLDERS.items()}
        if all(path.is_file() for path in files.values()):
            return files
    return {}


def votes_by_row(files: Mapping[str, Path], split: NDArray[np.int8]) -> NDArray[np.int16]:
    """Return votes int16 (N, 10) in `CHOICES` order for the images whose split codes are `split`, in file order.

    Images without votes get zeros.  DataError when the votes are about other images than these.
    """
    arrays = {name: np.asarray(a) for name, a in cached("ferplus-votes", files, lambda: _read(files)).arrays.items()}
    number, line, split_in_votes, votes = (arrays[name] for name in ("number", "line", "split", "votes"))
    if "rows" in files:
        if len(votes) != len(split):
            raise DataError(
                f"{files['rows']} has {len(votes)} rows",
                f"{len(split)}, one per image",
                "use the files of one data set",
            )
        row = np.arange(len(votes))
    else:
        _check_numbers(files, number, line, split_in_votes, len(split))
        row = rows_of(number) if len(split) == COMPLETE else number
    other = np.flatnonzero(split[row] != split_in_votes)
    if len(other):
        k, usage = other[0], list(USAGES)[split_in_votes[other[0]]]
        raise DataError(
            f"{files['rows']} line {line[k]}: usage {usage}"
            if "rows" in files
            else f"{files[usage]} line {line[k]}: image {number[k]} of {usage}",
            f"{list(USAGES)[split[row[k]]]}, as in the images",
            "use votes and images of one data set in one order",
        )
    joined = np.zeros((len(split), len(CHOICES)), np.int16)
    joined[row] = votes
    return joined


def _check_numbers(
    files: Mapping[str, Path],
    number: NDArray[np.int64],
    line: NDArray[np.int64],
    split: NDArray[np.int8],
    images: int,
) -> None:
    """Raise DataError for the first number that is too high or a duplicate, and for a file that ends too early."""
    count = images - len(UNNUMBERED) if images == COMPLETE else images
    wrong = number >= count
    duplicate = np.ones(len(number), bool)
    duplicate[np.unique(number, return_index=True)[1]] = False
    for k in np.flatnonzero(wrong | duplicate)[:1]:
        got = f"{files[list(USAGES)[split[k]]]} line {line[k]}: image {number[k]}"
        if wrong[k]:
            raise DataError(got, f"numbers below {count}", "use votes and images of one data set")
        raise DataError(f"{got} for the second time", "each image once", "download the file again")
    for code, usage in enumerate(LAST if images == COMPLETE else ()):
        end = np.flatnonzero(split == code)[-1]
        if number[end] != LAST[usage]:
            raise DataError(
                f"{files[usage]} line {line[end]}, the last, is about image {number[end]}",
                f"image {LAST[usage]}, as in the FERPlus repository",
                "the file may be cut off: download it again",
            )


def rows_of(number: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows of fer2013.csv that hold the images with these FERPlus numbers.

    >>> rows_of(np.array([58, 59, 500])).tolist()
    [58, 60, 502]
    """
    numbered = np.delete(np.arange(COMPLETE), UNNUMBERED)
    return numbered[number]


def _read(files: Mapping[str, Path]) -> Entry:
    rows = [
        row for usage, path in files.items() for row in (_rows(path) if usage == "rows" else _numbered(path, usage))
    ]
    if not rows:
        raise DataError(f"{files['rows']} has a header and no rows", "one row per image", "download it again")
    line, number, split, votes = zip(*rows, strict=True)
    swap = [FILE_CHOICES.index(choice) for choice in CHOICES]
    arrays: dict[str, NDArray[Any]] = {
        "line": np.array(line, np.int64),
        "number": np.array(number, np.int64),
        "split": np.array(split, np.int8),
        "votes": np.array(votes, np.int16)[:, swap],
    }
    return Entry(arrays, {})


def _rows(path: Path) -> Iterator[tuple[int, int, int, list[int]]]:
    """Yield line, -1 because these rows go by their order, split code and votes of each row."""
    expected = ["usage", "image name", *FILE_CHOICES]
    for line, cells in _lines(path):
        if line == 1:
            if (got := [cell.strip().lower() for cell in cells]) != expected:
                raise DataError(
                    f"{path} line 1: columns {', '.join(got)[:60]!r}", "Usage, Image name, neutral, ..., unknown, NF"
                )
            continue
        place = f"{path} line {line}"
        yield line, -1, split_code(cells[0].strip(), place), _votes(cells, place)


def _numbered(path: Path, usage: str) -> Iterator[tuple[int, int, int, list[int]]]:
    """Yield line, image number, split code and votes of each row."""
    for line, cells in _lines(path):
        place = f"{path} line {line}"
        name = re.fullmatch(r"fer(\d{1,7})\.png", cells[0].strip())
        if name is None:
            raise DataError(f"{place}: image {cells[0][:40]!r}", "a name like fer0000000.png")
        yield line, int(name[1]), split_code(usage, place), _votes(cells, place)


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    empty = True
    for line, cells in csv_lines(path, "the FERPlus votes", errors="replace"):
        empty = False
        yield line, cells
    if empty:
        raise DataError(f"{path} is empty", "the FERPlus votes", "download it again")


def _votes(cells: list[str], place: str) -> list[int]:
    if len(cells) != 2 + len(FILE_CHOICES):
        raise DataError(
            f"{place}: {len(cells)} fields", f"{2 + len(FILE_CHOICES)} (two and ten votes)", "it may be cut off"
        )
    wrong = [cell for cell in cells[2:] if not cell.strip().isdecimal() or len(cell.strip()) > 3]
    if wrong:
        raise DataError(f"{place}: vote {wrong[0][:20]!r}", "a whole number from 0")
    return [int(cell) for cell in cells[2:]]
