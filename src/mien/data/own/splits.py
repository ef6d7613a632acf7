"""Which rows are train, val and test: as the files say, or made with a seed, by subject or clip where that is known.

Without either, the data is one split: every split is all of it.  So it can be measured on, but training
refuses it.  Test is never made from, or mixed with, anything that the files call test.

A split is drawn by the digests of names and the seed: the first of each label, or of the groups.  So the order of the
rows is nothing to it, and images that are added move few others.  Test is drawn before val, so that those which do move
go to the neighbour: from train to val, from val to test.  Copies of one image are drawn as one.
"""

import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.data.groups import known, named
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

MOST = 2
"""How many times the part that is wanted groups may fill, unless the first alone is more."""

FAR = 0.25
"""From what difference on, relative to what is wanted, the rule says how much was drawn."""

Rows = NDArray[np.intp]


class Splits(NamedTuple):
    """The rows of each split, none where there are no splits, how they came about in words, and which were drawn."""

    rows: dict[str, Rows]
    rule: str
    made: tuple[str, ...] = ()

    def origin(self, split: str) -> Literal["files", "drawn", "none"]:
        """Return where a split is from."""
        return "none" if not self.rows else "drawn" if self.made and split in (*self.made, "train") else "files"


def split_of(word: str) -> str | None:
    """Return the split that a word names, or None.

    >>> [split_of(word) for word in ("Training", "valid", "test_set", "PrivateTest", "happy")]
    ['train', 'val', 'test', 'test', None]
    """
    return _SPLIT_OF.get(re.sub(r"[\W_]*(set|split|data)?[\W_]*$", "", word.strip().lower()))


def divide(
    origin: Path, splits: Sequence[str], label: NDArray[np.intp], names: NDArray[np.str_],
    group: NDArray[Any] | None, options: Options, group_from: str = "",
) -> Splits:  # fmt: skip
    """Return the rows of each split from the words of N rows ("" for none), labels int (N,), names and groups.

    Images of one name and label, copies, stay together.  `group_from` says in words what groups are.

    DataError for groups in two splits, splits that are made twice, and too few images or groups.
    """
    words = np.array([split_of(word) or "" for word in splits], np.str_)
    given = {split: np.flatnonzero(words == split) for split in SPLITS if (words == split).any()}
    if group is not None:
        _refuse_leaks(origin, given, group)
        group = _digests(named(group, names), options.seed)
    by, made = _digests(names, options.seed), _wanted(origin, given, options)
    where = f"{origin}, {group_from}" if group_from else str(origin)
    pool = np.concatenate([given.get("train", _NONE), given.get("val", _NONE) if options.folds else _NONE])
    rows = {**given, "train": np.sort(pool) if given else np.arange(len(label))} if made else dict(given)
    if options.test:
        rows["test"], rows["train"] = _drawn(where, rows["train"], options.test, label, by, group)
    if options.val:  # of all images that were in the pool, so that 0.1 and 0.1 are as many
        part = options.val / (1 - (options.test or 0))
        rows["val"], rows["train"] = _drawn(where, rows["train"], part, label, by, group)
    if options.folds:
        rows["val"], rows["train"] = _fold(where, rows["train"], options, label, by, group)
    drawn = tuple("val" if name == "fold" else name for name in made)
    whole = len(pool) if given else len(label)
    reached = {name: len(rows["val" if name == "fold" else name]) / whole for name in made}
    rule = _rule(given, reached, group is not None, options)
    return Splits({name: rows[name] for name in SPLITS if name in rows}, rule, drawn)


def _digests(names: NDArray[np.str_], seed: int) -> NDArray[np.str_]:
    """Return a digest of each name and the seed, str (N,), in whose order names are drawn."""
    return np.array([sha256(f"{seed} {name}".encode("utf-8", "surrogatepass")).hexdigest() for name in names.tolist()])


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
    where: str, pool: Rows, part: float, label: NDArray[np.intp], by: NDArray[np.str_], group: NDArray[np.str_] | None
) -> tuple[Rows, Rows]:
    """Return a part of the pool and the rest: whole groups, with labels as near to proportion as may be, or labels."""
    if group is None:
        own = (pool[label[pool] == one] for one in np.unique(label[pool]))
        drawn = np.concatenate([_first(rows[np.argsort(by[rows])], by, _size(len(rows), part)) for rows in own])
    else:
        names, counts = _by_group(label[pool], group[pool])
        _enough_groups(where, len(names), 2)
        drawn = pool[np.isin(group[pool], names[_draw_groups(counts, part)])]
    return np.sort(drawn), np.setdiff1d(pool, drawn)


def _first(rows: Rows, by: NDArray[np.str_], size: int) -> Rows:
    """Return the first `size` of rows in order, and the copies of the last; without those where no other is left."""
    if not size:
        return rows[:0]
    last = by[rows] == by[rows[size - 1]]
    end = int(np.flatnonzero(last)[-1]) + 1
    return rows[:end] if end < len(rows) else rows[: int(last.argmax())]


def _by_group(label: NDArray[np.intp], group: NDArray[np.str_]) -> tuple[NDArray[np.str_], NDArray[np.intp]]:
    """Return the G groups, sorted, and how many images each has of each label, int (G, K)."""
    names, place = np.unique(group, return_inverse=True)
    counts = np.zeros((len(names), int(label.max()) + 1), np.intp)
    np.add.at(counts, (place, label), 1)
    return names, counts[:, counts.any(0)]


def _draw_groups(counts: NDArray[np.intp], part: float, left: int = 1) -> Rows:
    """Return which of G groups are drawn, so that of their images, int (G, K), about this part is, also of each label.

    In their order each is drawn that fills a gap by most of its images, first those with a label that is not there yet;
    then each that fills it at all, or brings a label that is missing.  A missing label weighs as much as it has images,
    and nothing is drawn beyond `MOST` times the part, so that a rare label cannot draw half of the data.  So a group
    that is new or larger moves few others.  `left` groups stay.

    >>> counts = np.array([[4, 0], [4, 0], [0, 4], [0, 4]])
    >>> _draw_groups(counts, 0.5).tolist()
    [0, 2]
    """
    counts = np.column_stack(
        [counts, counts.sum(1)]
    )  # the total as one more label: labels alone may all be a bit short
    total, drawn = counts.sum(0), np.zeros(len(counts), bool)
    there, may = np.zeros_like(total), len(counts) - left

    def far(there: NDArray[np.intp], *, spread: bool) -> float:
        lost = total[-1] * (there == total) + spread * total * (there == 0)
        return float(np.abs(there - part * total).sum() + 2 * lost.sum())

    for stage in ("new labels", "most", "any"):
        spread = stage == "any"
        now = far(there, spread=spread)
        for k in np.flatnonzero(~drawn):
            with_it = there + counts[k]
            if not may or with_it[-1] > MOST * part * total[-1]:
                continue
            if stage == "new labels" and not counts[k, there == 0].any():
                continue
            then = far(with_it, spread=spread)
            if now - then > (0 if spread else counts[k, -1] / 2):
                drawn[k], there, now, may = True, with_it, then, may - 1
    if not drawn.any():
        drawn[np.argmin([far(one, spread=True) for one in counts])] = True
    return np.flatnonzero(drawn)


def _size(total: int, part: float) -> int:
    """Return how many of a label's images are drawn: at least one, and one is left, where there are two."""
    return min(max(1, round(part * total)), total - 1) if total > 1 else 0


def _fold(
    where: str, pool: Rows, options: Options, label: NDArray[np.intp], by: NDArray[np.str_],
    group: NDArray[np.str_] | None,
) -> tuple[Rows, Rows]:  # fmt: skip
    """Return the rows of one fold and of the others: a part of each label, or of the groups."""
    folds = options.folds or 0
    if group is None:
        fold = np.zeros(len(label), np.intp)
        for first, one in enumerate(np.unique(label[pool])):  # each label begins in another: few images fill them, too
            rows = pool[label[pool] == one]
            rows = rows[np.argsort(by[rows])]
            place = np.searchsorted(by[rows], by[rows])  # copies have that of the first of them
            fold[rows] = (first + place * folds // len(rows)) % folds
        drawn = pool[fold[pool] == options.fold]
    else:
        names, counts = _by_group(label[pool], group[pool])
        _enough_groups(where, len(names), folds)
        drawn = pool[np.isin(group[pool], names[_folds_of_groups(counts, folds) == options.fold])]
    return np.sort(drawn), np.setdiff1d(pool, drawn)


def _folds_of_groups(counts: NDArray[np.intp], folds: int) -> Rows:
    """Return the fold of each of G groups, int (G,): one fold after the other is drawn from what the others left.

    >>> _folds_of_groups(np.array([[4, 0], [4, 0], [0, 4], [0, 4]]), 2).tolist()
    [0, 1, 0, 1]
    """
    fold = np.full(len(counts), folds - 1, np.intp)
    for k in range(folds - 1):
        rest = np.flatnonzero(fold == folds - 1)
        fold[rest[_draw_groups(counts[rest], 1 / (folds - k), folds - k - 1)]] = k
    return fold


def _enough_groups(where: str, there: int, needed: int) -> None:
    if there < needed:
        raise DataError(f"{where}: {count(there, 'group')}", f"at least {needed}, to make splits of whole groups")


def _rule(given: dict[str, Rows], reached: dict[str, float], grouped: bool, options: Options) -> str:
    """Return in words how splits came about, with the parts that were drawn where they are far from what is wanted."""
    if not reached:
        return "splits as the files say" if given else "no splits: every image is read"
    fold = (1 - (options.test or 0)) / (options.folds or 1)
    wanted = {name: fold if name == "fold" else getattr(options, name) for name in reached}
    far = {name: abs(reached[name] - part) > FAR * part for name, part in wanted.items()}
    parts = [
        (f"val is fold {options.fold} of {options.folds}" if name == "fold" else f"{name} {part:g}")
        + f" (asked {part:.2g}, drawn {reached[name]:.2g})" * far[name]
        for name, part in wanted.items()
    ]
    return f"{', '.join(parts)}, drawn by {'group' if grouped else 'label'}, seed {options.seed}"
