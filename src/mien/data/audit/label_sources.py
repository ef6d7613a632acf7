"""The other labels of a data set's images: the published label, and the votes of raters.

FER2013 and FERPlus label the same images.  For either, both are joined by row, so that an audit can compare them.  Any
other data set has the votes that its Samples carry, or none.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.data import load
from mien.data.duplicates import SOURCES
from mien.data.fer2013 import split_rows
from mien.data.fer2013.ferplus import all_votes, required_votes
from mien.data.fer2013.layouts import find, images
from mien.data.fer2013.votes import CHOICES, FILE_CHOICES
from mien.data.samples import Samples
from mien.errors import DataError
from mien.labels import EXPRESSIONS

Texts = NDArray[np.str_]


def top_label(samples: Samples) -> Texts:
    """Return each sample's label (N,), the first in vocabulary order in a tie, "" where there is none."""
    known = ~np.isnan(samples.target).any(axis=1)
    words = np.array(samples.labels, np.str_)[np.nan_to_num(samples.target).argmax(axis=1)]
    return np.where(known, words, "")


def plurality(votes: NDArray[np.integer]) -> Texts:
    """Return the expression with the most votes (N, 10); ties go to the one that comes first in the vote file.

    An image without votes for an expression is neutral by the same rule, which gives the 62.6 % of FER2013.

    >>> row = np.zeros((1, 10), int); row[0, [2, 3, 8]] = 4, 4, 9
    >>> plurality(row).tolist()
    ['surprise']
    """
    order = [CHOICES.index(choice) for choice in FILE_CHOICES if choice in EXPRESSIONS]
    top = np.array(order)[np.asarray(votes)[:, order].argmax(axis=1)]
    return np.asarray(np.array(CHOICES, np.str_)[top])


def votes_on(splits: Mapping[str, Samples], root: Path) -> NDArray[np.integer] | str:
    """Return the votes (N, 10) in `CHOICES` order on all images of the splits, or the reason why there are none."""
    samples = list(splits.values())
    if all(part.votes is not None and part.votes.shape[1] == len(CHOICES) for part in samples):
        return np.concatenate([np.asarray(part.votes) for part in samples])
    if samples[0].name != "fer2013":
        return "the data set has no votes on which images are faces"
    layout = find(root)
    try:
        files = required_votes(layout)
        entry = images(layout)
        votes = all_votes(entry, files)
        return np.concatenate([votes[split_rows(layout, entry, split)] for split in splits])
    except DataError as error:
        return str(error)


def published_labels(splits: Mapping[str, Samples], root: Path) -> Texts | None:
    """Return the labels (N,) that the images were published with before the votes; None where there are none."""
    name = next(iter(splits.values())).name
    if name in SOURCES.values():
        return np.concatenate([top_label(samples) for samples in splits.values()])
    if name not in SOURCES:
        return None
    label_of: dict[str, str] = {}
    for split in splits:
        source = load(SOURCES[name], root, split)
        label_of.update(zip(source.ids.tolist(), top_label(source).tolist(), strict=True))
    return np.array([label_of[one] for samples in splits.values() for one in samples.ids.tolist()], np.str_)
