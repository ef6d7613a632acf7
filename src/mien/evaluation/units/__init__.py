"""Score action units in a table against units that people coded.

    scores = evaluate_units(Path("predictions.csv"), Path("coded.csv"))

Both tables have a row per image, or per frame of a video, and columns that columns.py finds.  Rows are matched by the
image, by its name or the ends of its path, and by the column `frame` where both have one.  Intervals are by `group` (or
`subject`) of the coded table; of videos by the video.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError, UsageError
from mien.evaluation import prototypes
from mien.evaluation.ids import join_rows
from mien.evaluation.metrics import REGRESSION, UNITS
from mien.evaluation.metrics.counts import Floats, mean_known
from mien.evaluation.predictions.table import read_table
from mien.evaluation.prototypes import enough, probabilities
from mien.evaluation.statistics import clusters
from mien.evaluation.statistics.clusters import MIN_GROUPS
from mien.evaluation.statistics.intervals import Ends, interval, known_ends
from mien.evaluation.statistics.units import replicates
from mien.evaluation.units.beside import expressions_of, of_table
from mien.evaluation.units.columns import UnitColumns
from mien.evaluation.units.frames import other_video
from mien.evaluation.units.table import UnitTable, read_tables
from mien.html.page import count
from mien.labels import EXPRESSIONS

SCORES = ("f1", "auc", "pcc", "icc")

LEAST_ROWS = 10
"""The fewest rows of a unit that has intervals."""

FEW = f"below {LEAST_ROWS} rows, or {MIN_GROUPS} subjects or clips"


@dataclass(frozen=True)
class UnitScores:
    """The scores of one unit, or their means over the units.

    Attributes:
        n: rows with both numbers; present: coded rows in which the unit is there.
        scores: f1, auc, pcc and icc (ICC(3,1)), None where undefined; intervals: their 95 % intervals.
    """

    n: int
    present: int
    scores: Mapping[str, float | None]
    intervals: Mapping[str, Ends]

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers of rows and `figures`."""
        return {"n": self.n, "present": self.present, **self.figures()}

    def figures(self) -> dict[str, Any]:
        """Return the scores and, under `_interval`, their intervals."""
        return {**self.scores, **{f"{key}_interval": list(ends) for key, ends in self.intervals.items()}}


@dataclass(frozen=True)
class UnitEvaluation:
    """The units of a table scored against coded ones.

    Attributes:
        n: matched rows; groups: how many subjects or clips intervals are by, None where they are by images.
        mean: over the units; units: by name; notes: which rows and columns were used.
        expressions: where coded rows have an expression, the scores (mien.evaluation.prototypes) of the `prototypes` of
            the units, and of the expressions in the `table` on the same rows; else empty.
    """

    predictions: str
    coded: str
    n: int
    groups: int | None
    threshold: float
    mean: UnitScores
    units: Mapping[str, UnitScores]
    notes: Sequence[str]
    expressions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the object that `mien evaluate --units --json` prints."""
        units = {name: scores.to_dict() for name, scores in self.units.items()}
        return asdict(self) | {"mean": self.mean.figures(), "units": units}


def evaluate_units(predictions: Path, coded: Path, id: str | None = None, threshold: float = 0.5) -> UnitEvaluation:
    """Return the scores of the units in `predictions` against those in `coded`, two tables.

    `id` names the column of images in both; `threshold` is the strength in [0, 1] from which on a unit is predicted,
    where the table has no column for that.  DataError and UsageError for tables that cannot be compared.
    """
    if not 0 < threshold <= 1:
        raise UsageError(f"`threshold` {threshold:g}", "above 0 and at most 1")
    ours, theirs, read = read_tables(predictions, coded, id, threshold)
    names = [name for name in theirs.units.names if name in ours.units.names]
    if not names:
        got = f"{predictions} has {', '.join(ours.units.names)} and {coded} has {', '.join(theirs.units.names)}"
        raise DataError(got, "units that both have")
    place = join_rows(coded, theirs.key, theirs.ids.tolist(), ours.ids)
    order = np.argsort(ours.ids, kind="stable")  # so that draws are the same in every order of rows
    rows = order[place[order] >= 0]
    group = None if theirs.group is None else theirs.group[place[rows]]
    parts = {name: _pairs(ours.units, theirs.units, name, rows, place[rows]) for name in names}
    draws = {name: _drawn(part, group) for name, part in parts.items()}  # of its own rows
    together = {
        name: draws[name] if np.isfinite(part).all() else _drawn(part, group, True) for name, part in parts.items()
    }
    groups, own = clusters.count(group), {name: _groups(part, group) for name, part in parts.items()}
    few = {name for name, part in parts.items() if _few(part, own[name])}
    units = {name: _scores(part, draws[name], own[name], name in few) for name, part in parts.items()}
    notes = [*read, *_notes(predictions, coded, ours, theirs, place)]
    if few:
        notes.append(f"{coded}: too few rows for intervals of {', '.join(sorted(few))}: {FEW}")
    mean = _mean(units, together, own, few)
    known = _expressions(predictions, coded, rows, place[rows], group)
    return UnitEvaluation(str(predictions), str(coded), len(rows), groups, threshold, mean, units, notes, known)


def _expressions(
    predictions: Path, coded: Path, rows: NDArray[np.intp], place: NDArray[np.int64], group: NDArray[np.str_] | None
) -> dict[str, dict[str, Any]]:
    """Return the scores of expressions by prototypes and by the table itself, where coded rows have one."""
    ours, theirs = read_table(predictions), read_table(coded)
    names, units = of_table(predictions, ours)
    label = expressions_of(coded, theirs)
    if label is None or not enough(names):
        return {}
    known = label[place] >= 0
    target, group = np.eye(len(EXPRESSIONS))[label[place][known]], None if group is None else group[known]
    systems = {"prototypes": probabilities(names, units[rows[known]])}
    if (own := expressions_of(predictions, ours)) is not None:
        predicted = own[rows[known]]
        measured = (predicted >= 0) & (systems["prototypes"].sum(1) > 0)  # the same images
        systems["table"] = np.eye(len(EXPRESSIONS))[predicted] * measured[:, None]
    return {name: prototypes.scores(EXPRESSIONS, probs, target, group) for name, probs in systems.items()}


def _pairs(
    ours: UnitColumns, theirs: UnitColumns, name: str, rows: NDArray[np.intp], place: NDArray[np.int64]
) -> Floats:
    """Return predicted strength and presence, coded strength and presence of a unit, float64 (4, N)."""
    k, j = ours.names.index(name), theirs.names.index(name)
    predicted = [part[rows, k] for part in (ours.strength, ours.presence)]
    return np.stack([*predicted, *(part[place, j] for part in (theirs.strength, theirs.presence))])


def _drawn(part: Floats, group: NDArray[np.str_] | None, whole: bool = False) -> dict[str, Floats]:
    """Return replicates of a unit's scores, drawn from its known rows or from the `whole` table, as of other units."""
    known = np.isfinite(part).all(0)
    if not known.any():
        return {key: np.full(1, np.nan) for key in SCORES}
    rows = slice(None) if whole else known
    strength, there, coded, present = part[:, rows]
    return replicates(strength, there, coded, present, None if group is None else group[rows])


def _groups(part: Floats, group: NDArray[np.str_] | None) -> int | None:
    """Return how many groups the known rows of a unit are of; None where intervals are by rows."""
    return None if group is None else clusters.count(group[np.isfinite(part).all(0)])


def _few(part: Floats, groups: int | None) -> bool:
    """Return whether a unit has rows, but too few for an interval."""
    known = np.isfinite(part).all(0)
    return bool(known.any()) and (known.sum() < LEAST_ROWS or (groups is not None and groups < MIN_GROUPS))


def _scores(part: Floats, draws: Mapping[str, Floats], groups: int | None, few: bool) -> UnitScores:
    strength, there, coded, present = part[:, np.isfinite(part).all(0)]
    flat = not len(present) or not np.ptp(strength) or not np.ptp(coded)
    values = {
        "f1": UNITS["f1"](there, present),
        "auc": UNITS["auc"](strength, present),
        "pcc": float("nan") if flat else REGRESSION["corr"](strength, coded),
        "icc": float("nan") if flat else UNITS["icc"](strength, coded),
    }
    known = {key: value if np.isfinite(value) else None for key, value in values.items()}
    return UnitScores(len(present), int(present.sum()), known, _ends(values, draws, groups, few))


def _ends(values: Mapping[str, float], draws: Mapping[str, Floats], groups: int | None, few: bool) -> dict[str, Ends]:
    return {
        key: known_ends(interval(draws[key], value, groups=groups)) if np.isfinite(value) and not few else [None, None]
        for key, value in values.items()
    }


def _mean(
    units: Mapping[str, UnitScores],
    draws: Mapping[str, Mapping[str, Floats]],
    groups: Mapping[str, int | None],
    few: set[str],
) -> UnitScores:
    """Return the means over the units for which a score is defined, with intervals from the same draws.

    As wide as the unit of the fewest groups has them.
    """
    values, over = {}, {}
    for key in SCORES:
        names = [name for name, unit in units.items() if unit.scores[key] is not None]
        values[key] = float(np.mean([units[name].scores[key] for name in names])) if names else float("nan")
        drawn = np.stack([draws[name][key] for name in names], 1) if names else np.full((1, 1), np.nan)
        over[key] = mean_known(drawn)  # as the mean itself: over the units that a resample defines
    known = {key: value if np.isfinite(value) else None for key, value in values.items()}
    n, present = (sum(getattr(unit, what) for unit in units.values()) for what in ("n", "present"))
    fewest = min((own for name, own in groups.items() if own is not None and units[name].n), default=None)
    return UnitScores(n, present, known, _ends(values, over, fewest, bool(few)))


def _notes(predictions: Path, coded: Path, ours: UnitTable, theirs: UnitTable, place: NDArray[np.int64]) -> list[str]:
    matched = int((place >= 0).sum())
    notes = [f"{predictions}: {matched:,} of {count(len(theirs.ids), 'coded row')} have a prediction"]
    if lost := len(place) - matched:
        notes.append(f"{coded}: no code for {count(lost, 'predicted row')}")
    there = place >= 0
    if ours.framed and (other := other_video(ours.ids[there], theirs.ids[place[there]])):
        notes.append(f"{coded}: rows are matched by the frame alone, as names of videos differ: {other}")
    if missing := [name for name in theirs.units.names if name not in ours.units.names]:
        notes.append(f"{predictions}: no column for {', '.join(missing)}")
    if levels := theirs.units.levels:
        notes.append(f"{coded}: levels from 0 to 5 of {', '.join(levels)}, there from level 2 on")
    if binary := theirs.units.binary:
        notes.append(f"{coded}: 0 and 1 alone of {', '.join(binary)}, absent and there")
    if ours.units.quantiles:
        notes.append(
            f"{predictions}: fractions of reference faces, so a threshold of 0.5 calls half of such faces there"
        )
    return notes
