"""Twins: images that stand in Training too, which a net may know by heart, and groups of twins anywhere.

Two images are twins when their pixels are equal or correlate (Pearson) with at least 0.98.  A score without the
images that have a twin in Training is the clean score.  The search is exact and quick: unit vectors that correlate
with c lie sqrt(2 - 2c) apart, and no projection increases a distance, so products of short vectors (block means along
their principal axes) leave few pairs whose correlation must be computed in full.  Sorted along the first axis, most
blocks of pairs need not even that.  The work grows with the square of the images, memory only with their number:
about 70 bytes for each, and a few blocks.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mien.data.cache import Entry, kept
from mien.data.samples import Samples, digest

Images = NDArray[np.uint8]
Index = NDArray[np.int64]
Floats = NDArray[np.float32]
Pairs = Iterator[tuple[Index, Index]]
Real = TypeVar("Real", np.float32, np.float64)

THRESHOLD = 0.98
"""Least correlation of twins."""

BLOCKS = 8
"""Block means along each side of an image in the coarse pass."""

AXES = 16
"""Principal axes of the block means that are compared; more would leave hardly fewer pairs."""

ROWS, COLUMNS = 256, 4096
"""Images compared with each other at once: a product that stays in the processor's cache."""

VALUES = 2**23
"""Pixels converted to floats at once, at most."""

MARGIN = 1e-4
"""Added to the squared distance that is looked for, far above the errors of float32."""

SOURCES = {"ferplus": "fer2013"}
"""The data set whose whole Training counts, for those that keep a part of it."""


@dataclass(frozen=True, eq=False)
class Twins:
    """The best twin in Training of each of N images.

    `index` int64 (N,) is its position or -1, `correlation` float32 (N,) is 0 without one, `exact` bool (N,) says
    that the pixels are equal.
    """

    index: Index
    correlation: Floats
    exact: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Groups:
    """Which of N images belong together, int64 (N,) each: the position of the first image of their group.

    `exact` joins equal images; `near` joins twins, and twins of twins, so its groups contain those of `exact`.
    """

    exact: Index
    near: Index


def twins(train: Images, images: Images, threshold: float = THRESHOLD) -> Twins:
    """Return the twins in `train` of `images`, both uint8 (N, H, W, C): the first equal image, else the most alike.

    An image of one colour correlates with nothing, so only an equal one is its twin.

    >>> ramp = np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1)
    >>> found = twins(np.concatenate([ramp[:, ::-1], ramp]), np.concatenate([ramp, ramp * 2, 255 - ramp, ramp * 0]))
    >>> found.index.tolist(), found.exact.tolist()
    ([1, 1, -1, -1], [True, False, False, False])
    """
    first = {name: k for k, name in reversed(list(enumerate(_names([train]))))}
    index = np.array([first.get(name, -1) for name in _names([images])], np.int64)
    exact = index >= 0
    best = exact.astype(np.float64)
    rest = np.flatnonzero(~exact)
    left, right = _projected([train], [images])
    for one, other in _close_pairs(right[rest], left, 2 - 2 * threshold):
        for a, b in _batches(rest[one], other, images):
            found = _correlation(train[b], images[a])
            for k in np.flatnonzero(found >= threshold):
                if (found[k], -b[k]) > (best[a[k]], -index[a[k]]):
                    index[a[k]], best[a[k]] = b[k], found[k]
    return Twins(index, best.astype(np.float32), exact)


def groups(
    parts: Sequence[Images], threshold: float = THRESHOLD, advance: Callable[[int], None] = lambda _: None
) -> Groups:
    """Return the groups of twins among all images of `parts`, arrays uint8 (N, H, W, C) of one image shape.

    Positions count through the parts; `advance` is called with the number of images that are done.

    >>> ramp = np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1)
    >>> found = groups([np.concatenate([ramp, 255 - ramp, ramp]), ramp * 2])
    >>> found.exact.tolist(), found.near.tolist()
    ([0, 1, 0, 3], [0, 1, 0, 0])
    """
    first: dict[bytes, int] = {}
    exact = np.array([first.setdefault(name, k) for k, name in enumerate(_names(parts))], np.int64)
    once = np.flatnonzero(exact == np.arange(len(exact)))
    (short,) = _projected(parts)
    advance(len(exact) - len(once))
    parent = np.arange(len(exact))
    for one, other in _close_pairs(short[once], None, 2 - 2 * threshold, advance):
        left, right = once[one], once[other]
        while len(left := left[apart := _roots(parent, left) != _roots(parent, right)]):
            right = right[apart]  # pairs that hang together by now need no look, which bounds the work for films
            a, b = next(_batches(left, right, parts[0]))
            alike = _correlation(_at(parts, a), _at(parts, b)) >= threshold
            _join(parent, a[alike], b[alike])
            left, right = left[len(a) :], right[len(a) :]
    return Groups(exact, _roots(parent, exact))


def find_twins(samples: Samples, root: Path | str | None, train: Samples | None = None) -> Twins:
    """Return the twins of `samples` in the Training images of their data set under `root`, computed once.

    `train` is Training as it was loaded, to be given where options change its images.
    """
    from mien.data import load  # here, because the registry is built on the readers and this is about any of them

    if samples.clean is not None:  # generated images, whose faces were chosen without a twin
        none = np.full(len(samples), -1, np.int64)
        return Twins(none, np.zeros(len(none), np.float32), np.zeros(len(none), np.bool_))
    if train is None or samples.name in SOURCES:
        train = load(SOURCES.get(samples.name, samples.name), root, "train")
    return twins_between(train, samples)


def twins_between(earlier: Samples, later: Samples) -> Twins:
    """Return the twins in `earlier` of the images of `later`, computed once."""

    def build() -> Entry:
        return Entry(vars(twins(earlier.images, later.images)), {})

    found = kept(f"twins-{digest(earlier.fingerprint, later.fingerprint, str(THRESHOLD))}", build).arrays
    return Twins(*(np.asarray(found[field.name]) for field in fields(Twins)))


def _names(parts: Sequence[Images]) -> Iterator[bytes]:
    """Yield 16 bytes for each image, the same for equal images only."""
    for block in _blocks_of(parts):
        for image in block:
            yield hashlib.blake2b(image, digest_size=16).digest()


def _blocks_of(parts: Sequence[Images]) -> Iterator[Images]:
    for images in parts:
        step = max(1, VALUES // max(1, int(np.prod(images.shape[1:]))))
        for start in range(0, len(images), step):
            yield np.ascontiguousarray(images[start : start + step])


def _batches(one: Index, other: Index, images: Images) -> Iterator[tuple[Index, Index]]:
    """Cut pairs of images of that shape into batches that fit into memory."""
    step = max(1, VALUES // max(1, int(np.prod(images.shape[1:]))))
    for start in range(0, len(one), step):
        yield one[start : start + step], other[start : start + step]


def _at(parts: Sequence[Images], rows: Index) -> Images:
    """Return the images at positions that count through the parts."""
    ends = np.cumsum([len(images) for images in parts])
    part = np.searchsorted(ends, rows, side="right")
    found = np.empty((len(rows), *parts[0].shape[1:]), np.uint8)
    for k, images in enumerate(parts):
        found[part == k] = images[rows[part == k] - (ends[k] - len(images))]
    return found


def _roots(parent: Index, nodes: Index) -> Index:
    root = parent[nodes]
    while (parent[root] != root).any():
        root = parent[root]
    parent[nodes] = root
    return root


def _join(parent: Index, left: Index, right: Index) -> None:
    for pair in zip(left, right, strict=True):
        low, high = np.sort(_roots(parent, np.array(pair)))
        parent[high] = low


def _close_pairs(
    left: Floats, right: Floats | None, apart: float, advance: Callable[[int], None] = lambda _: None
) -> Pairs:
    """Yield positions in `left` and `right` of all pairs at a squared distance of at most `apart`, and some more.

    Without `right`, each pair within `left` once.
    """
    known = left if right is None else right
    by_left, by_known = np.argsort(left[:, 0], kind="stable"), np.argsort(known[:, 0], kind="stable")
    place, reach = known[by_known, 0], np.sqrt(apart + MARGIN)
    # |a - b|^2 <= d  is  a.b - |b|^2 / 2 >= |a|^2 / 2 - d / 2: one product
    table = np.ascontiguousarray(np.hstack([known, -_halves(known)])[by_known].T)
    for start in range(0, len(left), ROWS):
        rows = by_left[start : start + ROWS]
        asked = left[rows]
        least = _halves(asked) - (apart + MARGIN) / 2
        asked = np.hstack([asked, np.ones_like(least)])
        low = start if right is None else int(np.searchsorted(place, asked[0, 0] - reach))
        high = int(np.searchsorted(place, asked[-1, 0] + reach, side="right"))
        for k in range(low, high, COLUMNS):
            near = asked @ table[:, k : min(k + COLUMNS, high)] >= least
            one, other = np.divmod(np.flatnonzero(near), near.shape[1])
            if right is None:
                once = k + other > start + one
                one, other = one[once], other[once]
            yield rows[one], by_known[k + other]
        advance(len(rows))


def _projected(*sets: Sequence[Images]) -> list[Floats]:
    """Return each set's standardised images on common principal axes of their block means, float32 (N, AXES)."""
    coarse = [_coarse(parts) for parts in sets]
    _, axes = np.linalg.eigh(np.sum([part.T @ part for part in coarse], axis=0).astype(np.float64))
    strongest = axes[:, ::-1][:, :AXES].astype(np.float32)
    return [part @ strongest for part in coarse]


def _coarse(parts: Sequence[Images]) -> Floats:
    """Return standardised images (H, W, C) on orthonormal block means, float32 (N, up to BLOCKS * BLOCKS)."""
    height, wide = parts[0].shape[1], int(np.prod(parts[0].shape[2:]))
    rows, columns = _blocks(height), _blocks(wide)
    found = [
        (rows @ _standardised(block, np.float32).reshape(-1, height, wide) @ columns.T).reshape(len(block), -1)
        for block in _blocks_of(parts)
    ]
    return np.concatenate([np.zeros((0, len(rows) * len(columns)), np.float32), *found])


def _halves(vectors: Floats) -> Floats:
    return np.asarray(np.einsum("nd,nd->n", vectors, vectors)[:, None] / np.float32(2))


def _blocks(length: int) -> Floats:
    count = min(BLOCKS, length)
    member = np.arange(count)[:, None] == np.arange(length) * count // length
    return np.asarray(member / np.sqrt(member.sum(axis=1, keepdims=True)), np.float32)


def _correlation(left: Images, right: Images) -> NDArray[np.float64]:
    return np.asarray(np.einsum("nd,nd->n", _standardised(left, np.float64), _standardised(right, np.float64)))


def _standardised(images: Images, kind: type[Real]) -> NDArray[Real]:
    """Return images as unit vectors (n, D) of mean zero, or zeros where all pixels are equal."""
    flat = images.reshape(len(images), -1).astype(kind)
    flat -= flat.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(np.divide(flat, norm, out=np.zeros_like(flat), where=norm > 1e-3))
