"""Calibrate probabilities, and find the confidence below which it is better to abstain.

Temperature scaling divides all logits by one number, fitted on held-out (val) data: Guo et al., *On calibration of
modern neural networks*, ICML 2017.  `mien export` writes both values into the weights' card.  A temperature per class
is their vector scaling without a bias; it may change the top-1 class.
"""

import numpy as np
from numpy.typing import NDArray

from mien.evaluation.metrics import Floats, top1

COLDEST, HOTTEST = 0.05, 20.0
"""Bounds of a fitted temperature; they are met only by logits that are perfect on the data or no better than chance."""


def softmax(logits: Floats, temperature: float | Floats = 1.0) -> NDArray[np.float64]:
    """Return probabilities float64 (N, K) of logits divided by a temperature, or by one per class (K,).

    >>> softmax(np.array([[0.0, 0.0]])).tolist()
    [[0.5, 0.5]]
    """
    z = np.asarray(logits, np.float64) / temperature
    z = np.exp(z - z.max(1, keepdims=True))
    normal: NDArray[np.float64] = z / z.sum(1, keepdims=True)
    return normal


def fit_temperature(logits: Floats, target: Floats) -> float:
    """Return the temperature in [COLDEST, HOTTEST] with the lowest mean NLL of logits (N, K).

    Logarithms of probabilities serve as logits.  The NLL is convex in 1/temperature, so bisecting its slope finds the
    one minimum; targets may be distributions.

    >>> logits, target = np.array([[4.0, 0.0]] * 4), np.eye(2)[[0, 0, 0, 1]]
    >>> round(fit_temperature(logits, target), 3), round(softmax(logits, 4 / np.log(3))[0, 0].item(), 3)
    (3.641, 0.75)
    """
    z = np.asarray(logits, np.float64)
    z = z - z.max(1, keepdims=True)
    wanted = float((np.asarray(target, np.float64) * z).sum(1).mean())
    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(60):
        middle = (low + high) / 2
        slope = float((softmax(z, 1 / middle) * z).sum(1).mean()) - wanted
        low, high = (middle, high) if slope < 0 else (low, middle)
    return 2 / (low + high)


def logs(probs: Floats) -> NDArray[np.float64]:
    """Return the logarithms float64 (N, K) of probabilities, which serve as logits; none is infinite.

    >>> logs(np.array([[1.0, 0.0]])).round(1).tolist()
    [[0.0, -27.6]]
    """
    values: NDArray[np.float64] = np.log(np.asarray(probs, np.float64).clip(1e-12))
    return values


def fit_temperatures(probs: Floats, target: Floats) -> NDArray[np.float64]:
    """Return a temperature per class, float64 (K,) in [COLDEST, HOTTEST], with the lowest mean NLL of probs.

    They divide the classes' log probabilities: `softmax(logs(probs), temperatures)`.  The NLL is convex in their
    inverses, so Newton's steps, halved until it falls, go from the one common temperature to the one minimum; it is
    never above that of the common temperature.

    >>> probs, target = np.array([[0.9, 0.1], [0.1, 0.9]] * 5), np.eye(2)[[0, 1] * 4 + [1, 0]]
    >>> fit_temperatures(probs, target).round(3).tolist()
    [1.585, 1.585]
    """
    z, y = logs(probs), np.asarray(target, np.float64)

    def loss(inverse: NDArray[np.float64]) -> float:
        return float(-(y * np.log(softmax(z * inverse).clip(1e-300))).sum(1).mean())

    inverse = np.full(z.shape[1], 1 / fit_temperature(z, y))
    for _ in range(100):
        p = softmax(z * inverse)
        slope, pull = (z * (p - y)).mean(0), p * z
        bend = np.diag((pull * z).mean(0)) - pull.T @ pull / len(z)
        step, lowest = np.linalg.solve(bend + 1e-9 * np.eye(len(bend)), slope), loss(inverse)
        tried = [(inverse - step / 2**k).clip(1 / HOTTEST, 1 / COLDEST) for k in range(20)]
        better = next((one for one in tried if loss(one) < lowest - 1e-12), None)
        if better is None:
            break
        inverse = better
    temperatures: NDArray[np.float64] = 1 / inverse
    return temperatures


def fit_threshold(probs: Floats, target: Floats, accuracy: float = 0.9, weights: Floats | None = None) -> float | None:
    """Return the lowest confidence in [0, 1] at which the predictions kept reach `accuracy`; None where none does.

    A prediction is kept when its top probability is not below the threshold.  Of several thresholds, the one that keeps
    most is returned; it lies half-way to the next confidence, so rounding in another run changes nothing.  `weights`
    (N,) are how much each sample counts; None counts all alike.

    >>> probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4]])
    >>> round(fit_threshold(probs, np.eye(2)[[0, 0, 1]], accuracy=1.0), 3)
    0.7
    """
    label, predicted = top1(probs, target)
    confidence = np.asarray(probs, np.float64).max(1)
    order = np.argsort(-confidence, kind="stable")
    confidence, right = confidence[order], (label == predicted)[order]
    counts = np.ones(len(right)) if weights is None else np.asarray(weights, np.float64)[order]
    reached = np.cumsum(right * counts) / np.cumsum(counts) >= accuracy
    ends = np.append(confidence[1:] < confidence[:-1], True) if len(right) else reached
    possible = np.flatnonzero(reached & ends)
    if not len(possible):
        return None
    last = int(possible[-1])
    return 0.0 if last == len(right) - 1 else float(confidence[last] + confidence[last + 1]) / 2
