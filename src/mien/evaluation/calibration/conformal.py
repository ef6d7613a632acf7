"""Sets of expressions that hold the label with a chosen probability, whatever the weights are worth.

Split conformal prediction: on one half of exchangeable data the quantile of the labels' scores is taken, and on the
other every class that scores no worse is in the set.  It then holds the label in at least the chosen share of cases, on
average over draws of both halves.  Two scores are offered: `lac`, one less the probability, whose sets are smallest on
average (Sadinle, Lei and Wasserman, *Least ambiguous set-valued classifiers with bounded error levels*, JASA 2019), and
`aps`, the probability of all likelier classes, whose sets grow where images are hard (Romano, Sesia and Candès,
*Classification with valid and adaptive coverage*, NeurIPS 2020, without its random draw; the class's own probability is
left out of its score, so that the likeliest class is always in).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.errors import UsageError
from mien.evaluation.metrics import Floats, top1
from mien.evaluation.statistics import clusters
from mien.evaluation.statistics.intervals import known_ends, proportion_interval

Score = Callable[[Floats], NDArray[np.float64]]
_Z95 = 1.959963984540054


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
    "aps": "the likeliest expressions until they add up; larger where an image is hard (Romano and others, 2020)",
}
"""What the sets of a score hold, and its source."""


def fit_quantile(probs: Floats, target: Floats, coverage: float, score: Score = lac) -> float:
    """Return the score up to which classes enter the sets, for a coverage in (0, 1); infinite for too few samples.

    It is the ceil((N + 1) * coverage)-th smallest score of a label.

    >>> fit_quantile(np.array([[0.75, 0.25], [0.5, 0.5], [1.0, 0.0]]), np.eye(2)[[0, 0, 0]], 0.5)
    0.25
    """
    if not 0 < coverage < 1:
        raise UsageError(f"`coverage` {coverage}", "a share above 0 and below 1, such as 0.9")
    label, _ = top1(probs, target)
    scores = np.sort(score(probs)[np.arange(len(label)), label])
    rank = int(np.ceil((len(scores) + 1) * coverage - 1e-9))  # 10 * 0.9 is a little more than 9
    return float(scores[rank - 1]) if rank <= len(scores) else float("inf")


def sets(probs: Floats, quantile: float, score: Score = lac) -> NDArray[np.bool_]:
    """Return which classes are in each sample's set, bool (N, K); the likeliest always is, so no set is empty.

    >>> sets(np.array([[0.75, 0.25], [0.5, 0.5]]), 0.5).tolist()
    [[True, False], [True, True]]
    """
    inside = score(probs) <= quantile + 1e-12
    inside[np.arange(len(inside)), np.asarray(probs).argmax(1)] = True
    return inside


def measure(
    probs: Floats, target: Floats, quantile: float, score: Score = lac, group: ArrayLike | None = None
) -> dict[str, Any]:
    """Return the coverage of the sets and their mean size, each with a 95 % interval, and how many have each size.

    The size of a single set has no interval.

    >>> found = measure(np.array([[0.75, 0.25], [0.5, 0.5]]), np.eye(2), 0.5)
    >>> found["coverage"], found["size"], found["sizes"]
    (1.0, 1.5, [1, 1])
    """
    label, _ = top1(probs, target)
    inside = sets(probs, quantile, score)
    held, size = inside[np.arange(len(label)), label], inside.sum(1)
    n = len(label)
    code = clusters.codes(group)
    wider = 1.0 if code is None else np.sqrt(clusters.design_effect(size, code))
    half = wider * _Z95 * float(size.std(ddof=1)) / np.sqrt(n) if n > 1 else float("nan")
    return {
        "quantile": quantile if np.isfinite(quantile) else None,
        "coverage": float(held.mean()),
        "coverage_interval": known_ends(proportion_interval(held, group)),
        "size": float(size.mean()),
        "size_interval": known_ends((size.mean() - half, size.mean() + half)),
        "sizes": np.bincount(size, minlength=inside.shape[1] + 1)[1:].tolist(),
    }
