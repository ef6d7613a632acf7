"""Which images that weights are measured on are near-duplicates of images that these weights were trained on?

    searched = search(card, samples, [root])    # .duplicates bool (N,), or None and .reason

Scores "without near-duplicates" mean nothing unless the weights' own training data was searched.  A card names its data
set and the fingerprint of the images that the weights saw.  The data here is read as the recipe read it, and is
searched only where the fingerprint is the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.card import Card
from mien.data import load
from mien.data.duplicates import SOURCES, near_duplicates_between, near_duplicates_in_training
from mien.data.samples import Samples
from mien.errors import DataError
from mien.evaluation.inputs import to_crops, training_data
from mien.evaluation.result import Result

UNRECORDED = "the result lacks which training data was searched; `mien evaluate` measures it again"
"""Of results written before it was recorded."""

FOREIGN = "what it was trained on is not known"
"""Of systems other than mien."""


@dataclass(frozen=True, eq=False)
class Search:
    """Which of N samples have a near-duplicate in the weights' training data, bool (N,), or None and the reason.

    `training` is the name and fingerprint of the data that was searched.
    """

    duplicates: NDArray[np.bool_] | None
    training: dict[str, str] | None = None
    reason: str = ""


def search(card: Card, samples: Samples, roots: Sequence[Path | str | None]) -> Search:
    """Search the training data of the weights for near-duplicates of the samples, in the first of the places it is in.

    Where it is in none, the reason is that of the first.
    """
    tried = []
    for root in dict.fromkeys(roots):
        tried.append(found := _search(card, samples, root))
        if found.duplicates is not None:
            return found
    return tried[0]


def _search(card: Card, samples: Samples, root: Path | str | None) -> Search:
    name, fingerprint = card.data.get("name"), card.data.get("fingerprint")
    if not name or not fingerprint:
        return Search(None, reason="the card of the weights lacks what they were trained on")
    try:
        train, here = training_data(card, root)
    except (DataError, TypeError) as error:
        return Search(None, reason=f"their training data ({name}) cannot be read here: {str(error).partition(';')[0]}")
    if here != fingerprint:
        got = f"{name} train here has the fingerprint {here}, the weights saw {fingerprint}"
        return Search(None, reason=got)
    own = samples.name == name or (samples.name == "synthetic" and SOURCES.get(name, name) == "fer2013")
    if own and samples.clean is not None:
        found = near_duplicates_in_training(samples, root, train)
    else:
        images = load(SOURCES[name], root, "train") if name in SOURCES else train
        wanted = images.images.shape[1:]
        if samples.images.shape[1:] != wanted and wanted == (card.size, card.size, card.channels):
            samples = replace(samples, images=to_crops(np.asarray(samples.images), card))
        if samples.images.shape[1:] != wanted:
            return Search(None, reason=f"the images of {name} have another size than these")
        found = near_duplicates_between(images, samples)
    return Search(found.index >= 0, {"name": str(name), "fingerprint": str(fingerprint)})


def not_searched(result: Result) -> str:
    """Return why the weights' own training data was not searched for near-duplicates; empty where it was."""
    return "" if result.clean is not None else result.provenance.not_searched or UNRECORDED
