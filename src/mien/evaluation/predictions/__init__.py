"""SystemPredictions of systems: read from a result, a folder with one or more, or any table of another system.

    (mine, service) = read_all([Path("result.npz"), Path("api.csv")], ["api.csv:id=photo"])

A table has a row per image: a column that names the image, and either a column of labels or a column of probabilities
per expression.  `--column` says which is which (`id=path`, `label=prediction`, `happiness=happy_score`,
`truth=label`, `group=subject`); without it columns are inferred from their names and reported.  An empty row is an
image without a prediction.  Systems are measured against a table with true labels alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import is_zipfile

import numpy as np
from numpy.typing import NDArray

from mien.data import groups
from mien.errors import DataError, UsageError
from mien.evaluation.label_sets import labelled, predictable
from mien.evaluation.predictions.columns import Columns, check_mapping, find_columns, own_labels
from mien.evaluation.predictions.mapping import IGNORE, ColumnMapping, read_mapping
from mien.evaluation.predictions.probabilities import probabilities
from mien.evaluation.predictions.table import SUFFIXES, PredictionTable, named
from mien.evaluation.predictions.words import expressions
from mien.evaluation.result import Provenance, Result
from mien.html.page import count
from mien.labels import UNCLEAR, columns, ordered

SPLITS = ("val", "test")


@dataclass(frozen=True, eq=False)
class SystemPredictions:
    """What one system predicted, in its own order of images.

    Attributes:
        name, path: what the system is called, and the file.
        ids: (N,) strings, each once: ids of a data set or paths of images.
        labels: K expressions in vocabulary order, none in a table of true labels alone; probs: float64 (N, K), zero
            where there is no prediction.
        present: bool (N,), which images have a prediction.
        labels_only: only labels are known, so `probs` is one-hot and not a confidence.
        target: float64 (N, T) over `target_labels`, or None where there are no labels to compare with.
        provenance: that of a result, None for a table; notes: what to report about reading it.
        group: (N,) subject or clip, or None.
        place: which of the paths that were given it was read from; those of one place are runs of one system.
        folder: that path where it holds several runs, else None; run: which one, as `seed 1 fold 0`.
        folds: how many folds were joined in it, 1 for what is one run.
    """

    name: str
    path: Path
    ids: NDArray[np.str_]
    labels: tuple[str, ...]
    probs: NDArray[np.floating]
    present: NDArray[np.bool_]
    labels_only: bool
    target: NDArray[np.floating] | None
    target_labels: tuple[str, ...]
    provenance: Provenance | None
    notes: tuple[str, ...] = ()
    group: NDArray[np.str_] | None = None
    place: int = 0
    folder: Path | None = None
    run: str = ""
    folds: int = 1


def read_all(
    paths: Sequence[Path], mapping: Sequence[str] = (), split: str | None = None, as_table: bool = False
) -> list[SystemPredictions]:
    """Return the predictions in files or folders; DataError and UsageError say what is wrong with them.

    `mapping` are --column options; `split` is that of every result (None: any, and test where a folder has several);
    `as_table` reads every file but .npz as a table.  Of a folder of several runs there is one for each.
    """
    options = read_mapping(mapping)
    found = [results_in(Path(path), split) for path in paths]
    files = [file for each in found for file in each]
    tables = {path: PredictionTable.read(path, options) for path in files if _is_table(path, as_table)}
    if as_table and not tables:
        raise UsageError("`source` csv without a table", "a path other than .npz")
    check_mapping(options, list(tables.values()))
    own = [ColumnMapping("", label, label) for table in tables.values() for label in own_labels(table)]
    tables = {path: replace(table, mapping=(*table.mapping, *own)) for path, table in tables.items()}
    systems = []
    for place, (path, each) in enumerate(zip(paths, found, strict=True)):
        folder = Path(path) if len(each) > 1 else None
        for file in each:
            system = _from_table(tables[file]) if file in tables else _from_result(file, split)
            systems.append(replace(system, place=place, folder=folder))
    return systems


def first(ids: NDArray[np.str_]) -> str:
    """Name the first few ids.

    >>> first(np.array(["a", "b"])), first(np.array(list("abcdef")))
    ('a, b', 'a, b, c, d, e, ...')
    """
    return ", ".join(ids[:5].tolist()) + (", ..." if len(ids) > 5 else "")


def _is_table(path: Path, as_table: bool) -> bool:
    if path.suffix.lower() in SUFFIXES or (as_table and path.suffix != ".npz"):
        return True
    if path.suffix != ".npz" and path.is_file() and not is_zipfile(path):
        raise UsageError(f"{path} is neither .npz nor {', '.join(SUFFIXES)}", do="`source` csv reads it as a table")
    return False


def results_in(path: Path, split: str | None = None) -> list[Path]:
    """Return a file itself, or the results of a split in a folder, else those in the folders in it, one in each."""
    if not path.is_dir():
        return [path]
    wanted = split or "test"
    if found := _in_folder(path, wanted):
        return found
    held = [other for other in SPLITS if _in_folder(path, other)]
    do = f"`split` {held[0]}, which it holds" if held else "name the .npz file itself"
    raise UsageError(f"{path} holds no result of {wanted}", "one result.npz, or runs", do)


def _in_folder(path: Path, split: str) -> list[Path]:
    if own := _directly_in(path, split):
        return own
    below = [_directly_in(folder, split) for folder in sorted(path.glob("*")) if folder.is_dir()]
    return [found[0] for found in below if len(found) == 1]


def _directly_in(folder: Path, split: str) -> list[Path]:
    results = [file for name in ("result.npz", f"{split}.npz") if (file := folder / name).is_file()]
    return results[:1] or sorted(folder.glob(f"*-{split}.npz"))


def _from_result(path: Path, split: str | None) -> SystemPredictions:
    """Return the predictions in a result; UsageError for one of another split."""
    result = Result.load(path)
    if not len(result):
        raise DataError(f"{path} holds no images", "at least one")
    facts = result.provenance
    if split and facts.split not in (None, split):
        raise UsageError(f"`split` {split}, but {path} is of {facts.split}", f"results of {split}")
    return SystemPredictions(
        name=facts.weights or path.stem,
        path=path,
        ids=result.ids,
        labels=predictable(result),
        probs=result.probs[:, columns(result.labels, predictable(result))].astype(np.float64),
        present=np.ones(len(result), bool),
        labels_only=facts.labels_only,
        target=result.target[:, columns(result.labels, labelled(result))].astype(np.float64),
        target_labels=labelled(result),
        provenance=facts,
        notes=_left_out(path, result),
        group=result.group,
        run=_run(facts),
    )


def _run(facts: Provenance) -> str:
    """Return which run of a recipe a result is of; empty where it does not say."""
    known = {"seed": (facts.trained or {}).get("seed"), "fold": (facts.options or {}).get("fold")}
    return " ".join(f"{key} {value}" for key, value in known.items() if value is not None)


def _left_out(path: Path, result: Result) -> tuple[str, ...]:
    if not (names := result.provenance.labels_left_out):
        return ()
    return (f"{path}: written without {', '.join(names)}: neither images with this label nor predictions of it",)


def _from_table(table: PredictionTable) -> SystemPredictions:
    """Return the predictions in a table's columns."""
    path = table.path
    used, notes = find_columns(table)
    ids = np.array([cell.strip() for cell in table.rows[used.id]], np.str_)
    _check_unique(path, ids)
    if not used.probs and not used.label:
        return _labels_alone(table, used, ids)
    if used.probs:
        labels = ordered(tuple(used.probs))
        probs, present, more = probabilities(table, used)
        notes += more
    else:
        index, known = expressions(table, used.label, used.words)
        (labels, probs), present = _one_hot(index, known), index >= 0
        notes += _words_used(path, used)
    if not present.any():
        raise DataError(f"{path} holds no predictions", "at least one")
    if lost := int((~present).sum()):
        notes += (f"{path}: {count(lost, 'row')} without a prediction ({first(ids[~present])})",)
    target_labels, target = _target(table, used)
    return SystemPredictions(
        name=path.stem,
        path=path,
        ids=ids,
        labels=labels,
        probs=probs,
        present=present,
        labels_only=not used.probs,
        target=target,
        target_labels=target_labels,
        provenance=None,
        notes=(_columns_used(path, used), *notes),
        group=_group(table, used.group),
    )


def _labels_alone(table: PredictionTable, used: Columns, ids: NDArray[np.str_]) -> SystemPredictions:
    """Return what a table of true labels says of the images that have one."""
    index, known = expressions(table, used.target, used.words)
    labelled, group = index >= 0, _group(table, used.group)
    if not labelled.any():
        raise DataError(f"{table.path} holds no labels", "at least one")
    lost = f"{table.path}: {count(int((~labelled).sum()), 'row')} without a label left out ({first(ids[~labelled])})"
    if unclear := sum(
        cell.strip().lower() == UNCLEAR
        for cell, there in zip(table.rows[used.target], labelled, strict=True)
        if not there
    ):
        lost += f", {unclear:,} of them unclear"
    target_labels, target = _one_hot(index[labelled], known)
    return SystemPredictions(
        name=table.path.stem,
        path=table.path,
        ids=ids[labelled],
        labels=(),
        probs=np.zeros((int(labelled.sum()), 0)),
        present=np.zeros(int(labelled.sum()), bool),
        labels_only=True,
        target=target,
        target_labels=target_labels,
        provenance=None,
        notes=(_columns_used(table.path, used), *(() if labelled.all() else (lost,))),
        group=None if group is None else group[labelled],
    )


def _group(table: PredictionTable, column: str) -> NDArray[np.str_] | None:
    """Return the subject of each row as it is written; None without the column, or where no row names one."""
    cells = np.array([cell.strip() for cell in table.rows[column]] if column else [], np.str_)
    return cells if groups.known(cells) else None


def _check_unique(path: Path, ids: NDArray[np.str_]) -> None:
    _, where, counts = np.unique(ids, return_inverse=True, return_counts=True)
    if (counts > 1).any():
        rows = (np.flatnonzero(counts[where] > 1) + 1).tolist()
        got = f"{path}: {named(rows)} name the same images, {str(ids[rows[0] - 1])!r} first"
        raise DataError(got, "a row per image")


def _target(table: PredictionTable, used: Columns) -> tuple[tuple[str, ...], NDArray[np.float64] | None]:
    if not used.target:
        return (), None
    index, known = expressions(table, used.target, used.words)
    if (index < 0).any():
        rows = named((np.flatnonzero(index < 0) + 1).tolist())
        raise DataError(f"{table.path}: {rows} without a label in column {used.target}", "a label for every image")
    return _one_hot(index, known)


def _one_hot(index: NDArray[np.intp], known: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return the labels that occur and one-hot rows over them, zero where the index is negative."""
    present = np.unique(index[index >= 0])
    return tuple(known[k] for k in present), (index[:, None] == present).astype(np.float64)


def _columns_used(path: Path, used: Columns) -> str:
    parts = [f"images from {used.id}"]
    if used.probs:
        parts.append("probabilities from " + ", ".join(f"{c} ({e})" for e, c in used.probs.items()))
    if used.label:
        parts.append(f"labels from {used.label}")
    if used.target:
        parts.append(f"true labels from {used.target}")
    if used.group:
        parts.append(f"subjects from {used.group}")
    return f"{path}: {', '.join(parts)}"


def _words_used(path: Path, used: Columns) -> tuple[str, ...]:
    words = [f"{word} ({'no prediction' if what == IGNORE else what})" for word, what in used.words.items()]
    return (f"{path}: in column {used.label}, as given: {', '.join(words)}",) if words else ()
