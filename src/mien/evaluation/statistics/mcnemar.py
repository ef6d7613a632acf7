"""Is a gap between two systems more than chance?  McNemar's test, Holm's correction, and groups without a difference.

McNemar, *Psychometrika* 12 (1947), for two classifiers on the same samples: only the samples where exactly one of them
is right count (Dietterich, *Neural Computation* 10, 1998).  Holm, *Scand. Journal of Statistics* 6 (1979).
"""

from collections.abc import Callable, Sequence
from math import comb, erfc, sqrt

EXACT = 25
"""Below so many discordant samples the binomial test is exact; above, the continuity-corrected chi-squared holds."""

LEVEL = 0.05
"""Two systems differ when the corrected p value is below."""


def mcnemar(first: int, second: int) -> float:
    """Return the two-sided p value for `first` samples that only one system gets right and `second` only the other.

    >>> round(mcnemar(1, 9), 4), round(mcnemar(60, 30), 4), mcnemar(0, 0)
    (0.0215, 0.0022, 1.0)
    """
    n = first + second
    if n < EXACT:
        tail = sum(comb(n, k) for k in range(min(first, second) + 1))
        return float(min(1.0, tail / 2.0 ** (n - 1)))
    statistic = max(0, abs(first - second) - 1) ** 2 / n
    return erfc(sqrt(statistic / 2))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected for their number, in the same order.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected, worst = [0.0] * len(p_values), 0.0
    for rank, k in enumerate(sorted(range(len(p_values)), key=lambda k: p_values[k])):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[k]))
        corrected[k] = worst
    return corrected


def groups(ranked: Sequence[str], apart: Callable[[str, str], bool]) -> list[list[str]]:
    """Return the longest runs of a ranking in which no two systems differ; runs may overlap.

    >>> groups(["a", "b", "c"], lambda x, y: {x, y} == {"a", "c"})
    [['a', 'b'], ['b', 'c']]
    """
    runs: list[list[str]] = []
    end = 0
    for start in range(len(ranked)):
        stop = start + 1
        while stop < len(ranked) and not any(apart(one, ranked[stop]) for one in ranked[start:stop]):
            stop += 1
        if stop > end:
            runs.append(list(ranked[start:stop]))
            end = stop
    return runs
