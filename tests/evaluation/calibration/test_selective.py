"""Risk and coverage against loops that do what the definition says."""

import itertools
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from mien.evaluation.calibration.selective import aurc, excess_aurc, risk_coverage, score_at, selective
from mien.evaluation.calibration.temperature import fit_threshold
from mien.evaluation.evaluate import evaluate
from mien.evaluation.metrics import accuracy
from mien.inference.classify import Classifier


def drawn(n: int = 60, k: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.ones(k), n)
    return probs, np.eye(k)[(probs.cumsum(1) > rng.random((n, 1))).argmax(1)]


def by_hand(confidence: list[float], right: list[bool]) -> float:
    order = sorted(range(len(right)), key=lambda row: -confidence[row])
    return float(np.mean([1 - np.mean([right[row] for row in order[:n]]) for n in range(1, len(right) + 1)]))


def test_area_is_the_mean_risk_of_all_cuts() -> None:
    probs, target = drawn()
    wanted = by_hand(probs.max(1).tolist(), (probs.argmax(1) == target.argmax(1)).tolist())
    assert aurc(probs, target) == pytest.approx(wanted)


def test_equal_confidences_count_as_the_mean_over_their_orders() -> None:
    probs = np.array([[0.9, 0.1], [0.7, 0.3], [0.7, 0.3], [0.7, 0.3], [0.6, 0.4]])
    right = [True, False, True, True, False]
    target = np.eye(2)[[0 if one else 1 for one in right]]
    wanted = np.mean(
        [by_hand([5, 4, 3, 2, 1], [True, *middle, False]) for middle in itertools.permutations(right[1:4])]
    )
    assert aurc(probs, target) == pytest.approx(wanted)


def test_excess_is_nought_in_the_best_order_and_largest_in_the_worst() -> None:
    confidence, right = np.linspace(0.95, 0.55, 20), np.arange(20) < 13
    probs = np.stack([confidence, 1 - confidence], 1)
    best, worst = np.eye(2)[(~right).astype(int)], np.eye(2)[(np.arange(20) < 7).astype(int)]
    assert excess_aurc(probs, best) == pytest.approx(0)
    assert excess_aurc(probs, worst) > 0.2
    assert aurc(probs, best) == pytest.approx(by_hand(confidence.tolist(), right.tolist()))


def test_the_curve_ends_at_the_error_and_ignores_the_order_of_samples() -> None:
    probs, target = drawn(seed=5)
    coverage, risk = risk_coverage(probs, target)
    assert (coverage[-1], risk[-1]) == (1, pytest.approx(1 - accuracy(probs, target)))
    order = np.random.default_rng(1).permutation(len(probs))
    np.testing.assert_allclose(risk_coverage(probs[order], target[order])[1], risk)


def test_the_curve_is_thinned_and_keeps_its_end() -> None:
    probs, target = drawn(3000)
    gain = selective(probs, target, 0.5)
    assert gain is not None
    assert len(gain.risk_coverage) == 100
    assert gain.risk_coverage[-1] == [1.0, pytest.approx(1 - accuracy(probs, target))]
    assert json.loads(json.dumps(asdict(gain))) == asdict(gain)
    on = probs.max(1) >= 0.5
    at = gain.accuracy_at_threshold
    assert (at.n, at.coverage) == (on.sum(), on.mean())
    assert at.accuracy == accuracy(probs[on], target[on])
    assert at.accuracy_interval[0] < at.accuracy < at.accuracy_interval[1]


def test_few_samples_none_and_no_threshold() -> None:
    probs, target = drawn(3)
    gain = selective(probs, target, None)
    assert gain is not None
    assert len(gain.risk_coverage) == 3
    assert gain.accuracy_at_threshold is None
    assert selective(probs[:0], target[:0], None) is None
    assert np.isnan(aurc(probs[:0], target[:0]))
    assert score_at(1.0, probs, target).accuracy is None


def test_a_fitted_threshold_is_measured_as_it_was_fitted() -> None:
    probs, target = drawn(2000)
    threshold = fit_threshold(probs, target, 0.8)
    assert threshold is not None
    assert score_at(threshold, probs, target).accuracy >= 0.8


def test_evaluate_uses_the_threshold_of_the_card(tiny_fer2013: Path) -> None:
    result, scores = evaluate("fer2013-nano", "fer2013", tiny_fer2013, "val")
    at = scores.selective.accuracy_at_threshold
    threshold = Classifier("fer2013-nano").card.threshold
    assert at.threshold == threshold
    assert at.n == int((result.probs.max(1) >= threshold).sum())
    assert scores.selective.aurc == aurc(result.probs, result.target)


def test_a_confidence_equal_to_the_threshold_is_kept() -> None:
    probs = np.array([[0.75, 0.25], [0.5, 0.5], [0.25, 0.75]])
    assert score_at(0.75, probs, np.eye(2)[[0, 0, 0]]).n == 2
    assert score_at(0.75, probs, np.eye(2)[[0, 0, 0]]).accuracy == 0.5
