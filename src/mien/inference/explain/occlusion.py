"""Occlusion maps: how much the evidence for an expression drops where the face is covered.

A grey square slides over the crop.  Each place costs the expression some log-odds, log(p / (1 - p)); a pixel's value is
the mean over all squares that cover it.  Above zero the pixel speaks for the expression, below zero against it.  Only
crops go in and probabilities come out, so it works for any weights (Zeiler and Fergus, *Visualizing and understanding
convolutional networks*, ECCV 2014).  Log-odds are used because near 1 a probability hardly moves.

`benchmarks/explain.py` measures that covering the pixels in the order of the map lowers the probability faster than in
random order.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Probabilities = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Crops uint8 (N, size, size, channels) to probabilities float32 (N, K)."""

SQUARE = 1 / 6
"""Side of the sliding square, as a fraction of the crop's."""

STEPS = 12
"""Steps in which it crosses the crop."""

TINY = 1e-30
"""The least probability, of the label and of all others, that log-odds tell from 0; float32 is exact down to 1e-38."""


def heat_map(probabilities: Probabilities, crop: NDArray[np.uint8], column: int) -> NDArray[np.float32]:
    """Return the log-odds that each pixel of a crop gives to one label, float32 (size, size).

    Args:
        probabilities: the weights.
        crop: uint8 (size, size, channels).
        column: the index of the label.
    """
    places = covers(len(crop))
    covered = np.where(places[..., None], grey(crop), crop)
    odds = log_odds(probabilities(np.concatenate([crop[None], covered])), column)
    weights = places.astype(np.float32)
    heat: NDArray[np.float32] = np.tensordot(odds[0] - odds[1:], weights, 1) / weights.sum(0)
    return heat.astype(np.float32)


def covers(size: int) -> NDArray[np.bool_]:
    """Return the pixels of every place of the square, bool (N, size, size); at the edges it reaches beyond the crop.

    >>> places = covers(48)
    >>> len(places), int(places.sum((1, 2)).max()), int(places.sum(0).min())
    (169, 64, 4)
    """
    pixels = np.arange(size) + 0.5
    near = np.abs(pixels - np.linspace(0, size, STEPS + 1)[:, None]) < size * SQUARE / 2
    return (near[:, None, :, None] & near[None, :, None, :]).reshape(-1, size, size)


def grey(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the crop's mean colour, which covers it; uint8 (channels,)."""
    return np.asarray(np.rint(crop.mean((0, 1))), np.uint8)


def log_odds(probs: NDArray[np.floating], column: int) -> NDArray[np.float64]:
    """Return log(p / (1 - p)) of one label, float64 (N,), for probabilities (N, K).

    1 - p is the sum of the others, because near 1 float32 has lost the difference.

    >>> log_odds(np.array([[0.5, 0.5], [0.1, 0.9], [1e-8, 1.0]]), 1).round(3).tolist()
    [0.0, 2.197, 18.421]
    """
    own, others = (np.asarray(part, np.float64) for part in (probs[:, column], np.delete(probs, column, 1)))
    odds: NDArray[np.float64] = np.log(np.maximum(own, TINY)) - np.log(np.maximum(others.sum(1), TINY))
    return odds
