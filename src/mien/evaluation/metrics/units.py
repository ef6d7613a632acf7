"""Action units: `f(predicted, target) -> float` for one unit, by key in `UNITS`.

Both are (N,); pairs in which either is NaN are left out.  F1 and AUC measure presence, ICC strength.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from mien.evaluation.metrics.counts import Floats
from mien.evaluation.metrics.ranking import area_under
from mien.evaluation.metrics.regression import centred

THERE = 0.5
"""A unit is there from this value on."""


def unit_f1(predicted: Floats, target: Floats) -> float:
    """Return the F1 of a unit's presence, in [0, 1]; NaN where it is neither there nor predicted.

    >>> unit_f1(np.array([0.9, 0.4, 0.6]), np.array([1.0, 1.0, 0.0]))
    0.5
    """
    p, t = (column >= THERE for column in _pairs(predicted, target).T)
    either = p.sum() + t.sum()
    return float(2 * (p & t).sum() / either) if either else float("nan")


def unit_icc(predicted: Floats, target: Floats) -> float:
    """Return the intraclass correlation ICC(3,1) of a unit's strength, predictions and targets as two raters.

    >>> round(unit_icc(np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0])), 6)
    1.0
    """
    return icc(_pairs(predicted, target))


def unit_auc(predicted: Floats, target: Floats) -> float:
    """Return the area under the ROC curve of a unit's presence, in [0, 1]; NaN where all targets are alike.

    >>> unit_auc(np.array([0.9, 0.4, 0.6]), np.array([1.0, 1.0, 0.0]))
    0.5
    """
    pairs = _pairs(predicted, target)
    return area_under(pairs[:, 0], pairs[:, 1] >= THERE)


UNITS: dict[str, Callable[[Floats, Floats], float]] = {"f1": unit_f1, "auc": unit_auc, "icc": unit_icc}


def icc(ratings: ArrayLike) -> float:
    """Return ICC(3,1) of ratings (N, raters): two-way mixed, consistency, single rater.

    NaN below two rows or where no rater varies.

    Source: Shrout and Fleiss, *Intraclass correlations*, Psychological Bulletin 86 (1979).

    >>> round(icc([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]), 2)
    0.71
    """
    r: Floats = np.asarray(ratings, np.float64)
    n, k = r.shape
    if n < 2:
        return float("nan")
    r = centred(r)  # consistency leaves out how raters differ on average
    rows = r.mean(1, keepdims=True)
    between = k * (rows**2).sum() / (n - 1)
    rest = ((r - rows) ** 2).sum() / ((n - 1) * (k - 1))
    spread = between + (k - 1) * rest
    return float((between - rest) / spread) if spread > 0 else float("nan")


def _pairs(predicted: Floats, target: Floats) -> Floats:
    pairs = np.stack([np.asarray(predicted, np.float64), np.asarray(target, np.float64)], 1)
    return np.asarray(pairs[np.isfinite(pairs).all(1)])
