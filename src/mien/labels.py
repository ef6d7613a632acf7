"""The expression vocabulary and the order in which each data set writes it.

Readers translate the codes of their files with `ORDERS`.  Everywhere else, an array of probabilities or targets has its
columns in vocabulary order, restricted to its labels.  A data set may have labels of its own beside the vocabulary or
instead of it; they follow it in alphabetical order.
"""

import re
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

UNCLEAR = "unclear"
"""What a person who labels chooses where no label fits: such an image counts for nobody."""

ORDERS: dict[str, tuple[str, ...]] = {
    "fer2013": ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"),
    "ferplus": ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"),
    "affectnet": ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"),
    "ckplus": ("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise"),
    "rafdb": ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"),
}
"""The expressions in the order of their codes in a data set's files."""

FIRST_CODE = {"rafdb": 1}
"""The code of the first one, where it is not 0."""

CODES: dict[str, dict[int, str]] = {
    name: dict(enumerate(order, FIRST_CODE.get(name, 0))) for name, order in ORDERS.items()
}
"""What a code in a data set's files means."""

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

IN_COLUMNS = ("expression", "confidence", "seconds", "valence", "arousal")  # of people.csv: peak_..., mean_...
RESERVED = frozenset(("unknown", "nf", "ignore", "id", "label", "truth", "natural", "uniform", "all", *IN_COLUMNS))
"""Words that mean something else wherever labels are given, so that none is a label."""

RESERVED_START, RESERVED_END = "seconds_", "_corrected"
"""Of no label either: the columns `peak_seconds_fear` and `prob_fear_corrected` are of fear."""

MAX_LABEL = 40
"""Letters of a label."""


def canonical(word: str) -> str | None:
    """Return the noun of the vocabulary for a word, or None for other words.

    >>> canonical("Happy"), canonical("anger"), canonical("bored")
    ('happiness', 'anger', None)
    """
    word = word.strip().lower()
    word = SYNONYMS.get(word, word)
    return word if word in EXPRESSIONS else None


def ordered(labels: Sequence[str]) -> tuple[str, ...]:
    """Return labels in vocabulary order, own labels after it in alphabetical order.

    >>> ordered(("bored", "anger", "neutral", "awake"))
    ('neutral', 'anger', 'awake', 'bored')
    """
    place = {label: f"{k:02d}" for k, label in enumerate(EXPRESSIONS)}
    return tuple(sorted(labels, key=lambda label: (place.get(label, "99"), label)))


def spelled_as_label(word: str) -> str:
    """Return a word as a label is spelled: small letters, with an underscore for everything but letters and digits.

    >>> spelled_as_label(" Very bored ")
    'very_bored'
    """
    return re.sub(r"\W+", "_", word.strip().lower()).strip("_")


def is_label(word: str) -> bool:
    """Return whether a word can be a label: of the vocabulary, or a name that fits into `prob_NAME` as a column.

    >>> [is_label(word) for word in ("fear", "very_bored", "afraid", "very bored", "3", "seconds_bored")]
    [True, True, False, False, False, False]
    """
    own = word.isidentifier() and word == spelled_as_label(word) and len(word) <= MAX_LABEL
    reserved = word in RESERVED or word.startswith(RESERVED_START) or word.endswith(RESERVED_END)
    return own and not reserved and canonical(word) in (None, word)


def label_fault(labels: Sequence[str]) -> str:
    """Return what is wrong with labels in the order of an array's columns; "" where nothing is.

    >>> label_fault(("neutral", "bored"))
    ''
    >>> label_fault(("anger", "neutral"))
    "('anger', 'neutral'); expected this order: neutral, anger"
    """
    if wrong := next((label for label in labels if not is_label(label)), None):
        return f"the label {wrong[:60]!r}; expected one of {', '.join(EXPRESSIONS)}, or another name such as bored"
    if len(labels) < 2 or len(set(labels)) < len(labels):
        return f"{tuple(labels)}; expected two or more labels, each once"
    if tuple(labels) != ordered(labels):
        return f"{tuple(labels)}; expected this order: {', '.join(ordered(labels))}"
    return ""


def columns(source: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Return the index in `source` of each wanted label, so that `array[:, columns(a, b)]` reorders a to b.

    >>> columns(("anger", "fear", "neutral"), ("neutral", "anger"))
    [2, 0]
    """
    return [source.index(label) for label in wanted]
