"""What follows from a confusion matrix (..., K, K): rows are labels, columns predictions.

Skew-normalised scores are those of a test set with equally many positives and negatives per class: Jeni, Cohn and
De la Torre, *Facing imbalanced data*, ACII 2013, as AffectNet reports them.  With recall r and false-positive rate q
of a class against the rest they have closed forms.  Kappa and alpha over all classes are those of equally many samples
of each class.  AffectNet itself under-samples the test set to that, which `undersampled` does: the same in the mean
for accuracy, kappa and alpha, but not for precision and F1, where a class then has K - 1 times as many negatives.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating]
Counts = NDArray[np.int64]


def per_class(matrix: ArrayLike, labels: tuple[str, ...]) -> dict[str, dict[str, float | int | None]]:
    """Return precision, recall, F1 and support of each label.

    Precision is None of a label that was never predicted, recall of one without samples, F1 of one that is neither.

    >>> per_class([[1, 1], [0, 2]], ("fear", "anger"))["fear"]
    {'precision': 1.0, 'recall': 0.5, 'f1': 0.6666666666666666, 'support': 2}
    """
    m = np.asarray(matrix, np.int64)
    hit, support, predicted = np.diagonal(m), m.sum(1), m.sum(0)
    shares = (ratio(hit, predicted, np.nan), ratio(hit, support, np.nan), ratio(2 * hit, support + predicted, np.nan))
    return {
        label: {**dict(zip(("precision", "recall", "f1"), map(_known, row), strict=True)), "support": int(n)}
        for label, *row, n in zip(labels, *shares, support, strict=True)
    }


def accuracy_of(matrix: ArrayLike) -> float:
    """Return the accuracy of a confusion matrix (K, K).

    >>> accuracy_of([[1, 1], [0, 2]])
    0.75
    """
    m = np.asarray(matrix)
    return float(np.trace(m) / m.sum()) if m.sum() else float("nan")


def balanced_accuracy_of(matrix: ArrayLike) -> Floats:
    """Return the mean recall of each matrix in (..., K, K) over the classes that have samples.

    >>> balanced_accuracy_of([[1, 1], [0, 2]]).item()
    0.75
    """
    return mean_known(recalls(matrix))


def kappa_of(matrix: ArrayLike) -> Floats:
    """Return Cohen's kappa of each matrix in (..., K, K); NaN where chance alone agrees fully.

    >>> kappa_of([[1, 1], [0, 2]]).item()
    0.5
    """
    m = np.asarray(matrix, np.float64)
    n = m.sum((-2, -1))
    chance = ratio((m.sum(-1) * m.sum(-2)).sum(-1), n**2, 1.0)
    agreed = ratio(np.trace(m, axis1=-2, axis2=-1), n)
    return ratio(agreed - chance, 1 - chance, np.nan)


def alpha_of(matrix: ArrayLike) -> Floats:
    """Return Krippendorff's alpha (nominal, labels and predictions as two coders) of each matrix in (..., K, K).

    >>> alpha_of([[1, 1], [0, 2]]).round(4).item()
    0.5333
    """
    m = np.asarray(matrix, np.float64)
    values = m.sum(-1) + m.sum(-2)
    n = values.sum(-1)
    expected = 1 - ratio((values * (values - 1)).sum(-1), n * (n - 1), 1.0)
    observed = 1 - ratio(2 * np.trace(m, axis1=-2, axis2=-1), n)
    return 1 - ratio(observed, expected, np.nan)


def macro_f1_of(matrix: ArrayLike) -> Floats:
    """Return the macro-F1 of each confusion matrix in (..., K, K).

    >>> macro_f1_of([[2, 0], [0, 2]]).item()
    1.0
    """
    m = np.asarray(matrix)
    return _over_present(m, _f1s(m))


def macro_precision_of(matrix: ArrayLike) -> Floats:
    """Return the mean precision of each matrix in (..., K, K); a class never predicted has 0.

    >>> macro_precision_of([[1, 1], [0, 2]]).round(4).item()
    0.8333
    """
    m = np.asarray(matrix)
    return _over_present(m, ratio(np.diagonal(m, axis1=-2, axis2=-1), m.sum(-2)))


def macro_recall_of(matrix: ArrayLike) -> Floats:
    """Return the mean recall of each matrix in (..., K, K); a class predicted but without samples has 0.

    >>> macro_recall_of([[1, 1], [0, 2]]).item()
    0.75
    """
    m = np.asarray(matrix)
    return _over_present(m, ratio(np.diagonal(m, axis1=-2, axis2=-1), m.sum(-1)))


def recalls(matrix: ArrayLike) -> Floats:
    """Return each class's recall (..., K); NaN for a class without samples.

    >>> recalls([[1, 1], [0, 0]]).tolist()
    [0.5, nan]
    """
    m = np.asarray(matrix, np.float64)
    return ratio(np.diagonal(m, axis1=-2, axis2=-1), m.sum(-1), np.nan)


def false_positive_rates(matrix: ArrayLike) -> Floats:
    """Return the fraction of each class's negatives that are predicted as it (..., K); 0 where there are no negatives.

    >>> false_positive_rates([[1, 1], [0, 2]]).tolist()
    [0.0, 0.5]
    """
    m = np.asarray(matrix, np.float64)
    taken = m.sum(-2) - np.diagonal(m, axis1=-2, axis2=-1)
    return ratio(taken, m.sum((-2, -1))[..., None] - m.sum(-1))


def accuracies_norm(matrix: ArrayLike) -> Floats:
    """Return each class's skew-normalised accuracy against the rest, (1 + r - q) / 2.

    >>> accuracies_norm([[1, 1], [0, 2]]).tolist()
    [0.75, 0.75]
    """
    return np.asarray((1 + recalls(matrix) - false_positive_rates(matrix)) / 2)


def precisions_norm(matrix: ArrayLike) -> Floats:
    """Return each class's skew-normalised precision, r / (r + q); 0 for a class never predicted.

    >>> precisions_norm([[1, 1], [0, 2]]).round(4).tolist()
    [1.0, 0.6667]
    """
    recall = recalls(matrix)
    return np.where(np.isfinite(recall), ratio(recall, recall + false_positive_rates(matrix)), np.nan)


def f1s_norm(matrix: ArrayLike) -> Floats:
    """Return each class's skew-normalised F1, 2r / (1 + r + q).

    >>> f1s_norm([[1, 1], [0, 2]]).round(4).tolist()
    [0.6667, 0.8]
    """
    recall = recalls(matrix)
    return np.asarray(2 * recall / (1 + recall + false_positive_rates(matrix)))


def kappas_norm(matrix: ArrayLike) -> Floats:
    """Return each class's skew-normalised kappa against the rest, r - q.

    >>> kappas_norm([[1, 1], [0, 2]]).tolist()
    [0.5, 0.5]
    """
    return np.asarray(recalls(matrix) - false_positive_rates(matrix))


def kappa_norm_of(matrix: ArrayLike) -> Floats:
    """Return Cohen's kappa that each matrix would have with equally many of every class that has samples.

    >>> kappa_norm_of([[2, 0], [1, 0]]).item()
    0.0
    """
    return kappa_of(_balanced(matrix))


def alpha_norm_of(matrix: ArrayLike) -> Floats:
    """Return Krippendorff's alpha that each matrix would have with equally many, and infinitely many, of every class.

    >>> alpha_norm_of([[1, 1], [0, 2]]).round(4).item()
    0.4667
    """
    m = _balanced(matrix)
    n = m.sum((-2, -1))
    shares = ratio(m.sum(-1) + m.sum(-2), 2 * n[..., None])
    observed = 1 - ratio(np.trace(m, axis1=-2, axis2=-1), n)
    return 1 - ratio(observed, np.where(n > 0, 1 - (shares**2).sum(-1), 0), np.nan)


def one_vs_rest(matrix: ArrayLike) -> Counts:
    """Return the (K, 2, 2) matrices of each class against the rest, the class first.

    >>> one_vs_rest([[1, 1], [0, 2]])[0].tolist()
    [[1, 1], [0, 2]]
    """
    m = np.asarray(matrix, np.int64)
    hit, row, column = np.diagonal(m), m.sum(1), m.sum(0)
    return np.array([[hit, row - hit], [column - hit, m.sum() - row - column + hit]]).transpose(2, 0, 1)


def undersampled(matrix: ArrayLike, statistic: Callable[[Counts], ArrayLike], draws: int = 200, seed: int = 0) -> float:
    """Return the mean of a statistic over draws that keep as many samples of each class as the rarest one has.

    `statistic` maps (draws, K, K) counts to (draws,) values.  Classes without samples stay empty.  For one class
    against the rest, hand in its matrix of `one_vs_rest`.

    >>> undersampled([[1, 0], [0, 9]], macro_f1_of)
    1.0
    """
    m = np.asarray(matrix, np.int64)
    if not m.any():
        return float("nan")
    rng, least = np.random.default_rng(seed), m.sum(1)[m.any(1)].min()
    rows = [rng.multivariate_hypergeometric(row, least if row.any() else 0, draws) for row in m]
    return float(np.asarray(statistic(np.stack(rows, 1)), np.float64).mean())


def ratio(top: ArrayLike, bottom: ArrayLike, empty: float = 0.0) -> Floats:
    """Divide, with `empty` where the bottom is not above zero.

    >>> ratio([1, 1], [2, 0]).tolist()
    [0.5, 0.0]
    """
    top, bottom = np.asarray(top, np.float64), np.asarray(bottom, np.float64)
    quotient: Floats = np.full(np.broadcast_shapes(top.shape, bottom.shape), empty)
    np.divide(top, bottom, out=quotient, where=bottom > 0)
    return quotient


def mean_known(values: ArrayLike) -> Floats:
    """Return the mean over the last axis of what is finite; NaN where nothing is.

    >>> mean_known([[1.0, np.nan], [np.nan, np.nan]]).tolist()
    [1.0, nan]
    """
    v = np.asarray(values, np.float64)
    known = np.isfinite(v)
    return ratio(np.where(known, v, 0).sum(-1), known.sum(-1), np.nan)


def _balanced(matrix: ArrayLike) -> Floats:
    """Return each matrix with rows that sum to 1, or to 0 without samples."""
    m = np.asarray(matrix, np.float64)
    return ratio(m, m.sum(-1, keepdims=True))


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _f1s(matrix: NDArray[np.number]) -> Floats:
    hit = np.diagonal(matrix, axis1=-2, axis2=-1)
    return ratio(2 * hit, matrix.sum(-1) + matrix.sum(-2))


def _over_present(matrix: NDArray[np.number], values: Floats) -> Floats:
    present = (matrix.sum(-1) + matrix.sum(-2)) > 0
    return ratio((values * present).sum(-1), present.sum(-1), np.nan)
