"""Which columns of another system's table to use: as --column says, else inferred from their names."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from mien.errors import DataError, UsageError
from mien.evaluation.predictions.mapping import FIELDS, IGNORE, ColumnMapping, meaning
from mien.evaluation.predictions.table import PredictionTable
from mien.labels import EXPRESSIONS, is_label

IDS = (
    "id ids path file filename file_name file_path image image_path image_name image_file image_id img img_path "
    "photo photo_id photo_name photo_path image image_id image_name source name key sample"
)
LABELS = "prediction predicted pred predicted_label label expression emotion dominant_emotion top_emotion answer output"
TARGETS = "truth target true true_label actual ground_truth gt y_true true_expression true_emotion"
GROUPS = "subject subject_id person person_id participant participant_id identity actor"  # a `group` may be of labels
NAMES = dict(zip(FIELDS, (IDS.split(), LABELS.split(), TARGETS.split(), GROUPS.split()), strict=True))
"""Common names of columns by field, the first in a table is used."""
FILLERS = {
    *("prob", "probs", "probability", "score", "p", "confidence", "likelihood"),
    *("emotion", "expression", "pct", "percent", "face"),
}
"""Words in a column's name that only say that it holds a probability."""


@dataclass(frozen=True)
class Columns:
    """The columns to use of a table.

    Attributes:
        id, label, target, group: names of columns, empty where there is none.
        probs: columns of probabilities by expression; ignored: columns of probabilities of anything else.
        words: what words of the columns of labels mean: an expression, or `ignore`.
    """

    id: str
    label: str
    target: str
    group: str
    probs: Mapping[str, str]
    ignored: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)


def check_mapping(mapping: Sequence[ColumnMapping], tables: Sequence[PredictionTable]) -> None:
    """Raise a UsageError or DataError for a --column option that no table can use."""
    for one in mapping:
        meant = [table for table in tables if one in table.mapping]
        if not meant:
            there = ", ".join(str(table.path) for table in tables)
            raise UsageError(f"`column` {one} without such a table", there or "a table beside it: CSV, TSV, Parquet")
        if not any(one.name in table.rows or _is_word(one, table) for table in meant):
            head = list(dict.fromkeys(name for table in meant for name in table.rows))
            near = get_close_matches(one.name, head, 1)
            none = f"{meant[0].path} has no column" if len(meant) == 1 else "no table has a column"
            hint = f"did you mean {near[0]}?" if near else ""
            raise DataError(f"{none} {one.name!r} (`column` {one})", f"one of {', '.join(head)}", hint)


def find_columns(table: PredictionTable) -> tuple[Columns, tuple[str, ...]]:
    """Return the columns to use of a table, and notes on those not used; DataError where none will do."""
    given = _given(table)
    words = {one.name.strip().lower(): one.field for one in table.mapping if _is_word(one, table)}
    ignored = tuple(one.name for one in table.mapping if one.name in table.rows and one.field == IGNORE)
    free = [name for name in table.rows if name not in (*given.values(), *ignored)]
    id, label, target, group = (given.get(name) or _named(free, NAMES[name]) for name in FIELDS)
    probs = {e: column for e in EXPRESSIONS if (column := given.get(e) or _probability(free, e))}
    probs |= {name.removeprefix("prob_"): name for name in free if _is_own(name)}
    meant = {word for word, label in words.items() if word != label}  # a label of its own names no column
    if ("label" in given or meant) and not set(given) & set(EXPRESSIONS):
        probs = {}
    if probs and meant:
        got = f"{table.path}: `column` for columns of probabilities and for words of labels"
        raise UsageError(got, "one or the other")
    _check_enough(table, id, label or target, probs)
    if len(probs) < 2:
        return Columns(id, label, target, group, {}, words=words), ()
    aside = (f"{table.path}: column {label} is not used: the probabilities include it",) if label else ()
    return Columns(id, "", target, group, probs, ignored), aside


def survey(probs: Mapping[str, str]) -> list[str]:
    """Return in words which expressions have a column and which have none.

    >>> survey(dict.fromkeys(EXPRESSIONS[1:], "x"))[-1]
    'not found neutral'
    """
    lacking = [expression for expression in EXPRESSIONS if expression not in probs]
    present = "found " + ", ".join(f"{name!r} ({expression})" for expression, name in probs.items())
    return [present, f"not found {', '.join(lacking)}"] if lacking else [present]


def _check_enough(table: PredictionTable, id: str, label: str, probs: Mapping[str, str]) -> None:
    got = f"{table.path} has columns {', '.join(table.rows)}"
    if len(probs) < 2 and not label:
        expected = "; ".join(["columns of probabilities or a column of labels", *(survey(probs) if probs else ())])
        raise DataError(got, expected, "name them: `column` EXPRESSION=... for each, or `column` label=...")
    if not id:
        raise DataError(got, "one that names the image", "name it with `column` id=...")


def _given(table: PredictionTable) -> dict[str, str]:
    """Return the column of each field that --column names; UsageError for two of a field, or two fields of one."""
    given: dict[str, str] = {}
    for one in table.mapping:
        if one.name not in table.rows or one.field == IGNORE:
            continue
        if given.setdefault(one.field, one.name) != one.name:
            both = f"{one.field}={given[one.field]} and {one.field}={one.name}"
            do = f"`column` {table.path.name}:{one.field}=... is for this table alone"
            raise UsageError(f"{table.path}: `column` {both}", "one of them", do)
    if twice := sorted({name for name in given.values() if list(given.values()).count(name) > 1}):
        raise UsageError(f"{table.path}: `column` gives {', '.join(twice)} two meanings", "one for each column")
    return given


def _is_word(one: ColumnMapping, table: PredictionTable) -> bool:
    """Return whether a --column option means a word of a column of labels: a cell has it and no column is called so."""
    if one.name in table.rows or one.field in FIELDS:
        return False
    word, columns = one.name.strip().lower(), []
    for name in ("label", "truth"):
        given = [other.name for other in table.mapping if other.field == name and other.name in table.rows]
        columns.append(given[0] if given else _named(list(table.rows), NAMES[name]))
    return any(cell.strip().lower() == word for column in columns for cell in table.rows.get(column, ()))


def _named(head: Sequence[str], names: Sequence[str]) -> str:
    plain = {_plain(name): name for name in reversed(head)}
    return next((plain[name] for name in names if name in plain), "")


def _probability(head: Sequence[str], expression: str) -> str:
    """Return the column named by an expression's own word, else the first named by another word for it."""
    meant = [(words, name) for name in head if (words := [w for w in _plain(name).split("_") if w not in FILLERS])]
    fit = [(words, name) for words, name in meant if {meaning(word) for word in words} == {expression}]
    return next((name for words, name in fit if words == [expression]), fit[0][1] if fit else "")


def own_labels(table: PredictionTable) -> tuple[str, ...]:
    """Return the labels outside the vocabulary that a table has probabilities of."""
    return tuple(name.removeprefix("prob_") for name in table.rows if _is_own(name))


def _is_own(name: str) -> bool:
    """Return whether a column holds the probability of a label outside the vocabulary, as mien's own tables have it."""
    label = name.removeprefix("prob_")
    return label != name and is_label(label) and label not in EXPRESSIONS


def _plain(name: str) -> str:
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
