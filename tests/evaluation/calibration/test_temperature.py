"""Temperatures and thresholds that are known beforehand."""

import numpy as np
import pytest
from scipy import optimize

from mien.evaluation.calibration.temperature import (
    COLDEST,
    HOTTEST,
    fit_temperature,
    fit_temperatures,
    fit_threshold,
    logs,
    softmax,
)
from mien.evaluation.metrics import accuracy, ece, nll


def kept(probs: np.ndarray, least: float) -> np.ndarray:
    return probs.max(1) >= least


def drawn(n: int = 20000, k: int = 7, sharp: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    """Return logits and labels drawn from exactly the probabilities that the logits say."""
    rng = np.random.default_rng(0)
    logits = sharp * rng.normal(size=(n, k))
    label = (softmax(logits).cumsum(1) > rng.random((n, 1))).argmax(1)
    return logits, np.eye(k)[label]


@pytest.mark.parametrize("wrong", [0.4, 1.0, 2.5])
def test_finds_the_temperature_that_logits_were_corrupted_by(wrong: float) -> None:
    logits, target = drawn()
    fitted = fit_temperature(logits * wrong, target)
    assert fitted == pytest.approx(wrong, rel=0.03)
    assert ece(softmax(logits * wrong, fitted), target) < 0.01


def test_no_other_temperature_is_better() -> None:
    logits, target = drawn(2000)
    logits *= 1.7
    best = nll(softmax(logits, fit_temperature(logits, target)), target)
    assert all(best <= nll(softmax(logits, t), target) + 1e-9 for t in np.geomspace(0.1, 10, 50))


def test_probabilities_serve_through_their_logarithm() -> None:
    logits, target = drawn(2000)
    assert fit_temperature(np.log(softmax(logits)), target) == pytest.approx(fit_temperature(logits, target), rel=1e-6)


def test_votes_serve_as_targets() -> None:
    logits, _ = drawn(500)
    assert fit_temperature(logits * 2, softmax(logits)) == pytest.approx(2.0, rel=1e-6)


def test_perfect_and_senseless_logits_meet_the_bounds() -> None:
    target = np.eye(3)[[0, 1, 2]]
    assert fit_temperature(5 * target, target) == pytest.approx(COLDEST)
    assert fit_temperature(-5 * target, target) == pytest.approx(HOTTEST)


def test_softmax_stands_huge_logits() -> None:
    assert softmax(np.array([[1e4, 0.0], [-1e4, 0.0]])).tolist() == [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize("wanted", [0.7, 0.8, 0.9, 0.97])
def test_threshold_reaches_its_accuracy_and_keeps_as_much_as_it_can(wanted: float) -> None:
    logits, target = drawn(5000)
    probs = softmax(logits)
    least = fit_threshold(probs, target, wanted)
    assert least is not None
    on = kept(probs, least)
    assert accuracy(probs[on], target[on]) >= wanted
    for lower in np.unique(probs.max(1)[~on])[::-50]:
        more = kept(probs, lower)
        assert accuracy(probs[more], target[more]) < wanted


def test_no_threshold_where_all_is_good_enough_or_nothing_is() -> None:
    probs = np.array([[0.9, 0.1], [0.6, 0.4]])
    assert fit_threshold(probs, np.eye(2)[[0, 0]]) == 0.0
    assert fit_threshold(probs, np.eye(2)[[1, 1]]) is None
    assert fit_threshold(np.zeros((0, 2)), np.zeros((0, 2))) is None


def test_equal_confidences_are_kept_together() -> None:
    probs = np.array([[0.9, 0.1], [0.7, 0.3], [0.7, 0.3], [0.6, 0.4]])
    assert fit_threshold(probs, np.eye(2)[[0, 0, 1, 1]], 1.0) == pytest.approx(0.8)


def test_a_threshold_stands_rounding_to_single_precision() -> None:
    probs = softmax(drawn(2000)[0])
    least = fit_threshold(probs, np.eye(7)[probs.argmax(1)][::-1], 0.2)
    assert least is not None
    assert (kept(probs, least) == kept(probs.astype(np.float32), least)).all()


def bent(n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities whose logarithms were multiplied by something else in each class, and honest labels."""
    logits, target = drawn(n, 4, 1.5)
    return softmax(logs(softmax(logits)) * [0.5, 1.0, 1.6, 2.5]), target


def test_class_temperatures_are_those_of_scipy() -> None:
    probs, target = bent()
    z = logs(probs)

    def loss(inverse: np.ndarray) -> float:
        return nll(softmax(z * inverse), target)

    fitted = optimize.minimize(loss, np.ones(4), method="L-BFGS-B", bounds=[(1 / HOTTEST, 1 / COLDEST)] * 4)
    temperatures = fit_temperatures(probs, target)
    np.testing.assert_allclose(1 / temperatures, fitted.x, rtol=2e-3)
    assert loss(1 / temperatures) <= fitted.fun + 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_class_temperatures_are_never_worse_than_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probs, target = rng.dirichlet(np.full(6, 0.4), 60), np.eye(6)[rng.integers(6, size=60)]
    common = nll(softmax(logs(probs), fit_temperature(logs(probs), target)), target)
    assert nll(softmax(logs(probs), fit_temperatures(probs, target)), target) <= common + 1e-12


def test_class_temperatures_stay_in_bounds_on_perfect_and_senseless_probabilities() -> None:
    sure = np.eye(3) * 0.9 + 0.1 / 3
    for target in (np.eye(3), np.roll(np.eye(3), 1, axis=1)):
        fitted = fit_temperatures(sure, target)
        assert ((fitted >= COLDEST - 1e-9) & (fitted <= HOTTEST + 1e-9)).all()


def test_class_temperatures_take_votes_and_certainty() -> None:
    probs = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.4]])
    assert np.isfinite(fit_temperatures(probs, np.array([[0.7, 0.3], [0.2, 0.8], [0.5, 0.5]]))).all()
