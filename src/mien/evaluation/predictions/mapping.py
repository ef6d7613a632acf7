"""What --column says about a table: `[FILE:]FIELD=COLUMN`.

Without FILE it holds for every table that has such a column.  FIELD may also be an expression that a word in the label
column stands for (`sadness=sorrow`), or `ignore` for a column or word that is not one of our expressions.
A label outside the vocabulary is named by itself (`bored=bored`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mien.errors import UsageError
from mien.labels import EXPRESSIONS, canonical, is_label

FIELDS = ("id", "label", "truth", "group")
IGNORE = "ignore"
SERVICES = {"calm": "neutral", "joyful": "happiness", "sorrow": "sadness", "sorrowful": "sadness", "scared": "fear"}
"""What commercial services and toolkits call an expression, besides the words found in folder names."""


@dataclass(frozen=True)
class ColumnMapping:
    """One --column option: what a column, or a word in the label column, means in one file or (empty) in all."""

    file: str
    field: str
    name: str

    def __str__(self) -> str:
        return f"{self.file}{':' if self.file else ''}{self.field}={self.name}"

    def applies_to(self, path: Path) -> bool:
        """Return whether this table is meant."""
        return self.file in ("", str(path), path.name, path.stem)


def meaning(word: str) -> str | None:
    """Return the expression that a service's word stands for, or None.

    >>> meaning("CALM"), meaning("Happy"), meaning("confused")
    ('neutral', 'happiness', None)
    """
    word = word.strip().lower()
    return canonical(SERVICES.get(word, word))


def read_mapping(options: Sequence[str]) -> tuple[ColumnMapping, ...]:
    """Return the --column options of a command line; FIELD is one of FIELDS, ignore or any word for an expression.

    >>> [str(mapping) for mapping in read_mapping(["id=path", "a.csv:happy=joy_score"])]
    ['id=path', 'a.csv:happiness=joy_score']
    """
    mappings = []
    for option in options:
        left, _, name = option.partition("=")
        file, _, word = left.rpartition(":")
        own = word == name and is_label(word)  # a label outside the vocabulary, which is its own name
        field = word if word in (*FIELDS, IGNORE) or own else meaning(word)
        if not name or field is None:
            fields = ", ".join((*FIELDS, IGNORE, *EXPRESSIONS))
            raise UsageError(f"`column` {option!r}", f"FIELD=COLUMN or FILE:FIELD=COLUMN, FIELD one of {fields}")
        mappings.append(ColumnMapping(file, field, name))
    return tuple(dict.fromkeys(mappings))
