"""Metrics of the predicted label: what follows from the confusion matrix of probabilities and targets.

Where several classes tie for the top of a target, any of them is right: a tied sample counts as the predicted
class where that is among the tied ones, and as the first tied class otherwise, so accuracy and the matrix always
agree.  Classes that have neither samples nor predictions are left out of averages, as scikit-learn does; balanced
accuracy and the skew-normalised averages, which need a recall, leave out every class without samples.
"""

import numpy as np

from mien.evaluation.metrics import counts
from mien.evaluation.metrics.counts import Counts, Floats

TIE = 1e-6
"""Fractions of a target that differ by less are equal."""


def top1(probs: Floats, target: Floats) -> tuple[Counts, Counts]:
    """Return the label and the predicted class of every sample, int64 (N,) each; ties as in the module's docstring.

    >>> label, predicted = top1(np.array([[0.2, 0.8]]), np.array([[0.5, 0.5]]))
    >>> int(label[0]), int(predicted[0])
    (1, 1)
    """
    probs, target = np.asarray(probs), np.asarray(target)
    predicted = probs.argmax(1)
    tied = target >= target.max(1, keepdims=True) - TIE
    label = np.where(tied[np.arange(len(tied)), predicted], predicted, tied.argmax(1))
    return label, predicted


def confusion(probs: Floats, target: Floats) -> Counts:
    """Count samples by label (rows) and predicted class (columns); int64 (K, K).

    >>> confusion(np.array([[0.9, 0.1], [0.6, 0.4]]), np.eye(2)).tolist()
    [[1, 0], [1, 0]]
    """
    label, predicted = top1(probs, target)
    k = np.asarray(target).shape[1]
    return np.bincount(label * k + predicted, minlength=k * k).reshape(k, k)


def accuracy(probs: Floats, target: Floats) -> float:
    """Return the fraction of samples whose top-1 class is right, in [0, 1].

    >>> accuracy(np.array([[0.9, 0.1], [0.6, 0.4]]), np.eye(2))
    0.5
    """
    return counts.accuracy_of(confusion(probs, target))


def balanced_accuracy(probs: Floats, target: Floats) -> float:
    """Return the mean recall over the classes that have samples, in [0, 1]: the skew-normalised accuracy.

    >>> balanced_accuracy(np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4]]), np.eye(2)[[0, 0, 1]])
    0.5
    """
    return float(counts.balanced_accuracy_of(confusion(probs, target)))


def macro_precision(probs: Floats, target: Floats) -> float:
    """Return the mean of the classes' precision, in [0, 1].

    >>> macro_precision(np.array([[0.9, 0.1], [0.6, 0.4]]), np.eye(2))
    0.25
    """
    return float(counts.macro_precision_of(confusion(probs, target)))


def macro_recall(probs: Floats, target: Floats) -> float:
    """Return the mean of the classes' recall, in [0, 1]; unlike balanced accuracy, 0 for a class without samples.

    >>> macro_recall(np.array([[0.9, 0.1], [0.6, 0.4]]), np.eye(2))
    0.5
    """
    return float(counts.macro_recall_of(confusion(probs, target)))


def macro_f1(probs: Floats, target: Floats) -> float:
    """Return the mean of the classes' F1, in [0, 1].

    >>> round(macro_f1(np.array([[0.9, 0.1], [0.6, 0.4]]), np.eye(2)), 4)
    0.3333
    """
    return float(counts.macro_f1_of(confusion(probs, target)))


def kappa(probs: Floats, target: Floats) -> float:
    """Return Cohen's kappa between labels and predictions, in [-1, 1].

    >>> kappa(np.array([[0.9, 0.1], [0.1, 0.9]]), np.eye(2))
    1.0
    """
    return float(counts.kappa_of(confusion(probs, target)))


def alpha(probs: Floats, target: Floats) -> float:
    """Return Krippendorff's alpha (nominal) with labels and predictions as two coders, at most 1.

    >>> alpha(np.array([[0.9, 0.1], [0.1, 0.9]]), np.eye(2))
    1.0
    """
    return float(counts.alpha_of(confusion(probs, target)))


def macro_precision_norm(probs: Floats, target: Floats) -> float:
    """Return the mean over classes of the skew-normalised precision, r / (r + q), in [0, 1].

    >>> macro_precision_norm(np.array([[0.9, 0.1], [0.1, 0.9]]), np.eye(2))
    1.0
    """
    return float(counts.mean_known(counts.precisions_norm(confusion(probs, target))))


def macro_f1_norm(probs: Floats, target: Floats) -> float:
    """Return the mean over classes of the skew-normalised F1, 2r / (1 + r + q), in [0, 1].

    >>> macro_f1_norm(np.array([[0.9, 0.1], [0.1, 0.9]]), np.eye(2))
    1.0
    """
    return float(counts.mean_known(counts.f1s_norm(confusion(probs, target))))


def kappa_norm(probs: Floats, target: Floats) -> float:
    """Return the skew-normalised kappa, (mean recall - 1/K) / (1 - 1/K) over the K classes that have samples.

    >>> kappa_norm(np.array([[0.9, 0.1], [0.9, 0.1]]), np.eye(2))
    0.0
    """
    return float(counts.kappa_norm_of(confusion(probs, target)))


def alpha_norm(probs: Floats, target: Floats) -> float:
    """Return the skew-normalised Krippendorff's alpha, that of equally many samples per class.

    >>> alpha_norm(np.array([[0.9, 0.1], [0.1, 0.9]]), np.eye(2))
    1.0
    """
    return float(counts.alpha_norm_of(confusion(probs, target)))
