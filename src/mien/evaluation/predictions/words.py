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
from mien.labels import EXPRESSIONS, UNCLEAR, is_label, ordered

LISTED = 12
"""How many unknown words an error lists."""


def expressions(
    table: PredictionTable, column: str, words: Mapping[str, str]
) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Return indices into labels, (N,), and these labels: the vocabulary and own ones.

    Empty, ignored and unclear cells have -1.

    DataError lists every unknown word.
    """
    cells = table.rows[column]
    own = {one.field for one in table.mapping if one.field == one.name} - {*EXPRESSIONS, IGNORE}
    labels = ordered((*EXPRESSIONS, *(label for label in own if is_label(label))))
    index, unknown = np.full(len(cells), -1, np.intp), []
    for k, cell in enumerate(cells):
        word = cell.strip().lower()
        meant = words.get(word) or (None if empty(cell) else word if word in labels else meaning(cell))
        if meant in labels:
            index[k] = labels.index(meant)
        elif meant != IGNORE and word != UNCLEAR and not empty(cell):
            unknown.append(k)
    if unknown:
        raise _unknown(table, column, unknown)
    return index, labels


def _unknown(table: PredictionTable, column: str, rows: list[int]) -> DataError:
    words = Counter(table.rows[column][k].strip() for k in rows).most_common()
    listed = [f"{word!r} {n:,}{_near(word)}" for word, n in words[:LISTED]]
    more, word = [f"{len(words) - LISTED} words more"] if len(words) > LISTED else [], quote(words[0][0])
    return DataError(
        f"{table.path}: {named([k + 1 for k in rows])} without an expression in column {column}: "
        f"{', '.join(listed + more)}",
        f"one of {', '.join(EXPRESSIONS)}",
        f"`column` EXPRESSION={word} says what a word means, `column` ignore={word} that it is not a prediction"
        + (f", `column` {own}={own} that it is a label of its own" if is_label(own := words[0][0].lower()) else ""),
    )


def _near(word: str) -> str:
    near = get_close_matches(word.lower(), EXPRESSIONS, 1)
    return f" (did you mean {near[0]}?)" if near else ""
