"""Whether two splits can be trained and selected on: the same labels, and no image, subject or clip in both."""

from collections.abc import Iterable

import numpy as np

from mien.data.groups import known
from mien.data.registry import OWN
from mien.data.samples import Samples
from mien.errors import DataError
from mien.html.page import count

NAMED = 3
"""How many images or groups are named."""


def check_apart(train: Samples, val: Samples, *, part: bool = False) -> None:
    """Raise a DataError unless two splits have the same labels, images of each, and share nothing else.

    With `part`, train is a part of what there is, and may lack images of a label.
    """
    _same_labels(train, val, part)
    shared = np.intersect1d(train.ids, val.ids)
    if len(shared) == len(val) == len(train):
        got = f"{val.name} has no splits: train and {val.split} are the same {count(len(val), 'image')}"
        raise DataError(got, "images of their own in each", "set data.options.val=0.2 or data.folds=5")
    if len(shared):
        do = "remove them from one of the two"
        raise DataError(f"{_named(shared, 'image')} of {val.name} in train and in {val.split}", "each once", do)
    if train.group is not None and val.group is not None:
        groups = np.intersect1d(known(train.group), known(val.group))
        if len(groups):
            got = f"{_named(groups, 'group')} of {val.name} in train and in {val.split}"
            raise DataError(got, "each subject or clip in one split", "remove them from one of the two")


def _same_labels(train: Samples, val: Samples, part: bool) -> None:
    if train.labels != val.labels:
        got = f"{train.name}: labels {', '.join(train.labels)} in train and {', '.join(val.labels)} in {val.split}"
        raise DataError(got, "the same labels in both", "data.classes selects or merges labels")
    if part:
        return
    ours, theirs = train.counts(), val.counts()
    for one, other, there in ((train, val, theirs), (val, train, ours)):
        if lacking := [label for label, number in one.counts().items() if number and not there[label]]:
            numbers = ", ".join(f"{label} ({one.counts()[label]:,})" for label in lacking)
            got = f"{train.name}: {one.split} has images of {numbers}, {other.split} has none"
            raise DataError(got, "the same labels in both", _remedy(one, lacking))


def _remedy(samples: Samples, labels: list[str]) -> str:
    """Return what helps where another split lacks some labels of these samples."""
    few = any(samples.counts()[label] == 1 for label in labels)
    add = f"add such images{', as one cannot be in both' if few else ''}"
    if samples.name not in OWN:
        return f"{add}, or leave the label out by data.classes"
    words = labels[0] if len(labels) == 1 else f"[{', '.join(labels)}]"
    return f"{add}, or the option ignore={words} leaves the label out"


def _named(several: Iterable[object], what: str) -> str:
    names = [*map(str, several)]
    first = ", ".join(names[:NAMED])
    return f"{count(len(names), what)} ({first}{', ...' * (len(names) > NAMED)})"
