"""Compound expressions: how probable it is that people would see exactly two expressions in a face.

    ranked = compounds(face.labels, face.probs, face.action_units)
    # (Compound("happily surprised", 0.41), Compound("fearfully surprised", 0.06), ...)

The names and the units at their core are those of Du, Tao and Martinez, *Compound facial expressions of emotion*, PNAS
111 (2014), E1454: units that more than 70 % of 230 people moved.  Several share most of their core, so a face gets a
ranked list and never one hard name.  Three more names of theirs are left out, because they are of the same two
expressions as others: appalled and hatred (as angrily disgusted), awed (as fearfully surprised).

A probability is that of an event in FERPlus: of ten people, those whose choice somebody shared chose exactly these two
expressions.  It is a logistic model of the two probabilities and of the rest, and where movements were measured and
helped also of the core units.  `FITTED` was fitted on FERPlus Training by benchmarks/units.py and measured on
PublicTest (val); docs/measures.md has the figures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Kind:
    """A compound expression: the two expressions, and the units at its core."""

    pair: tuple[str, str]
    core: tuple[str, ...]


@dataclass(frozen=True)
class Compound:
    """A compound expression of a face and its probability."""

    label: str
    probability: float

    def to_dict(self) -> dict[str, object]:
        """Return an entry of `compound` in `mien predict --compound --format json`."""
        return {"label": self.label, "probability": round(self.probability, 4)}


KINDS: dict[str, Kind] = {
    "happily surprised": Kind(("happiness", "surprise"), ("au01", "au02", "au12", "au25")),
    "happily disgusted": Kind(("happiness", "disgust"), ("au10", "au12", "au25")),
    "sadly fearful": Kind(("sadness", "fear"), ("au01", "au04", "au20", "au25")),
    "sadly angry": Kind(("sadness", "anger"), ("au04", "au15")),
    "sadly surprised": Kind(("sadness", "surprise"), ("au01", "au04", "au25", "au26")),
    "sadly disgusted": Kind(("sadness", "disgust"), ("au04", "au10")),
    "fearfully angry": Kind(("fear", "anger"), ("au04", "au20", "au25")),
    "fearfully surprised": Kind(("fear", "surprise"), ("au01", "au02", "au05", "au20", "au25")),
    "fearfully disgusted": Kind(("fear", "disgust"), ("au01", "au04", "au10", "au20", "au25")),
    "angrily surprised": Kind(("anger", "surprise"), ("au04", "au25", "au26")),
    "angrily disgusted": Kind(("anger", "disgust"), ("au04", "au10", "au17")),
    "disgustedly surprised": Kind(("disgust", "surprise"), ("au01", "au02", "au05", "au10")),
}
"""The compound expressions by name."""

SHOWN = 3
"""Entries of a face's list."""
FLOOR = 1e-4
"""Added to probabilities before their logarithm is taken."""


@dataclass(frozen=True)
class Fit:
    """The coefficients of the model, for weights trained on one data set.

    Attributes:
        lower, higher, rest: of the logarithms of the lower and the higher of the two probabilities, and of all others.
        offset: what is added; movement: of the mean of the core units, where movements were measured.
    """

    lower: float
    higher: float
    rest: float
    offset: float
    movement: float = 0.0


FITTED: dict[str, tuple[Fit, Fit]] = {
    "ferplus": (Fit(0.871, 1.274, -0.257, 0.807), Fit(0.871, 1.274, -0.257, 0.063, 1.096)),
    "fer2013": (Fit(0.859, 0.786, -0.691, -1.705), Fit(0.859, 0.786, -0.691, -4.722, 4.795)),
}
"""By the data set that weights were trained on: the fit on probabilities alone, and with measured movements."""


def features(labels: Sequence[str], probs: ArrayLike) -> Array:
    """Return the logarithms of the lower, the higher and the remaining probability, (..., 12, 3), of probs (..., K)."""
    every = np.asarray(probs, np.float64)
    first, second = (every[..., [labels.index(kind.pair[k]) for kind in KINDS.values()]] for k in (0, 1))
    parts = [np.minimum(first, second), np.maximum(first, second), np.clip(1 - first - second, 0, 1)]
    return np.log(np.stack(parts, -1) + FLOOR)


def core_means(units: Mapping[str, float]) -> Array:
    """Return the mean of the core units of each compound expression, (12,) in [0, 1]."""
    return np.array([np.mean([units[unit] for unit in kind.core]) for kind in KINDS.values()])


def probabilities(fit: Fit, features: Array, means: ArrayLike = 0.0) -> Array:
    """Return the probability of each compound expression, (..., 12), which with that of none sum to one.

    >>> probabilities(Fit(1.0, 1.0, 0.0, 0.0), np.log(np.full((12, 3), 0.5))).round(4).tolist()[:2]
    [0.0625, 0.0625]
    """
    scores = features @ np.array([fit.lower, fit.higher, fit.rest]) + fit.offset + fit.movement * np.asarray(means)
    top = np.maximum(scores.max(-1, keepdims=True), 0)
    powers = np.exp(scores - top)
    shared: Array = powers / (powers.sum(-1, keepdims=True) + np.exp(-top))
    return shared


def compounds(
    fits: tuple[Fit, Fit], labels: Sequence[str], probs: NDArray[np.float32], units: Mapping[str, float] | None
) -> tuple[Compound, ...]:
    """Return the most probable compound expressions of a face, best first; `units` are measured movements or None."""
    fit, means = (fits[0], np.zeros(())) if units is None else (fits[1], core_means(units))
    found = probabilities(fit, features(labels, probs), means)
    ranked = sorted(zip(KINDS, found.tolist(), strict=True), key=lambda pair: -pair[1])
    return tuple(Compound(*pair) for pair in ranked[:SHOWN])
