"""Tests of equal rates against scipy and full enumeration; Newcombe's interval against his published examples."""

from itertools import product
from math import comb

import numpy as np
import pytest

from mien.evaluation.statistics.proportions import chi_squared_tail, difference, equal_rates, fisher

Z95 = 1.959963984540054


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 8, 11, 40])
@pytest.mark.parametrize("x", [0.0, 1e-6, 0.4, 3.84, 25.0, 200.0, 2000.0])
def test_chi_squared_tail(freedom: int, x: float) -> None:
    stats = pytest.importorskip("scipy.stats")
    assert chi_squared_tail(x, freedom) == pytest.approx(stats.chi2.sf(x, freedom), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize(
    ("hits", "sizes"),
    [([40, 30], [60, 60]), ([34, 30], [40, 40]), ([10, 20, 30], [50, 60, 70]), ([200, 190, 260, 255], [300] * 4)],
)
def test_large_counts_take_pearsons_test(hits: list[int], sizes: list[int]) -> None:
    stats = pytest.importorskip("scipy.stats")
    table = np.array([hits, np.subtract(sizes, hits)])
    assert equal_rates(hits, sizes) == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue, rel=1e-9)


@pytest.mark.parametrize(
    "table", [(3, 4, 1, 4), (0, 10, 4, 10), (1, 8, 6, 9), (12, 12, 3, 40), (2, 900, 3, 35), (5, 5, 0, 5)]
)
def test_two_small_groups_take_fishers_test(table: tuple[int, int, int, int]) -> None:
    stats = pytest.importorskip("scipy.stats")
    first, n_first, second, n_second = table
    expected = stats.fisher_exact([[first, n_first - first], [second, n_second - second]]).pvalue
    assert fisher(*table) == pytest.approx(expected, rel=1e-9)
    assert equal_rates([first, second], [n_first, n_second]) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("hits", [(0, 3, 5), (1, 1, 2), (4, 0, 6)])
def test_several_small_groups_take_random_tables(hits: tuple[int, ...]) -> None:
    """Against the sum over all tables with these margins, weighted by their hypergeometric probability."""
    sizes = (6, 5, 9)

    def statistic(table: tuple[int, ...]) -> float:
        rate = sum(table) / sum(sizes)
        return sum((h - n * rate) ** 2 / (n * rate * (1 - rate)) for h, n in zip(table, sizes, strict=True))

    tables = [t for t in product(*(range(n + 1) for n in sizes)) if sum(t) == sum(hits)]
    weight = {t: np.prod([comb(n, h) for n, h in zip(sizes, t, strict=True)]) for t in tables}
    exact = sum(w for t, w in weight.items() if statistic(t) >= statistic(hits) - 1e-9) / sum(weight.values())
    assert equal_rates(hits, sizes) == pytest.approx(exact, abs=0.012)
    assert equal_rates(hits, sizes) == equal_rates(hits, sizes)


@pytest.mark.parametrize(
    ("hits", "sizes"), [([0, 0], [9, 9]), ([9, 4], [9, 4]), ([3], [9]), ([], []), ([3, 0], [9, 0])]
)
def test_where_nothing_varies_nothing_is_shown(hits: list[int], sizes: list[int]) -> None:
    assert equal_rates(hits, sizes) == 1.0


@pytest.mark.parametrize(
    ("hits", "sizes", "low", "high"),
    [  # Newcombe 1998, table II, method 10
        ((56, 48), (70, 80), 0.0524, 0.3339),
        ((9, 3), (10, 10), 0.1705, 0.8090),
        ((6, 2), (7, 7), 0.0582, 0.8062),
        ((5, 0), (56, 29), -0.0381, 0.1926),
        ((0, 0), (10, 20), -0.1611, 0.2775),
        ((0, 0), (10, 10), -0.2775, 0.2775),
        ((10, 0), (10, 20), 0.6791, 1.0),
        ((10, 0), (10, 10), 0.6075, 1.0),
    ],
)
def test_newcombe(hits: tuple[int, int], sizes: tuple[int, int], low: float, high: float) -> None:
    assert difference(hits, sizes, Z95) == pytest.approx((low, high), abs=6e-5)
