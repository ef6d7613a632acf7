"""Action units against scikit-learn and Shrout and Fleiss' own example."""

import math

import numpy as np
import pytest
from sklearn.metrics import f1_score

from mien.evaluation.metrics import UNITS, icc

JUDGES = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def test_icc_of_six_subjects_and_four_judges_is_the_papers() -> None:
    assert round(icc(JUDGES), 2) == 0.71


def test_icc_is_that_of_the_analysis_of_variance() -> None:
    rng = np.random.default_rng(0)
    target = rng.integers(0, 6, 80).astype(float)
    predicted = target + rng.normal(0.5, 1, 80)
    ratings = np.stack([predicted, target], 1)
    total = ((ratings - ratings.mean()) ** 2).sum()
    rows = 2 * ((ratings.mean(1) - ratings.mean()) ** 2).sum()
    columns = 80 * ((ratings.mean(0) - ratings.mean()) ** 2).sum()
    between, rest = rows / 79, (total - rows - columns) / 79
    assert UNITS["icc"](predicted, target) == pytest.approx((between - rest) / (between + rest))


def test_icc_is_blind_to_a_shift_and_sees_a_change_of_sign() -> None:
    target = np.arange(6.0)
    assert UNITS["icc"](target + 2, target) == pytest.approx(1)
    assert UNITS["icc"](-target, target) == pytest.approx(-1)


def test_f1_is_scikit_learns() -> None:
    rng = np.random.default_rng(1)
    predicted, target = rng.random(300), (rng.random(300) < 0.2).astype(float)
    assert UNITS["f1"](predicted, target) == pytest.approx(f1_score(target, predicted >= 0.5))


@pytest.mark.parametrize("key", UNITS)
def test_what_is_unknown_is_left_out(key: str) -> None:
    rng = np.random.default_rng(2)
    predicted, target = rng.random(50), (rng.random(50) < 0.5).astype(float)
    holes = np.append(predicted, 0.9), np.append(target, np.nan)
    assert UNITS[key](*holes) == UNITS[key](predicted, target)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("key", UNITS)
def test_a_unit_that_never_is_there_has_no_score(key: str) -> None:
    assert math.isnan(UNITS[key](np.zeros(5), np.zeros(5)))
    assert math.isnan(UNITS[key](np.zeros(0), np.zeros(0)))


def test_a_unit_is_there_from_one_half_on() -> None:
    assert UNITS["f1"](np.array([0.5, 0.499]), np.array([1.0, 0.0])) == 1
    assert UNITS["f1"](np.array([0.9, 0.9]), np.array([0.5, 0.0])) == pytest.approx(2 / 3)


@pytest.mark.parametrize(("predicted", "target"), [(0.1, 0.1), (0.1, 0.7), (1 / 3, 0.3)])
def test_constants_have_no_icc(predicted: float, target: float) -> None:
    assert math.isnan(UNITS["icc"](np.full(200, predicted), np.full(200, target)))
