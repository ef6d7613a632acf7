"""Valence and arousal: `f(predicted, target) -> float` for one of them, by key in `REGRESSION`, as AffectNet reports.

Both are (N,) in [-1, 1]; pairs in which either is NaN are left out.  All are computed over the whole set at once: means
over batches would be higher.
"""

from collections.abc import Callable

import numpy as np

from mien.evaluation.metrics.counts import Floats, mean_known


def rmse(predicted: Floats, target: Floats) -> float:
    """Return the root of the mean squared difference.

    >>> rmse(np.array([0.5, 0.0]), np.array([0.0, 0.5]))
    0.5
    """
    p, t = _known(predicted, target)
    return float(np.sqrt(mean_known((p - t) ** 2)))


def corr(predicted: Floats, target: Floats) -> float:
    """Return Pearson's correlation in [-1, 1]; NaN where one of them is constant.

    >>> round(corr(np.array([0.1, 0.2, 0.3]), np.array([0.2, 0.4, 0.6])), 6)
    1.0
    """
    p, t = _known(predicted, target)
    if not len(p):
        return float("nan")
    x, y = centred(p), centred(t)
    spread = np.sqrt((x**2).mean()) * np.sqrt((y**2).mean())
    return float(np.clip((x * y).mean() / spread, -1, 1)) if spread > 0 else float("nan")


def sagr(predicted: Floats, target: Floats) -> float:
    """Return the fraction of pairs with the same sign, in [0, 1]; zero is a sign of its own and agrees only with zero.

    >>> sagr(np.array([0.3, -0.1, 0.0, 0.1]), np.array([0.9, 0.2, 0.0, 0.0]))
    0.5
    """
    p, t = _known(predicted, target)
    return float(mean_known(np.sign(p) == np.sign(t)))


def ccc(predicted: Floats, target: Floats) -> float:
    """Return Lin's concordance correlation in [-1, 1], with population variances; NaN where both are one constant.

    >>> round(ccc(np.array([0.0, 0.5, 1.0]), np.array([0.5, 1.0, 1.5])), 4)
    0.5714
    """
    p, t = _known(predicted, target)
    if not len(p):
        return float("nan")
    x, y = centred(p), centred(t)
    apart = (x**2).mean() + (y**2).mean() + (p.mean() - t.mean()) ** 2
    return float(2 * (x * y).mean() / apart) if apart > 0 else float("nan")


REGRESSION: dict[str, Callable[[Floats, Floats], float]] = {"rmse": rmse, "corr": corr, "sagr": sagr, "ccc": ccc}


def centred(values: Floats) -> Floats:
    """Return values (N, ...) less their mean over N > 0; exactly 0 where all are equal, else rounding would vary.

    >>> centred(np.full(10, 0.1)).any().item(), centred(np.array([1.0, 3.0])).tolist()
    (False, [-1.0, 1.0])
    """
    return np.where(values.max(0) > values.min(0), values - values.mean(0), 0.0)


def _known(predicted: Floats, target: Floats) -> tuple[Floats, Floats]:
    p, t = np.asarray(predicted, np.float64), np.asarray(target, np.float64)
    known = np.isfinite(p) & np.isfinite(t)
    return p[known], t[known]
