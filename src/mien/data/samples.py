"""Samples: images with their labels, the value that every data set reader returns.

Targets are distributions over the labels (hard labels one-hot, votes as fractions), so training and evaluation need
no second code path for data sets with several raters per image.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mien.data.shards import Images, StoredImages, blocks_of

COLUMNS = ("images", "target", "ids", "votes", "regression", "units", "group", "weight", "clean", "mask", "transform")
"""The fields of `Samples` that have a row for each image."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Images of one split of a data set, with targets.

    Attributes:
        images: uint8 (N, H, W, C), an array, a read-only memmap, or `StoredImages` where they are too large for
            memory: index the rows that are needed, and make them an array with np.asarray.
        target: float32 (N, K), each row a distribution over `labels`, or NaN where there is no label.
        labels: K expressions in vocabulary order, the data set's own labels after them.
        ids: str (N,), unique within the data set and the same in every file layout that keeps the row order.
        votes: int (N, V) raw counts by rater choice, or None.
        regression: float32 (N, 2), valence and arousal in [-1, 1], NaN where unknown, or None.
        units: float32 (N, A) action units in [0, 1], NaN where unknown, or None; unit_names: A names such as "au12".
        group: (N,) subject or clip, or None.
        weight: float32 (N,), how much each image counts in the loss, or None for one each.
        clean: uint8 (N, H, W, C), the faces without their surroundings, or None.
        mask: uint8 (N, H, W, 1), 0 to 255, the fraction of each pixel that is face, or None.
        transform: float32 (N, 2, 3), where the face lies in a generated image, or None: maps the face image
            (-1 to 1, x right, y down) to this one.
        about: how the images were made, in words, beyond what the options say.
        name, split: the data set's key in `DATASETS` and one of train, val, test.
        split_from: the files name the split, or it was drawn from images of which train has the rest; none: there are
            no splits, so that every split is all of it.
        fingerprint: changes whenever images or targets do, and with their order unless that is by id; the same in every
            file layout.
    """

    images: Images
    target: NDArray[np.float32]
    labels: tuple[str, ...]
    ids: NDArray[np.str_]
    votes: NDArray[np.integer[Any]] | None = None
    regression: NDArray[np.float32] | None = None
    units: NDArray[np.float32] | None = None
    group: NDArray[Any] | None = None
    weight: NDArray[np.float32] | None = None
    clean: Images | None = None
    mask: Images | None = None
    transform: NDArray[np.float32] | None = None
    unit_names: tuple[str, ...] = ()
    name: str = ""
    split: str = ""
    split_from: Literal["files", "drawn", "none"] = "files"
    fingerprint: str = ""
    about: str = ""

    def __len__(self) -> int:
        return len(self.images)

    def take(self, index: NDArray[Any] | slice) -> "Samples":
        """Return the samples at `index` (slice, positions or mask), in that order, with a fingerprint of their own."""
        rows = np.arange(len(self))[index]
        picked = {name: value[index] for name in COLUMNS if (value := getattr(self, name)) is not None}
        return replace(self, **picked, fingerprint=digest(self.fingerprint, rows))

    def counts(self) -> dict[str, int]:
        """Return how many samples have each label as top-1 (the first in vocabulary order in a tie)."""
        top = self.target[~np.isnan(self.target).any(axis=1)].argmax(axis=1)
        return dict(zip(self.labels, np.bincount(top, minlength=len(self.labels)).tolist(), strict=True))


def digest(*parts: str | NDArray[Any] | StoredImages) -> str:
    """Return 16 hex digits that change with any of the texts, or any element, shape or type of the arrays.

    >>> digest("a", "b") == digest("ab"), digest(np.arange(3)) == digest(np.arange(3))
    (False, True)
    """
    state = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            state.update(f"str {len(part)} {part}".encode())
        else:
            state.update(f"{part.dtype.str} {part.shape}".encode())
            for block in blocks_of(part) if isinstance(part, StoredImages) else (part,):
                state.update(np.ascontiguousarray(block).view(np.uint8).data)
    return state.hexdigest()[:16]


def one_hot(index: NDArray[np.integer[Any]], classes: int) -> NDArray[np.float32]:
    """Return float32 (N, classes) rows with a one at `index`.

    >>> one_hot(np.array([1, 0]), 2).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    return np.asarray(np.eye(classes, dtype=np.float32)[index])
