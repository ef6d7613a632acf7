"""Near-duplicates (twins): images that are also in Training, which a net may have memorised, and groups of them.

Two images are near-duplicates when their pixels are equal or have a Pearson correlation of at least 0.98.  The clean
score leaves out the images that have a near-duplicate in Training.

The search is exact and quick.  Unit vectors with correlation c lie sqrt(2 - 2c) apart, and no projection increases a
distance.  So products of short vectors (block means along their principal axes) leave few pairs whose correlation must
be computed in full.  The vectors are sorted into cells, and only those of cells that are near to each other compared.
results/SCALE.md has how work and memory grow.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mien.data.cache import Entry, kept
from mien.data.registry import READERS, read
from mien.data.samples import Samples, digest
from mien.data.shards import Images, Pixels, digest_of

Index = NDArray[np.int64]
Floats = NDArray[np.float32]
Pairs = Iterator[tuple[Index, Index]]
Real = TypeVar("Real", np.float32, np.float64)

THRESHOLD = 0.98
"""Minimum correlation of near-duplicates."""

BLOCKS = 8
"""Block means along each side of an image in the coarse pass."""

AXES = 16
"""Principal axes of the block means that are compared.  More would leave hardly fewer pairs."""

ROWS, COLUMNS = 256, 4096
"""Images compared with each other at once: the product fits into the processor's cache."""

VALUES = 2**23
"""Pixels converted to floats at once, at most."""

TILE = 64
"""Images on each side whose pairs are computed as one product, at most: each is standardised once for all its pairs."""

MARGIN = 1e-4
"""Added to the squared distance of the search, far above the errors of float32."""

SOURCES = {"ferplus": "fer2013"}
"""The data set whose whole Training counts, for data sets that keep a part of it."""


@dataclass(frozen=True, eq=False)
class NearDuplicates:
    """The closest near-duplicate in Training of each of N images.

    `index` int64 (N,) is its position or -1; `correlation` float32 (N,) is 0 without one; `exact` bool (N,) is true
    where the pixels are equal.
    """

    index: Index
    correlation: Floats
    exact: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Groups:
    """Which of N images belong together, int64 (N,) each: the position of the first image of their group.

    `exact` joins equal images.  `near` joins chains of near-duplicates, so its groups contain those of `exact`.
    """

    exact: Index
    near: Index


def near_duplicates(train: Images, images: Images, threshold: float = THRESHOLD) -> NearDuplicates:
    """Return the near-duplicates in `train` of `images`, both uint8 (N, H, W, C).

    The first equal image wins, else the one with the highest correlation.  An image of one colour correlates with
    nothing, so only an equal one counts.

    >>> ramp = np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1)
    >>> train, images = np.concatenate([ramp[:, ::-1], ramp]), np.concatenate([ramp, ramp * 2, 255 - ramp, ramp * 0])
    >>> matches = near_duplicates(train, images)
    >>> matches.index.tolist(), matches.exact.tolist()
    ([1, 1, -1, -1], [True, False, False, False])
    """
    first = {name: k for k, name in reversed(list(enumerate(_hashes([train]))))}
    index = np.array([first.get(name, -1) for name in _hashes([images])], np.int64)
    exact = index >= 0
    best = exact.astype(np.float64)
    rest = np.flatnonzero(~exact)
    left, right = _projected([train], [images])
    for one, other in _close_pairs(right[rest], left, 2 - 2 * threshold):
        for a, b in _tiles(rest[one], other, images):
            correlation = _correlations(images.__getitem__, a, train.__getitem__, b)
            for k in np.flatnonzero(correlation >= np.maximum(best[a], threshold)):
                if (correlation[k], -b[k]) > (best[a[k]], -index[a[k]]):
                    index[a[k]], best[a[k]] = b[k], correlation[k]
    return NearDuplicates(index, best.astype(np.float32), exact)


def groups(
    parts: Sequence[Images], threshold: float = THRESHOLD, advance: Callable[[int], None] = lambda _: None
) -> Groups:
    """Return the groups of near-duplicates among all images of `parts`, arrays uint8 (N, H, W, C) of one image shape.

    Positions count through the parts.  `advance` is called with the number of images that are done.

    >>> ramp = np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1)
    >>> joined = groups([np.concatenate([ramp, 255 - ramp, ramp]), ramp * 2])
    >>> joined.exact.tolist(), joined.near.tolist()
    ([0, 1, 0, 3], [0, 1, 0, 0])
    """
    first: dict[bytes, int] = {}
    exact = np.array([first.setdefault(name, k) for k, name in enumerate(_hashes(parts))], np.int64)
    once = np.flatnonzero(exact == np.arange(len(exact)))
    (short,) = _projected(parts)
    advance(len(exact) - len(once))
    parent, images_at = np.arange(len(exact)), partial(_at, parts)
    for one, other in _close_pairs(short[once], None, 2 - 2 * threshold, advance):
        for a, b in _tiles(*_of_two_groups(parent, once[one], once[other]), parts[0]):
            a, b = _of_two_groups(parent, a, b)
            alike = _correlations(images_at, a, images_at, b) >= threshold
            _join(parent, a[alike], b[alike])
    return Groups(exact, _roots(parent, exact))


def near_duplicates_in_training(
    samples: Samples, root: Path | str | None, train: Samples | None = None
) -> NearDuplicates:
    """Return the near-duplicates of `samples` in the Training images of their data set under `root`, computed once.

    Pass `train`, the loaded Training, where options change its images.
    """
    if samples.clean is not None:  # generated images, whose faces were chosen without near-duplicates
        none = np.full(len(samples), -1, np.int64)
        return NearDuplicates(none, np.zeros(len(none), np.float32), np.zeros(len(none), np.bool_))
    if train is None or samples.name in SOURCES:
        train = read(READERS, SOURCES.get(samples.name, samples.name), root, "train", {})
    return near_duplicates_between(train, samples)


def near_duplicates_between(earlier: Samples, later: Samples) -> NearDuplicates:
    """Return the near-duplicates in `earlier` of the images of `later`, computed once."""

    def build() -> Entry:
        return Entry(vars(near_duplicates(earlier.images, later.images)), {})

    key = digest(earlier.fingerprint, later.fingerprint, str(THRESHOLD))
    arrays = kept(f"near-duplicates-{key}", build).arrays
    return NearDuplicates(*(np.asarray(arrays[field.name]) for field in fields(NearDuplicates)))


def _hashes(parts: Sequence[Images]) -> Iterator[bytes]:
    """Yield 16 bytes for each image, the same for equal images only."""
    for block in _blocks_of(parts):
        for image in block:
            yield digest_of(image)


def _blocks_of(parts: Sequence[Images]) -> Iterator[Pixels]:
    for images in parts:
        step = max(1, VALUES // max(1, int(np.prod(images.shape[1:]))))
        for start in range(0, len(images), step):
            yield np.ascontiguousarray(images[start : start + step])


def _tiles(one: Index, other: Index, images: Images) -> Pairs:
    """Cut pairs into parts with few different images on each side: TILE, or VALUES in images of that shape.

    >>> pairs = np.divmod(np.arange(400 * 300), 300)
    >>> tiles = list(_tiles(*pairs, np.zeros((1, 8, 8, 1), np.uint8)))
    >>> sum(len(a) for a, _ in tiles), max(len(set(rows.tolist())) for pair in tiles for rows in pair)
    (120000, 64)
    """
    side = max(1, min(TILE, VALUES // max(1, int(np.prod(images.shape[1:])))))
    if len(one) <= side:
        yield one, other
        return
    row, column = (np.unique(rows, return_inverse=True)[1] // side for rows in (one, other))
    tile = column * (row.max() + 1) + row
    order = np.argsort(tile, kind="stable")
    for part in np.split(order, np.flatnonzero(np.diff(tile[order])) + 1):
        yield one[part], other[part]


def _at(parts: Sequence[Images], rows: Index) -> Pixels:
    """Return the images at positions that count through the parts."""
    ends = np.cumsum([len(images) for images in parts])
    part = np.searchsorted(ends, rows, side="right")
    picked = np.empty((len(rows), *parts[0].shape[1:]), np.uint8)
    for k, images in enumerate(parts):
        picked[part == k] = images[rows[part == k] - (ends[k] - len(images))]
    return picked


def _roots(parent: Index, nodes: Index) -> Index:
    root = parent[nodes]
    while (parent[root] != root).any():
        root = parent[root]
    parent[nodes] = root
    return root


def _of_two_groups(parent: Index, left: Index, right: Index) -> tuple[Index, Index]:
    """Return the pairs that are not in one group yet: of the frames of a video hardly any."""
    apart = _roots(parent, left) != _roots(parent, right)
    return left[apart], right[apart]


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
    cells = _Cells(known)
    # |a - b|^2 <= d  means  a.b - |b|^2 / 2 >= |a|^2 / 2 - d / 2: one product
    table = np.ascontiguousarray(np.hstack([known, -_halves(known)])[cells.order].T)
    for start, rows in (cells if right is None else _Cells(left)).parts():
        query = left[rows]
        min_product = _halves(query) - (apart + MARGIN) / 2
        slices = cells.near(query, apart + MARGIN, start if right is None else 0)
        query = np.hstack([query, np.ones_like(min_product)])
        for first, last in slices:
            near = query @ table[:, first:last] >= min_product
            one, other = np.divmod(np.flatnonzero(near), last - first)
            if right is None:
                once = first + other > start + one
                one, other = one[once], other[once]
            yield rows[one], cells.order[first + other]
        advance(len(rows))


class _Cells:
    """Vectors in cells along the first two axes and sorted along the third: those near to others lie in slices.

    Attributes:
        order: the positions of the vectors, cell by cell.
    """

    def __init__(self, vectors: Floats) -> None:
        along = max(1, round((len(vectors) / ROWS) ** (1 / 3)))  # as thin along the third axis as a cell is wide
        slabs = np.array_split(np.argsort(vectors[:, 0]), along)
        cells = [cell for slab in slabs for cell in np.array_split(slab[np.argsort(vectors[slab, 1])], along)]
        cells = [cell[np.argsort(vectors[cell, 2])] for cell in cells if len(cell)]
        self.order = np.concatenate([np.zeros(0, np.int64), *cells])
        self._ends = np.cumsum([0, *map(len, cells)]).tolist()
        ordered = vectors[self.order]
        self._third, self._low, self._high = ordered[:, 2].copy(), ordered[:0, :2], ordered[:0, :2]
        if cells:
            self._low, self._high = (f.reduceat(ordered[:, :2], self._ends[:-1]) for f in (np.minimum, np.maximum))

    def parts(self) -> Iterator[tuple[int, Index]]:
        """Yield vectors that lie together, ROWS at most: where they begin in `order`, and their positions."""
        for start, end in pairwise(self._ends):
            for k in range(start, end, ROWS):
                yield k, self.order[k : min(k + ROWS, end)]

    def near(self, query: Floats, apart: float, start: int) -> Iterator[tuple[int, int]]:
        """Yield the slices of `order`, from `start` on, in which a squared distance to a query may be `apart` or less.

        Each has COLUMNS at most.
        """
        low, high = query.min(axis=0)[:3], query.max(axis=0)[:3]
        gap = np.maximum(self._low - high[:2], low[:2] - self._high).clip(0)
        rest = apart - np.einsum("nd,nd->n", gap, gap)
        for k in np.flatnonzero((rest >= 0) & (np.array(self._ends[1:]) > start)).tolist():
            begin, end = self._ends[k : k + 2]
            reach = np.sqrt(rest[k])
            first, last = np.searchsorted(self._third[begin:end], [low[2] - reach, high[2] + reach]) + begin
            for column in range(max(int(first), start), int(last), COLUMNS):
                yield column, min(column + COLUMNS, int(last))


def _projected(*sets: Sequence[Images]) -> list[Floats]:
    """Return each set's standardised images on common principal axes of their block means, float32 (N, AXES)."""
    coarse = [_coarse(parts) for parts in sets]
    _, axes = np.linalg.eigh(np.sum([part.T @ part for part in coarse], axis=0).astype(np.float64))
    strongest = axes[:, ::-1][:, :AXES].astype(np.float32)
    wide = max(0, 3 - strongest.shape[1])  # of tiny images: `_Cells` needs three
    return [np.pad(part @ strongest, ((0, 0), (0, wide))) for part in coarse]


def _coarse(parts: Sequence[Images]) -> Floats:
    """Return standardised images (H, W, C) on orthonormal block means, float32 (N, up to BLOCKS * BLOCKS)."""
    height, wide = parts[0].shape[1], int(np.prod(parts[0].shape[2:]))
    rows, columns = _blocks(height), _blocks(wide)
    means = [
        (rows @ _standardised(block, np.float32).reshape(-1, height, wide) @ columns.T).reshape(len(block), -1)
        for block in _blocks_of(parts)
    ]
    return np.concatenate([np.zeros((0, len(rows) * len(columns)), np.float32), *means])


def _halves(vectors: Floats) -> Floats:
    return np.asarray(np.einsum("nd,nd->n", vectors, vectors)[:, None] / np.float32(2))


def _blocks(length: int) -> Floats:
    count = min(BLOCKS, length)
    member = np.arange(count)[:, None] == np.arange(length) * count // length
    return np.asarray(member / np.sqrt(member.sum(axis=1, keepdims=True)), np.float32)


def _correlations(
    left: Callable[[Index], Images], one: Index, right: Callable[[Index], Images], other: Index
) -> NDArray[np.float64]:
    """Return the correlation of each pair (n,) of the images that `left` has at `one` and `right` at `other`."""
    (a, i), (b, j) = (np.unique(rows, return_inverse=True) for rows in (one, other))
    products = _standardised(left(a), np.float64) @ _standardised(right(b), np.float64).T
    return np.asarray(products[i, j])


def _standardised(images: Images, kind: type[Real]) -> NDArray[Real]:
    """Return images as unit vectors (n, D) of mean zero, or zeros where all pixels are equal."""
    flat = np.asarray(images).reshape(len(images), int(np.prod(images.shape[1:]))).astype(kind)
    flat -= flat.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(np.divide(flat, norm, out=np.zeros_like(flat), where=norm > 1e-3))
