"""Are the images that weights are measured on near-duplicates of some in the Training that these very weights saw?

    found = search(card, samples, root)      # .twins bool (N,), or None and .reason

The answer "without twins in training" means nothing unless it is the weights' own Training that was searched.  A card
names its data set and the fingerprint of what was shown; what lies here is read as the recipe read it, and only where
the fingerprint is the same are twins looked for.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.card import Card
from mien.data import load
from mien.data.duplicates import SOURCES, near_duplicates_between, near_duplicates_in_training
from mien.data.samples import Samples
from mien.data.sampling import chosen
from mien.errors import DataError
from mien.evaluation.result import Result

UNRECORDED = "this result does not say which Training was searched; `mien evaluate` measures it again"
"""Of results that were written before it was recorded."""

FOREIGN = "what it was trained on is not known"
"""Of systems that are not ours."""


@dataclass(frozen=True, eq=False)
class Search:
    """Which of N samples have a twin in the weights' Training, bool (N,), and what that is; or None and why not."""

    twins: NDArray[np.bool_] | None
    training: dict[str, str] | None = None
    reason: str = ""


def search(card: Card, samples: Samples, root: Path | str | None) -> Search:
    """Look for the samples' twins in the Training that the weights saw, where that is here."""
    name, fingerprint = card.data.get("name"), card.data.get("fingerprint")
    if not name or not fingerprint:
        return Search(None, reason="the weights do not say what they were trained on")
    try:
        train = load(name, root, "train", **_options(card))
        shown = chosen(train, **_spec(card))
    except (DataError, TypeError) as error:
        return Search(None, reason=f"their Training ({name}) cannot be read here: {str(error).partition(';')[0]}")
    if shown.fingerprint != fingerprint:
        got = f"{name} train here has the fingerprint {shown.fingerprint}, the weights saw {fingerprint}"
        return Search(None, reason=got)
    if samples.name == name or (samples.name == "synthetic" and SOURCES.get(name, name) == "fer2013"):
        twins = near_duplicates_in_training(samples, root, train).index >= 0
    else:
        images = load(SOURCES[name], root, "train") if name in SOURCES else train
        if images.images.shape[1:] != samples.images.shape[1:]:
            return Search(None, reason=f"the images of {name} have another size than these")
        twins = near_duplicates_between(images, samples).index >= 0
    return Search(twins, {"name": str(name), "fingerprint": str(fingerprint)})


def not_searched(result: Result) -> str:
    """Return why no twins were looked for in the weights' own Training; empty where they were."""
    return "" if result.clean is not None else result.provenance.not_searched or UNRECORDED


def _spec(card: Card) -> dict[str, Any]:
    data = card.recipe.get("data", {})
    return {"keep_file": data.get("keep"), "classes": data.get("classes"), "most": data.get("limit")}


def _options(card: Card) -> dict[str, Any]:
    data = card.recipe.get("data", {})
    return {**data.get("options", {}), **data.get("train", {})}
