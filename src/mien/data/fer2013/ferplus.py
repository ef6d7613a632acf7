"""FERPlus: FER2013's images with the votes of ten people each, in eight expressions (arXiv 1608.01041).

Single votes are dropped as slips, as in the authors' code.  The others make the target, by `labels`: `majority`
(default) keeps images where one expression has more than half of the votes; `distribution` keeps all images whose most
frequent choice is an expression, with the fractions as target, so in a tie either label is correct; `mixed` keeps the
same images, and every expression with at least 30 % of the votes is true (`shown`), in equal parts of the target.
"""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data.cache import Entry
from mien.data.fer2013 import split_rows
from mien.data.fer2013.layouts import Layout, find, images
from mien.data.fer2013.raw import USAGES
from mien.data.fer2013.votes import shown, vote_files, votes_by_row
from mien.data.samples import Samples, digest, one_hot
from mien.errors import DataError
from mien.labels import EXPRESSIONS

K = len(EXPRESSIONS)
Rule = Callable[[NDArray[np.integer[Any]]], tuple[NDArray[np.bool_], NDArray[np.float32]]]


def majority(votes: NDArray[np.integer[Any]]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Return which rows (N, 10) one expression wins with more than half of the votes above one, and one-hot targets.

    >>> keep, target = majority(np.array([[6, 4, 0, 0, 0, 0, 0, 0, 0, 0], [5, 5, 0, 0, 0, 0, 0, 0, 0, 0]]))
    >>> keep.tolist(), target[0].tolist()
    ([True, False], [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    """
    left = np.where(votes > 1, votes, 0)
    top = left.argmax(axis=1)
    keep = (2 * left.max(axis=1) > left.sum(axis=1)) & (top < K)
    return keep, one_hot(np.minimum(top, K - 1), K)


def distribution(votes: NDArray[np.integer[Any]]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Return which rows (N, 10) have an expression on top, ties included, and the fractions of the votes above one.

    >>> keep, target = distribution(np.array([[6, 2, 0, 0, 0, 1, 0, 0, 1, 0], [3, 0, 0, 0, 0, 0, 0, 0, 7, 0]]))
    >>> keep.tolist(), target[0, :2].tolist()
    ([True, False], [0.75, 0.25])
    """
    left = np.where(votes > 1, votes, 0)[:, :K]
    total = left.sum(axis=1)
    keep = (votes[:, :K].max(axis=1) >= votes[:, K:].max(axis=1)) & (total > 0)
    return keep, (left / np.maximum(total, 1)[:, None]).astype(np.float32)


def mixed(votes: NDArray[np.integer[Any]]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Return the rows (N, 10) of `distribution`, and equal parts for each expression that people saw (`shown`).

    >>> keep, target = mixed(np.array([[6, 4, 0, 0, 0, 0, 0, 0, 0, 0], [8, 2, 0, 0, 0, 0, 0, 0, 0, 0]]))
    >>> target[:, :2].tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """
    keep, true = distribution(votes)[0], shown(votes[:, :K])
    return keep, (true / np.maximum(true.sum(1, keepdims=True), 1)).astype(np.float32)


RULES: dict[str, Rule] = {"majority": majority, "distribution": distribution, "mixed": mixed}


def ferplus(root: Path, split: str, *, labels: str = "majority") -> Samples:
    """Return a split of FERPlus with its raw votes int16 (N, 10): eight expressions, unknown, not a face.

    DataError for a folder layout, whose row order is lost, for votes of other images, and for another `labels`.
    """
    if labels not in RULES:
        near = get_close_matches(str(labels), RULES, 1)
        raise DataError(f"ferplus labels {labels!r}", ", ".join(RULES), f"did you mean {near[0]}?" if near else "")
    layout = find(root)
    files = required_votes(layout)
    entry = images(layout)
    rows = split_rows(layout, entry, split)
    votes = all_votes(entry, files)[rows]
    keep, target = RULES[labels](votes)
    return Samples(
        images=entry.arrays["images"][rows][keep],
        target=target[keep],
        labels=EXPRESSIONS,
        ids=np.asarray(entry.arrays["ids"][rows])[keep],
        votes=votes[keep],
        name="ferplus",
        split=split,
        fingerprint=digest("ferplus", split, entry.facts[split], target[keep], np.flatnonzero(keep)),
    )


def required_votes(layout: Layout) -> dict[str, Path]:
    """Return the vote files of a layout, none for packed arrays; DataError where they are missing or unusable."""
    if layout.kind == "folder":
        raise DataError(
            f"{layout.path} is the folder layout, which loses the row order that the FERPlus votes need",
            "fer2013.csv or fer2013.parquet, with fer2013new.csv or the label.csv files beside it",
        )
    files = {} if layout.kind == "arrays" else vote_files(layout.folder)
    if not files and layout.kind != "arrays":
        raise DataError(
            f"no FERPlus votes in {layout.folder}",
            "fer2013new.csv, or label.csv in FER2013Train/, FER2013Valid/ and FER2013Test/",
            "get them from github.com/microsoft/FERPlus",
        )
    return files


def all_votes(entry: Entry, files: Mapping[str, Path]) -> NDArray[np.int16]:
    """Return the votes int16 (N, 10) of every image of an entry, in its order, from the files or packed with it."""
    if files:
        split = np.repeat(np.arange(len(USAGES), dtype=np.int8), np.diff(entry.arrays["bounds"])[: len(USAGES)])
        row = np.asarray(entry.arrays["row"])
        in_file_order = np.empty_like(split)
        in_file_order[row] = split
        return np.asarray(votes_by_row(files, in_file_order)[row])
    if "votes" not in entry.arrays:
        raise DataError(
            "the packed arrays hold no votes", "arrays packed from a folder with FERPlus votes", "pack it again"
        )
    return np.asarray(entry.arrays["votes"])
