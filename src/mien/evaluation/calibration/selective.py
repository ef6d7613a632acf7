"""What abstaining gains: the error (risk) among the predictions that are kept, at every coverage.

A prediction is kept when its top probability is high enough; coverage is the fraction kept.  The area under the
risk-coverage curve, AURC, is the mean risk over all coverages.  The excess is the area above the curve of the same
predictions in the best possible order: Geifman, Uziel and El-Yaniv, *Bias-reduced uncertainty estimation for deep
neural classifiers*, ICLR 2019.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.evaluation.metrics import Floats, top1
from mien.evaluation.statistics.intervals import Ends, known_ends, proportion_interval

Curve = NDArray[np.float64]

TARGET_ACCURACY = 0.9
"""Accuracy that the threshold aims at, as the one in the weights' card does."""

POINTS = 100
"""Points of a curve that is reported; it is computed from all."""


def risk_coverage(probs: Floats, target: Floats) -> tuple[Curve, Curve]:
    """Return coverage 1/N, ..., 1 and the error rate among that many most confident samples, float64 (N,) each.

    Samples of equal confidence have no order: each counts with the error rate among them.

    >>> coverage, risk = risk_coverage(np.array([[0.9, 0.1], [0.6, 0.4]]), np.eye(2))
    >>> coverage.tolist(), risk.tolist()
    ([0.5, 1.0], [0.0, 0.5])
    """
    label, predicted = top1(probs, target)
    confidence, where, count = np.unique(-np.asarray(probs).max(1), return_inverse=True, return_counts=True)
    wrong = np.bincount(where, weights=label != predicted, minlength=len(confidence)) / np.maximum(count, 1)
    kept = np.arange(1, len(label) + 1)
    return kept / max(len(label), 1), np.repeat(wrong, count).cumsum() / kept


def aurc(probs: Floats, target: Floats) -> float:
    """Return the area under the risk-coverage curve, in [0, 1]: the mean risk over all coverages; less is better.

    >>> aurc(np.array([[0.9, 0.1], [0.6, 0.4]]), np.eye(2))
    0.25
    """
    risk = risk_coverage(probs, target)[1]
    return float(risk.mean()) if len(risk) else float("nan")


def excess_aurc(probs: Floats, target: Floats) -> float:
    """Return AURC above that of the same predictions with all errors last, in [0, 1]; 0 is perfect.

    >>> excess_aurc(np.array([[0.9, 0.1], [0.6, 0.4]]), np.eye(2))
    0.0
    """
    label, predicted = top1(probs, target)
    best = np.sort(label != predicted).cumsum() / np.arange(1, len(label) + 1)
    return aurc(probs, target) - float(best.mean()) if len(label) else float("nan")


@dataclass(frozen=True)
class ThresholdScores:
    """How many predictions reach a confidence (`n`, `coverage`) and how accurate those are; None where none does."""

    threshold: float
    n: int
    coverage: float
    accuracy: float | None
    accuracy_interval: Ends | None


@dataclass(frozen=True)
class Selective:
    """What abstaining gains.

    `risk_coverage` holds up to POINTS pairs of coverage and risk, ending with the whole set.  `accuracy_at_threshold`
    is of the weights' own threshold, None for weights without one.
    """

    risk_coverage: list[list[float]]
    aurc: float
    excess_aurc: float
    accuracy_at_threshold: ThresholdScores | None


def selective(
    probs: Floats, target: Floats, threshold: float | None, group: ArrayLike | None = None
) -> Selective | None:
    """Return what abstaining gains, with the scores at a threshold; None without samples."""
    if not len(probs):
        return None
    coverage, risk = risk_coverage(probs, target)
    shown = np.unique(np.linspace(1, len(risk), min(len(risk), POINTS)).round().astype(int)) - 1
    return Selective(
        risk_coverage=[[float(c), float(r)] for c, r in zip(coverage[shown], risk[shown], strict=True)],
        aurc=aurc(probs, target),
        excess_aurc=excess_aurc(probs, target),
        accuracy_at_threshold=None if threshold is None else score_at(threshold, probs, target, group),
    )


def score_at(threshold: float, probs: Floats, target: Floats, group: ArrayLike | None = None) -> ThresholdScores:
    """Return how many predictions reach a confidence, and how accurate they are.

    >>> score_at(0.8, np.array([[0.9, 0.1], [0.6, 0.4]]), np.eye(2)).coverage
    0.5
    """
    label, predicted = top1(probs, target)
    kept = np.asarray(probs).max(1) >= threshold
    hits, n = (label == predicted)[kept], int(kept.sum())
    own = None if group is None else np.asarray(group)[kept]
    return ThresholdScores(
        threshold=threshold,
        n=n,
        coverage=n / len(kept),
        accuracy=int(hits.sum()) / n if n else None,
        accuracy_interval=known_ends(proportion_interval(hits, own)) if n else None,
    )
