"""Columns of probabilities as other systems print them, brought to rows that sum to one.

Percentages, per cent signs, decimal commas and rounding are undone and reported, and nothing else is.  Columns of
anything that is not one of our expressions are dropped only when `--column ignore=` names them, with a report of how
much they held.
"""

from shlex import quote

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError
from mien.evaluation.predictions.columns import Columns, survey
from mien.evaluation.predictions.table import PredictionTable, Rows, empty, named, number
from mien.html.page import count
from mien.labels import EXPRESSIONS

ROUNDED = 0.005
"""How far a probability printed with two decimals can be off."""

Floats = NDArray[np.float64]
Present = NDArray[np.bool_]


def probabilities(table: PredictionTable, columns: Columns) -> tuple[Floats, Present, tuple[str, ...]]:
    """Return probabilities float64 (N, K) in the order of `columns.probs`, bool (N,) which rows have any, and notes.

    A row that is empty, zero everywhere, or has all its probability in ignored columns has none: its row is zero.
    DataError names the rows that are not a distribution, and the columns that may be missing.
    """
    path, names, k = table.path, [*columns.probs.values(), *columns.ignored], len(columns.probs)
    blank = np.all([[empty(cell) for cell in table.rows[name]] for name in names], axis=0)
    values = np.stack([_numbers(table, name, blank) for name in names], 1)
    _check_positive(table, values)
    total = values.sum(1)
    present = total > 0
    tolerance = ROUNDED * len(names) + 1e-3
    notes = _decimal_commas(table, names)
    if present.any() and (np.abs(total[present] - 100) <= 100 * tolerance).all():
        values, total, notes = values / 100, total / 100, (*notes, f"{path}: percentages were divided by 100")
    if (wrong := present & (np.abs(total - 1) > tolerance)).any():
        raise _wrong_sums(table, columns, wrong, total, tolerance)
    if (np.abs(total[present] - 1) > 1e-3).any():
        notes += (f"{path}: rounded probabilities were renormalised",)
    kept = values[:, :k].sum(1)
    fraction = kept / np.where(present, total, 1)
    if columns.ignored:
        notes += (_ignored(table, columns, values, fraction, present),)
    present &= fraction > 1e-6
    return values[:, :k] / np.where(present, kept, 1)[:, None] * present[:, None], present, notes


def _numbers(table: PredictionTable, column: str, blank: Present) -> Floats:
    cells = table.rows[column]
    numbers = np.where(blank, 0.0, [number(cell) for cell in cells])
    if wrong := (np.flatnonzero(np.isnan(numbers)) + 1).tolist():
        raise DataError(
            f"{table.path}: {named(wrong)} without a number in column {column}, first {cells[wrong[0] - 1]!r}",
            "a probability in every cell of a row, or in none",
        )
    return numbers


def _check_positive(table: PredictionTable, values: Floats) -> None:
    if (wrong := (values < 0).any(1)).any():
        rows = (np.flatnonzero(wrong) + 1).tolist()
        raise DataError(f"{table.path}: {named(rows)} with a negative probability", "probabilities from 0 to 1")


def _decimal_commas(table: PredictionTable, names: list[str]) -> tuple[str, ...]:
    comma = any("," in cell for name in names for cell in table.rows[name])
    return (f"{table.path}: decimal commas were read as points",) if comma else ()


def _ignored(table: PredictionTable, columns: Columns, values: Floats, fraction: Floats, present: Present) -> str:
    k, n = len(columns.probs), int(present.sum())
    top = int((values[:, :k].max(1) < values[:, k:].max(1))[present].sum())
    held = 100 * float((1 - fraction[present]).mean()) if n else 0.0
    return (
        f"{table.path}: IGNORED as requested: {', '.join(columns.ignored)}, with {held:.1f} % of the probability on "
        f"average and top-1 in {top:,} of {count(n, 'row')}; the other columns were renormalised, so the "
        "probabilities compared are not those of the table"
    )


def _wrong_sums(table: PredictionTable, columns: Columns, wrong: Present, total: Floats, tolerance: float) -> DataError:
    """Return the error for rows that do not sum to one: columns found, missing and unused, and the options to add."""
    used = {*columns.probs.values(), *columns.ignored, columns.id, columns.target}
    spare = {name: cells for name, cells in table.rows.items() if name not in used and _numeric(cells)}
    lacking = [e for e in EXPRESSIONS if e not in columns.probs]
    details = [*survey(columns.probs), *([f"not used {', '.join(map(repr, spare))}"] if spare else [])]
    first = f"the first to {total[wrong][0]:.4g}"
    got = f"{table.path}: {named((np.flatnonzero(wrong) + 1).tolist())} whose probabilities do not sum to one, {first}"
    return DataError(
        got, f"columns for all expressions; {'; '.join(details)}", _advice(spare, lacking, total, tolerance)
    )


def _advice(spare: Rows, lacking: list[str], total: Floats, tolerance: float) -> str:
    for name, cells in spare.items():
        sums = total + np.nan_to_num([number(cell) for cell in cells])
        if min(np.abs(sums - whole).max() / whole for whole in (1, 100)) <= tolerance + ROUNDED:
            does = f"with {name} they do: `column` ignore={quote(name)}"
            return f"{does}, or `column` EXPRESSION={quote(name)}" if lacking else does
    if not spare:
        return "only probabilities can be compared, or labels: `column` label=..."
    assigned = " ".join(f"`column` {e}={quote(name)}" for e, name in zip(lacking, spare, strict=False))
    ignored = " ".join(f"`column` ignore={quote(name)}" for name in spare)
    advice = f"assign columns to expressions, as in {assigned}; " if assigned else ""
    return f"{advice}for probabilities of anything else {ignored}"


def _numeric(cells: list[str]) -> bool:
    return all(empty(cell) or not np.isnan(number(cell)) for cell in cells)
