"""Fitting the uniform prior: what is known of drawn data comes out, and rare labels weigh as much as common ones."""

import numpy as np
import pytest

from mien.evaluation.calibration.prior import balanced, fit_adjustment
from mien.evaluation.calibration.temperature import softmax
from mien.prior import chosen

TRAINING = {"neutral": 0.7, "happiness": 0.25, "anger": 0.05}
PRIOR = np.array(list(TRAINING.values()))


def drawn(n: int, sharpness: float = 2.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return likelihoods, posteriors under the training prior, and labels drawn from it: exact by construction."""
    rng = np.random.default_rng(3)
    label = rng.choice(3, n, p=PRIOR)
    evidence = rng.normal(0, 1, (n, 3)) * np.sqrt(sharpness)
    evidence[np.arange(n), label] += sharpness  # normal evidence: exp(evidence) is the likelihood ratio
    return softmax(evidence), softmax(evidence + np.log(PRIOR)), np.eye(3)[label]


def test_exact_posteriors_need_strength_one_and_temperature_one() -> None:
    _, posterior, target = drawn(60_000)
    fitted = fit_adjustment(posterior, target, TRAINING)
    assert fitted.strength == pytest.approx(1, abs=0.05)
    assert fitted.temperature == pytest.approx(1, abs=0.05)


def test_overconfident_posteriors_get_a_higher_temperature() -> None:
    _, posterior, target = drawn(60_000)
    sharp = posterior**2 / (posterior**2).sum(1, keepdims=True)
    fitted = fit_adjustment(sharp, target, TRAINING)
    assert fitted.temperature == pytest.approx(2, abs=0.1)
    assert fitted.strength == pytest.approx(2, abs=0.1)


def test_the_threshold_counts_every_label_alike() -> None:
    _, posterior, target = drawn(20_000)
    fitted = fit_adjustment(posterior, target, TRAINING, accuracy=0.9)
    adjusted = chosen("uniform", list(TRAINING), fitted, "w").applied(posterior.astype(np.float32))
    sure = adjusted.max(1) >= fitted.threshold
    weight = balanced(target)[sure]
    right = adjusted[sure].argmax(1) == target[sure].argmax(1)
    assert np.average(right, weights=weight) == pytest.approx(0.9, abs=1e-3)
    assert sure.mean() < 0.9
