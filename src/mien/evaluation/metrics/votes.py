"""Against the votes of several people per image: `f(probs, votes) -> float`, by key in `VOTES`.

Votes are counts (N, K) over the labels; votes for anything else (unknown, not a face) are left out, and so are
images without votes for a label.  How well people themselves agree is in `PEOPLE`, `f(votes) -> float` by the same
keys: the expected score of one person drawn at random, against the other people of the same image.  By
agreement with people, a model that scores higher cannot be distinguished from a person.  `MIXED` measures how well
probabilities recover images in which people saw more than one label.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mien.data.fer2013.votes import shown
from mien.evaluation.metrics.counts import Counts, Floats, mean_known
from mien.evaluation.metrics.ranking import precision_over


def accuracy(probs: Floats, votes: Counts) -> float:
    """Return the fraction of images whose predicted label has most votes, or as many as any other, in [0, 1].

    >>> accuracy(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([[5, 5], [9, 1]]))
    0.5
    """
    predicted, votes = _voted(probs, votes)
    return float(mean_known(_at(votes, predicted) == votes.max(1, initial=0)))


def soft_accuracy(probs: Floats, votes: Counts) -> float:
    """Return the mean fraction of people who chose the predicted label, in [0, 1].

    >>> soft_accuracy(np.array([[0.9, 0.1]]), np.array([[7, 3]]))
    0.7
    """
    predicted, votes = _voted(probs, votes)
    return float(mean_known(_at(votes, predicted) / votes.sum(1)))


def within_top2(probs: Floats, votes: Counts) -> float:
    """Return the fraction of images whose predicted label is one of the people's two most frequent, in [0, 1].

    Where labels tie for second place all of them count; a label that nobody chose never does.

    >>> within_top2(np.array([[0.1, 0.2, 0.7]] * 2), np.array([[6, 3, 1], [6, 2, 2]]))
    0.5
    """
    predicted, votes = _voted(probs, votes)
    return float(mean_known(_at(_second(votes), predicted)))


def kl(probs: Floats, votes: Counts) -> float:
    """Return the mean Kullback-Leibler divergence from the probabilities to the fractions of votes, in nats.

    >>> kl(np.array([[0.5, 0.5]]), np.array([[5, 5]])), round(kl(np.array([[0.5, 0.5]]), np.array([[9, 0]])), 4)
    (0.0, 0.6931)
    """
    known = np.asarray(votes).sum(1) > 0
    p = np.clip(np.asarray(probs, np.float64)[known], np.finfo(np.float64).eps, 1)
    q = np.asarray(votes, np.float64)[known]
    q /= q.sum(1, keepdims=True)
    return float(mean_known((q * (np.log(np.where(q > 0, q, 1)) - np.log(p))).sum(1)))


VOTES: dict[str, Callable[[Floats, Counts], float]] = {
    "accuracy": accuracy,
    "soft_accuracy": soft_accuracy,
    "within_top2": within_top2,
    "kl": kl,
}


def people_accuracy(votes: Counts) -> float:
    """Return how often one person names the label that most of the others named; ties among the others count.

    >>> people_accuracy(np.array([[10, 0]])), people_accuracy(np.array([[5, 5]])), people_accuracy(np.array([[9, 1]]))
    (1.0, 0.0, 0.9)
    """
    return _expected(votes, lambda others, own: _at(others, own) == others.max(1))


def people_soft_accuracy(votes: Counts) -> float:
    """Return the expected fraction of the others who named the same label as one person.

    >>> round(people_soft_accuracy(np.array([[9, 1]])), 3)
    0.8
    """
    return _expected(votes, lambda others, own: _at(others, own) / others.sum(1))


def people_within_top2(votes: Counts) -> float:
    """Return how often one person names one of the two labels that the others named most.

    >>> people_within_top2(np.array([[6, 3, 1]]))
    0.9
    """
    return _expected(votes, lambda others, own: _at(_second(others), own))


PEOPLE: dict[str, Callable[[Counts], float]] = {
    "accuracy": people_accuracy,
    "soft_accuracy": people_soft_accuracy,
    "within_top2": people_within_top2,
}


def pairs(probs: Floats, votes: Counts) -> float:
    """Return the fraction of images in which people saw two labels whose two most probable labels are these.

    >>> pairs(np.array([[0.5, 0.4, 0.1]] * 3), np.array([[5, 5, 0], [5, 0, 5], [9, 0, 0]]))
    0.5
    """
    probs, votes = _split_in_two(probs, votes)
    two = np.argsort(-probs, axis=1, kind="stable")[:, :2]
    return float(mean_known(np.take_along_axis(shown(votes), two, 1).all(1)))


def pairs_kl(probs: Floats, votes: Counts) -> float:
    """Return the `kl` on the images in which people saw two labels, in nats.

    >>> pairs_kl(np.array([[0.5, 0.5], [0.5, 0.5]]), np.array([[5, 5], [9, 0]]))
    0.0
    """
    return kl(*_split_in_two(probs, votes))


def average_precision(probs: Floats, votes: Counts) -> float:
    """Return the mean over labels of the average precision with which probabilities rank the images that show it.

    Every label that people saw in an image counts as true in it (`shown`).

    >>> average_precision(np.array([[0.5, 0.5], [0.9, 0.1]]), np.array([[5, 5], [9, 0]]))
    1.0
    """
    known = np.asarray(votes).sum(1) > 0
    true, probs = shown(np.asarray(votes)[known]), np.asarray(probs)[known]
    return float(mean_known([precision_over(score, of) for score, of in zip(probs.T, true.T, strict=True)]))


MIXED: dict[str, Callable[[Floats, Counts], float]] = {
    "average_precision": average_precision,
    "pairs": pairs,
    "pairs_kl": pairs_kl,
}


def _split_in_two(probs: Floats, votes: Counts) -> tuple[Floats, Counts]:
    two = shown(votes).sum(1) == 2
    return np.asarray(probs)[two], np.asarray(votes)[two]


def _expected(votes: Counts, score: Callable[[Counts, NDArray[np.intp]], NDArray[np.generic]]) -> float:
    """Return the mean over images of a score, leaving out each person in turn; two or more votes are needed."""
    votes = np.asarray(votes, np.int64)
    votes = votes[votes.sum(1) > 1]
    total = np.zeros(len(votes))
    for label in range(votes.shape[1]):
        rows = np.flatnonzero(votes[:, label])
        others = votes[rows].copy()
        others[:, label] -= 1
        total[rows] += votes[rows, label] * score(others, np.full(len(rows), label))
    return float(mean_known(total / votes.sum(1)))


def _voted(probs: Floats, votes: Counts) -> tuple[NDArray[np.intp], Counts]:
    votes = np.asarray(votes, np.int64)
    known = votes.sum(1) > 0
    return np.asarray(probs)[known].argmax(1), votes[known]


def _second(votes: Counts) -> NDArray[np.bool_]:
    return np.asarray((votes >= np.sort(votes, axis=1)[:, -2:-1]) & (votes > 0))


def _at(values: NDArray[np.generic], column: NDArray[np.intp]) -> NDArray[np.generic]:
    return np.asarray(values[np.arange(len(values)), column])
