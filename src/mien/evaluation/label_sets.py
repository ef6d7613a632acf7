"""Which expressions a system can predict, which ones the data know, and how the others count.

Every expression that either side knows counts.  A prediction that no label can be is wrong, and so is every prediction
for a label that the system cannot predict.  A system that predicts neutral for 981 faces, none of them labelled so,
does not become right by having that prediction removed.  Scores on the common labels alone, with probabilities
renormalised over them (`restrict`), are reported only beside those, under their own name.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.evaluation.result import Result
from mien.labels import columns, ordered


def predictable(result: Result) -> tuple[str, ...]:
    """Return the labels that the system can predict; of old results, all of theirs."""
    return tuple(result.provenance.answer_labels or result.labels)


def labelled(result: Result) -> tuple[str, ...]:
    """Return the labels that the data know; of old results, all of theirs."""
    return tuple(result.provenance.truth_labels or result.labels)


def common(results: Sequence[Result]) -> tuple[str, ...]:
    """Return the labels that the data and every system that gives probabilities know, in vocabulary order."""
    shared = set(labelled(results[0]))
    for result in results:
        shared &= set(result.labels if result.provenance.labels_only else predictable(result))
    return ordered(tuple(shared))


def differ(results: Sequence[Result]) -> bool:
    """Return whether the data and the systems that give probabilities know different labels."""
    graded = [result for result in results if not result.provenance.labels_only]
    return any(set(known) != set(common(results)) for known in (labelled(results[0]), *map(predictable, graded)))


def name(labels: Sequence[str]) -> str:
    """Return what the restricted scores are called.

    >>> name(["fear", "anger"])
    'restricted to the 2 common labels, renormalised'
    """
    return f"restricted to the {len(labels)} common labels, renormalised"


def restrict(results: Sequence[Result]) -> list[Result]:
    """Return the results on the samples whose label is common, probabilities and targets renormalised over those.

    A system without probabilities keeps its predictions, also those outside the common labels.
    """
    shared = common(results)
    alone = [predictable(result) for result in results if result.provenance.labels_only]
    labels = ordered(tuple(set(shared).union(*alone)))
    target = results[0].target[:, columns(results[0].labels, shared)].astype(np.float64)
    kept = target.sum(1) > 0.5
    target = target[kept] / target[kept].sum(1, keepdims=True)
    restricted = []
    for result in results:
        labels_only = result.provenance.labels_only
        own = predictable(result) if labels_only else shared
        probs = result.probs[kept][:, columns(result.labels, own)].astype(np.float64)
        if not labels_only:
            probs = probs + 1e-12  # a system sure of a label left out is sure of none
            probs /= probs.sum(1, keepdims=True)
        group = None if result.group is None else result.group[kept]
        facts = result.provenance.without("answer_labels", "truth_labels")
        wide = [spread(values, known, labels).astype(np.float32) for values, known in ((probs, own), (target, shared))]
        restricted.append(Result(wide[0], wide[1], labels, result.ids[kept], group=group, provenance=facts))
    return restricted


def spread(values: NDArray[np.number[Any]], known: Sequence[str], labels: Sequence[str]) -> NDArray[np.float64]:
    """Return columns float64 (N, K) for all `labels`, zero for those that are not `known`.

    >>> spread(np.array([[0.25, 0.75]]), ("fear", "anger"), ("neutral", "fear", "anger")).tolist()
    [[0.0, 0.25, 0.75]]
    """
    wide = np.zeros((len(values), len(labels)))
    wide[:, columns(labels, known)] = values
    return wide
