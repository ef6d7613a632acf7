"""95 % intervals for the figures that are printed.

Accuracy is a share of independent samples, so it gets Wilson's interval: closed form, no seed, sound at 0 and 1
(Wilson 1927; Brown, Cai and DasGupta 2001).  Other metrics get a percentile bootstrap, stratified by class: drawing
the samples of one class again with replacement makes that class's row of the confusion matrix a multinomial draw from
itself, so 2,000 resamples are 2,000 draws per class instead of 2,000 passes over the data.
"""

from collections.abc import Callable
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

Interval = tuple[float, float]
_Z95 = 1.959963984540054


def wilson(right: int, n: int, z: float = _Z95) -> Interval:
    """Return Wilson's interval for a share of `right` out of `n`; (nan, nan) without samples.

    >>> tuple(round(v, 4) for v in wilson(730, 1000))
    (0.7016, 0.7566)
    """
    if n == 0:
        return float("nan"), float("nan")
    share, room = float(right) / n, z * z / n
    centre = (share + room / 2) / (1 + room)
    half = z * sqrt(share * (1 - share) / n + room / (4 * n)) / (1 + room)
    return max(0.0, centre - half), min(1.0, centre + half)


def bootstrap(
    matrix: ArrayLike,
    statistic: Callable[[NDArray[np.int64]], NDArray[np.floating]],
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Return the 2.5 and 97.5 percentiles of a statistic over class-stratified resamples of a confusion matrix.

    `statistic` maps (R, K, K) counts to (R,) values, for instance `metrics.macro_f1_of`.  Same seed, same interval.

    >>> from mien.evaluation.metrics import macro_f1_of
    >>> bootstrap([[50, 0], [0, 50]], macro_f1_of)
    (1.0, 1.0)
    """
    counts = np.asarray(matrix, np.int64)
    if counts.sum() == 0:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    rows = [
        rng.multinomial(row.sum(), row / max(row.sum(), 1), resamples) if row.any() else _none(row, resamples)
        for row in counts
    ]
    low, high = np.percentile(statistic(np.stack(rows, 1)), [2.5, 97.5])
    return float(low), float(high)


def _none(row: NDArray[np.int64], resamples: int) -> NDArray[np.int64]:
    return np.zeros((resamples, len(row)), np.int64)
