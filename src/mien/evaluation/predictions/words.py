"""Words of a column of labels, as expressions."""

from collections import Counter
from collections.abc import Mapping
from difflib import get_close_matches
from shlex import quote

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError
from mien.evaluation.predictions.mapping import IGNORE, meaning
from mien.evaluation.predictions.table import PredictionTable, empty, named
from mien.labels import EXPRESSIONS

LISTED = 12
"""How many unknown words an error lists."""


def expressions(table: PredictionTable, column: str, words: Mapping[str, str]) -> NDArray[np.intp]:
    """Return indices into EXPRESSIONS, (N,), -1 for empty and ignored cells; DataError lists every unknown word."""
    cells = table.rows[column]
    index, unknown = np.full(len(cells), -1, np.intp), []
    for k, cell in enumerate(cells):
        meant = words.get(cell.strip().lower()) or (None if empty(cell) else meaning(cell))
        if meant in EXPRESSIONS:
            index[k] = EXPRESSIONS.index(meant)
        elif meant != IGNORE and not empty(cell):
            unknown.append(k)
    if unknown:
        raise _unknown(table, column, unknown)
    return index


def _unknown(table: PredictionTable, column: str, rows: list[int]) -> DataError:
    words = Counter(table.rows[column][k].strip() for k in rows).most_common()
    listed = [f"{word!r} {n:,}{_near(word)}" for word, n in words[:LISTED]]
    more, word = [f"{len(words) - LISTED} words more"] if len(words) > LISTED else [], quote(words[0][0])
    return DataError(
        f"{table.path}: {named([k + 1 for k in rows])} without an expression in column {column}: "
        f"{', '.join(listed + more)}",
        f"one of {', '.join(EXPRESSIONS)}",
        f"`column` EXPRESSION={word} says what a word means, `column` ignore={word} that it is not a prediction",
    )


def _near(word: str) -> str:
    near = get_close_matches(word.lower(), EXPRESSIONS, 1)
    return f" (did you mean {near[0]}?)" if near else ""
