"""Intervals that hold what they promise, quickly."""

import math
import time

import numpy as np
import pytest

from mien.evaluation.intervals import bootstrap, wilson
from mien.evaluation.metrics import accuracy_of, macro_f1_of


@pytest.mark.parametrize(
    ("right", "n", "wanted"),
    [(0, 10, (0.0, 0.2775)), (10, 10, (0.7225, 1.0)), (5, 10, (0.2366, 0.7634)), (2630, 3589, (0.7181, 0.7470))],
)
def test_wilson_is_the_textbooks(right: int, n: int, wanted: tuple[float, float]) -> None:
    assert wilson(right, n) == pytest.approx(wanted, abs=5e-5)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.73, 0.98])
def test_wilson_covers_the_truth_about_95_times_in_100(share: float) -> None:
    drawn = np.random.default_rng(0).binomial(400, share, 2000)
    ends = [wilson(int(right), 400) for right in drawn]
    assert np.mean([low <= share <= high for low, high in ends]) == pytest.approx(0.95, abs=0.02)


def test_nothing_measured_has_no_interval() -> None:
    assert all(map(math.isnan, wilson(0, 0)))
    assert all(map(math.isnan, bootstrap(np.zeros((3, 3)), macro_f1_of)))


def test_bootstrap_is_that_of_resampled_samples() -> None:
    """Multinomial rows against the plain way: draw the samples of each class again, count, score."""
    matrix = np.array([[40, 8, 2], [5, 20, 5], [1, 3, 6]])
    cells = np.repeat(np.arange(9), matrix.ravel())
    rng, scores = np.random.default_rng(1), []
    for _ in range(1500):
        drawn = np.concatenate([rng.choice(cells[cells // 3 == k], matrix[k].sum()) for k in range(3)])
        scores.append(macro_f1_of(np.bincount(drawn, minlength=9).reshape(3, 3)))
    assert bootstrap(matrix, macro_f1_of) == pytest.approx(tuple(np.percentile(scores, [2.5, 97.5])), abs=0.012)


def test_bootstrap_repeats_with_its_seed() -> None:
    matrix = np.random.default_rng(0).integers(0, 40, (8, 8))
    assert bootstrap(matrix, macro_f1_of) == bootstrap(matrix, macro_f1_of)
    assert bootstrap(matrix, macro_f1_of) != bootstrap(matrix, macro_f1_of, seed=1)


def test_bootstrap_keeps_classes_without_samples() -> None:
    low, high = bootstrap([[9, 1, 0], [2, 8, 0], [0, 0, 0]], macro_f1_of)
    assert 0.5 < low < high <= 1


def test_2000_resamples_of_a_test_split_take_less_than_a_second() -> None:
    matrix = np.random.default_rng(0).multinomial(3589, np.ones(64) / 64).reshape(8, 8)
    start = time.process_time()
    low, high = bootstrap(matrix, macro_f1_of)
    assert time.process_time() - start < 1
    assert low < float(macro_f1_of(matrix)) < high
    assert accuracy_of(matrix) == pytest.approx(np.trace(matrix) / 3589)
