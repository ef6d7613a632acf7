"""What every metric promises, whatever it measures."""

import inspect
import math

import numpy as np
import pytest

from mien.evaluation.metrics import METRICS

KEYS = "accuracy balanced_accuracy macro_f1 top2 kappa ece nll brier macro_f1_norm kappa_norm"
BETTER_LOW = {key for key, metric in METRICS.items() if not metric.higher_is_better}
ONE_CLASS = {"kappa", "kappa_norm", "alpha", "alpha_norm", "roc_auc"}  # undefined where one class is all there is


def test_the_direction_of_every_metric_is_that_of_a_better_answer() -> None:
    """Against a plain truth: answers that come closer to it, step by step, are better by every metric."""
    rng = np.random.default_rng(0)
    target = np.eye(5)[rng.integers(5, size=2000)]
    noise = rng.dirichlet(np.ones(5), 2000)
    for key, metric in METRICS.items():
        values = [metric((1 - w) * noise + w * target, target) for w in (0.0, 0.2, 0.5, 1.0)]
        if not key.startswith("ece"):  # which knows no more than confidence
            assert values == sorted(values, reverse=not metric.higher_is_better), key
        assert values[metric.best(values)] == values[3], key
        assert metric.better(values[3], than=values[0]), key
        assert not metric.better(values[0], than=values[3]), key
        assert metric.better(values[0], than=None), key
        assert not metric.better(math.nan, than=None), key


def drawn(n: int = 300, k: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(k), n), np.eye(k)[rng.integers(k, size=n)]


def test_the_keys_of_the_design_are_there() -> None:
    assert set(KEYS.split()) <= set(METRICS)


@pytest.mark.parametrize("key", METRICS)
def test_takes_probs_and_target_and_gives_a_float(key: str) -> None:
    probs, target = drawn()
    before = probs.copy(), target.copy()
    value = METRICS[key](probs, target)
    assert list(inspect.signature(METRICS[key]).parameters) == ["probs", "target"]
    assert type(value) is float
    assert math.isfinite(value)
    assert (probs == before[0]).all()
    assert (target == before[1]).all()
    assert METRICS[key].__doc__
    assert ">>>" in METRICS[key].__doc__


@pytest.mark.parametrize("key", METRICS)
def test_the_order_of_samples_and_of_classes_is_nothing_to_it(key: str) -> None:
    probs, target = drawn()
    rng = np.random.default_rng(1)
    rows, classes = rng.permutation(len(probs)), rng.permutation(probs.shape[1])
    assert METRICS[key](probs[rows][:, classes], target[rows][:, classes]) == pytest.approx(METRICS[key](probs, target))


@pytest.mark.parametrize("key", METRICS)
def test_single_precision_says_the_same(key: str) -> None:
    probs, target = drawn()
    single = METRICS[key](probs.astype(np.float32), target.astype(np.float32))
    assert single == pytest.approx(METRICS[key](probs, target), abs=1e-5)


@pytest.mark.parametrize("key", METRICS)
def test_the_truth_scores_best(key: str) -> None:
    probs, target = drawn()
    assert METRICS[key](target, target) == pytest.approx(0.0 if key in BETTER_LOW else 1.0, abs=1e-9)
    worse = METRICS[key](probs, target)
    assert worse > 0.01 if key in BETTER_LOW else worse < 0.99


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("key", METRICS)
def test_no_samples_have_no_score(key: str) -> None:
    assert math.isnan(METRICS[key](np.zeros((0, 4)), np.zeros((0, 4))))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("key", METRICS)
def test_one_sample_is_enough_or_nan(key: str) -> None:
    value = METRICS[key](np.array([[0.7, 0.3]]), np.array([[1.0, 0.0]]))
    assert math.isfinite(value) != (key in ONE_CLASS)
