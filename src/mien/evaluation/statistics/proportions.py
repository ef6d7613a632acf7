"""Do groups have the same rate?  Tests of equal proportions, and the interval of the difference of two.

Pearson's chi-squared test where every expected count is at least 5 (Cochran, *Biometrics* 10, 1954); else Fisher's
exact test for two groups, and for more the same with random tables of the same margins (Freeman and Halton,
*Biometrika* 38, 1951, approximated).  The interval is Newcombe's (*Statistics in Medicine* 17, 1998, method 10).
"""

from collections.abc import Sequence
from math import erfc, exp, gamma, lgamma, sqrt

import numpy as np

from mien.evaluation.statistics.intervals import Interval, wilson

MIN_EXPECTED = 5
TABLES = 20_000
"""Random tables when none of the other tests holds; no p value is below 1 / TABLES."""


def equal_rates(hits: Sequence[int], sizes: Sequence[int]) -> float:
    """Return the p value of all groups having one rate, given `hits` out of `sizes` in each; 1 where nothing varies.

    >>> round(equal_rates([40, 30], [60, 60]), 4), round(equal_rates([1, 8], [10, 10]), 4)
    (0.0641, 0.0055)
    """
    hit, size = np.asarray(hits, np.int64), np.asarray(sizes, np.int64)
    hit, size = hit[size > 0], size[size > 0]
    if len(size) < 2 or not 0 < hit.sum() < size.sum():
        return 1.0
    rate = hit.sum() / size.sum()
    if min(rate, 1 - rate) * size.min() >= MIN_EXPECTED:
        return chi_squared_tail(float(_statistic(hit, size)), len(size) - 1)
    if len(size) == 2:
        return fisher(int(hit[0]), int(size[0]), int(hit[1]), int(size[1]))
    drawn = np.random.default_rng(0).multivariate_hypergeometric(size, int(hit.sum()), TABLES)
    extreme = (_statistic(drawn, size) >= _statistic(hit, size) * (1 - 1e-9)).sum()
    return float((extreme + 1) / (TABLES + 1))


def _statistic(hits: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    rate = hits.sum(-1, keepdims=True) / sizes.sum()
    return np.asarray(((hits - sizes * rate) ** 2 / (sizes * rate * (1 - rate))).sum(-1))


def chi_squared_tail(x: float, freedom: int) -> float:
    """Return the probability of the chi-squared distribution above x, for a whole number of degrees of freedom.

    >>> round(chi_squared_tail(3.841459, 1), 6), round(chi_squared_tail(5.991465, 2), 6)
    (0.05, 0.05)
    """
    t = x / 2
    if freedom % 2 == 0:
        term, total = exp(-t), 0.0
        for k in range(freedom // 2):
            total += term
            term *= t / (k + 1)
        return min(1.0, total)
    terms = (t ** (k - 0.5) / gamma(k + 0.5) for k in range(1, freedom // 2 + 1))
    return float(min(1.0, erfc(sqrt(t)) + exp(-t) * sum(terms)))


def fisher(first: int, n_first: int, second: int, n_second: int) -> float:
    """Return the two-sided p value of Fisher's exact test for `first` out of `n_first` against `second`.

    >>> round(fisher(3, 4, 1, 4), 4)
    0.4857
    """
    total = first + second
    support = range(max(0, total - n_second), min(n_first, total) + 1)
    logs = np.array([_log_comb(n_first, k) + _log_comb(n_second, total - k) for k in support])
    probabilities = np.exp(logs - _log_comb(n_first + n_second, total))
    return min(1.0, float(probabilities[probabilities <= probabilities[first - support.start] * (1 + 1e-7)].sum()))


def _log_comb(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def difference(hits: tuple[int, int], sizes: tuple[int, int], z: float) -> Interval:
    """Return Newcombe's interval of the first rate minus the second; z = 1.96 gives 95 %.

    >>> tuple(round(v, 4) for v in difference((56, 48), (70, 80), 1.959964))
    (0.0524, 0.3339)
    """
    (one, two), (n_one, n_two) = hits, sizes
    p, q = one / n_one, two / n_two
    (low_p, high_p), (low_q, high_q) = wilson(one, n_one, z), wilson(two, n_two, z)
    return p - q - sqrt((p - low_p) ** 2 + (high_q - q) ** 2), p - q + sqrt((high_p - p) ** 2 + (q - low_q) ** 2)
