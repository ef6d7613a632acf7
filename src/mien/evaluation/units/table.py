"""The two tables of `mien evaluate --units`: what names their rows, and which belong together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError, UsageError
from mien.evaluation.metrics.units import THERE
from mien.evaluation.predictions.columns import IDS
from mien.evaluation.predictions.table import Rows, named, read_table
from mien.evaluation.units.columns import UnitColumns, find_units
from mien.evaluation.units.frames import read_frames

FRAMES = ("frame", "frame_idx", "frame_number")
GROUPS = ("subject", "participant", "person", "group")  # the last may be of conditions
ONE_FACE = "a row per image or frame: keep one face of each"


@dataclass(frozen=True, eq=False)
class UnitTable:
    """A table with action units.

    Attributes:
        ids: (N,) what names each row, once; key: the column that it is from; framed: whether frames are in the names.
        group: (N,) subjects, else the videos of frames, or None; None of predictions.
    """

    ids: NDArray[np.str_]
    key: str
    framed: bool
    units: UnitColumns
    group: NDArray[np.str_] | None = None


def read_tables(
    predictions: Path, coded: Path, id: str | None, threshold: float
) -> tuple[UnitTable, UnitTable, list[str]]:
    """Return both tables, whose rows are named by the frame as well where both have one, and notes.

    See `evaluate_units`; `threshold` is for predictions alone.
    """
    tables = {path: read_table(path) for path in (predictions, coded)}
    columns = {path: _column(rows, FRAMES) for path, rows in tables.items()}
    framed = all(columns.values())
    frames, notes = read_frames(tables, columns) if framed else ({}, [])
    ours = _read(predictions, tables[predictions], id, frames.get(predictions), threshold)
    theirs = _read(coded, tables[coded], id, frames.get(coded), THERE)
    theirs = replace(theirs, group=_groups(coded, tables[coded], theirs.key, frames.get(coded)))
    read = {predictions: ours, coded: theirs}
    if alone := [str(path) for path, table in read.items() if table.key == columns[path] and framed]:
        notes.append(f"{' and '.join(alone)}: no column names the video, so rows are matched by the frame alone")
    return ours, theirs, notes


def _read(path: Path, rows: Rows, id: str | None, frames: list[str] | None, threshold: float) -> UnitTable:
    if not len(next(iter(rows.values()), [])):
        raise DataError(f"{path} has no rows", "a row per image or frame")
    framed = frames is not None
    key = _key(path, rows, id, framed)
    images = [cell.strip() for cell in rows[key]] if key else []
    ids = np.array(_ids(images, frames or []), np.str_)
    _, first, counts = np.unique(ids, return_index=True, return_counts=True)
    if (counts > 1).any():
        twice = ids[first[counts > 1][0]]
        same = named((np.flatnonzero(ids == twice) + 1).tolist())
        do = "give both tables a column `frame`" if not framed and _column(rows, FRAMES) else ""
        raise DataError(f"{path}: {same} are of {str(twice)!r}", ONE_FACE, do)
    return UnitTable(ids, key or _column(rows, FRAMES), framed, find_units(path, rows, threshold))


def _groups(path: Path, rows: Rows, key: str, frames: list[str] | None) -> NDArray[np.str_] | None:
    """Return the subject of each row, else the video where rows are frames, else None."""
    expression = _column(rows, ("group_confidence",))  # beside it, mien's own `group` is of expressions
    names = [name for name in GROUPS if not (name == "group" and expression)]
    group = _column(rows, names) or (key if any(frames or []) else "")
    words = np.array([cell.strip() for cell in rows[group]], np.str_) if group else None
    if words is not None and (words == "").any():
        raise DataError(
            f"{path}: {named((np.flatnonzero(words == '') + 1).tolist())} without a {group}", "one for each"
        )
    return words


def _key(path: Path, rows: Mapping[str, list[str]], id: str | None, framed: bool) -> str:
    """Return the column that names the image; empty where frames alone do."""
    if id is not None and id in rows:
        return id
    if id is not None:
        raise UsageError(f"`id` {id}", f"a column of {path}: {', '.join(list(rows)[:8])}")
    key = _column(rows, (*IDS.split(), "input"))
    if not key and not framed:
        got = f"{path} has columns {', '.join(list(rows)[:8])}"
        raise DataError(got, "one that names the image, or a column frame in both tables", "name it with `id`")
    return key


def _ids(images: Sequence[str], frames: Sequence[str]) -> list[str]:
    """Return what names each row: the image, the frame, or the clip's name as a folder of its frames."""
    if not frames:
        return list(images)
    if not images:
        return list(frames)
    stems = [str(PurePosixPath(image.replace("\\", "/")).with_suffix("")) if image else "" for image in images]
    return [f"{stem}/{frame}" if frame else image for stem, frame, image in zip(stems, frames, images, strict=True)]


def _column(rows: Mapping[str, list[str]], names: Sequence[str]) -> str:
    plain = {name.strip().lower(): name for name in reversed(list(rows))}
    return next((plain[name] for name in names if name in plain), "")
