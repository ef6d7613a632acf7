"""Which column of somebody else's table means what: as told on the command line, else guessed from its name.

A word `FIELD=COLUMN` holds for every table that has such a column, `FILE:FIELD=COLUMN` for one.  An expression may
name a word of the column of labels instead (`sadness=sorrow`), and `ignore` what is no expression of ours.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from mien.errors import DataError, UsageError
from mien.evaluation.predictions.table import Rows
from mien.labels import EXPRESSIONS, canonical

IDS = (
    "id ids path file filename file_name file_path image image_path image_name image_file image_id img img_path "
    "photo photo_id photo_name photo_path image image_id image_name source name key sample"
)
ANSWERS = (
    "prediction predicted pred predicted_label label expression emotion dominant_emotion top_emotion answer output"
)
TRUTHS = "truth target true true_label actual ground_truth gt y_true true_expression true_emotion"
GUESSES = {"id": IDS.split(), "label": ANSWERS.split(), "truth": TRUTHS.split()}
IGNORE = "ignore"
SERVICES = {"calm": "neutral", "joyful": "happiness", "sorrow": "sadness", "sorrowful": "sadness", "scared": "fear"}
"""Words of commercial services and toolkits for an expression, beside those that folders have too."""
FILLERS = {
    "prob",
    "probs",
    "probability",
    "score",
    "p",
    "confidence",
    "likelihood",
    "emotion",
    "expression",
    "pct",
    "percent",
    "face",
}
"""Words in a column's name that say no more than that it holds a probability."""


@dataclass(frozen=True)
class Told:
    """One --column word: what a column, or a word of the column of labels, means; in one file, or (empty) in all."""

    file: str
    field: str
    name: str

    def __str__(self) -> str:
        return f"{self.file}{':' if self.file else ''}{self.field}={self.name}"

    def holds_for(self, path: Path) -> bool:
        """Say whether a table is meant."""
        return self.file in ("", str(path), path.name, path.stem)


@dataclass(frozen=True)
class Columns:
    """The columns of the image's name, the label and the truth (empty: none), and of probabilities by expression.

    `ignored` are columns of probabilities of something else, `words` what words of the column of labels mean.
    """

    id: str
    label: str
    truth: str
    probs: Mapping[str, str]
    ignored: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)


def meaning(word: str) -> str | None:
    """Return the expression that a service's word names, or None.

    >>> meaning("CALM"), meaning("Happy"), meaning("confused")
    ('neutral', 'happiness', None)
    """
    word = word.strip().lower()
    return canonical(SERVICES.get(word, word))


def read_mapping(words: Sequence[str]) -> tuple[Told, ...]:
    """Return a command line's [FILE:]FIELD=NAME words: id, label, truth, ignore or any common word for an expression.

    >>> [str(told) for told in read_mapping(["id=path", "a.csv:happy=joy_score"])]
    ['id=path', 'a.csv:happiness=joy_score']
    """
    found = []
    for word in words:
        left, _, name = word.partition("=")
        file, _, what = left.rpartition(":")
        meant = what if what in (*GUESSES, IGNORE) else meaning(what)
        if not name or meant is None:
            fields = ", ".join((*GUESSES, IGNORE, *EXPRESSIONS))
            raise UsageError(f"`column` {word!r}", f"FIELD=COLUMN or FILE:FIELD=COLUMN, FIELD one of {fields}")
        found.append(Told(file, meant, name))
    return tuple(dict.fromkeys(found))


def check_told(told: Sequence[Told], tables: Mapping[Path, Rows]) -> None:
    """Raise a UsageError or DataError for a --column word that no table can use."""
    for word in told:
        meant = [path for path in tables if word.holds_for(path)]
        if not meant:
            there = ", ".join(map(str, tables))
            raise UsageError(f"`column` {word} without such a table", there or "a table beside it: CSV, TSV, Parquet")
        if not any(word.name in tables[path] or _said(word, tables[path], told, path) for path in meant):
            head = list(dict.fromkeys(name for path in meant for name in tables[path]))
            near = get_close_matches(word.name, head, 1)
            none = f"{meant[0]} has no column" if len(meant) == 1 else "no table has a column"
            hint = f"did you mean {near[0]}?" if near else ""
            raise DataError(f"{none} {word.name!r} (`column` {word})", f"one of {', '.join(head)}", hint)


def find_columns(path: Path, rows: Rows, told: Sequence[Told]) -> tuple[Columns, tuple[str, ...]]:
    """Return the columns to use of those a table has, and notes on what is left aside; DataError where none will do."""
    head = list(rows)
    mine = [word for word in told if word.holds_for(path)]
    words = {word.name.strip().lower(): word.field for word in mine if _said(word, rows, told, path)}
    fixed = _once(path, [word for word in mine if word.name in rows and word.field != IGNORE])
    ignored = tuple(word.name for word in mine if word.name in rows and word.field == IGNORE)
    free = [name for name in head if name not in (*fixed.values(), *ignored)]
    found = {what: fixed.get(what) or _guess(free, names) for what, names in GUESSES.items()}
    given = set(fixed) & set(EXPRESSIONS)
    probs = {e: column for e in EXPRESSIONS if (column := fixed.get(e) or _probability(free, e))}
    if ("label" in fixed or words) and not given:
        probs = {}
    if probs and words:
        raise UsageError(f"{path}: `column` for columns of probabilities and for words of labels", "one or the other")
    if len(probs) < 2 and not found["label"]:
        what = "; ".join(["columns of probabilities or a column of labels", *(survey(probs) if probs else ())])
        do = "name them: `column` EXPRESSION=... for each, or `column` label=..."
        raise DataError(f"{path} has columns {', '.join(head)}", what, do)
    if not found["id"]:
        raise DataError(
            f"{path} has columns {', '.join(head)}", "one that names the image", "name it with `column` id=..."
        )
    if len(probs) < 2:
        return Columns(found["id"], found["label"], found["truth"], {}, words=words), ()
    aside = (f"{path}: column {found['label']} is left aside, the probabilities say as much",) if found["label"] else ()
    return Columns(found["id"], "", found["truth"], probs, ignored), aside


def survey(probs: Mapping[str, str]) -> list[str]:
    """Say which expressions have a column and which have none.

    >>> survey(dict.fromkeys(EXPRESSIONS[1:], "x"))[-1]
    'not found neutral'
    """
    lacking = [expression for expression in EXPRESSIONS if expression not in probs]
    told = ["found " + ", ".join(f"{name!r} ({expression})" for expression, name in probs.items())]
    return [*told, f"not found {', '.join(lacking)}"] if lacking else told


def _once(path: Path, told: Sequence[Told]) -> dict[str, str]:
    """Return the column of each field; UsageError where one table is told two for a field, or two of a column."""
    fixed: dict[str, str] = {}
    for word in told:
        if fixed.setdefault(word.field, word.name) != word.name:
            both = f"{word.field}={fixed[word.field]} and {word.field}={word.name}"
            do = f"`column` {path.name}:{word.field}=... is for this table alone"
            raise UsageError(f"{path}: `column` {both}", "one of them", do)
    if twice := sorted({name for name in fixed.values() if list(fixed.values()).count(name) > 1}):
        raise UsageError(f"{path}: `column` gives {', '.join(twice)} two meanings", "one for each column")
    return fixed


def _said(word: Told, rows: Rows, told: Sequence[Told], path: Path) -> bool:
    """Say whether a --column word means a word of the column of labels: no column is called so, but a cell holds it."""
    if word.name in rows or word.field in GUESSES:
        return False
    own = [one.name for one in told if one.field == "label" and one.name in rows and one.holds_for(path)]
    label = own[0] if own else _guess(list(rows), GUESSES["label"])
    return any(cell.strip().lower() == word.name.strip().lower() for cell in rows.get(label, ()))


def _guess(head: Sequence[str], names: Sequence[str]) -> str:
    plain = {_plain(name): name for name in reversed(head)}
    return next((plain[name] for name in names if name in plain), "")


def _probability(head: Sequence[str], expression: str) -> str:
    """Return the column that an expression's own word names, else the first that another word for it does."""
    meant = [(words, name) for name in head if (words := [w for w in _plain(name).split("_") if w not in FILLERS])]
    fit = [(words, name) for words, name in meant if {meaning(word) for word in words} == {expression}]
    return next((name for words, name in fit if words == [expression]), fit[0][1] if fit else "")


def _plain(name: str) -> str:
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
