"""What systems answered, read from where it lies: a result, a folder of one, or any table of another system.

A table has a row per image: a column that names the image, and either a column of labels or one per expression with
probabilities.  Columns are told (`id=path`, `label=prediction`, `happiness=happy_score`, `truth=label`) or guessed from
their names, and what was guessed is said.  An empty row is an image without an answer.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from shlex import quote
from typing import Any
from zipfile import is_zipfile

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError, UsageError
from mien.evaluation.label_sets import answerable, labelled
from mien.evaluation.predictions.columns import IGNORE, Columns, Told, check_told, find_columns, meaning
from mien.evaluation.predictions.probabilities import probabilities
from mien.evaluation.predictions.table import SUFFIXES, Rows, empty, named, read_table
from mien.evaluation.result import Result
from mien.html.page import count
from mien.labels import EXPRESSIONS, columns, ordered

SPLITS = ("val", "test")
LISTED = 12
"""How many different words that are no expression are listed."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What one system answered, in its own order of images.

    Attributes:
        name, path: how it is called, and where it was read.
        ids: (N,) strings, each once: ids of a data set or paths of images.
        labels: K expressions in vocabulary order; probs: float64 (N, K), zero where there is no answer.
        answered: bool (N,), which images have an answer.
        certain: only labels are known, so `probs` is one-hot and says nothing of confidence.
        target: float64 (N, T) over `truth_labels`, or None where the truth is not there.
        group: (N,) subject or clip, or None.
        facts: what a result knows of its origin; notes: what a person should be told.
    """

    name: str
    path: Path
    ids: NDArray[np.str_]
    labels: tuple[str, ...]
    probs: NDArray[np.floating]
    answered: NDArray[np.bool_]
    certain: bool
    target: NDArray[np.floating] | None
    truth_labels: tuple[str, ...]
    facts: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    group: NDArray[np.str_] | None = None


def read_all(paths: Sequence[Path], told: Sequence[Told], split: str | None, as_table: bool) -> list[Answers]:
    """Return the answers in files or folders; DataError and UsageError say what is wrong with them.

    `split` is what every result has to be of (None: any, and test where a folder has several).
    """
    files = [_file(Path(path), split) for path in paths]
    tables = {path: _rows(path) for path in files if _is_table(path, as_table)}
    if as_table and not tables:
        raise UsageError("`source` csv without a table", "a path that is no .npz")
    check_told(told, tables)
    return [
        table_answers(path, tables[path], told) if path in tables else result_answers(path, split) for path in files
    ]


def _is_table(path: Path, as_table: bool) -> bool:
    if path.suffix.lower() in SUFFIXES or (as_table and path.suffix != ".npz"):
        return True
    if path.suffix != ".npz" and path.is_file() and not is_zipfile(path):
        raise UsageError(f"{path} is neither .npz nor {', '.join(SUFFIXES)}", do="`source` csv takes it for a table")
    return False


def _file(path: Path, split: str | None) -> Path:
    """Return a file, or the one result that a folder holds for a split."""
    if not path.is_dir():
        return path
    split = split or "test"
    found = [file for name in ("result.npz", f"{split}.npz") if (file := path / name).is_file()]
    found = found[:1] or sorted(path.glob(f"*-{split}.npz"))
    if len(found) != 1:
        held = f"{len(found)} results of {split}" if found else f"no result of {split}"
        raise UsageError(f"{path} holds {held}", "one result.npz", "name the .npz file itself")
    return found[0]


def result_answers(path: Path, split: str | None) -> Answers:
    """Return the answers in a result; UsageError for one of another split."""
    result = Result.load(path)
    if not len(result):
        raise DataError(f"{path} holds no images", "at least one")
    facts = result.provenance.to_dict()
    if split and facts.get("split", split) != split:
        raise UsageError(f"`split` {split}, but {path} is of {facts['split']}", f"results of {split}")
    return Answers(
        name=str(facts.get("weights") or path.stem),
        path=path,
        ids=result.ids,
        labels=answerable(result),
        probs=result.probs[:, columns(result.labels, answerable(result))].astype(np.float64),
        answered=np.ones(len(result), bool),
        certain=bool(facts.get("labels_only")),
        target=result.target[:, columns(result.labels, labelled(result))].astype(np.float64),
        truth_labels=labelled(result),
        facts=facts,
        notes=_restricted(path, result),
        group=result.group,
    )


def _restricted(path: Path, result: Result) -> tuple[str, ...]:
    if not (names := result.provenance.labels_left_out):
        return ()
    left = f"written without {', '.join(names)}: images labelled so, and answers of it, are not in it"
    return (f"{path}: {left}",)


def _rows(path: Path) -> Rows:
    rows = read_table(path)
    if not len(next(iter(rows.values()), [])):
        raise DataError(f"{path} has no rows", "a row per image")
    return rows


def table_answers(path: Path, rows: Rows, told: Sequence[Told]) -> Answers:
    """Return the answers in a table's columns; `told` says what they hold."""
    found, notes = find_columns(path, rows, told)
    ids = np.array([cell.strip() for cell in rows[found.id]], np.str_)
    _each_once(path, ids)
    if found.probs:
        labels = ordered(tuple(found.probs))
        probs, answered, more = probabilities(path, rows, found)
        notes += more
    else:
        index = _expressions(path, rows[found.label], found.label, found.words)
        labels, probs = _hard(index)
        answered = index >= 0
        notes += _meanings(path, found)
    if not answered.any():
        raise DataError(f"{path} holds no answer", "at least one")
    if lost := int((~answered).sum()):
        notes += (f"{path}: {count(lost, 'row')} without an answer ({first(ids[~answered])})",)
    truth_labels, target = _truth(path, rows, found.truth)
    return Answers(
        name=path.stem,
        path=path,
        ids=ids,
        labels=labels,
        probs=probs,
        answered=answered,
        certain=not found.probs,
        target=target,
        truth_labels=truth_labels,
        facts={},
        notes=(_said(path, found), *notes),
    )


def first(ids: NDArray[np.str_]) -> str:
    """Name the first few ids.

    >>> first(np.array(["a", "b"])), first(np.array(list("abcdef")))
    ('a, b', 'a, b, c, d, e, ...')
    """
    return ", ".join(ids[:5].tolist()) + (", ..." if len(ids) > 5 else "")


def _each_once(path: Path, ids: NDArray[np.str_]) -> None:
    _, where, counts = np.unique(ids, return_inverse=True, return_counts=True)
    if (counts > 1).any():
        rows = (np.flatnonzero(counts[where] > 1) + 1).tolist()
        raise DataError(
            f"{path}: {named(rows)} name the same images, {str(ids[rows[0] - 1])!r} first", "a row per image"
        )


def _truth(path: Path, rows: Rows, column: str) -> tuple[tuple[str, ...], NDArray[np.float64] | None]:
    if not column:
        return (), None
    index = _expressions(path, rows[column], column, {})
    if (index < 0).any():
        raise DataError(f"{path}: {named((np.flatnonzero(index < 0) + 1).tolist())} with no truth in column {column}")
    return _hard(index)


def _expressions(path: Path, cells: list[str], column: str, told: Mapping[str, str]) -> NDArray[np.intp]:
    """Return places in EXPRESSIONS, -1 for what is empty or told to be ignored; DataError lists every other word."""
    index, wrong = np.full(len(cells), -1, np.intp), []
    for k, cell in enumerate(cells):
        meant = told.get(cell.strip().lower()) or (None if empty(cell) else meaning(cell))
        if meant in EXPRESSIONS:
            index[k] = EXPRESSIONS.index(meant)
        elif meant != IGNORE and not empty(cell):
            wrong.append(k + 1)
    if wrong:
        words = Counter(cells[k - 1].strip() for k in wrong).most_common()
        listed = [f"{word!r} {n:,}{_near(word)}" for word, n in words[:LISTED]]
        more, word = [f"{len(words) - LISTED} words more"] if len(words) > LISTED else [], quote(words[0][0])
        raise DataError(
            f"{path}: {named(wrong)} with no expression in column {column}: {', '.join(listed + more)}",
            f"one of {', '.join(EXPRESSIONS)}",
            f"`column` EXPRESSION={word} says what a word means, `column` ignore={word} that it is no answer",
        )
    return index


def _near(word: str) -> str:
    near = get_close_matches(word.lower(), EXPRESSIONS, 1)
    return f" (did you mean {near[0]}?)" if near else ""


def _meanings(path: Path, columns: Columns) -> tuple[str, ...]:
    told = [f"{word} ({'no answer' if what == IGNORE else what})" for word, what in columns.words.items()]
    return (f"{path}: in column {columns.label}, as told: {', '.join(told)}",) if told else ()


def _hard(index: NDArray[np.intp]) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return the labels that occur and one-hot rows over them, zero where there is none."""
    found = np.unique(index[index >= 0])
    return tuple(EXPRESSIONS[k] for k in found), (index[:, None] == found).astype(np.float64)


def _said(path: Path, columns: Columns) -> str:
    answers = "labels from " + columns.label
    if columns.probs:
        answers = "probabilities from " + ", ".join(f"{c} ({e})" for e, c in columns.probs.items())
    truth = f", truth from {columns.truth}" if columns.truth else ""
    return f"{path}: images from {columns.id}, {answers}{truth}"
