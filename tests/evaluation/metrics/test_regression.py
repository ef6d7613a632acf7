"""Valence and arousal against scikit-learn, scipy and Lin's formula."""

import math

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import root_mean_squared_error

from mien.evaluation.metrics import REGRESSION


def drawn(n: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.uniform(-1, 1, n)
    return 0.6 * target + rng.normal(0.1, 0.3, n), target


@pytest.mark.parametrize("seed", range(3))
def test_equal_to_the_references(seed: int) -> None:
    predicted, target = drawn(seed=seed)
    rho = pearsonr(predicted, target).statistic
    apart = predicted.std() ** 2 + target.std() ** 2 + (predicted.mean() - target.mean()) ** 2
    wanted = {
        "rmse": root_mean_squared_error(target, predicted),
        "corr": rho,
        "sagr": np.mean([math.copysign(1, p) == math.copysign(1, t) for p, t in zip(predicted, target, strict=True)]),
        "ccc": 2 * rho * predicted.std() * target.std() / apart,
    }
    assert {key: metric(predicted, target) for key, metric in REGRESSION.items()} == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("predicted", "target", "agree"),
    [(0.0, 0.0, 1), (0.0, 0.2, 0), (0.2, 0.0, 0), (-0.0, 0.0, 1), (-0.1, -0.9, 1), (0.1, -0.1, 0)],
)
def test_zero_is_a_sign_of_its_own(predicted: float, target: float, agree: int) -> None:
    assert REGRESSION["sagr"](np.array([predicted]), np.array([target])) == agree


@pytest.mark.parametrize("key", REGRESSION)
def test_what_is_unknown_is_left_out(key: str) -> None:
    predicted, target = drawn()
    more = np.append(predicted, [0.3, np.nan]), np.append(target, [np.nan, 0.1])
    assert REGRESSION[key](*more) == REGRESSION[key](predicted, target)
    assert type(REGRESSION[key](predicted, target)) is float


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("key", REGRESSION)
def test_nothing_known_has_no_score(key: str) -> None:
    assert math.isnan(REGRESSION[key](np.zeros(0), np.zeros(0)))
    assert math.isnan(REGRESSION[key](np.array([np.nan]), np.array([1.0])))


def test_a_constant_has_no_correlation_and_agrees_by_chance_only() -> None:
    _, target = drawn()
    assert math.isnan(REGRESSION["corr"](np.full(200, 0.5), target))
    assert REGRESSION["ccc"](np.full(200, 0.5), target) == pytest.approx(0)
    assert math.isnan(REGRESSION["ccc"](np.full(3, 0.5), np.full(3, 0.5)))


def test_batches_averaged_are_another_figure() -> None:
    predicted, target = drawn(400)
    order = np.argsort(target)
    parts = [REGRESSION["ccc"](predicted[rows], target[rows]) for rows in np.array_split(order, 8)]
    assert abs(np.mean(parts) - REGRESSION["ccc"](predicted, target)) > 0.1


@pytest.mark.parametrize("value", [0.1, 0.3, 1 / 3])
def test_a_constant_that_rounds_is_a_constant(value: float) -> None:
    _, target = drawn()
    same = np.full(200, value)
    for key in ("corr", "ccc"):
        assert math.isnan(REGRESSION[key](same, same))
    assert math.isnan(REGRESSION["corr"](same, target))
    assert REGRESSION["ccc"](same, same + 0.1) == 0
