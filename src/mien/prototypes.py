"""Expressions from action units without training: how well the units of a face match the prototype of each expression.

    prototype_probs({"au06": 0.9, "au12": 0.97, ...})       # {"neutral": 0.1, "happiness": 0.5, ...}

The prototypes are those of EMFACS (Friesen and Ekman, 1983), as the literature quotes them.  The match is soft: half of
it is how strong the units of a prototype are, half how weak all others are; neutral has none.  docs/measures.md has how
well this does beside the networks.
"""

from collections.abc import Mapping

import numpy as np

from mien.labels import EXPRESSIONS

PROTOTYPES: dict[str, tuple[str, ...]] = {
    "neutral": (),
    "happiness": ("au06", "au12"),
    "sadness": ("au01", "au04", "au15"),
    "surprise": ("au01", "au02", "au05", "au26"),
    "fear": ("au01", "au02", "au04", "au05", "au07", "au20", "au26"),
    "disgust": ("au09", "au15", "au16"),
    "anger": ("au04", "au05", "au07", "au23"),
    "contempt": ("au12_right", "au14_right"),
}
"""The units of each expression; contempt is one-sided."""

USED = tuple(sorted({unit for units in PROTOTYPES.values() for unit in units}))
SHARPNESS = 10.0
"""By what matches are multiplied before they become probabilities; it was not fitted, so these are not calibrated."""


def prototype_probs(units: Mapping[str, float]) -> dict[str, float]:
    """Return a number per expression, summing to one, from action units in [0, 1]; a unit that lacks counts as a half.

    >>> smile = prototype_probs({"au06": 1.0, "au12": 1.0, "au01": 0.0, "au04": 0.0, "au15": 0.0})
    >>> max(smile, key=smile.get)
    'happiness'
    """
    values = {unit: units.get(unit, 0.5) for unit in USED}
    matches = np.array([_match(PROTOTYPES[label], values) for label in EXPRESSIONS])
    powers = np.exp(SHARPNESS * (matches - matches.max()))
    return dict(zip(EXPRESSIONS, (powers / powers.sum()).tolist(), strict=True))


def _match(core: tuple[str, ...], values: Mapping[str, float]) -> float:
    weak = float(np.mean([1 - value for unit, value in values.items() if unit not in core]))
    return (float(np.mean([values[unit] for unit in core])) + weak) / 2 if core else weak
