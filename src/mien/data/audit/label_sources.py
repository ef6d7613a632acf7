"""What else is said about a data set's images: the label they were published with, and people's votes.

FER2013 and FERPlus are two opinions about the same images.  Asked for either, this brings both together by row, so
that an audit can say where they part.  Another data set has the votes its Samples carry, or none.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.data import load
from mien.data.duplicates import SOURCES
from mien.data.fer2013 import split_rows
from mien.data.fer2013.ferplus import all_votes, found_votes
from mien.data.fer2013.layouts import find, images
from mien.data.fer2013.votes import CHOICES, FILE_CHOICES
from mien.data.samples import Samples
from mien.errors import DataError
from mien.labels import EXPRESSIONS

Texts = NDArray[np.str_]


def top_label(samples: Samples) -> Texts:
    """Return each sample's label (N,), the first in vocabulary order where shares tie, "" where there is none."""
    known = ~np.isnan(samples.target).any(axis=1)
    words = np.array(samples.labels, np.str_)[np.nan_to_num(samples.target).argmax(axis=1)]
    return np.where(known, words, "")


def plurality(votes: NDArray[np.integer]) -> Texts:
    """Return the expression that most of the votes (N, 10) are for; ties go to the one named first in the vote file.

    So does an image that nobody sees an expression in, which counts as neutral: the rule of the 62.6 % of FER2013.

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
        return "the data set has no votes on what is a face"
    layout = find(root)
    try:
        files = found_votes(layout)
        entry = images(layout)
        votes = all_votes(entry, files)
        return np.concatenate([votes[split_rows(layout, entry, split)] for split in splits])
    except DataError as error:
        return str(error)


def published_labels(splits: Mapping[str, Samples], root: Path) -> Texts | None:
    """Return the labels (N,) the images were published with before people voted, or None where that never was."""
    name = next(iter(splits.values())).name
    if name in SOURCES.values():
        return np.concatenate([top_label(samples) for samples in splits.values()])
    if name not in SOURCES:
        return None
    told: dict[str, str] = {}
    for split in splits:
        source = load(SOURCES[name], root, split)
        told.update(zip(source.ids.tolist(), top_label(source).tolist(), strict=True))
    return np.array([told[one] for samples in splits.values() for one in samples.ids.tolist()], np.str_)
