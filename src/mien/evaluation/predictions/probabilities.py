"""Columns of probabilities as somebody else prints them, brought to rows that sum to one: no more is undone than that.

Percentages, per cent signs, decimal commas and rounding are undone and said; what a service gives to a word that is no
expression of ours is left out only when told to, and how much that was is said.
"""

from pathlib import Path
from shlex import quote

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError
from mien.evaluation.predictions.columns import Columns, survey
from mien.evaluation.predictions.table import Rows, empty, named, number
from mien.html.page import count
from mien.labels import EXPRESSIONS

ROUNDED = 0.005
"""How far a probability printed with two decimals can be off."""

Floats = NDArray[np.float64]
Found = tuple[Floats, NDArray[np.bool_], tuple[str, ...]]


def probabilities(path: Path, rows: Rows, columns: Columns) -> Found:
    """Return probabilities float64 (N, K) in the order of `columns.probs`, which rows hold an answer, and notes.

    A row that is empty, zero everywhere, or gave all to what is ignored holds none and is zero.  DataError names the
    rows that are no distribution, and the columns that may be missing.
    """
    names, k = [*columns.probs.values(), *columns.ignored], len(columns.probs)
    blank = np.all([[empty(cell) for cell in rows[name]] for name in names], axis=0)
    values = np.stack([_numbers(path, rows[name], name, blank) for name in names], 1)
    _positive(path, values)
    total = values.sum(1)
    answered = total > 0
    off = ROUNDED * len(names) + 1e-3
    notes = _punctuation(path, rows, names)
    if answered.any() and (np.abs(total[answered] - 100) <= 100 * off).all():
        values, total, notes = values / 100, total / 100, (*notes, f"{path}: percentages were divided by 100")
    if (wrong := answered & (np.abs(total - 1) > off)).any():
        raise _unsummed(path, rows, columns, wrong, total, off)
    if (np.abs(total[answered] - 1) > 1e-3).any():
        notes += (f"{path}: rounded probabilities were made to sum to one again",)
    kept = values[:, :k].sum(1)
    share = kept / np.where(answered, total, 1)
    if columns.ignored:
        notes += (_ignored(path, columns, values, share, answered),)
    answered &= share > 1e-6
    return values[:, :k] / np.where(answered, kept, 1)[:, None] * answered[:, None], answered, notes


def _numbers(path: Path, cells: list[str], column: str, blank: NDArray[np.bool_]) -> Floats:
    numbers = np.where(blank, 0.0, [number(cell) for cell in cells])
    if wrong := (np.flatnonzero(np.isnan(numbers)) + 1).tolist():
        raise DataError(
            f"{path}: {named(wrong)} with no number in column {column}, first {cells[wrong[0] - 1]!r}",
            "a probability in every cell, or in none of a row without an answer",
        )
    return numbers


def _positive(path: Path, values: Floats) -> None:
    if (wrong := (values < 0).any(1)).any():
        rows = (np.flatnonzero(wrong) + 1).tolist()
        raise DataError(f"{path}: {named(rows)} with a negative probability", "probabilities from 0 to 1")


def _punctuation(path: Path, rows: Rows, names: list[str]) -> tuple[str, ...]:
    comma = any("," in cell for name in names for cell in rows[name])
    return (f"{path}: decimal commas were read as points",) if comma else ()


def _ignored(path: Path, columns: Columns, values: Floats, share: Floats, answered: NDArray[np.bool_]) -> str:
    k, n = len(columns.probs), int(answered.sum())
    top = int((values[:, :k].max(1) < values[:, k:].max(1))[answered].sum())
    held = 100 * float((1 - share[answered]).mean()) if n else 0.0
    return (
        f"{path}: IGNORED as told: {', '.join(columns.ignored)}, which held {held:.1f} % on average and was the "
        f"likeliest answer in {top:,} of {count(n, 'row')}; the others were made to sum to one, so the "
        "probabilities compared are not those of the table"
    )


def _unsummed(
    path: Path, rows: Rows, columns: Columns, wrong: NDArray[np.bool_], total: Floats, off: float
) -> DataError:
    """Return what is wrong with rows that do not sum to one: what was found, what was not, and the words to type."""
    used = {*columns.probs.values(), *columns.ignored, columns.id, columns.truth}
    spare = {name: cells for name, cells in rows.items() if name not in used and _numeric(cells)}
    lacking = [e for e in EXPRESSIONS if e not in columns.probs]
    told = [*survey(columns.probs), *([f"not used {', '.join(map(repr, spare))}"] if spare else [])]
    first = f"the first to {total[wrong][0]:.4g}"
    got = f"{path}: {named((np.flatnonzero(wrong) + 1).tolist())} whose probabilities do not sum to one, {first}"
    return DataError(got, f"columns for all expressions; {'; '.join(told)}", _advice(spare, lacking, total, off))


def _advice(spare: Rows, lacking: list[str], total: Floats, off: float) -> str:
    for name, cells in spare.items():
        all_told = total + np.nan_to_num([number(cell) for cell in cells])
        if min(np.abs(all_told - whole).max() / whole for whole in (1, 100)) <= off + ROUNDED:
            does = f"with {name} they do: `column` ignore={quote(name)}"
            return f"{does}, or `column` EXPRESSION={quote(name)}" if lacking else does
    if not spare:
        return "scores that are no probabilities cannot be compared; a column of labels can: `column` label=..."
    named = " ".join(f"`column` {e}={quote(name)}" for e, name in zip(lacking, spare, strict=False))
    ignored = " ".join(f"`column` ignore={quote(name)}" for name in spare)
    meant = f"say which is which, as in {named}" if named else ""
    return f"{meant}{'; ' if meant else ''}for what is a probability but no expression of ours {ignored}"


def _numeric(cells: list[str]) -> bool:
    return all(empty(cell) or not np.isnan(number(cell)) for cell in cells)
