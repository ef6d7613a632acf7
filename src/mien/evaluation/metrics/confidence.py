"""Metrics of the probabilities themselves: are they calibrated, and how much do they give to the label?

The calibration error is the mean distance of confidence and accuracy over bins of the top probability: Naeini et al.,
AAAI 2015; Guo et al., ICML 2017.  Bins of equal mass, the default, hold equally many samples each; of bins
of equal width, the last one holds most samples of a good classifier.
"""

import numpy as np
from numpy.typing import NDArray

from mien.evaluation.metrics.counts import Floats, mean_known
from mien.evaluation.metrics.labels import top1

BINS = 15
"""Bins of the top probability in the expected calibration error."""


def ece(probs: Floats, target: Floats) -> float:
    """Return the expected calibration error in [0, 1] over `BINS` equal-mass bins of the top probability.

    >>> round(ece(np.array([[0.9, 0.1], [0.9, 0.1]]), np.eye(2)), 4)
    0.4
    """
    return _error(*reliability(probs, target))


def ece_width(probs: Floats, target: Floats) -> float:
    """Return the expected calibration error in [0, 1] over `BINS` equally wide bins of the top probability.

    >>> round(ece_width(np.array([[0.9, 0.1], [0.1, 0.9]]), np.eye(2)), 4)
    0.1
    """
    return _error(*reliability(probs, target, equal="width"))


def nll(probs: Floats, target: Floats) -> float:
    """Return the mean negative log-likelihood (cross-entropy against the target distribution), in nats.

    >>> round(nll(np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]])), 4)
    0.6931
    """
    return float(mean_known(nlls(probs, target)))


def nlls(probs: Floats, target: Floats) -> Floats:
    """Return each sample's negative log-likelihood, float64 (N,).

    >>> nlls(np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]])).round(4).tolist()
    [0.6931]
    """
    p = np.clip(np.asarray(probs, np.float64), np.finfo(np.float64).eps, 1)
    return np.asarray(-(np.asarray(target, np.float64) * np.log(p)).sum(1))


def brier(probs: Floats, target: Floats) -> float:
    """Return the mean squared distance between probabilities and target, in [0, 2].

    >>> brier(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))
    2.0
    """
    return float(mean_known(briers(probs, target)))


def briers(probs: Floats, target: Floats) -> Floats:
    """Return each sample's squared distance between probabilities and target, float64 (N,).

    >>> briers(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])).tolist()
    [2.0]
    """
    return np.asarray(((np.asarray(probs, np.float64) - target) ** 2).sum(1))


def reliability(probs: Floats, target: Floats, bins: int = BINS, equal: str = "mass") -> tuple[Floats, Floats, Floats]:
    """Return mean confidence, accuracy and sample count of each bin that holds samples, least confident bin first.

    `equal` is mass or width, see `bin_of`.

    >>> [column.tolist() for column in reliability(np.array([[0.5, 0.5], [0.0, 1.0]]), np.eye(2), bins=2)]
    [[0.5, 1.0], [1.0, 1.0], [1.0, 1.0]]
    """
    label, predicted = top1(probs, target)
    confidence = np.asarray(probs, np.float64).max(1)
    bin = bin_of(confidence, bins, equal)
    count = np.bincount(bin, minlength=bins).astype(float)
    full = count > 0
    mean = [np.bincount(bin, weights=w, minlength=bins)[full] / count[full] for w in (confidence, label == predicted)]
    return mean[0], mean[1], count[full]


def bin_of(confidence: Floats, bins: int = BINS, equal: str = "mass") -> NDArray[np.intp]:
    """Return each sample's bin, int (N,).

    Of equal mass: each holds equally many samples, but equal confidences share a bin, so that the order of samples
    does not matter.  Of equal width: bin k of B holds confidences in (k/B, (k+1)/B].

    >>> bin_of(np.array([0.2, 0.9, 0.9]), 2).tolist(), bin_of(np.array([0.2, 0.5, 0.9]), 2, "width").tolist()
    ([0, 0, 0], [0, 0, 1])
    """
    if equal == "width":
        return np.clip(np.ceil(confidence * bins).astype(np.intp) - 1, 0, bins - 1)
    rank = np.searchsorted(np.sort(confidence), confidence)
    return rank * bins // max(len(rank), 1)


def _error(confidence: Floats, right: Floats, count: Floats) -> float:
    return float(np.abs(confidence - right) @ count / count.sum()) if len(count) else float("nan")
