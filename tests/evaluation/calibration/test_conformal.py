"""Conformal sets hold their coverage on data drawn alike, good weights or bad."""

import numpy as np
import pytest

from mien.errors import UsageError
from mien.evaluation.calibration.conformal import SCORES, aps, fit_quantile, lac, measure, sets


def drawn(n: int, seed: int, k: int = 7, corrupted: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities, made overconfident by `corrupted`, and labels drawn from the honest ones."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(n, k))
    honest = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    probs = np.exp(corrupted * logits) / np.exp(corrupted * logits).sum(1, keepdims=True)
    return probs, np.eye(k)[(honest.cumsum(1) > rng.random((n, 1))).argmax(1)]


@pytest.mark.parametrize("corrupted", [1.0, 3.0], ids=["calibrated", "overconfident"])
@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
@pytest.mark.parametrize("name", SCORES)
def test_coverage_holds_on_average_over_draws(name: str, coverage: float, corrupted: float) -> None:
    measured = []
    for seed in range(60):
        probs, target = drawn(600, seed, corrupted=corrupted)
        quantile = fit_quantile(probs[:300], target[:300], coverage, SCORES[name])
        measured.append(measure(probs[300:], target[300:], quantile, SCORES[name]).coverage)
    error = np.std(measured) / np.sqrt(len(measured))
    assert coverage - 3 * error < np.mean(measured)
    assert np.mean(measured) < coverage + 0.01 + 3 * error


def test_lac_sets_are_smaller_on_average_and_aps_sets_know_hard_images() -> None:
    probs, target = drawn(4000, 0)
    first, second = slice(None, 2000), slice(2000, None)
    scores = {
        name: measure(probs[second], target[second], fit_quantile(probs[first], target[first], 0.9, score), score)
        for name, score in SCORES.items()
    }
    assert scores["lac"].size <= scores["aps"].size + 0.02
    size = sets(probs, fit_quantile(probs, target, 0.9, aps), aps).sum(1)
    assert np.corrcoef(size, probs.max(1))[0, 1] < -0.5


def test_the_quantile_is_the_one_of_the_paper() -> None:
    probs, target = drawn(99, 1)
    scores = np.sort(1 - (probs * target).sum(1))
    assert fit_quantile(probs, target, 0.9) == scores[90 - 1]  # (99 + 1) * 0.9 = 90th smallest
    assert fit_quantile(probs, target, 0.905) == scores[91 - 1]
    assert fit_quantile(probs[:9], target[:9], 0.95) == np.inf


def test_too_few_samples_mean_every_class() -> None:
    probs, target = drawn(50, 2)
    quantile = fit_quantile(probs[:5], target[:5], 0.9)
    assert sets(probs, quantile).all()
    scores = measure(probs, target, quantile)
    assert (scores.coverage, scores.size, scores.quantile) == (1, 7, None)


@pytest.mark.parametrize("name", SCORES)
def test_no_set_is_empty_and_sets_grow_with_the_coverage(name: str) -> None:
    probs, target = drawn(500, 3)
    small, large = (
        sets(probs, fit_quantile(probs, target, coverage, SCORES[name]), SCORES[name]) for coverage in (0.3, 0.9)
    )
    assert small.any(1).all()
    assert (small <= large).all()
    assert small[np.arange(500), probs.argmax(1)].all()


def test_scores_by_hand() -> None:
    probs = np.array([[0.1, 0.6, 0.3], [0.5, 0.5, 0.0]])
    np.testing.assert_allclose(lac(probs), [[0.9, 0.4, 0.7], [0.5, 0.5, 1.0]])
    np.testing.assert_allclose(aps(probs), [[0.9, 0.0, 0.6], [0.0, 0.5, 1.0]])


def test_measure_counts_sizes_with_intervals() -> None:
    probs, target = drawn(300, 4)
    scores = measure(probs, target, fit_quantile(probs, target, 0.9))
    inside = sets(probs, scores.quantile)
    assert sum(scores.sizes) == 300
    assert scores.size == pytest.approx(sum((k + 1) * n for k, n in enumerate(scores.sizes)) / 300)
    low, high = scores.size_interval
    spread = [np.random.default_rng(s).choice(inside.sum(1), 300).mean() for s in range(1000)]
    assert [low, high] == pytest.approx(np.percentile(spread, [2.5, 97.5]).tolist(), abs=0.02)


@pytest.mark.parametrize("coverage", [0, 1, -0.5, 90, float("nan")])
def test_refuses_what_is_not_a_fraction(coverage: float) -> None:
    with pytest.raises(UsageError, match="`coverage`"):
        fit_quantile(*drawn(20, 0), coverage)
