"""Which column of somebody else's table means what: as told on the command line, else guessed from its name."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from mien.errors import DataError, UsageError
from mien.labels import EXPRESSIONS, canonical

IDS = "id ids path file filename file_name image image_path image_name img img_path picture source name key sample"
ANSWERS = (
    "prediction predicted pred predicted_label label expression emotion dominant_emotion top_emotion answer output"
)
TRUTHS = "truth target true true_label actual ground_truth gt y_true true_expression true_emotion"
GUESSES = {"id": IDS.split(), "label": ANSWERS.split(), "truth": TRUTHS.split()}
FILLERS = {
    "prob",
    "probs",
    "probability",
    "score",
    "p",
    "confidence",
    "emotion",
    "expression",
    "pct",
    "percent",
    "face",
}
"""Words in a column's name that say no more than that it holds a probability."""


@dataclass(frozen=True)
class Columns:
    """The columns of the picture's name, the label and the truth (empty: none), and of probabilities by expression."""

    id: str
    label: str
    truth: str
    probs: Mapping[str, str]


def read_mapping(words: Sequence[str]) -> dict[str, str]:
    """Return a command line's FIELD=COLUMN words: id, label, truth or an expression, in any common word for it.

    >>> read_mapping(["id=path", "happy=joy_score"])
    {'id': 'path', 'happiness': 'joy_score'}
    """
    told = {}
    for word in words:
        field, _, column = word.partition("=")
        meant = field if field in GUESSES else canonical(field)
        if not column or meant is None:
            raise UsageError(f"--column {word!r}", f"FIELD=COLUMN, FIELD one of {', '.join((*GUESSES, *EXPRESSIONS))}")
        told[meant] = column
    return told


def find_columns(path: Path, head: Sequence[str], told: Mapping[str, str]) -> tuple[Columns, tuple[str, ...]]:
    """Return the columns to use of those a table has, and notes on what is left aside; DataError where none will do."""
    for column in told.values():
        if column not in head:
            near = get_close_matches(column, head, 1)
            hint = f"did you mean {near[0]}?" if near else ""
            raise DataError(f"{path} has no column {column!r}", f"one of {', '.join(head)}", hint)
    free = [name for name in head if name not in told.values()]
    found = {field: told.get(field) or _guess(free, names) for field, names in GUESSES.items()}
    probs = {e: column for e in EXPRESSIONS if (column := told.get(e) or _probability(free, e))}
    if "label" in told and not set(told) & set(EXPRESSIONS):
        probs = {}
    if len(probs) < 2 and not found["label"]:
        what = "columns of probabilities or a column of labels"
        raise DataError(f"{path} has columns {', '.join(head)}", what, "name them: --column label=... --column id=...")
    if not found["id"]:
        raise DataError(f"{path} has columns {', '.join(head)}", "one that names the picture", "--column id=...")
    if len(probs) < 2:
        return Columns(found["id"], found["label"], found["truth"], {}), ()
    aside = (f"{path}: column {found['label']} is left aside, the probabilities say as much",) if found["label"] else ()
    return Columns(found["id"], "", found["truth"], probs), aside


def _guess(head: Sequence[str], names: Sequence[str]) -> str:
    plain = {_plain(name): name for name in reversed(head)}
    return next((plain[name] for name in names if name in plain), "")


def _probability(head: Sequence[str], expression: str) -> str:
    for name in head:
        words = [word for word in _plain(name).split("_") if word not in FILLERS]
        if len(words) == 1 and canonical(words[0]) == expression:
            return name
    return ""


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
