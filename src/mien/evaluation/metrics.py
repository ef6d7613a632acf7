"""Metrics: `f(probs, target) -> float` in plain numpy, by key in `METRICS`.

Probabilities are (N, K) floats.  Targets are (N, K) distributions: one-hot for hard labels, vote shares otherwise.
Where several classes tie for the top of a target, any of them is right.  Metrics of the confusion matrix need one
label per sample, so a tied sample is entered as the predicted class where that is among the tied ones, and as the
first tied class otherwise; accuracy and the matrix therefore always agree.  Classes that have neither samples nor
predictions are left out of averages, as scikit-learn does; balanced accuracy and the skew-normalised averages, which
need a recall, leave out every class without samples.  What no sample defines is NaN.

Skew-normalised metrics (`_norm`) are those of a test set with equally many positives and negatives per class:
Jeni, Cohn and De la Torre, *Facing imbalanced data*, ACII 2013, as AffectNet reports them.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating]
Counts = NDArray[np.int64]
Metric = Callable[[Floats, Floats], float]

BINS = 15
"""Bins of the top probability in the expected calibration error, each holding equally many samples."""
_TIE = 1e-6


def hard(probs: Floats, target: Floats) -> tuple[Counts, Counts]:
    """Return the label and the predicted class of every sample, int64 (N,) each; ties as the module says.

    >>> label, predicted = hard(np.array([[0.2, 0.8]]), np.array([[0.5, 0.5]]))
    >>> int(label[0]), int(predicted[0])
    (1, 1)
    """
    probs, target = np.asarray(probs), np.asarray(target)
    predicted = probs.argmax(1)
    tied = target >= target.max(1, keepdims=True) - _TIE
    label = np.where(tied[np.arange(len(tied)), predicted], predicted, tied.argmax(1))
    return label, predicted


def confusion(probs: Floats, target: Floats) -> Counts:
    """Count samples by label (rows) and predicted class (columns); int64 (K, K).

    >>> confusion(np.array([[0.9, 0.1], [0.6, 0.4]]), np.eye(2)).tolist()
    [[1, 0], [1, 0]]
    """
    label, predicted = hard(probs, target)
    k = np.asarray(target).shape[1]
    return np.bincount(label * k + predicted, minlength=k * k).reshape(k, k)


def accuracy(probs: Floats, target: Floats) -> float:
    """Return the share of samples whose most probable class is right, in [0, 1].

    >>> accuracy(np.array([[0.9, 0.1], [0.6, 0.4]]), np.eye(2))
    0.5
    """
    return accuracy_of(confusion(probs, target))


def balanced_accuracy(probs: Floats, target: Floats) -> float:
    """Return the mean recall over the classes that have samples, in [0, 1].

    >>> balanced_accuracy(np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4]]), np.eye(2)[[0, 0, 1]])
    0.5
    """
    return _mean(recalls(confusion(probs, target)))


def macro_f1(probs: Floats, target: Floats) -> float:
    """Return the mean of the classes' F1, in [0, 1].

    >>> round(macro_f1(np.array([[0.9, 0.1], [0.6, 0.4]]), np.eye(2)), 4)
    0.3333
    """
    return float(macro_f1_of(confusion(probs, target)))


def top2(probs: Floats, target: Floats) -> float:
    """Return the share of samples whose label is among the two most probable classes, in [0, 1].

    >>> top2(np.array([[0.5, 0.3, 0.2]] * 2), np.eye(3)[[1, 2]])
    0.5
    """
    probs, target = np.asarray(probs), np.asarray(target)
    first = np.argsort(-probs, axis=1, kind="stable")[:, :2]
    tied = target >= target.max(1, keepdims=True) - _TIE
    return _mean(np.take_along_axis(tied, first, 1).any(1).astype(float))


def kappa(probs: Floats, target: Floats) -> float:
    """Return Cohen's kappa between labels and predictions, in [-1, 1].

    >>> kappa(np.array([[0.9, 0.1], [0.1, 0.9]]), np.eye(2))
    1.0
    """
    return kappa_of(confusion(probs, target))


def macro_f1_norm(probs: Floats, target: Floats) -> float:
    """Return the mean over classes of the skew-normalised F1, 2r / (1 + r + q), in [0, 1].

    >>> macro_f1_norm(np.array([[0.9, 0.1], [0.1, 0.9]]), np.eye(2))
    1.0
    """
    return _mean(f1s_norm(confusion(probs, target)))


def kappa_norm(probs: Floats, target: Floats) -> float:
    """Return the skew-normalised kappa, (mean recall - 1/K) / (1 - 1/K) over the K classes that have samples.

    >>> kappa_norm(np.array([[0.9, 0.1], [0.9, 0.1]]), np.eye(2))
    0.0
    """
    recall = recalls(confusion(probs, target))
    k = np.isfinite(recall).sum()
    return float((_mean(recall) - 1 / k) / (1 - 1 / k)) if k > 1 else float("nan")


def ece(probs: Floats, target: Floats) -> float:
    """Return the expected calibration error in [0, 1] over `BINS` equal-mass bins of the top probability.

    >>> round(ece(np.array([[0.9, 0.1], [0.9, 0.1]]), np.eye(2)), 4)
    0.4
    """
    confidence, right, count = reliability(probs, target)
    return float(np.abs(confidence - right) @ count / count.sum()) if len(count) else float("nan")


def nll(probs: Floats, target: Floats) -> float:
    """Return the mean negative log-likelihood (cross-entropy against the target distribution), in nats.

    >>> round(nll(np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]])), 4)
    0.6931
    """
    p = np.clip(np.asarray(probs, np.float64), np.finfo(np.float64).eps, 1)
    return _mean(-(np.asarray(target, np.float64) * np.log(p)).sum(1))


def brier(probs: Floats, target: Floats) -> float:
    """Return the mean squared distance between probabilities and target, in [0, 2].

    >>> brier(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))
    2.0
    """
    return _mean(((np.asarray(probs, np.float64) - target) ** 2).sum(1))


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "macro_f1": macro_f1,
    "top2": top2,
    "kappa": kappa,
    "ece": ece,
    "nll": nll,
    "brier": brier,
    "macro_f1_norm": macro_f1_norm,
    "kappa_norm": kappa_norm,
}


def reliability(probs: Floats, target: Floats, bins: int = BINS) -> tuple[Floats, Floats, Floats]:
    """Return mean confidence, accuracy and sample count of each bin that holds samples, least confident bin first.

    Bins hold equally many samples; equal confidences share a bin, so the order of samples does not matter.

    >>> [column.tolist() for column in reliability(np.array([[0.5, 0.5], [0.0, 1.0]]), np.eye(2), bins=2)]
    [[0.5, 1.0], [1.0, 1.0], [1.0, 1.0]]
    """
    label, predicted = hard(probs, target)
    confidence = np.asarray(probs, np.float64).max(1)
    rank = np.searchsorted(np.sort(confidence), confidence)
    bin_of = rank * bins // max(len(rank), 1)
    count = np.bincount(bin_of, minlength=bins).astype(float)
    full = count > 0
    mean = [
        np.bincount(bin_of, weights=w, minlength=bins)[full] / count[full] for w in (confidence, label == predicted)
    ]
    return mean[0], mean[1], count[full]


def per_class(matrix: ArrayLike, labels: tuple[str, ...]) -> dict[str, dict[str, float | int]]:
    """Return precision, recall, F1 and support of each label; a figure without samples or predictions is 0.

    >>> per_class([[1, 1], [0, 2]], ("fear", "anger"))["fear"]
    {'precision': 1.0, 'recall': 0.5, 'f1': 0.6666666666666666, 'support': 2}
    """
    m = np.asarray(matrix, np.int64)
    hit, support, predicted = np.diagonal(m), m.sum(1), m.sum(0)
    rows = zip(labels, _ratio(hit, predicted), _ratio(hit, support), _f1s(m), support, strict=True)
    return {
        label: {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
        for label, p, r, f, n in rows
    }


def accuracy_of(matrix: ArrayLike) -> float:
    """Return the accuracy of a confusion matrix (K, K).

    >>> accuracy_of([[1, 1], [0, 2]])
    0.75
    """
    m = np.asarray(matrix)
    return float(np.trace(m) / m.sum()) if m.sum() else float("nan")


def kappa_of(matrix: ArrayLike) -> float:
    """Return Cohen's kappa of a confusion matrix (K, K); NaN where chance alone agrees fully.

    >>> kappa_of([[1, 1], [0, 2]])
    0.5
    """
    m = np.asarray(matrix, np.float64)
    n = m.sum()
    chance = float(m.sum(0) @ m.sum(1)) / n**2 if n else 1.0
    return float((np.trace(m) / n - chance) / (1 - chance)) if chance < 1 else float("nan")


def macro_f1_of(matrix: ArrayLike) -> Floats:
    """Return the macro-F1 of each confusion matrix in (..., K, K).

    >>> macro_f1_of([[2, 0], [0, 2]]).item()
    1.0
    """
    m = np.asarray(matrix)
    present = (m.sum(-1) + m.sum(-2)) > 0
    return _ratio((_f1s(m) * present).sum(-1), present.sum(-1), np.nan)


def recalls(matrix: ArrayLike) -> Floats:
    """Return each class's recall (..., K); NaN for a class without samples.

    >>> recalls([[1, 1], [0, 0]]).tolist()
    [0.5, nan]
    """
    m = np.asarray(matrix, np.float64)
    return _ratio(np.diagonal(m, axis1=-2, axis2=-1), m.sum(-1), np.nan)


def f1s_norm(matrix: ArrayLike) -> Floats:
    """Return each class's skew-normalised F1 from its recall r and false-positive rate q: 2r / (1 + r + q).

    >>> f1s_norm([[1, 1], [0, 2]]).round(4).tolist()
    [0.6667, 0.8]
    """
    m = np.asarray(matrix, np.float64)
    recall = recalls(m)
    wrong, negatives = (
        m.sum(-2) - np.diagonal(m, axis1=-2, axis2=-1),
        m.sum((-2, -1), keepdims=True)[..., 0] - m.sum(-1),
    )
    normal: Floats = 2 * recall / (1 + recall + _ratio(wrong, negatives))
    return normal


def _f1s(matrix: NDArray[np.number]) -> Floats:
    hit = np.diagonal(matrix, axis1=-2, axis2=-1)
    return _ratio(2 * hit, matrix.sum(-1) + matrix.sum(-2))


def _ratio(top: ArrayLike, bottom: ArrayLike, empty: float = 0.0) -> Floats:
    top, bottom = np.asarray(top, np.float64), np.asarray(bottom, np.float64)
    ratio: Floats = np.full(np.broadcast_shapes(top.shape, bottom.shape), empty)
    np.divide(top, bottom, out=ratio, where=bottom > 0)
    return ratio


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
