"""Metrics of the order of probabilities: the two most probable classes, and curves over all thresholds.

Curves take one class against the rest, labels as in `top1`, and are averaged over the classes for which they are
defined (ROC: with positives and negatives; precision-recall: with positives).
"""

import numpy as np
from numpy.typing import NDArray

from mien.evaluation.metrics import counts
from mien.evaluation.metrics.counts import Counts, Floats
from mien.evaluation.metrics.labels import TIE, top1


def top2(probs: Floats, target: Floats) -> float:
    """Return the fraction of samples whose label is among the two most probable classes, in [0, 1].

    >>> top2(np.array([[0.5, 0.3, 0.2]] * 2), np.eye(3)[[1, 2]])
    0.5
    """
    return float(counts.mean_known(top2_hits(probs, target)))


def top2_hits(probs: Floats, target: Floats) -> NDArray[np.bool_]:
    """Return whether the label, or any of those tied, is among the two most probable classes; bool (N,).

    >>> top2_hits(np.array([[0.5, 0.3, 0.2]] * 2), np.eye(3)[[1, 2]]).tolist()
    [True, False]
    """
    target = np.asarray(target)
    tied = target >= target.max(1, keepdims=True) - TIE
    return np.asarray(np.take_along_axis(tied, _two(probs), 1).any(1))


def top2_confusion(probs: Floats, target: Floats) -> Counts:
    """Count samples by label and prediction, where a label among the two most probable classes counts as predicted.

    >>> top2_confusion(np.array([[0.5, 0.3, 0.2]] * 2), np.eye(3)[[1, 2]]).tolist()
    [[0, 0, 0], [0, 1, 0], [1, 0, 0]]
    """
    probs, target = np.asarray(probs), np.asarray(target)
    tied, two = target >= target.max(1, keepdims=True) - TIE, _two(probs)
    hits = np.take_along_axis(tied, two, 1)
    hit = two[np.arange(len(two)), hits.argmax(1)]
    label = np.where(hits.any(1), hit, tied.argmax(1))
    predicted = np.where(hits.any(1), hit, two[:, 0])
    k = target.shape[1]
    return np.bincount(label * k + predicted, minlength=k * k).reshape(k, k)


def top2_f1(probs: Floats, target: Floats) -> float:
    """Return the macro-F1 where a sample counts as predicted as its label when that is among the top two.

    >>> top2_f1(np.array([[0.5, 0.3, 0.2], [0.3, 0.5, 0.2]]), np.eye(3)[[0, 0]])
    1.0
    """
    return float(counts.macro_f1_of(top2_confusion(probs, target)))


def top2_f1_norm(probs: Floats, target: Floats) -> float:
    """Return the skew-normalised `top2_f1`.

    >>> top2_f1_norm(np.array([[0.5, 0.3, 0.2], [0.3, 0.5, 0.2]]), np.eye(3)[[0, 0]])
    1.0
    """
    return float(counts.mean_known(counts.f1s_norm(top2_confusion(probs, target))))


def roc_auc(probs: Floats, target: Floats) -> float:
    """Return the area under the ROC curve, the mean over classes against the rest, in [0, 1].

    >>> roc_auc(np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]), np.eye(2)[[0, 1, 1]])
    1.0
    """
    return float(counts.mean_known([area_under(*each) for each in _classes(probs, target)]))


def pr_auc(probs: Floats, target: Floats) -> float:
    """Return the average precision (area under the precision-recall steps), the mean over classes, in [0, 1].

    >>> pr_auc(np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]), np.eye(2)[[0, 1, 1]])
    1.0
    """
    return float(counts.mean_known([precision_over(*each) for each in _classes(probs, target)]))


def area_under(score: Floats, positive: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve of a score (N,), in [0, 1]; NaN without positives or negatives.

    >>> area_under(np.array([0.9, 0.6, 0.2]), np.array([True, False, False]))
    1.0
    """
    if not positive.any() or positive.all():
        return float("nan")
    hits, misses = _curve(score, positive)
    return float(np.trapezoid(hits / hits[-1], misses / misses[-1]))


def precision_over(score: Floats, positive: NDArray[np.bool_]) -> float:
    """Return the average precision with which a score (N,) ranks the positives first, in [0, 1]; NaN without any.

    >>> precision_over(np.array([0.9, 0.6, 0.2]), np.array([False, True, False]))
    0.5
    """
    if not positive.any():
        return float("nan")
    hits, misses = _curve(score, positive)
    return float(np.diff(hits) @ counts.ratio(hits[1:], hits[1:] + misses[1:]) / hits[-1])


def _classes(probs: Floats, target: Floats) -> list[tuple[Floats, NDArray[np.bool_]]]:
    label, _ = top1(probs, target)
    return [(score, label == k) for k, score in enumerate(np.asarray(probs).T)] if len(label) else []


def _curve(score: Floats, positive: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return positives and negatives at or above each distinct score, from none to all."""
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    hits = np.cumsum(positive[order])[last]
    return np.append(0.0, hits), np.append(0.0, last + 1 - hits)


def _two(probs: Floats) -> NDArray[np.intp]:
    return np.argsort(-np.asarray(probs), axis=1, kind="stable")[:, :2]
