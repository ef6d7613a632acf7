"""The frames of two tables: mien counts them from 0, OpenFace from 1."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError
from mien.evaluation.predictions.table import number
from mien.reading.tables import Rows

OPENFACE = re.compile(r"AU\d\d_[rc]")
"""How OpenFace names a column of an action unit."""

Frames = dict[Path, list[str]]


def read_frames(tables: Mapping[Path, Rows], columns: Mapping[Path, str]) -> tuple[Frames, list[str]]:
    """Return the frames of each table, counted alike, and notes on what was done; DataError where that is not certain.

    `columns` are their columns of frames.  Of a table of OpenFace 1 is taken where another begins at 0.
    """
    frames = {path: [_plain(cell) for cell in rows[columns[path]]] for path, rows in tables.items()}
    first = {path: _first(cells) for path, cells in frames.items()}
    zero = next((path for path, least in first.items() if least == 0), None)
    later = [path for path, least in first.items() if least == 1]
    if zero is None:
        return frames, []
    for path in later:
        if not any(OPENFACE.fullmatch(name.strip()) for name in tables[path]):
            do = f"take 1 from column {columns[path]} of {path}, or add a row of frame 0 where that has no units"
            raise DataError(f"{path} counts frames from 1 and {zero} from 0", "both counted alike", do)
        frames[path] = [str(int(cell) - 1) if cell.isdigit() else cell for cell in frames[path]]
    return frames, [f"{path}: OpenFace counts frames from 1, {zero} from 0: 1 is subtracted" for path in later]


def other_video(ours: NDArray[np.str_], theirs: NDArray[np.str_]) -> str:
    """Return two names of matched frames whose videos differ, in words; empty where there are none.

    >>> other_video(np.array(["a/0", "b/1"]), np.array(["x/a/0", "c/1"]))
    "'b/1' with 'c/1'"
    """
    for own, other in zip(ours.tolist(), theirs.tolist(), strict=True):
        names = {PurePosixPath(one).parent.name for one in (own, other)} - {""}
        if len(names) > 1:
            return f"{own!r} with {other!r}"
    return ""


def _plain(cell: str) -> str:
    """Return a frame as a whole number where it is one: tables write 7, 007 and 7.0."""
    value = number(cell)
    return str(int(value)) if value.is_integer() else cell.strip()


def _first(cells: list[str]) -> int | None:
    return min((int(cell) for cell in cells if cell.isdigit()), default=None)
