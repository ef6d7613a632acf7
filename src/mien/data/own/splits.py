"""Which rows are train, val and test: as the files say, or made with a seed, by subject or clip where that is known.

Without either, the data is one split: every split is all of it.  So it can be measured on, but training
refuses it.  Test is never made from, or mixed with, anything that the files call test.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.data.groups import known, numbered
from mien.data.own.options import Options
from mien.errors import DataError
from mien.html.page import count

SPLITS = ("train", "val", "test")
WORDS = {
    "train": "train training trn fer2013train",
    "val": "val valid validation validate dev development publictest fer2013valid",
    "test": "test testing tst privatetest fer2013test",
}
"""What files call the splits, without what follows in `train_set`."""

_SPLIT_OF = {word: split for split, words in WORDS.items() for word in words.split()}

NAMED = 3
"""How many leaking groups are named."""

ORDERS = 200
"""Orders of groups that are tried for a split."""

Rows = NDArray[np.intp]


class Splits(NamedTuple):
    """The rows of each split, none where there are no splits, and how they came about in words."""

    rows: dict[str, Rows]
    rule: str


def split_of(word: str) -> str | None:
    """Return the split that a word names, or None.

    >>> [split_of(word) for word in ("Training", "valid", "test_set", "PrivateTest", "happy")]
    ['train', 'val', 'test', 'test', None]
    """
    return _SPLIT_OF.get(re.sub(r"[\W_]*(set|split|data)?[\W_]*$", "", word.strip().lower()))


def divide(
    origin: Path, splits: Sequence[str], label: NDArray[np.intp], group: NDArray[Any] | None, options: Options
) -> Splits:
    """Return the rows of each split from the words of N rows ("" for none), labels int (N,) and groups.

    DataError for groups in two splits, splits that are made twice, and too few images or groups.
    """
    words = np.array([split_of(word) or "" for word in splits], np.str_)
    given = {split: np.flatnonzero(words == split) for split in SPLITS if (words == split).any()}
    if group is not None:
        _refuse_leaks(origin, given, group)
        group = numbered(group)
    rng, made = np.random.default_rng(options.seed), _wanted(origin, given, options)
    pool = np.concatenate([given.get("train", _NONE), given.get("val", _NONE) if options.folds else _NONE])
    rows = {**given, "train": np.sort(pool) if given else np.arange(len(label))} if made else dict(given)
    if options.test:
        rows["test"], rows["train"] = _drawn(origin, rows["train"], options.test, label, group, rng)
    if options.val:  # of all images that were in the pool, so that 0.1 and 0.1 are as many
        part = options.val / (1 - (options.test or 0))
        rows["val"], rows["train"] = _drawn(origin, rows["train"], part, label, group, rng)
    if options.folds:
        rows["val"], rows["train"] = _fold(origin, rows["train"], options, label, group, rng)
    return Splits({name: rows[name] for name in SPLITS if name in rows}, _rule(given, made, group is not None, options))


_NONE: Rows = np.zeros(0, np.intp)


def _wanted(origin: Path, given: dict[str, Rows], options: Options) -> list[str]:
    """Return which splits the options make; DataError where the files have them."""
    made = [name for name in ("val", "test") if getattr(options, name)]
    for name in made:
        if name in given:
            raise DataError(f"{origin} has {name} already, and the option {name} would make it", do=f"leave {name} out")
    if (made or options.folds) and given and "train" not in given:
        raise DataError(f"{origin} has {', '.join(given)} and no train to make a split from", do="leave the option out")
    return [*made, *(["fold"] if options.folds else [])]


def _refuse_leaks(origin: Path, given: dict[str, Rows], group: NDArray[Any]) -> None:
    where: dict[str, list[str]] = {}
    for split, rows in given.items():
        for name in known(group[rows]):
            where.setdefault(str(name), []).append(split)
    leaks = {name: places for name, places in where.items() if len(places) > 1}
    if not leaks:
        return
    named = ", ".join(f"{name} ({' and '.join(places)})" for name, places in list(leaks.items())[:NAMED])
    raise DataError(
        f"{origin}: {count(len(leaks), 'group')} in more than one split: {named}{', ...' * (len(leaks) > NAMED)}",
        "each subject or clip in one split, else the scores are too good",
        "the options ignore_splits=true val=0.2 test=0.2 make splits by group",
    )


def _drawn(
    origin: Path, pool: Rows, part: float, label: NDArray[np.intp], group: NDArray[Any] | None, rng: np.random.Generator
) -> tuple[Rows, Rows]:
    """Return a part of the pool and the rest: whole groups, with labels as near to proportion as may be, or labels."""
    if group is None:
        own = (rng.permutation(pool[label[pool] == one]) for one in np.unique(label[pool]))
        drawn = np.concatenate([rows[: _size(len(rows), part)] for rows in own])
    else:
        names, counts = _by_group(label[pool], group[pool])
        _enough_groups(origin, len(names), 2)
        drawn = pool[np.isin(group[pool], names[_draw_groups(counts, part, rng)])]
    return np.sort(drawn), np.setdiff1d(pool, drawn)


def _by_group(label: NDArray[np.intp], group: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return the G groups, and how many images each has of each label, int (G, K)."""
    names, place = np.unique(group, return_inverse=True)
    counts = np.zeros((len(names), int(label.max()) + 1), np.intp)
    np.add.at(counts, (place, label), 1)
    return names, counts[:, counts.any(0)]


def _draw_groups(counts: NDArray[np.intp], part: float, rng: np.random.Generator) -> Rows:
    """Return which of G groups are drawn so that the images of each label, int (G, K), come near to this part of them.

    Of many orders of the groups, the first groups of the best one; a label should be on both sides.

    >>> counts = np.array([[4, 0], [0, 4], [4, 0], [0, 4]])
    >>> counts[_draw_groups(counts, 0.5, np.random.default_rng(0))].sum(0).tolist()
    [4, 4]
    """
    total, best, least = counts.sum(0), np.zeros(0, np.intp), np.inf
    for _ in range(ORDERS):
        order = rng.permutation(len(counts))
        first = counts[order[:-1]].cumsum(0)
        far = np.abs(first - part * total).sum(1) + total.sum() * ((first == 0) | (first == total)).sum(1)
        if far.min() < least:
            least, best = far.min(), order[: int(far.argmin()) + 1]
    return best


def _size(total: int, part: float) -> int:
    """Return how many of a label's images are drawn: at least one, and one is left, where there are two."""
    return min(max(1, round(part * total)), total - 1) if total > 1 else 0


def _fold(
    origin: Path, pool: Rows, options: Options, label: NDArray[np.intp], group: NDArray[Any] | None,
    rng: np.random.Generator,
) -> tuple[Rows, Rows]:  # fmt: skip
    """Return the rows of one fold and of the others: whole groups, the largest first, or each label in turn."""
    folds = options.folds or 0
    if group is None:
        order = np.concatenate([rng.permutation(pool[label[pool] == one]) for one in np.unique(label[pool])])
        drawn = order[options.fold :: folds]
    else:
        names, counts = _by_group(label[pool], group[pool])
        _enough_groups(origin, len(names), folds)
        drawn = pool[np.isin(group[pool], names[_folds_of_groups(counts, folds, rng) == options.fold])]
    return np.sort(drawn), np.setdiff1d(pool, drawn)


def _folds_of_groups(counts: NDArray[np.intp], folds: int, rng: np.random.Generator) -> Rows:
    """Return the fold of each of G groups, int (G,): the largest first, each to where labels and sizes stay most even.

    >>> counts = np.array([[4, 0], [0, 4], [4, 0], [0, 4]])
    >>> sorted(_folds_of_groups(counts, 2, np.random.default_rng(0))[[0, 2]].tolist())
    [0, 1]
    """
    filled, fold = np.zeros((folds, counts.shape[1])), np.zeros(len(counts), np.intp)
    total = counts.sum(0)
    for k in sorted(rng.permutation(len(counts)), key=lambda k: -counts[k].sum()):
        after = filled + np.eye(folds)[:, :, None] * counts[k]  # one more axis: the fold that gets the group
        uneven = (after / total).std(1).sum(1) + (after.sum(2) / total.sum()).std(1)
        fold[k] = int(uneven.argmin())
        filled[fold[k]] += counts[k]
    return fold


def _enough_groups(origin: Path, there: int, needed: int) -> None:
    if there < needed:
        raise DataError(f"{origin}: {count(there, 'group')}", f"at least {needed}, to make splits of whole groups")


def _rule(given: dict[str, Rows], made: Sequence[str], grouped: bool, options: Options) -> str:
    if not made:
        return "splits as the files say" if given else "no splits: every split is all of it"
    parts = [f"{name} {getattr(options, name):g}" for name in made if name != "fold"]
    parts += [f"val is fold {options.fold} of {options.folds}"] if options.folds else []
    return f"{', '.join(parts)}, drawn by {'group' if grouped else 'label'}, seed {options.seed}"
