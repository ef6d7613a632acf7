"""Prototypes as a system beside each that has action units, out of its result or its table."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError
from mien.evaluation.metrics.counts import Floats
from mien.evaluation.predictions import SystemPredictions
from mien.evaluation.predictions.table import PredictionTable, empty, number, read_table
from mien.evaluation.predictions.words import expressions
from mien.evaluation.prototypes import enough, probabilities
from mien.evaluation.result import Result
from mien.evaluation.units.columns import NAME, find_units
from mien.html.page import count
from mien.labels import EXPRESSIONS
from mien.prototypes import HALVES

EXPRESSION = ("expression", "emotion", "label", "true_label", "true_expression", "truth", "target")
"""Columns of tables that may hold the expression."""


def beside(systems: Sequence[SystemPredictions]) -> list[SystemPredictions]:
    """Return the systems, followed by what the prototypes make of the units in the files of those that have enough."""
    more = [one for system in systems if (one := _of(system, system.place + len(systems)))]
    return [*systems, *more]


def _of(system: SystemPredictions, place: int) -> SystemPredictions | None:
    names, units = _units(system.path)
    if not enough(names):
        return None
    probs = probabilities(names, units)
    without = system.present & (probs.sum(1) == 0)
    probs[without] = 1 / len(EXPRESSIONS)
    note = f"{system.path}: its action units as expressions, by prototypes, without training and not calibrated"
    lost = (
        f"; {count(int(without.sum()), 'image')} without units, where all expressions are alike"
        if without.any()
        else ""
    )
    facts = None if system.provenance is None else system.provenance.without("adjustment", "prior", "threshold")
    return replace(
        system,
        name=f"prototypes of {system.name}",
        place=place,
        labels=EXPRESSIONS,
        probs=probs,
        present=system.present & (probs.sum(1) > 0),
        labels_only=False,
        provenance=facts,
        notes=(note + lost,),
    )


def _units(path: Path) -> tuple[Sequence[str], Floats]:
    """Return the names and numbers of the units in a result or a table; none where it has none."""
    if path.suffix == ".npz":
        result = Result.load(path)
        units = result.units
        return (result.provenance.units or (), np.zeros((0, 0)) if units is None else units.astype(np.float64))
    rows = read_table(path)
    return of_table(path, rows) if any(NAME.fullmatch(name.strip()) for name in rows) else ((), np.zeros((0, 0)))


def of_table(path: Path, rows: Mapping[str, list[str]]) -> tuple[Sequence[str], Floats]:
    """Return the names and numbers of a table's units, with the halves that prototypes need."""
    found = find_units(path, rows, 0.5)
    halves = [name for name in HALVES if name in rows]
    cells = [[np.nan if empty(cell) else number(cell) for cell in rows[name]] for name in halves]
    return (*found.names, *halves), np.column_stack([found.strength, *(np.array(part, np.float64) for part in cells)])


def expressions_of(path: Path, rows: Mapping[str, list[str]]) -> NDArray[np.intp] | None:
    """Return the expression of each row, -1 for none, by the first column that holds nothing else; None without one."""
    for name in (name for name in EXPRESSION if name in rows):
        try:
            index, labels = expressions(PredictionTable(path, rows), name, {})
        except DataError:  # another kind of label
            continue
        if labels == EXPRESSIONS and (index >= 0).any():
            return index
    return None
