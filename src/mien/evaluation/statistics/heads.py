"""95 % intervals of the scores of what weights predict beside the expression: valence, arousal, action units.

By subject or clip where those are known, else by image; undefined below `LEAST` rows, or `clusters.MIN_GROUPS` groups,
that have a target.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mien.evaluation import metrics
from mien.evaluation.metrics.counts import Floats
from mien.evaluation.metrics.units import THERE
from mien.evaluation.statistics import clusters, units
from mien.evaluation.statistics.clusters import GroupDraws
from mien.evaluation.statistics.intervals import Draws, Ends, interval, known_ends

Groups = NDArray[np.str_] | None

LEAST = 10
"""Rows below which nothing is drawn."""


def affect(predicted: Floats, target: Floats, group: Groups) -> dict[str, Ends]:
    """Return the interval of each metric in `REGRESSION` for predictions (N,) of a target (N,), NaN where unknown.

    >>> x = np.linspace(-1, 1, 50)
    >>> low, high = affect(x, x + 0.1 * (-1) ** np.arange(50), None)["ccc"]
    >>> 0.97 < low < high < 1
    True
    """
    known = np.isfinite(predicted) & np.isfinite(target)
    estimates = {key: metric(predicted, target) for key, metric in metrics.REGRESSION.items()}
    if known.sum() < LEAST:
        return _ends(estimates, {}, None)
    shift = target[known].mean()  # of both alike: sums of squares of small numbers do not cancel
    x, y = (column[known].astype(np.float64) - shift for column in (predicted, target))
    same = np.sign(predicted[known]) == np.sign(target[known])
    features = np.stack([np.ones(len(x)), x, y, x**2, y**2, x * y, same], 1)
    group = None if group is None else group[known]
    code = clusters.codes(group)
    drawn = Draws(np.zeros(len(x), np.int64)) if code is None else GroupDraws(code)
    return _ends(estimates, _affect_of(drawn.sums(features)[0]), clusters.count(group))


def action_unit(predicted: Floats, target: Floats, group: Groups) -> dict[str, Ends]:
    """Return the interval of each metric in `UNITS` for predictions (N,) of a unit (N,), NaN where unknown."""
    known = np.isfinite(predicted) & np.isfinite(target)
    estimates = {key: metric(predicted, target) for key, metric in metrics.UNITS.items()}
    if known.sum() < LEAST:
        return _ends(estimates, {}, None)
    p, t = (column[known].astype(np.float64) for column in (predicted, target))
    group = None if group is None else group[known]
    values = units.replicates(p, (p >= THERE).astype(float), t, (t >= THERE).astype(float), group)
    return _ends(estimates, values, clusters.count(group))


def _affect_of(sums: Floats) -> dict[str, Floats]:
    n, x, y, xx, yy, xy, same = sums.T
    vx, vy, cov = xx / n - (x / n) ** 2, yy / n - (y / n) ** 2, xy / n - x * y / n**2
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "rmse": np.sqrt(np.maximum(xx - 2 * xy + yy, 0) / n),
            "corr": np.clip(cov / np.sqrt(vx * vy), -1, 1),
            "sagr": same / n,
            "ccc": 2 * cov / (vx + vy + ((x - y) / n) ** 2),
        }


def _ends(estimates: Mapping[str, float], values: Mapping[str, Floats], groups: int | None) -> dict[str, Ends]:
    undefined: Ends = [None, None]
    return {
        key: known_ends(interval(values[key], value, groups=groups))
        if key in values and np.isfinite(value)
        else undefined
        for key, value in estimates.items()
    }
