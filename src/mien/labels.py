"""The expression vocabulary and the order in which each data set writes it.

Readers translate the codes of their files with `ORDERS`.  Everywhere else, an array of probabilities or targets has its
columns in vocabulary order, restricted to its labels.
"""

from collections.abc import Sequence

EXPRESSIONS: tuple[str, ...] = (
    "neutral",
    "happiness",
    "sadness",
    "surprise",
    "fear",
    "disgust",
    "anger",
    "contempt",
)
"""The vocabulary, in the order of every array."""

ORDERS: dict[str, tuple[str, ...]] = {
    "fer2013": ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"),
    "ferplus": ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"),
    "affectnet": ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"),
    "ckplus": ("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise"),
}
"""Code k in a data set's files means ORDERS[name][k]."""

SYNONYMS: dict[str, str] = {
    "angry": "anger",
    "disgusted": "disgust",
    "fearful": "fear",
    "afraid": "fear",
    "happy": "happiness",
    "joy": "happiness",
    "sad": "sadness",
    "surprised": "surprise",
    "contemptuous": "contempt",
}
"""Other words for expressions, as in folders, tables and other tools."""


def canonical(word: str) -> str | None:
    """Return the noun of the vocabulary for a word, or None for other words.

    >>> canonical("Happy"), canonical("anger"), canonical("bored")
    ('happiness', 'anger', None)
    """
    word = word.strip().lower()
    word = SYNONYMS.get(word, word)
    return word if word in EXPRESSIONS else None


def ordered(labels: Sequence[str]) -> tuple[str, ...]:
    """Return labels in vocabulary order.

    >>> ordered(("anger", "neutral"))
    ('neutral', 'anger')
    """
    return tuple(sorted(labels, key=EXPRESSIONS.index))


def columns(source: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Return the index in `source` of each wanted label, so that `array[:, columns(a, b)]` reorders a to b.

    >>> columns(("anger", "fear", "neutral"), ("neutral", "anger"))
    [2, 0]
    """
    return [source.index(label) for label in wanted]
