"""Twins: pictures that stand in Training too, which a net may know by heart.

Two pictures are twins when their pixels are equal or correlate (Pearson) with at least 0.98.  A score without the
pictures that have a twin in Training is the clean score.  The search is exact and quick: unit vectors that correlate
with c lie sqrt(2 - 2c) apart, and block means never increase a distance, so one product of short vectors of block
means leaves few pairs whose correlation must be computed in full.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mien.data.cache import Entry, kept
from mien.data.samples import Samples, digest

Real = TypeVar("Real", np.float32, np.float64)

THRESHOLD = 0.98
"""Least correlation of twins."""

BLOCKS = 8
"""Block means along each side in the coarse pass."""

ROWS = 512
"""Pictures compared with all of Training at once, which takes 60 MB for FER2013."""

PAIRS = 4096
"""Pairs whose correlation is computed at once."""

SOURCES = {"ferplus": "fer2013"}
"""The data set whose whole Training counts, for those that keep a part of it."""


@dataclass(frozen=True, eq=False)
class Twins:
    """The best twin in Training of each of N pictures.

    `index` int64 (N,) is its position or -1, `correlation` float32 (N,) is 0 without one, `exact` bool (N,) says
    that the pixels are equal.
    """

    index: NDArray[np.int64]
    correlation: NDArray[np.float32]
    exact: NDArray[np.bool_]


def twins(train: NDArray[np.uint8], images: NDArray[np.uint8], threshold: float = THRESHOLD) -> Twins:
    """Return the twins in `train` of `images`, both uint8 (N, H, W, C): the first equal picture, else the most alike.

    A picture of one colour correlates with nothing, so only an equal one is its twin.

    >>> ramp = np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1)
    >>> found = twins(np.concatenate([ramp[:, ::-1], ramp]), np.concatenate([ramp, ramp * 2, 255 - ramp, ramp * 0]))
    >>> found.index.tolist(), found.exact.tolist()
    ([1, 1, -1, -1], [True, False, False, False])
    """
    train, images = np.asarray(train), np.asarray(images)  # slicing a memory map row by row is slow
    first = {picture.tobytes(): k for k, picture in reversed(list(enumerate(train)))}
    index = np.array([first.get(picture.tobytes(), -1) for picture in images], np.int64)
    exact = index >= 0
    best = exact.astype(np.float64)
    for one, other in _close_pairs(train, images, np.flatnonzero(~exact), 2 - 2 * threshold):
        found = _correlation(train[other], images[one])
        for k in np.flatnonzero(found >= threshold):
            if found[k] > best[one[k]]:
                index[one[k]], best[one[k]] = other[k], found[k]
    return Twins(index, best.astype(np.float32), exact)


def find_twins(samples: Samples, root: Path | str | None) -> Twins:
    """Return the twins of `samples` in the Training pictures of their data set under `root`, computed once."""
    from mien.data import load  # here, because the registry is built on the readers and this is about any of them

    train = load(SOURCES.get(samples.name, samples.name), root, "train")

    def build() -> Entry:
        return Entry(vars(twins(train.images, samples.images)), {})

    found = kept(f"twins-{digest(train.fingerprint, samples.fingerprint, str(THRESHOLD))}", build).arrays
    return Twins(*(np.asarray(found[field.name]) for field in fields(Twins)))


def _close_pairs(
    train: NDArray[np.uint8], images: NDArray[np.uint8], rows: NDArray[np.intp], apart: float
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield positions in `images` and `train` of all pairs at a squared distance of at most `apart`, and some more."""
    known = np.concatenate([_coarse(train[k : k + ROWS]) for k in range(0, len(train), ROWS)])
    known = np.hstack([known, -_halves(known)])  # |a - b|^2 <= d  is  a.b - |b|^2 / 2 >= |a|^2 / 2 - d / 2: one product
    for start in range(0, len(rows), ROWS):
        part = rows[start : start + ROWS]
        asked = _coarse(images[part])
        least = _halves(asked) - (apart / 2 + 1e-4)  # float32 errors lie well below that margin
        one, other = np.nonzero(np.hstack([asked, np.ones_like(least)]) @ known.T >= least)
        for k in range(0, len(one), PAIRS):
            yield part[one[k : k + PAIRS]], other[k : k + PAIRS]


def _coarse(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Project standardised pictures (n, H, W, C) onto orthonormal block means, float32 (n, BLOCKS * BLOCKS)."""
    unit = _standardised(images, np.float32).reshape(len(images), images.shape[1], -1)
    small = _blocks(unit.shape[1]) @ unit @ _blocks(unit.shape[2]).T
    return np.asarray(small.reshape(len(images), -1), np.float32)


def _halves(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.einsum("nd,nd->n", vectors, vectors)[:, None] / np.float32(2))


def _blocks(length: int) -> NDArray[np.float32]:
    count = min(BLOCKS, length)
    member = np.arange(count)[:, None] == np.arange(length) * count // length
    return np.asarray(member / np.sqrt(member.sum(axis=1, keepdims=True)), np.float32)


def _correlation(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.asarray(np.einsum("nd,nd->n", _standardised(left, np.float64), _standardised(right, np.float64)))


def _standardised(images: NDArray[np.uint8], kind: type[Real]) -> NDArray[Real]:
    """Return pictures as unit vectors (n, D) of mean zero, or zeros where all pixels are equal."""
    flat = images.reshape(len(images), -1).astype(kind)
    flat -= flat.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(np.divide(flat, norm, out=np.zeros_like(flat), where=norm > 1e-3))
