"""The tree of expressions: groups that agree in what they say of pleasure, and the expressions within each.

    probs -> groups: p(negative) = p(sadness) + p(fear) + p(disgust) + p(anger) + p(contempt)

Happiness is positive, neutral is neutral, the five unpleasant expressions are negative.  Surprise can be pleasant or
unpleasant, so it is a branch of its own.  A network that predicts in two steps multiplies along the same tree:
p(anger) = p(negative) * p(anger | negative); summing its joint probabilities gives p(negative) back.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien.errors import UsageError
from mien.labels import EXPRESSIONS

TREE: dict[str, tuple[str, ...]] = {
    "neutral": ("neutral",),
    "positive": ("happiness",),
    "negative": ("sadness", "fear", "disgust", "anger", "contempt"),
    "surprise": ("surprise",),
}
"""Expressions by group; the order of the groups in every array."""

LEVELS = ("expression", "group")
"""At which level a face is named."""

GROUP_OF: dict[str, str] = {label: group for group, labels in TREE.items() for label in labels}


def groups(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the groups of labels in the order of TREE; UsageError for a label that is not in the tree.

    >>> groups(("neutral", "anger", "sadness"))
    ('neutral', 'negative')
    """
    if strange := [label for label in labels if label not in GROUP_OF]:
        raise UsageError(f"{strange[0]!r} belongs to no group", f"expressions among {', '.join(EXPRESSIONS)}")
    held = {GROUP_OF[label] for label in labels}
    return tuple(group for group in TREE if group in held)


def membership(labels: Sequence[str]) -> NDArray[np.float32]:
    """Return which label is in which group, float32 (K, G) of 0 and 1, so that `probs @ membership` sums by group.

    >>> membership(("neutral", "sadness", "anger")).tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    """
    names = groups(labels)
    return np.array([[float(GROUP_OF[label] == name) for name in names] for label in labels], np.float32)


def group_probs(probs: NDArray[np.floating], labels: Sequence[str]) -> NDArray[np.float32]:
    """Return the probability of each group, float32 (..., G), from those of the labels, (..., K).

    >>> group_probs(np.array([0.5, 0.25, 0.25]), ("neutral", "sadness", "anger")).tolist()
    [0.5, 0.5]
    """
    return (np.asarray(probs, np.float64) @ membership(labels)).astype(np.float32)
