"""Expressions from action units without training: how well the units of a face match the prototype of each expression.

    prototype_probs({"au06": 0.9, "au12": 0.97, ...})       # {"neutral": 0.1, "happiness": 0.5, ...}

The prototypes are those of EMFACS (Friesen and Ekman, 1983), as the literature quotes them.  The match is soft: half of
it is how strong the units of a prototype are, half how weak all others are; neutral has none.  A movement counts once:
as a whole, or where a prototype is one-sided as a half against the other half.  docs/measures.md has how
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
"""The units of each expression; one that is one-sided is matched on either side."""

_UNITS = {unit for units in PROTOTYPES.values() for unit in units}
WHOLE = tuple(sorted({unit.partition("_")[0] for unit in _UNITS}))
HALVES = tuple(
    sorted(f"{unit.partition('_')[0]}_{side}" for unit in _UNITS if "_" in unit for side in ("left", "right"))
)
USED = (*WHOLE, *HALVES)
SHARPNESS = 10.0
"""By what matches are multiplied before they become probabilities; it was not fitted, so these are not calibrated."""
MIDDLE = 0.5
"""The strength of a unit that lacks."""


def prototype_probs(units: Mapping[str, float]) -> dict[str, float]:
    """Return a number per expression, summing to one, from action units in [0, 1]; a unit that lacks counts as a half.

    >>> smile = prototype_probs({"au06": 1.0, "au12": 1.0, "au01": 0.0, "au04": 0.0, "au15": 0.0})
    >>> max(smile, key=smile.get)
    'happiness'
    """
    matches = np.array([match(label, units) for label in EXPRESSIONS])
    powers = np.exp(SHARPNESS * (matches - matches.max()))
    return dict(zip(EXPRESSIONS, (powers / powers.sum()).tolist(), strict=True))


def match(label: str, units: Mapping[str, float]) -> float:
    """Return how well units match an expression, in [0, 1]: on the side that they match best."""
    return _match(core_of(label, units), units)


def core_of(label: str, units: Mapping[str, float]) -> tuple[str, ...]:
    """Return the prototype of an expression, on the side that units match best."""
    return max(_sides(PROTOTYPES[label]), key=lambda core: _match(core, units))


def others(core: tuple[str, ...]) -> tuple[str, ...]:
    """Return the units that count against a prototype: those of others, and of a half the other half.

    >>> "au12" in others(("au12_right", "au14_right")), "au12_left" in others(("au12_right", "au14_right"))
    (False, True)
    """
    halves = tuple(_mirrored(unit) for unit in core if unit in HALVES)
    moved = {unit.partition("_")[0] for unit in core}
    return (*(unit for unit in WHOLE if unit not in moved), *halves)


def _sides(core: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return (core, tuple(map(_mirrored, core))) if set(core) & set(HALVES) else (core,)


def _mirrored(unit: str) -> str:
    name, _, side = unit.partition("_")
    return f"{name}_{'left' if side == 'right' else 'right'}"


def _match(core: tuple[str, ...], units: Mapping[str, float]) -> float:
    weak = float(np.mean([1 - units.get(unit, MIDDLE) for unit in others(core)]))
    return (float(np.mean([units.get(unit, MIDDLE) for unit in core])) + weak) / 2 if core else weak
