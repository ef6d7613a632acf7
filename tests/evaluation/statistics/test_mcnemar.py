"""Tests of pairs against scipy and by hand."""

import numpy as np
import pytest
from scipy.stats import binomtest, chi2

from mien.evaluation.statistics.mcnemar import EXACT, groups, holm, mcnemar


@pytest.mark.parametrize("first", range(0, 13, 2))
@pytest.mark.parametrize("second", [0, 1, 5, 12])
def test_few_discordant_samples_get_the_exact_test(first: int, second: int) -> None:
    wanted = binomtest(first, first + second).pvalue if first + second else 1.0
    assert first + second < EXACT
    assert mcnemar(first, second) == pytest.approx(wanted)


@pytest.mark.parametrize(("first", "second"), [(13, 12), (281, 149), (40, 40), (30, 0), (500, 430)])
def test_many_get_the_corrected_chi_squared(first: int, second: int) -> None:
    wanted = chi2.sf(max(0, abs(first - second) - 1) ** 2 / (first + second), 1)
    assert mcnemar(first, second) == pytest.approx(wanted)
    assert mcnemar(first, second) == mcnemar(second, first)


def test_holm_is_the_step_down_of_sorted_values() -> None:
    assert holm([0.005, 0.011, 0.02, 0.04, 0.13]) == pytest.approx([0.025, 0.044, 0.06, 0.08, 0.13])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
    p = np.random.default_rng(0).random(20)
    corrected = np.array(holm(p.tolist()))
    assert (corrected >= p).all()
    assert (np.diff(corrected[np.argsort(p)]) >= 0).all()


@pytest.mark.parametrize(
    ("apart", "wanted"),
    [
        (set(), [["a", "b", "c", "d"]]),
        ({"ab", "ac", "ad", "bc", "bd", "cd"}, [["a"], ["b"], ["c"], ["d"]]),
        ({"ac", "ad", "bd"}, [["a", "b"], ["b", "c"], ["c", "d"]]),
        ({"ad"}, [["a", "b", "c"], ["b", "c", "d"]]),
        ({"bc"}, [["a", "b"], ["c", "d"]]),  # a run stops where any two in it differ
    ],
)
def test_runs_hold_only_systems_that_do_not_differ(apart: set[str], wanted: list[list[str]]) -> None:
    assert groups("abcd", lambda one, other: "".join(sorted(one + other)) in apart) == wanted
