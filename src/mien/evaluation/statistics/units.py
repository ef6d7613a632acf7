"""95 % intervals of the scores of action units, all from one set of draws: by subject or clip, else by image.

Every score is a function of sums over samples: of counts (F1), of moments (PCC, ICC), and of the numbers of coded and
other samples per step of the strength (AUC).  So a resample of groups needs only the groups' sums.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.evaluation.metrics.counts import Floats, ratio
from mien.evaluation.metrics.ranking import area_under
from mien.evaluation.metrics.regression import centred
from mien.evaluation.statistics import clusters
from mien.evaluation.statistics.clusters import GroupDraws
from mien.evaluation.statistics.intervals import Draws

EDGES = 50
"""Strengths of the rarer samples, coded or not, by which the AUC of a resample is counted in steps."""

ROUNDING = 1e-10
"""Of the mean square, what is left of the variance of equal numbers by rounding."""


def replicates(
    strength: Floats, there: Floats, coded: Floats, present: Floats, group: ArrayLike | None
) -> dict[str, Floats]:
    """Return float64 (resamples,) values of each score of one unit, all inputs (N,), NaN where something is unknown.

    `strength` and `there` are predicted, `coded` and `present` coded; samples come in `group` (N,) or alone (None).
    The same of N samples are drawn for every unit, so that means over units have intervals.
    """
    part = np.stack([strength, there, coded, present])
    known = np.isfinite(part).all(0)
    own = _features(*part[:, known])
    features = np.zeros((len(known), own.shape[1]))
    features[known] = own
    code = clusters.codes(group)
    if code is None:
        sums, _ = Draws(np.zeros(len(known), np.int64)).sums(features)
    else:
        totals = np.zeros((int(code.max()) + 1, features.shape[1]))
        np.add.at(totals, code, features)
        sums, _ = GroupDraws(np.arange(len(totals))).sums(totals)
    scores, measured = scores_of(sums), scores_of(own.sum(0, keepdims=True))["auc"][0]
    exact = area_under(part[0, known], part[3, known] > 0)
    return scores | {"auc": np.clip(scores["auc"] + exact - measured, 0, 1)}


def scores_of(sums: Floats) -> dict[str, Floats]:
    """Return each score from sums (R, F) of the features of samples."""
    with np.errstate(divide="ignore", invalid="ignore"):
        both, predicted, present, n, x, y, xx, yy, xy = sums[:, :9].T
        vx, vy, cov = xx / n - (x / n) ** 2, yy / n - (y / n) ** 2, xy / n - x * y / n**2
        flat = (vx <= ROUNDING * xx / n) | (vy <= ROUNDING * yy / n)
        return {
            "f1": ratio(2 * both, predicted + present, np.nan),
            "auc": _area(*np.split(sums[:, 9:], 2, axis=1)),
            "pcc": np.where(flat, np.nan, np.clip(cov / np.sqrt(vx) / np.sqrt(vy), -1, 1)),
            "icc": np.where(flat, np.nan, np.clip(2 * cov / (vx + vy), -1, 1)),
        }


def _features(strength: Floats, there: Floats, coded: Floats, present: Floats) -> Floats:
    one = np.ones(len(strength))
    counts = [there * present, there, present, one]
    x, y = centred(strength), centred(coded)  # else sums of squares cancel
    moments = [x, y, x**2, y**2, x * y]
    steps = np.eye(2 * EDGES + 1)[_steps(strength, present > 0)]
    return np.hstack([np.stack([*counts, *moments], 1), steps * present[:, None], steps * (1 - present)[:, None]])


def _steps(strength: Floats, present: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return in which step each strength lies: at one of `EDGES` quantiles of the rarer samples, or between two.

    Up to so many rarer samples are each at one, and the AUC is exact.
    """
    rarer = strength[present if present.sum() <= (~present).sum() else ~present]
    if not len(rarer):
        return np.zeros(len(strength), np.intp)
    edges = np.unique(np.quantile(rarer, np.linspace(0, 1, min(EDGES, len(rarer))), method="inverted_cdf"))
    return np.searchsorted(edges, strength, "left") + np.searchsorted(edges, strength, "right")


def _area(hits: Floats, misses: Floats) -> Floats:
    """Return the area under the ROC curve from counts (R, S) of positives and negatives per step, ties as half."""
    above = np.cumsum(hits[:, ::-1], 1)[:, ::-1] - hits
    pairs = (misses * (above + hits / 2)).sum(1)
    return ratio(pairs, hits.sum(1) * misses.sum(1), np.nan)
