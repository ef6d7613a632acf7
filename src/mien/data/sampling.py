"""Which images an experiment trains on, with which labels, and how often an epoch shows each.

`select` keeps or merges labels, for training and evaluation alike.  `keep` takes the images that a list names.
`epoch_indices` is for training only: a seeded list of rows with fewer images of common classes or more of rare ones,
and every image several times.  `class_weights` leaves the images alone and weights the loss.

The list is drawn once.  Images that `down` leaves out are never seen, as if a smaller data set had been collected.  A
new draw every epoch would show the network all images after all.

Source: the four arms of Mollahosseini, Hasani, Mahoor: AffectNet, arXiv 1708.03985.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.data.fer2013.votes import CHOICES
from mien.data.samples import Samples, digest
from mien.errors import DataError
from mien.labels import EXPRESSIONS, columns, is_label, ordered

Classes = Sequence[str] | Mapping[str, Sequence[str]]
"""Labels to keep, or {label: labels that become it}."""

Rows = NDArray[np.int64]


def sources(classes: Classes) -> dict[str, tuple[str, ...]]:
    """Return which labels become each label, in vocabulary order; DataError for unknown classes.

    >>> sources(["fear", "neutral"])
    {'neutral': ('neutral',), 'fear': ('fear',)}
    """
    given = classes if isinstance(classes, Mapping) else {label: [label] for label in classes}
    flat = [label for labels in given.values() for label in labels]
    for label in (*given, *flat):
        if not is_label(label):
            raise DataError(f"data.classes: {label!r}", f"some of {', '.join(EXPRESSIONS)}, or labels of the data")
    whole = all(label in labels for label, labels in given.items())
    if len(given) < 2 or not whole or len(set(flat)) < len(flat) or len(set(given)) < len(list(classes)):
        raise DataError(f"data.classes: {classes}", "two or more labels, each including itself, no duplicates")
    return {label: tuple(given[label]) for label in ordered(tuple(given))}


def merge(samples: Samples, classes: Classes) -> Samples:
    """Return all samples, with labels merged as in `classes`; labels it does not name are unchanged.

    Targets and votes are summed.  Labels that the data set does not have are ignored.
    """
    into = {old: new for new, olds in sources(classes).items() for old in olds}
    if all(into.get(label, label) == label for label in samples.labels):
        return samples
    labels = ordered(tuple({into.get(label, label) for label in samples.labels}))
    parts = [[old for old in samples.labels if into.get(old, old) == label] for label in labels]
    target = np.stack([samples.target[:, columns(samples.labels, part)].sum(1) for part in parts], 1)
    votes = None if samples.votes is None else samples.votes.copy()
    if votes is not None:
        for label, part in zip(labels, parts, strict=True):
            votes[:, CHOICES.index(label)] = votes[:, columns(CHOICES, part)].sum(1)
    fingerprint = digest(samples.fingerprint, *(f"{old} {new}" for old, new in sorted(into.items())))
    return replace(samples, target=target.astype(np.float32), labels=labels, votes=votes, fingerprint=fingerprint)


def select(samples: Samples, classes: Classes) -> Samples:
    """Return the samples of these classes only, labels merged where `classes` says so.

    Targets are renormalised over these labels.  Samples with half or more of their target elsewhere are left out.
    Samples without a label stay.  DataError when the data set does not have a label.
    """
    parts = sources(classes)
    unknown = [label for labels in parts.values() for label in labels if label not in samples.labels]
    if unknown:
        raise DataError(f"data.classes: {samples.name} has no {unknown[0]}", f"some of {', '.join(samples.labels)}")
    merged = merge(samples, classes)
    target = merged.target[:, columns(merged.labels, tuple(parts))]
    inside = target.sum(1)
    kept = ~(inside <= 0.5)  # written so that NaN (no label) is kept
    left = (target[kept] / inside[kept, None]).astype(np.float32)
    return replace(merged.take(kept), target=left, labels=tuple(parts))


def listed(path: str | Path) -> NDArray[np.str_]:
    """Return the ids that a text file lists, one per line; DataError when it cannot be read or lists none."""
    try:
        ids = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a NUL in the path
        raise DataError(f"data.keep: {path} cannot be read: {error}", "a text file with one id per line") from None
    if not ids:
        raise DataError(f"data.keep: {path} is empty", "one id per line")
    return np.array(ids)


def keep(samples: Samples, path: str | Path) -> Samples:
    """Return the samples whose ids a text file lists; DataError when it lists none of them.

    Unknown ids are ignored: another label set of the same images may have left some out.
    """
    ids = listed(path)
    listed_rows = np.isin(samples.ids, ids)
    if not listed_rows.any():
        got = f"data.keep: {path} lists none of {samples.name}'s {samples.split} images, but {ids[0]}"
        raise DataError(got, f"ids such as {samples.ids[0]}")
    return samples.take(listed_rows)


def limit(samples: Samples, count: int) -> Samples:
    """Return `count` samples drawn with a fixed seed, in their order; all of them where there are fewer."""
    if count >= len(samples):
        return samples
    return samples.take(np.sort(np.random.default_rng(0).permutation(len(samples))[:count]))


def chosen(
    samples: Samples, keep_file: str | None = None, classes: Classes | None = None, most: int | None = None
) -> Samples:
    """Return the training samples of a recipe: those a file lists, of these classes, at most `most`."""
    samples = keep(samples, keep_file) if keep_file else samples
    samples = select(samples, classes) if classes is not None else samples
    return limit(samples, most) if most else samples


def epoch_indices(
    target: NDArray[np.float32], imbalance: str = "none", per_class: int | None = None, repeat: int = 1, seed: int = 0
) -> Rows:
    """Return the rows of the target (N, K) that an epoch shows, int64 (M,), in ascending order.

    "down" draws at most `per_class` rows of each class (default: the size of the rarest class).  "up" repeats the rows
    of a class up to `per_class` (default: the size of the most common class).  Anything else leaves them.  A row's
    class is its top-1 label; rows without a label are shown once.  All of this `repeat` times.

    >>> target = np.eye(2, dtype=np.float32)[[0, 0, 0, 1]]
    >>> epoch_indices(target, "down").tolist(), epoch_indices(target, "up", repeat=2).tolist()
    ([2, 3], [0, 0, 1, 1, 2, 2, 3, 3, 3, 3, 3, 3])
    """
    top, rng = top_labels(target), np.random.default_rng(seed)
    if imbalance not in RESAMPLE or (top < 0).all():
        return np.repeat(np.arange(len(target)), repeat)
    counts = np.bincount(top[top >= 0])
    goal = per_class or int(counts[counts > 0].min() if imbalance == "down" else counts.max())
    shuffled = (rng.permutation(np.flatnonzero(top == label)) for label in np.flatnonzero(counts))
    parts = [RESAMPLE[imbalance](rows, goal) for rows in shuffled]
    return np.repeat(np.sort(np.concatenate([np.flatnonzero(top < 0), *parts])), repeat)


def down(rows: Rows, goal: int) -> Rows:
    """Return the first `goal` rows."""
    return rows[:goal]


def up(rows: Rows, goal: int) -> Rows:
    """Return the rows repeated up to `goal`, each equally often give or take one; never fewer than given."""
    return rows if len(rows) >= goal else np.resize(rows, goal)


RESAMPLE: dict[str, Callable[[Rows, int], Rows]] = {"down": down, "up": up}
"""How each setting resamples the shuffled rows of one class."""


def class_weights(target: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32 (K,) weights f_min / f_c, where f_c is the sum of a class's targets: the rarest has weight 1.

    A class that never occurs has weight 1 too.

    >>> class_weights(np.eye(3, dtype=np.float32)[[0, 0, 0, 0, 1]]).tolist()
    [0.25, 1.0, 1.0]
    """
    sums = np.nansum(target.astype(np.float64), 0)
    present = sums > 0
    smallest = sums[present].min() if present.any() else 1.0
    return np.where(present, smallest / np.where(present, sums, 1.0), 1.0).astype(np.float32)


def class_fractions(target: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32 (K,), each class's fraction of the targets; zeros when none is labelled.

    >>> class_fractions(np.eye(3, dtype=np.float32)[[0, 0, 0, 1]]).tolist()
    [0.75, 0.25, 0.0]
    """
    sums = np.nansum(target.astype(np.float64), 0)
    return np.asarray(sums / max(sums.sum(), 1e-12), np.float32)


def top_labels(target: NDArray[np.float32]) -> Rows:
    """Return the class with the largest target, int64 (N,), the first in a tie; -1 without a label.

    >>> top_labels(np.array([[0.2, 0.8], [np.nan, np.nan]], np.float32)).tolist()
    [1, -1]
    """
    return np.where(np.isnan(target).any(1), -1, np.nan_to_num(target).argmax(1))
