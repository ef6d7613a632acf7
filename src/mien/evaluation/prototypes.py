"""Expressions by the prototypes of action units (mien.prototypes), measured as a system without training is.

They stand wherever expressions and action units both exist: in `mien evaluate` of weights with a head for units, in
`mien evaluate --units` where coded rows have an expression, and in `mien compare` (units/beside.py).
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien.evaluation import metrics
from mien.evaluation.metrics.counts import Floats
from mien.evaluation.statistics.intervals import known_ends, proportion_interval
from mien.labels import EXPRESSIONS
from mien.prototypes import WHOLE, prototype_probs

ENOUGH = len(WHOLE) / 2
"""Units of the prototypes, below which they are not asked."""
SCORES = ("accuracy", "balanced_accuracy", "macro_f1", "top2")


def named(name: str) -> str:
    """Return a unit's name with two digits; other names stay as they are.

    >>> named("au1"), named("au12_left"), named("smile")
    ('au01', 'au12_left', 'smile')
    """
    return re.sub(r"^au(\d)(?!\d)", r"au0\1", name)


def enough(names: Sequence[str]) -> bool:
    """Return whether these units are enough for the prototypes."""
    return len(set(map(named, names)) & set(WHOLE)) >= ENOUGH


def probabilities(names: Sequence[str], units: Floats) -> Floats:
    """Return the probabilities (N, K) of EXPRESSIONS by units (N, A) in [0, 1]; NaN is unknown, a row of it gives 0."""
    found = np.zeros((len(units), len(EXPRESSIONS)))
    for k, row in enumerate(units):
        if known := {named(name): float(value) for name, value in zip(names, row, strict=True) if np.isfinite(value)}:
            found[k] = list(prototype_probs(known).values())
    return found


def scores(labels: Sequence[str], probs: Floats, target: Floats, group: NDArray[np.str_] | None) -> dict[str, object]:
    """Return the scores of probabilities (N, K) of EXPRESSIONS against targets over `labels`, without rows of zeros."""
    kept = np.flatnonzero(probs.sum(1) > 0)
    wide = np.zeros((len(kept), len(EXPRESSIONS)))
    wide[:, [EXPRESSIONS.index(label) for label in labels]] = target[kept]
    right = np.equal(*metrics.top1(probs[kept], wide))
    ends = proportion_interval(right, None if group is None else group[kept])
    known = {key: float(metrics.METRICS[key](probs[kept], wide)) for key in SCORES}
    return {"n": len(kept), **known, "accuracy_interval": known_ends(ends)}
