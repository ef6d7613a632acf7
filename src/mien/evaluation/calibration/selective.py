"""What is gained by not answering when unsure: the error among the answered, at every share answered.

A sample is answered when its top probability is high enough.  The area under the risk-coverage curve, AURC, is the
mean error over all shares; the excess is what is above the curve of the same predictions in the best possible order:
Geifman, Uziel and El-Yaniv, *Bias-reduced uncertainty estimation for deep neural classifiers*, ICLR 2019.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.evaluation.metrics import Floats, top1
from mien.evaluation.statistics.intervals import known_ends, proportion_interval

Curve = NDArray[np.float64]

POINTS = 100
"""Points of a curve that is told; it is computed from all."""


def risk_coverage(probs: Floats, target: Floats) -> tuple[Curve, Curve]:
    """Return coverage 1/N, ..., 1 and the share of errors among that many most confident samples, float64 (N,) each.

    Samples of equal confidence come in no order: each counts as wrong by the share of errors among them.

    >>> coverage, risk = risk_coverage(np.array([[0.9, 0.1], [0.6, 0.4]]), np.eye(2))
    >>> coverage.tolist(), risk.tolist()
    ([0.5, 1.0], [0.0, 0.5])
    """
    label, predicted = top1(probs, target)
    confidence, where, count = np.unique(-np.asarray(probs).max(1), return_inverse=True, return_counts=True)
    wrong = np.bincount(where, weights=label != predicted, minlength=len(confidence)) / np.maximum(count, 1)
    answered = np.arange(1, len(label) + 1)
    return answered / max(len(label), 1), np.repeat(wrong, count).cumsum() / answered


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


def selective(
    probs: Floats, target: Floats, threshold: float | None, group: ArrayLike | None = None
) -> dict[str, Any] | None:
    """Return what `mien evaluate --json` tells under `selective`; None without samples.

    `risk_coverage` holds up to POINTS pairs (coverage, risk), the whole set's last; `accuracy_at_threshold` how much is
    answered at the weights' own threshold, and how well, or None for weights without one.
    """
    if not len(probs):
        return None
    coverage, risk = risk_coverage(probs, target)
    shown = np.unique(np.linspace(1, len(risk), min(len(risk), POINTS)).round().astype(int)) - 1
    return {
        "risk_coverage": [[float(c), float(r)] for c, r in zip(coverage[shown], risk[shown], strict=True)],
        "aurc": aurc(probs, target),
        "excess_aurc": excess_aurc(probs, target),
        "accuracy_at_threshold": None if threshold is None else answered(probs, target, threshold, group),
    }


def answered(probs: Floats, target: Floats, threshold: float, group: ArrayLike | None = None) -> dict[str, Any]:
    """Return how many samples reach a confidence, and how well those are answered; accuracy None where none is.

    >>> answered(np.array([[0.9, 0.1], [0.6, 0.4]]), np.eye(2), 0.8)["coverage"]
    0.5
    """
    label, predicted = top1(probs, target)
    on = np.asarray(probs).max(1) >= threshold
    hits, n = (label == predicted)[on], int(on.sum())
    own = None if group is None else np.asarray(group)[on]
    return {
        "threshold": threshold,
        "n": n,
        "coverage": n / len(on),
        "accuracy": int(hits.sum()) / n if n else None,
        "accuracy_interval": known_ends(proportion_interval(hits, own)) if n else None,
    }
