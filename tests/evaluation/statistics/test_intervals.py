"""Intervals that hold what they promise, quickly."""

import math
import time

import numpy as np
import pytest

from mien.evaluation.metrics import METRICS, accuracy_of, confusion, macro_f1_of
from mien.evaluation.statistics.intervals import (
    CELLS,
    RESAMPLED,
    SHIFTED,
    Draws,
    bootstrap,
    chance_error,
    intervals,
    replicates,
    strata,
    wilson,
)


@pytest.mark.parametrize(
    ("right", "n", "wanted"),
    [(0, 10, (0.0, 0.2775)), (10, 10, (0.7225, 1.0)), (5, 10, (0.2366, 0.7634)), (2630, 3589, (0.7181, 0.7470))],
)
def test_wilson_is_the_textbooks(right: int, n: int, wanted: tuple[float, float]) -> None:
    assert wilson(right, n) == pytest.approx(wanted, abs=5e-5)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.73, 0.98])
def test_wilson_covers_the_value_about_95_times_in_100(share: float) -> None:
    drawn = np.random.default_rng(0).binomial(400, share, 2000)
    ends = [wilson(int(right), 400) for right in drawn]
    assert np.mean([low <= share <= high for low, high in ends]) == pytest.approx(0.95, abs=0.02)


def test_nothing_measured_has_no_interval() -> None:
    assert all(map(math.isnan, wilson(0, 0)))
    assert all(map(math.isnan, bootstrap(np.zeros((3, 3)), macro_f1_of)))


def test_an_interval_without_width_is_none() -> None:
    """Six images without a mistake have a macro-F1 of 1 in every resample, which does not bound it."""
    assert all(map(math.isnan, bootstrap([[3, 0], [0, 3]], macro_f1_of)))
    label = np.arange(6) % 2
    for group in (None, np.arange(12) // 2):
        n = 6 if group is None else 12
        target = np.eye(2)[np.resize(label, n)]
        spans = intervals(target * 0.8 + 0.1, target, group=group)
        for key in ("macro_f1", "balanced_accuracy", "kappa", "top2", "nll"):
            assert all(map(math.isnan, spans[key])), key


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


def drawn(n: int = 3589, k: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities of a fair classifier and one-hot targets."""
    rng = np.random.default_rng(seed)
    label = rng.choice(k, n, p=rng.dirichlet(np.full(k, 5.0)))
    logits = rng.normal(0, 1, (n, k))
    logits[np.arange(n), label] += 1.5
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return probs, np.eye(k)[label]


def test_2000_resamples_of_every_metric_take_less_than_a_second() -> None:
    probs, target = drawn()
    spent = []
    for _ in range(2):
        start = time.process_time()
        spans = intervals(probs, target)
        spent.append(time.process_time() - start)
    assert min(spent) < 1
    assert set(spans) == set(RESAMPLED) - {"accuracy"}
    for key, (low, high) in spans.items():
        assert low < METRICS[key](probs, target) < high or key in SHIFTED, key


@pytest.mark.parametrize("key", RESAMPLED)
def test_replicates_are_the_metric_of_resampled_samples(key: str) -> None:
    probs, target = drawn(200, 4)
    draws = Draws(strata(target), resamples=5)
    values, counts = replicates(probs, target, draws)[key], np.concatenate(list(draws)).astype(int)
    for value, row in zip(values, counts, strict=True):
        again = np.repeat(np.arange(200), row)
        wanted = METRICS[key](probs[again], target[again])
        close = 0.03 if key == "ece" else 1e-5  # the calibration error keeps its bins
        assert value == pytest.approx(wanted, abs=close)


def test_draws_keep_the_size_of_every_class_and_repeat_with_the_seed() -> None:
    classes = np.array([0] * 30 + [2] * 5 + [1])
    counts = np.concatenate(list(Draws(classes, resamples=100)))
    assert counts.shape == (100, 36)
    for k, size in ((0, 30), (1, 1), (2, 5)):
        assert (counts[:, classes == k].sum(1) == size).all()
    assert (counts == np.concatenate(list(Draws(classes, resamples=100)))).all()
    assert (counts != np.concatenate(list(Draws(classes, resamples=100, seed=1)))).any()


def test_draws_come_in_parts_that_bound_memory() -> None:
    draws = Draws(np.zeros(CELLS // 10, int), resamples=25)
    assert [len(part) for part in draws] == [10, 10, 5]


def test_interval_of_macro_f1_is_that_of_the_matrix() -> None:
    probs, target = drawn(1500, 5)
    by_sample = intervals(probs, target)["macro_f1"]
    assert by_sample == pytest.approx(bootstrap(confusion(probs, target), macro_f1_of), abs=0.004)


def test_the_calibration_errors_interval_is_turned_round_the_estimate() -> None:
    """Resampling adds noise to every bin and so pushes the error up; the interval must not be pushed along."""
    probs, target = drawn()
    ece = METRICS["ece"](probs, target)
    pushed = np.mean(replicates(probs, target, Draws(strata(target)))["ece"]) - ece
    low, high = intervals(probs, target)["ece"]
    assert pushed > 0
    assert 0 <= low < ece
    assert (low + high) / 2 < ece


@pytest.mark.parametrize(("sharp", "least"), [(1.0, 55), (1.3, 46)], ids=["calibrated", "too sure"])
def test_coverage_of_the_calibration_errors_interval(sharp: float, least: int) -> None:
    """Of calibrated weights the true value is 0, which a bootstrap alone never reaches."""

    def draw(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        honest = np.exp(1.5 * rng.normal(size=(n, 5)))
        honest /= honest.sum(1, keepdims=True)
        probs = honest**sharp
        label = (honest.cumsum(1) > rng.random((n, 1))).argmax(1)
        return probs / probs.sum(1, keepdims=True), np.eye(5)[label]

    true = 0.0 if sharp == 1 else METRICS["ece"](*draw(200_000, 99))
    held = 0
    for seed in range(60):
        probs, target = draw(600, seed)
        low, high = intervals(probs, target, resamples=300)["ece"]
        assert low <= METRICS["ece"](probs, target) <= high
        held += low <= true <= high
    assert held >= least


def test_chance_error_is_that_of_honest_coins() -> None:
    rng = np.random.default_rng(0)
    heads = rng.uniform(0.5, 1, 400)
    probs = np.stack([heads, 1 - heads], 1)
    errors = [METRICS["ece"](probs, np.eye(2)[(rng.random(400) > heads).astype(int)]) for _ in range(1000)]
    assert chance_error(probs) == pytest.approx(np.percentile(errors, 97.5), rel=0.05)


def test_coverage_of_the_log_losss_interval() -> None:
    whole, ends = drawn(60_000, 4, seed=99), []
    true = METRICS["nll"](*whole)
    for seed in range(60):
        rows = np.random.default_rng(seed).integers(60_000, size=300)
        ends.append(intervals(whole[0][rows], whole[1][rows], resamples=300)["nll"])
    assert 50 <= sum(low <= true <= high for low, high in ends) <= 60


def test_no_samples_have_no_intervals() -> None:
    assert intervals(np.zeros((0, 3)), np.zeros((0, 3))) == {}


def test_one_sample_of_every_class_has_no_interval() -> None:
    probs = target = np.eye(3)
    assert all(map(math.isnan, bootstrap(np.eye(3), macro_f1_of)))
    assert all(math.isnan(end) for ends in intervals(probs, target).values() for end in ends)
    assert not any(math.isnan(end) for end in intervals(probs[[0, 2, 1]], target[[0, 0, 1]])["macro_f1"])
