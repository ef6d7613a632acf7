"""95 % intervals of the scores that are printed.

Accuracy is a proportion of independent samples, so it gets Wilson's interval: closed form, no seed, sound at 0 and 1
(Wilson 1927; Brown, Cai and DasGupta 2001).  Other metrics get a percentile bootstrap, stratified by class: drawing
the samples of one class again with replacement makes that class's row of the confusion matrix a multinomial draw from
itself, so 2,000 resamples are 2,000 draws per class instead of 2,000 passes over the data.  Where samples come in
groups (subjects, clips) neither holds: whole groups are drawn (clusters.py), which the output then states.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.evaluation import metrics
from mien.evaluation.metrics import Counts, Floats
from mien.evaluation.statistics import clusters
from mien.evaluation.statistics.clusters import GroupDraws

Interval = tuple[float, float]
Ends = list[float | None]
"""An interval as JSON carries it, None for an end that is undefined."""

_Z95 = 1.959963984540054
NO_WIDTH = 1e-9
"""Between two ends that only rounding sets apart."""


def wilson(right: float, n: int, z: float = _Z95) -> Interval:
    """Return Wilson's interval for the proportion of `right` out of `n`; (nan, nan) without samples.

    >>> tuple(round(v, 4) for v in wilson(730, 1000))
    (0.7016, 0.7566)
    >>> wilson(0, 6)[0], wilson(6, 6)[1]
    (0.0, 1.0)
    """
    if n == 0:
        return float("nan"), float("nan")
    rate, slack = float(right) / n, z * z / n
    centre = (rate + slack / 2) / (1 + slack)
    half = z * sqrt(rate * (1 - rate) / n + slack / (4 * n)) / (1 + slack)
    return min(rate, max(0.0, centre - half)), max(rate, min(1.0, centre + half))  # rounding may leave out 0 and 1


def bootstrap(
    matrix: ArrayLike,
    statistic: Callable[[NDArray[np.int64]], NDArray[np.floating]],
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Return the 2.5 and 97.5 percentiles of a statistic over class-stratified resamples of a confusion matrix.

    `statistic` maps (R, K, K) counts to (R,) values, for instance `metrics.macro_f1_of`.  Same seed, same interval.
    (nan, nan) where all resamples have one value: no class has two samples, or every prediction is correct.

    >>> from mien.evaluation.metrics import macro_f1_of
    >>> bootstrap([[50, 0], [0, 50]], macro_f1_of)
    (nan, nan)
    """
    counts = np.asarray(matrix, np.int64)
    if counts.sum(1).max() < 2:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    rows = [
        rng.multinomial(row.sum(), row / max(row.sum(), 1), resamples) if row.any() else _none(row, resamples)
        for row in counts
    ]
    low, high = np.percentile(statistic(np.stack(rows, 1)), [2.5, 97.5])
    return _bounded(float(low), float(high))


def _bounded(low: float, high: float) -> Interval:
    """Return the ends; (nan, nan) where they are one point, as of six images without a mistake: that bounds nothing."""
    return (low, high) if high - low > NO_WIDTH else (float("nan"), float("nan"))


def _none(row: NDArray[np.int64], resamples: int) -> NDArray[np.int64]:
    return np.zeros((resamples, len(row)), np.int64)


@dataclass(frozen=True, eq=False)
class Draws:
    """How often each of N samples is drawn in each resample, class by class, with replacement.

    `strata` int (N,) are the classes.  Iterating gives float32 (r, N) counts, a part of the resamples at a time so
    that memory stays bounded; the same seed gives the same counts again.
    """

    strata: Counts
    resamples: int = 2000
    seed: int = 0

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        rng, n = np.random.default_rng(self.seed), len(self.strata)
        groups = [np.flatnonzero(self.strata == k) for k in np.unique(self.strata)]
        at_once = max(1, min(self.resamples, CELLS // max(n, 1)))
        for start in range(0, self.resamples, at_once):
            rows = min(at_once, self.resamples - start)
            counts = np.zeros((rows, n), np.float32)
            for group in groups:
                drawn = rng.integers(len(group), size=(rows, len(group)), dtype=np.int32)
                drawn += np.arange(rows, dtype=np.int32)[:, None] * len(group)
                counts[:, group] = np.bincount(drawn.ravel(), minlength=rows * len(group)).reshape(rows, -1)
            yield counts

    def sums(self, features: Floats) -> tuple[Floats, int]:
        """Return the sums (R, F) of features (N, F) over each resample, and its number of samples."""
        return np.concatenate([counts @ features for counts in self]).astype(np.float64), len(features)


def draws(target: Floats, group: ArrayLike | None = None, resamples: int = 2000, seed: int = 0) -> Draws | GroupDraws:
    """Return how samples are drawn again: by group where groups are known, else class by class."""
    code = clusters.codes(group)
    return Draws(strata(target), resamples, seed) if code is None else GroupDraws(code, resamples, seed)


def proportion_interval(right: ArrayLike, group: ArrayLike | None = None) -> Interval:
    """Return the 95 % interval of the proportion of True in bool (N,): Wilson's, or by groups (N,) where known.

    Never narrower than that of so many independent samples: few groups may be alike by chance.  Where all have the same
    proportion, each counts as one sample.  (nan, nan) of fewer groups than `clusters.MIN_GROUPS`.

    >>> tuple(round(v, 3) for v in proportion_interval([True] * 6 + [False] * 4))
    (0.313, 0.832)
    >>> tuple(round(v, 3) for v in proportion_interval([True] * 10, list("aabbccddee")))
    (0.566, 1.0)
    """
    hit, code = np.asarray(right, np.float64), clusters.codes(group)
    if code is None:
        return wilson(int(hit.sum()), len(hit))
    groups = int(code.max()) + 1
    if groups < clusters.MIN_GROUPS:
        return float("nan"), float("nan")
    sums, n = GroupDraws(code).sums(hit[:, None])
    values = sums[:, 0] / n
    if np.ptp(values) < 1e-12:
        return wilson(float(hit.mean()) * groups, groups)
    (low, high), (lowest, highest) = clusters.ends(values, groups), wilson(float(hit.sum()), len(hit))
    return min(low, lowest), max(high, highest)


CELLS = 4_000_000
"""Counts held at once, 16 MB."""


def _cells(probs: Floats, target: Floats) -> Floats:
    label, predicted = metrics.top1(probs, target)
    k = np.asarray(target).shape[1]
    return np.asarray(np.eye(k * k, dtype=np.float32)[label * k + predicted])


def _gaps(probs: Floats, target: Floats) -> Floats:
    label, predicted = metrics.top1(probs, target)
    confidence = np.asarray(probs, np.float64).max(1)
    bins = np.eye(metrics.BINS)[metrics.bin_of(confidence)]
    return np.asarray(bins * (confidence - (label == predicted))[:, None])


def _column(values: ArrayLike) -> Floats:
    return np.asarray(values, np.float64)[:, None]


def _of_matrix(statistic: Callable[[Floats], Floats]) -> Callable[[Floats, int | Floats], Floats]:
    def from_sums(sums: Floats, n: int | Floats) -> Floats:
        k = round(sqrt(sums.shape[-1]))
        return statistic(sums.reshape(*sums.shape[:-1], k, k))

    return from_sums


def _mean(sums: Floats, n: int | Floats) -> Floats:
    return np.asarray(np.abs(sums).sum(-1) / n)


Features = Callable[[Floats, Floats], Floats]
FromSums = Callable[[Floats, int | Floats], Floats]

RESAMPLED: dict[str, tuple[Features, FromSums]] = {
    "accuracy": (_cells, _of_matrix(lambda m: np.trace(m, axis1=-2, axis2=-1) / m.sum((-2, -1)))),
    "balanced_accuracy": (_cells, _of_matrix(metrics.balanced_accuracy_of)),
    "macro_f1": (_cells, _of_matrix(metrics.macro_f1_of)),
    "kappa": (_cells, _of_matrix(metrics.kappa_of)),
    "top2": (lambda probs, target: _column(metrics.top2_hits(probs, target)), _mean),
    "ece": (_gaps, _mean),
    "nll": (lambda probs, target: _column(metrics.nlls(probs, target)), _mean),
    "brier": (lambda probs, target: _column(metrics.briers(probs, target)), _mean),
}
"""By key of `METRICS`: features (N, F) of the samples, and the metric as a function of their sums (..., F).

The calibration error keeps the bins of the whole sample.
"""

SHIFTED = frozenset({"ece"})
"""Metrics that resampling pushes up, because they add up absolute values; their intervals are mirrored at the
estimate (basic bootstrap), which undoes the shift: Davison and Hinkley, *Bootstrap Methods* (1997), section 5.2.
Near 0 that is too little, so they begin at 0 where `chance_error` explains all, and never end below the estimate."""

ECE_NOTE = (
    "ECE adds up gaps that chance alone opens, wider ones the fewer the images, so what is measured lies above the "
    "true error on average. The interval is for the true error: the measured value is near or at its upper end, and an "
    "interval that starts at 0 means that chance may explain all of it."
)
"""The note wherever a calibration error is shown with its interval."""


def replicates(probs: Floats, target: Floats, draws: Draws | GroupDraws) -> dict[str, Floats]:
    """Return float64 (resamples,) values of every metric in `RESAMPLED`.

    NaN where no class has two samples, so that there is nothing to draw from.

    >>> values = replicates(np.eye(2)[[0, 0, 1]], np.eye(2)[[0, 0, 1]], Draws(np.array([0, 0, 1]), resamples=3))
    >>> values["accuracy"].tolist(), values["brier"].tolist()
    ([1.0, 1.0, 1.0], [0.0, 0.0, 0.0])
    """
    if isinstance(draws, Draws) and len(np.unique(draws.strata)) == len(draws.strata):
        return {key: np.full(draws.resamples, np.nan) for key in RESAMPLED}
    parts = {features: features(probs, target) for features, _ in RESAMPLED.values()}
    ends = np.cumsum([part.shape[1] for part in parts.values()])
    together = np.hstack(list(parts.values())).astype(np.float32)
    sums, n = draws.sums(together)
    summed = dict(zip(parts, np.split(sums, ends[:-1], axis=1), strict=True))
    return {key: from_sums(summed[features], n) for key, (features, from_sums) in RESAMPLED.items()}


def interval(values: Floats, estimate: float, shifted: bool = False, groups: int | None = None) -> Interval:
    """Return the 95 % interval from replicates: percentiles, mirrored at the estimate where they are `shifted`.

    `groups` is how many groups were drawn, None where samples were.  (nan, nan) where all replicates are one value.

    >>> values = np.linspace(0, 1, 41)
    >>> tuple(round(v, 3) for v in interval(values, 0.4)), tuple(round(v, 3) for v in interval(values, 0.4, True))
    ((0.025, 0.975), (-0.175, 0.775))
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan")
    if groups is None:
        low, high = (float(v) for v in np.percentile(known, [2.5, 97.5]))
    else:
        low, high = clusters.ends(known, groups)
    low, high = _bounded(low, high)
    return (2 * estimate - high, 2 * estimate - low) if shifted else (low, high)


def intervals(
    probs: Floats, target: Floats, resamples: int = 2000, seed: int = 0, group: ArrayLike | None = None
) -> dict[str, Interval]:
    """Return the 95 % interval of every metric in `RESAMPLED` but accuracy, which has `proportion_interval`.

    By `group` (N,) where that is known.

    >>> low, high = intervals(np.eye(2)[[0, 0, 1, 0]], np.eye(2)[[0, 0, 1, 1]])["macro_f1"]
    >>> 0 <= low < high <= 1
    True
    """
    if not len(probs):
        return {}
    return intervals_of(replicates(probs, target, draws(target, group, resamples, seed)), probs, target, group)


def intervals_of(
    values: Mapping[str, Floats], probs: Floats, target: Floats, group: ArrayLike | None = None
) -> dict[str, Interval]:
    """Return the 95 % intervals that replicates give, see `intervals`.

    >>> intervals_of({"top2": np.array([0.5, 1.0])}, np.eye(2), np.eye(2))
    {'top2': (0.5125, 0.9875)}
    """
    return intervals_of_runs(values, [probs], target, group)


def intervals_of_runs(
    values: Mapping[str, Floats], runs: Sequence[Floats], target: Floats, group: ArrayLike | None = None
) -> dict[str, Interval]:
    """Return the 95 % intervals of metrics' means over runs (N, K) on the same samples, see `intervals`.

    `values` are replicates of those means.
    """
    at = {key: _mean_over(runs, target, metrics.METRICS[key]) for key in values if key != "accuracy"}
    groups = clusters.count(group)
    ends = {key: interval(values[key], value, key in SHIFTED, groups) for key, value in at.items()}
    for key in SHIFTED & set(ends):
        low, high = ends[key]
        if isfinite(low):
            chance = _mean_over(runs, target, partial(chance_error_by, group))
            ends[key] = (max(0.0, low) if at[key] > chance else 0.0, max(at[key], high))
    return ends


def _mean_over(runs: Sequence[Floats], target: Floats, metric: Callable[[Floats, Floats], float]) -> float:
    return float(np.mean([metric(probs, target) for probs in runs]))


def chance_error_by(group: ArrayLike | None, probs: Floats, target: Floats) -> float:
    """Return `chance_error` of samples that come in groups (N,), or alone (None), in [0, 1]."""
    code = clusters.codes(group)
    label, predicted = metrics.top1(probs, target)
    gap = np.asarray(probs, np.float64).max(1) - (label == predicted)
    return chance_error(probs) * (1.0 if code is None else sqrt(clusters.design_effect(gap, code)))


def chance_error(probs: Floats, draws: int = 2000, seed: int = 0) -> float:
    """Return the calibration error that calibrated probabilities exceed by chance in 2.5 % of samples.

    Bröcker and Smith, *Increasing the reliability of reliability diagrams*, Weather and Forecasting 22 (2007), with
    normal instead of binomial draws.

    >>> round(chance_error(np.array([[0.5, 0.5]] * 100)), 2)  # of 100 tosses of a coin
    0.11
    """
    confidence = np.asarray(probs, np.float64).max(1)
    spread = np.sqrt(np.bincount(metrics.bin_of(confidence), confidence * (1 - confidence), metrics.BINS))
    drawn = np.random.default_rng(seed).standard_normal((draws, metrics.BINS)) * spread
    return float(np.percentile(np.abs(drawn).sum(1) / len(confidence), 97.5))


def known_ends(ends: Interval) -> Ends:
    """Return an interval as JSON carries it: its two ends, None for what is undefined.

    >>> known_ends((0.25, float("nan")))
    [0.25, None]
    """
    return [float(end) if isfinite(end) else None for end in ends]


def strata(target: Floats) -> Counts:
    """Return the class on top of each target, the first where several tie; int64 (N,).

    >>> strata(np.array([[0.5, 0.5], [0.0, 1.0]])).tolist()
    [0, 1]
    """
    return np.asarray(np.asarray(target).argmax(1), np.int64)
