"""Sets of expressions that hold the label with a chosen probability, however good or bad the weights are.

Split conformal prediction takes the quantile of the labels' scores on one half of exchangeable data.  On the other
half, every class that scores no worse is in the set.  The set then holds the label with at least the chosen
probability, on average over draws of both halves.  There are two scores:

- `lac`, one less the probability, gives the smallest sets on average (Sadinle, Lei and Wasserman, *Least ambiguous
  set-valued classifiers with bounded error levels*, JASA 2019).
- `aps`, the probability of all likelier classes, gives sets that grow where images are hard (Romano, Sesia and Candès,
  *Classification with valid and adaptive coverage*, NeurIPS 2020).  It lacks their random draw, and the class's own
  probability is left out, so that the top-1 class is always in the set.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.errors import UsageError
from mien.evaluation.metrics import Floats, top1
from mien.evaluation.statistics import clusters
from mien.evaluation.statistics.intervals import Ends, known_ends, proportion_interval

Score = Callable[[Floats], NDArray[np.float64]]
_Z95 = 1.959963984540054


@dataclass(frozen=True)
class SetScores:
    """How well sets hold the labels (coverage) and their mean size, each with a 95 % interval.

    `sizes` counts the sets by size, from 1 on.  A single set has no interval of its size.  `quantile` is None where
    the sets hold every class, for want of samples.
    """

    quantile: float | None
    coverage: float
    coverage_interval: Ends
    size: float
    size_interval: Ends
    sizes: list[int]


def lac(probs: Floats) -> NDArray[np.float64]:
    """Return the scores float64 (N, K) by which classes are left out: one less the probability.

    >>> lac(np.array([[0.75, 0.25]])).tolist()
    [[0.25, 0.75]]
    """
    return 1 - np.asarray(probs, np.float64)


def aps(probs: Floats) -> NDArray[np.float64]:
    """Return the scores float64 (N, K) by which classes are left out: the probability of all likelier ones.

    >>> aps(np.array([[0.25, 0.5, 0.25]])).tolist()
    [[0.5, 0.0, 0.75]]
    """
    p = np.asarray(probs, np.float64)
    order = np.argsort(-p, axis=1, kind="stable")
    likelier = np.take_along_axis(p, order, 1)[:, :-1].cumsum(1)
    scores = np.zeros_like(p)
    np.put_along_axis(scores, order[:, 1:], likelier, 1)
    return scores


SCORES: dict[str, Score] = {"lac": lac, "aps": aps}
"""Score by name: probabilities (N, K) to scores (N, K), the least fitting class highest."""

MEANINGS = {
    "lac": "every expression that is likely enough; the smallest sets on average (Sadinle, Lei and Wasserman, 2019)",
    "aps": "most probable expressions until they add up; larger where an image is hard (Romano and others, 2020)",
}
"""What the sets of a score hold, and its source."""


def fit_quantile(probs: Floats, target: Floats, coverage: float, score: Score = lac) -> float:
    """Return the score up to which classes enter the sets, for a coverage in (0, 1); infinite for too few samples.

    It is the ceil((N + 1) * coverage)-th smallest score of a label.

    >>> fit_quantile(np.array([[0.75, 0.25], [0.5, 0.5], [1.0, 0.0]]), np.eye(2)[[0, 0, 0]], 0.5)
    0.25
    """
    if not 0 < coverage < 1:
        raise UsageError(f"`coverage` {coverage}", "a fraction above 0 and below 1, such as 0.9")
    label, _ = top1(probs, target)
    scores = np.sort(score(probs)[np.arange(len(label)), label])
    rank = int(np.ceil((len(scores) + 1) * coverage - 1e-9))  # 10 * 0.9 is a little more than 9
    return float(scores[rank - 1]) if rank <= len(scores) else float("inf")


def sets(probs: Floats, quantile: float, score: Score = lac) -> NDArray[np.bool_]:
    """Return which classes are in each sample's set, bool (N, K); the top-1 class always is, so no set is empty.

    >>> sets(np.array([[0.75, 0.25], [0.5, 0.5]]), 0.5).tolist()
    [[True, False], [True, True]]
    """
    inside = score(probs) <= quantile + 1e-12
    inside[np.arange(len(inside)), np.asarray(probs).argmax(1)] = True
    return inside


def measure(
    probs: Floats, target: Floats, quantile: float, score: Score = lac, group: ArrayLike | None = None
) -> SetScores:
    """Return how well the sets hold the labels, and how large they are.

    >>> scores = measure(np.array([[0.75, 0.25], [0.5, 0.5]]), np.eye(2), 0.5)
    >>> scores.coverage, scores.size, scores.sizes
    (1.0, 1.5, [1, 1])
    """
    label, _ = top1(probs, target)
    inside = sets(probs, quantile, score)
    held, size = inside[np.arange(len(label)), label], inside.sum(1)
    n = len(label)
    code = clusters.codes(group)
    wider = 1.0 if code is None else np.sqrt(clusters.design_effect(size, code))
    few = n < 2 or (code is not None and code.max() + 1 < clusters.MIN_GROUPS)
    half = float("nan") if few else wider * _Z95 * float(size.std(ddof=1)) / np.sqrt(n)
    return SetScores(
        quantile=quantile if np.isfinite(quantile) else None,
        coverage=float(held.mean()),
        coverage_interval=known_ends(proportion_interval(held, group)),
        size=float(size.mean()),
        size_interval=known_ends((size.mean() - half, size.mean() + half)),
        sizes=np.bincount(size, minlength=inside.shape[1] + 1)[1:].tolist(),
    )
