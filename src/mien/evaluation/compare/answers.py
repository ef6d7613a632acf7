"""What systems answered, read from where it lies: a result, a folder of one, or any table of another system.

A table has a row per picture: a column that names the picture, and either a column of labels or one per expression with
probabilities.  Columns are told (`id=path`, `label=prediction`, `happiness=happy_score`, `truth=label`) or guessed from
their names, and what was guessed is said.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError, UsageError
from mien.evaluation.compare.columns import Columns, find_columns
from mien.evaluation.result import Result
from mien.labels import EXPRESSIONS, canonical, ordered

TABLES = (".csv", ".tsv", ".parquet")
ROUNDED = 0.005  # how far a probability printed with two decimals can be off


@dataclass(frozen=True, eq=False)
class Answers:
    """What one system answered, in its own order of pictures.

    Attributes:
        name, path: how it is called, and where it was read.
        ids: (N,) strings, each once: ids of a data set or paths of pictures.
        labels: K expressions in vocabulary order; probs: float64 (N, K).
        certain: only labels are known, so `probs` is one-hot and says nothing of confidence.
        target: float64 (N, T) over `truth_labels`, or None where the truth is not there.
        facts: what a result knows of its origin; notes: what a person should be told.
    """

    name: str
    path: Path
    ids: NDArray[np.str_]
    labels: tuple[str, ...]
    probs: NDArray[np.floating]
    certain: bool
    target: NDArray[np.floating] | None
    truth_labels: tuple[str, ...]
    facts: Mapping[str, Any]
    notes: tuple[str, ...] = ()


def read_answers(path: Path, columns: Mapping[str, str], split: str, as_table: bool) -> Answers:
    """Return the answers in a file or folder; DataError and UsageError say what is wrong with it."""
    path = _file(Path(path), split)
    if path.suffix.lower() in TABLES or (as_table and path.suffix != ".npz"):
        return table_answers(path, columns)
    if path.suffix != ".npz" and path.is_file() and not is_zipfile(path):
        raise UsageError(f"{path} is neither .npz nor {', '.join(TABLES)}", do="--from csv takes it for a table")
    result = Result.load(path)
    if not len(result):
        raise DataError(f"{path} holds no pictures", "at least one")
    name = str(result.provenance.get("weights") or path.stem)
    certain = bool(result.provenance.get("labels_only"))
    truth = result.target.astype(np.float64)
    probs = result.probs.astype(np.float64)
    return Answers(name, path, result.ids, result.labels, probs, certain, truth, result.labels, result.provenance)


def _file(path: Path, split: str) -> Path:
    """Return a file, or the one result that a folder holds for a split."""
    if not path.is_dir():
        return path
    found = [file for name in ("result.npz", f"{split}.npz") if (file := path / name).is_file()]
    found = found[:1] or sorted(path.glob(f"*-{split}.npz"))
    if len(found) != 1:
        held = f"{len(found)} results of {split}" if found else f"no result of {split}"
        raise UsageError(f"{path} holds {held}", "one result.npz", "name the .npz file itself")
    return found[0]


def table_answers(path: Path, told: Mapping[str, str]) -> Answers:
    """Return the answers in a CSV, TSV or Parquet table; `told` maps id, label, truth and expressions to columns."""
    rows = read_table(path)
    if not len(next(iter(rows.values()), [])):
        raise DataError(f"{path} has no rows", "a row per picture")
    columns, notes = find_columns(path, list(rows), told)
    ids = np.array([cell.strip() for cell in rows[columns.id]], np.str_)
    _each_once(path, ids)
    if columns.probs:
        labels = ordered(tuple(columns.probs))
        probs, told_more = _probabilities(path, np.stack([_numbers(path, rows, columns.probs[k]) for k in labels], 1))
        notes += told_more
    else:
        labels, probs = _hard(_expressions(path, rows, columns.label))
    truth_labels, target = _hard(_expressions(path, rows, columns.truth)) if columns.truth else ((), None)
    return Answers(
        name=path.stem,
        path=path,
        ids=ids,
        labels=labels,
        probs=probs,
        certain=not columns.probs,
        target=target,
        truth_labels=truth_labels,
        facts={},
        notes=(_said(path, columns), *notes),
    )


def read_table(path: Path) -> dict[str, list[str]]:
    """Return a table's columns as text, empty where there is no value; DataError for what is no table."""
    try:
        if path.suffix.lower() == ".parquet":
            return _parquet(path)
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"no file {path}", "a table: CSV, TSV or Parquet") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error})", "a table in UTF-8 or Parquet") from None
    first = text.partition("\n")[0]
    try:
        head, *rows = csv.reader(text.splitlines(), delimiter=max(",;\t", key=first.count)) if text.strip() else [[]]
    except csv.Error as error:
        raise DataError(f"{path} is no table ({error})", "CSV with a header") from None
    rows = [row for row in rows if row]
    if wrong := [k for k, row in enumerate(rows, 1) if len(row) != len(head)]:
        raise DataError(f"{path}: {named(wrong)} with another number of cells than the header", f"{len(head)} cells")
    if twice := sorted({name for name in head if head.count(name) > 1}):
        raise DataError(f"{path}: columns {', '.join(twice)} stand twice", "every column once")
    return {name: [row[k] for row in rows] for k, name in enumerate(head)}


def named(rows: Sequence[int]) -> str:
    """Name the first rows of a table, counted from one.

    >>> named([3]), named([1, 2, 3, 4])
    ('row 3', '4 rows (1, 2, 3, ...)')
    """
    if len(rows) == 1:
        return f"row {rows[0]}"
    first = ", ".join(map(str, rows[:3]))
    return f"{len(rows)} rows ({first}{', ...' if len(rows) > 3 else ''})"


def _parquet(path: Path) -> dict[str, list[str]]:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    flat = {name: table.column(name).to_pylist() for name in table.column_names}
    return {name: ["" if value is None else str(value) for value in values] for name, values in flat.items()}


def _each_once(path: Path, ids: NDArray[np.str_]) -> None:
    _, where, count = np.unique(ids, return_inverse=True, return_counts=True)
    if (count > 1).any():
        rows = (np.flatnonzero(count[where] > 1) + 1).tolist()
        raise DataError(
            f"{path}: {named(rows)} name the same pictures, {str(ids[rows[0] - 1])!r} first", "a row per picture"
        )


def _numbers(path: Path, rows: Mapping[str, list[str]], column: str) -> NDArray[np.float64]:
    numbers, wrong = np.empty(len(rows[column])), []
    for k, cell in enumerate(rows[column]):
        try:
            numbers[k] = float(cell)
        except ValueError:
            numbers[k] = np.nan
        if not np.isfinite(numbers[k]):
            wrong.append(k + 1)
    if wrong:
        raise DataError(
            f"{path}: {named(wrong)} with no number in column {column}, first {rows[column][wrong[0] - 1]!r}",
            "a probability in every cell",
            "leave out rows without an answer and give --intersect",
        )
    return numbers


def _probabilities(path: Path, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return rows that sum to one, and what was done: percentages are divided, rounding is undone, no more."""
    if (values < 0).any():
        rows = (np.flatnonzero((values < 0).any(1)) + 1).tolist()
        raise DataError(f"{path}: {named(rows)} with a negative probability", "probabilities from 0 to 1")
    off = ROUNDED * values.shape[1] + 1e-3
    notes: tuple[str, ...] = ()
    if (np.abs(values.sum(1) - 100) <= 100 * off).all():
        values, notes = values / 100, (f"{path}: percentages were divided by 100",)
    total = values.sum(1)
    if (wrong := np.abs(total - 1) > off).any():
        rows = (np.flatnonzero(wrong) + 1).tolist()
        found = f"{named(rows)} whose probabilities do not sum to one, the first to {total[wrong][0]:.4g}"
        raise DataError(f"{path}: {found}", f"columns for all expressions ({values.shape[1]} were found)")
    if (np.abs(total - 1) > 1e-3).any():
        notes += (f"{path}: rounded probabilities were made to sum to one again",)
    return values / total[:, None], notes


def _expressions(path: Path, rows: Mapping[str, list[str]], column: str) -> NDArray[np.intp]:
    words = [canonical(cell) for cell in rows[column]]
    if wrong := [k for k, word in enumerate(words, 1) if word is None]:
        cell = rows[column][wrong[0] - 1]
        near = get_close_matches(cell.lower(), EXPRESSIONS, 1)
        raise DataError(
            f"{path}: {named(wrong)} with no expression in column {column}, first {cell!r}",
            f"one of {', '.join(EXPRESSIONS)}",
            f"did you mean {near[0]}?" if near else "",
        )
    return np.array([EXPRESSIONS.index(word) for word in words if word], np.intp)


def _hard(index: NDArray[np.intp]) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return the labels that occur and one-hot rows over them."""
    found, place = np.unique(index, return_inverse=True)
    return tuple(EXPRESSIONS[k] for k in found), np.eye(len(found))[place]


def _said(path: Path, columns: Columns) -> str:
    answers = "labels from " + columns.label
    if columns.probs:
        answers = "probabilities from " + ", ".join(f"{c} ({e})" for e, c in columns.probs.items())
    truth = f", truth from {columns.truth}" if columns.truth else ""
    return f"{path}: pictures from {columns.id}, {answers}{truth}"
