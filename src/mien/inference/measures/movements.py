"""Blendshapes to movement measures: each as its quantile in a reference population, so that 0 to 1 means the same.

Some blendshapes hardly leave 0 and still rank faces well.  So a measure is the fraction of reference faces whose
movement is weaker: 0.9 means that nine in ten moved less.  It is not an intensity, and 0.5 is the median face, not half
of the movement.  reference.json holds the quantiles and what they were computed from; benchmarks/units.py writes it.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.units import MEASURES

Array = NDArray[np.float64]

REFERENCE = Path(__file__).parent / "reference.json"
LEVELS = np.linspace(0, 1, 101)
"""The fractions of the reference population whose quantiles are kept."""


@cache
def reference() -> dict[str, Any]:
    """Return the reference table: facts of its population, and `quantiles` by measure at `LEVELS`."""
    return dict(json.loads(REFERENCE.read_text(encoding="utf-8")))


def movements(names: tuple[str, ...], shapes: ArrayLike) -> dict[str, float]:
    """Return the movement measures of a face in [0, 1] by name, from its blendshapes (52,) with these names."""
    values = fractions(raw(names, shapes), _quantiles())
    return {measure: round(value, 4) for measure, value in zip(MEASURES, values.tolist(), strict=True)}


def raw(names: tuple[str, ...], shapes: ArrayLike) -> Array:
    """Return the movements (..., M) of blendshapes (..., 52) before quantiles, in the order of `MEASURES`."""
    return np.asarray(np.asarray(shapes, np.float64) @ _means(names))


def fractions(values: ArrayLike, quantiles: ArrayLike) -> Array:
    """Return the fraction in [0, 1] of a population below each of M values; its quantiles at `LEVELS` are (M, 101).

    Where many are equal, as at 0, it is the middle of their fractions.

    >>> steps = [[0.0] * 51 + [k / 50 for k in range(1, 51)]] * 4
    >>> fractions([-1, 0, 0.5, 2], steps).round(4).tolist()
    [0.0, 0.25, 0.75, 1.0]
    """
    value, steps = np.asarray(values, np.float64)[:, None], np.asarray(quantiles, np.float64)
    below, through = (steps < value).sum(1), (steps <= value).sum(1)
    low, high = np.maximum(np.minimum(below, through - 1), 0), np.minimum(np.maximum(through - 1, below), 100)
    rows = np.arange(len(steps))
    gap = steps[rows, high] - steps[rows, low]
    part = np.where(gap > 0, (value[:, 0] - steps[rows, low]) / np.where(gap > 0, gap, 1), 0.5)
    return np.asarray(LEVELS[low] + np.clip(part, 0, 1) * (LEVELS[high] - LEVELS[low]))


@cache
def _quantiles() -> Array:
    table = reference()["quantiles"]
    return np.array([table[measure] for measure in MEASURES], np.float64)


@cache
def _means(names: tuple[str, ...]) -> Array:
    """Return what takes blendshapes to movements, (52, M): each the mean of its blendshapes."""
    table = np.zeros((len(names), len(MEASURES)))
    for column, parts in enumerate(MEASURES.values()):
        table[[names.index(part) for part in parts], column] = 1 / len(parts)
    return table
