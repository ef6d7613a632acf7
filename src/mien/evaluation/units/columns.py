"""The action units in a table: columns of mien, OpenFace, py-feat, LibreFace, or of people who coded them.

| table | strength | presence |
|---|---|---|
| mien, py-feat | `au12`, `AU12`, 0 to 1 | from the strength |
| OpenFace | `AU12_r`, 0 to 5 | `AU12_c` |
| LibreFace | `au_12_intensity`, 0 to 5 | `au_12` |
| coded | `AU12`, 0 to 5 or 0 and 1 | from the strength |

Strengths are brought to 0 to 1.  Columns that do not say are levels where one of the table exceeds 1; beside these a
unit with 0 and 1 alone was coded as absent and there.  Of five levels a unit is there from the second on, as DISFA's
authors count it (Mavadati et al., *IEEE Transactions on Affective Computing* 2013).  Halves (`au12_left`) are left out.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError
from mien.evaluation.metrics.counts import Floats
from mien.evaluation.predictions.table import empty, named, number

NAME = re.compile(r"au[_ ]?0*([1-9]\d?)(?:_(r|c|intensity|presence))?", re.IGNORECASE)
STRENGTHS, PRESENCES = ("r", "intensity"), ("c", "presence")
LEVELS = 5.0
"""The highest level of a coded strength."""

THERE = 2 / LEVELS
"""From which strength on a unit is there, where strengths are levels."""


@dataclass(frozen=True, eq=False)
class UnitColumns:
    """The action units of a table, float64 (N, A) with NaN where unknown.

    Attributes:
        names: "au12" and so on, in the order of their numbers.
        strength: in [0, 1]; presence: 0 or 1.
        levels: the units whose bare column holds levels from 0 to 5; binary: those with 0 and 1 alone beside such.
        quantiles: whether these are mien's movement measures.
    """

    names: tuple[str, ...]
    strength: Floats
    presence: Floats
    levels: tuple[str, ...]
    binary: tuple[str, ...]
    quantiles: bool


def find_units(path: Path, rows: Mapping[str, list[str]], threshold: float) -> UnitColumns:
    """Return the action units of a table's columns; DataError where there are none or a cell is not a number.

    `threshold` is the strength in [0, 1] from which on a unit is there, where neither levels nor a column say.
    """
    found = _columns(path, rows)
    values = {
        unit: {kind: _numbers(path, name, rows[name]) for kind, name in own.items()} for unit, own in found.items()
    }
    bare = {unit: own["bare"] for unit, own in values.items() if "bare" in own}
    leveled = any(float(np.nanmax(column, initial=0)) > 1 for column in bare.values())
    binary = {unit for unit, column in bare.items() if leveled and _binary(column)}
    pairs = [_pair(own, leveled and unit not in binary, threshold) for unit, own in values.items()]
    strength, presence = (np.stack(part, 1) for part in zip(*pairs, strict=True))
    names = {unit: f"au{unit:02}" for unit in values}
    levels = tuple(names[unit] for unit in bare if leveled and unit not in binary)
    quantiles = set(rows.get("action_units_source", [])) - {""} == {"blendshapes"}
    absent_or_there = tuple(names[unit] for unit in bare if unit in binary)
    return UnitColumns(tuple(names.values()), strength, presence, levels, absent_or_there, quantiles)


def _binary(column: Floats) -> bool:
    known = column[np.isfinite(column)]
    return bool((known == 1).any() and np.isin(known, (0, 1)).all())


def _pair(own: Mapping[str, Floats], levels: bool, threshold: float) -> tuple[Floats, Floats]:
    """Return the strength and the presence of one unit from its columns."""
    if "presence" in own and "strength" in own:
        return own["strength"] / LEVELS, _from(own["presence"], 0.5)
    if "strength" in own and "bare" in own:
        return own["strength"] / LEVELS, _from(own["bare"], 0.5)
    if "strength" in own:
        return own["strength"] / LEVELS, _from(own["strength"] / LEVELS, THERE)
    only = own.get("bare", own.get("presence"))
    assert only is not None
    return (only / LEVELS, _from(only / LEVELS, THERE)) if levels else (only, _from(only, threshold))


def _from(values: Floats, least: float) -> Floats:
    return np.where(np.isnan(values), np.nan, values >= least - 1e-9)


def _columns(path: Path, rows: Mapping[str, list[str]]) -> dict[int, dict[str, str]]:
    """Return the columns of each unit by kind: strength, presence, or bare where the name does not say."""
    found: dict[int, dict[str, str]] = {}
    for name in rows:
        if match := NAME.fullmatch(name.strip()):
            suffix = (match[2] or "").lower()
            kind = "strength" if suffix in STRENGTHS else "presence" if suffix in PRESENCES else "bare"
            own = found.setdefault(int(match[1]), {})
            if own.setdefault(kind, name) != name:
                raise DataError(f"{path}: columns {own[kind]!r} and {name!r} are the same unit", "one of them")
    if not found:
        raise DataError(f"{path} has columns {_few(list(rows))}", "action units, such as AU12, au12 or AU12_r")
    return dict(sorted(found.items()))


def _numbers(path: Path, name: str, cells: Sequence[str]) -> NDArray[np.float64]:
    values = np.array([np.nan if empty(cell) else number(cell) for cell in cells], np.float64)
    given = np.array([not empty(cell) for cell in cells], bool)
    wrong = np.flatnonzero(given & ~((values >= 0) & (values <= LEVELS)))
    if len(wrong):
        cell = cells[wrong[0]]
        rows = named([row + 1 for row in wrong.tolist() if cells[row] == cell])
        got = f"{path}: {rows} with {cell[:40]!r} in column {name}"
        raise DataError(got, "0 to 1, or levels from 0 to 5", "leave what is not known empty")
    return values


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
