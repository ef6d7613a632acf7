"""Error rates between groups, and what chance alone makes of the largest difference (the equalised-odds gap).

That gap is a maximum over two rates of every expression and all pairs of groups, so it is wide where groups are alike.
How wide is drawn: the signs of the rates' residuals flip, by subject or clip where those are known (clusters.py).
"""

from collections.abc import Iterator, Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from mien.evaluation.metrics import Counts, Floats
from mien.evaluation.statistics import clusters

Mask = NDArray[np.bool_]


def error_rates(labels: Sequence[str], label: Counts, predicted: Counts) -> Iterator[tuple[str, Mask, Mask]]:
    """Yield each rate's name, the samples that it is a fraction of, and which are wrong; bool (N,)."""
    for k, word in enumerate(labels):
        yield f"false negatives of {word}", label == k, predicted != k
        yield f"false positives of {word}", label != k, predicted == k


def chance_gap(
    labels: Sequence[str],
    label: Counts,
    predicted: Counts,
    rows: Sequence[Mask],
    min_n: int,
    code: NDArray[np.intp] | None,
    seed: int = 0,
) -> float | None:
    """Return the equalised-odds gap below which 95 % of draws lie where all groups have the same rates, in [0, 1].

    `rows` bool (N,) are the groups' samples, `code` int (N,) the subjects or clips; rates of fewer than `min_n` samples
    do not count.  None without a rate of two groups, and of fewer than `clusters.MIN_GROUPS` subjects or clips.
    """
    parts: list[Floats] = []  # by rate (N, groups): what a sample adds to each group's rate beyond the common one
    for _, among, wrong in error_rates(labels, label, predicted):
        large = [own & among for own in rows if (own & among).sum() >= min_n]
        if len(large) > 1:
            common = wrong[np.any(large, axis=0)].mean()
            parts.append(np.stack([own * (wrong - common) / own.sum() for own in large], 1))
    if not parts:
        return None
    features, ends = np.hstack(parts), np.cumsum([part.shape[1] for part in parts])[:-1]
    if code is None:
        cell = np.stack([label, predicted, np.select(list(rows), list(range(1, len(rows) + 1)), 0)], 1)
        _, firsts, times = np.unique(cell, axis=0, return_index=True, return_counts=True)  # samples that are alike
        features = features[firsts]
    else:
        inside = np.any(rows, axis=0)
        features, (_, code) = features[inside], np.unique(code[inside], return_inverse=True)
        groups = int(code.max()) + 1
        if groups < clusters.MIN_GROUPS:
            return None
        totals, times = np.zeros((groups, features.shape[1])), np.ones(groups, np.int64)
        np.add.at(totals, code, features)
        features = totals * sqrt(groups / (groups - 1))
    signs = 2 * np.random.default_rng(seed).binomial(times, 0.5, (clusters.RESAMPLES, len(times))) - times
    gaps = np.max([np.ptp(part, axis=1) for part in np.split(signs @ features, ends, axis=1)], axis=0)
    return min(1.0, float(np.percentile(gaps, 95)))
