"""Valence and arousal derived from the probabilities of expressions.

An expression has a position in the plane of valence and arousal.  The estimate of a face is the expected position: the
mean of the positions, weighted by the probabilities.  It repeats what the probabilities hold in two numbers, and is not
a measurement of its own.  Arousal is the weak half: the position does not follow how strong an expression is, and
published norms of these words agree less on arousal than on valence.

The positions are norms of words, not of faces: Russell and Mehrabian, *Evidence for a three-factor theory of emotions*,
Journal of Research in Personality 11 (1977), 273-294.  Neutral is the origin by convention.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

POSITIONS: dict[str, tuple[float, float]] = {
    "neutral": (0.0, 0.0),
    "happiness": (0.81, 0.51),
    "sadness": (-0.63, -0.27),
    "surprise": (0.40, 0.67),
    "fear": (-0.64, 0.60),
    "disgust": (-0.60, 0.35),
    "anger": (-0.51, 0.59),
    "contempt": (-0.24, 0.31),
}
"""Valence and arousal of each expression, in [-1, 1]."""


def has_position(labels: Sequence[str]) -> bool:
    """Return whether every label has a position, so that an estimate can be made."""
    return bool(labels) and all(label in POSITIONS for label in labels)


def estimates(labels: Sequence[str], probs: ArrayLike) -> NDArray[np.float64]:
    """Return the expected valence and arousal of probabilities (..., K), as (..., 2) in [-1, 1]; NaN stays NaN.

    KeyError for a label without a position (`has_position`).

    >>> estimates(("neutral", "happiness"), [0.5, 0.5]).round(3).tolist()
    [0.405, 0.255]
    """
    expected: NDArray[np.float64] = np.asarray(probs, np.float64) @ _positions(tuple(labels))
    return expected


@cache
def _positions(labels: tuple[str, ...]) -> NDArray[np.float64]:
    return np.array([POSITIONS[label] for label in labels])
