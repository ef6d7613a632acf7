"""Tracking faces within one video: each face joins the track that it fits best, or starts a new one.

The fit of a face to a track has two parts.  One is its overlap with the predicted box of the track at its speed.  The
other is the similarity of appearance: the product of the features from which the weights predict the expression
(`Face.features`) with the track's mean and last features.  All faces are assigned together, so that two that cross do
not swap.  A face that was away or hidden, or comes back elsewhere, is recognised by its appearance for
MAX_LOST_SECONDS, also after a scene cut.  Without features, position alone decides.

The features were trained on expressions, not identities.  They recognise a face while it looks about the same, and
cannot identify a person.  `benchmarks/tracking.py` measures how far they reach; it chose the values below on other
people than it reports on.

Source: motion and appearance in one score as in DeepSORT (Wojke et al., arXiv 1703.07402); lost tracks kept likewise.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mien.face import Face

MIN_FIT = 0.25  # at which a face joins a track; without features, the minimum overlap
APPEARANCE = 2.0  # weight of similarity; that of overlap is 1
NEUTRAL = 0.68  # similarity that adds nothing; MIN_FIT / APPEARANCE above it suffices alone
COAST = 0.5  # seconds for which a lost track is assumed to keep its speed
TRUST = 2.0  # seconds after which the position of a lost track counts nothing
MAX_LOST_SECONDS = 10.0  # after which a lost track is dropped
MAX_TRACKS = 64  # kept; the one lost longest is dropped first
STEADY = 0.2  # seconds over which the speed is averaged
LEARN = 2.0  # seconds over which features are averaged
CROWDED = 0.3  # overlap with another face from which features are ignored: they may be the other's

Array = NDArray[np.float32]


def overlap(a: Array, b: Array) -> float:
    """Return the intersection over union of two boxes, x1 y1 x2 y2.

    >>> overlap(np.array([0, 0, 2, 2], np.float32), np.array([1, 0, 3, 2], np.float32))
    0.3333333333333333
    """
    (ax, ay, ar, al), (bx, by, br, bl) = a.tolist(), b.tolist()  # on four numbers, numpy takes ten times as long
    shared = max(min(ar, br) - max(ax, bx), 0.0) * max(min(al, bl) - max(ay, by), 0.0)
    union = (ar - ax) * (al - ay) + (br - bx) * (bl - by) - shared
    return shared / union if union > 0 else 0.0


def overlaps(a: Array, b: Array) -> Array:
    """Return the intersection over union of each of a (N, 4) with each of b (M, 4), (N, M); 0 with an empty box.

    >>> overlaps(np.array([[0, 0, 2, 2]], np.float32), np.array([[1, 0, 3, 2], [4, 4, 5, 5]], np.float32)).round(3)
    array([[0.333, 0.   ]], dtype=float32)
    """
    shared = _areas(np.maximum(a[:, None, :2], b[:, :2]), np.minimum(a[:, None, 2:], b[:, 2:]))
    union = _areas(a[:, :2], a[:, 2:])[:, None] + _areas(b[:, :2], b[:, 2:]) - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0), np.float32)


def _areas(low: Array, high: Array) -> Array:
    sides = np.maximum(high - low, 0)
    return np.asarray(sides[..., 0] * sides[..., 1], np.float32)


def assigned(fit: NDArray[np.floating]) -> dict[int, int]:
    """Return the column of each row that maximises the sum of fit (N, M); fits of 0 and less are not assigned.

    >>> assigned(np.array([[0.9, 0.8], [0.8, 0.1]]))
    {0: 1, 1: 0}
    """
    if not fit.size:
        return {}
    best = fit.argmax(1)
    rows = np.flatnonzero(fit.max(1) > 0)
    if len(set(best[rows])) == len(rows):  # no conflicts
        return {int(row): int(best[row]) for row in rows}
    columns = np.flatnonzero(fit[rows].max(0) > 0)
    taken = _cheapest(-np.maximum(np.hstack([fit[np.ix_(rows, columns)], np.zeros((len(rows), len(rows)))]), 0))
    pairs = [(int(row), int(columns[place])) for row, place in zip(rows, taken, strict=True) if place < len(columns)]
    return {row: column for row, column in pairs if fit[row, column] > 0}


def _cheapest(cost: NDArray[np.float64]) -> list[int]:
    """Return each row's column in the cheapest assignment of cost (N, M), N <= M (shortest augmenting paths)."""
    rows, columns = cost.shape
    owner = np.full(columns + 1, -1)  # the last column is where a row without one waits
    row_price, column_price = np.zeros(rows), np.zeros(columns + 1)
    for row in range(rows):
        owner[columns], here = row, columns
        reach, came = np.full(columns, math.inf), np.full(columns, columns)
        done = np.zeros(columns + 1, bool)
        while owner[here] >= 0:
            done[here] = True
            step = cost[owner[here]] - row_price[owner[here]] - column_price[:columns]
            nearer = ~done[:columns] & (step < reach)
            reach[nearer], came[nearer] = step[nearer], here
            there = int(np.where(done[:columns], math.inf, reach).argmin())
            far = reach[there]
            row_price[owner[done]] += far
            column_price[done] -= far
            reach[~done[:columns]] -= far
            here = there
        while here != columns:
            owner[here] = owner[came[here]]
            here = int(came[here])
    place = {int(row): column for column, row in enumerate(owner[:columns]) if row >= 0}
    return [place[row] for row in range(rows)]


@dataclass
class _Track:
    """One face: its last box, its speed per second, and its appearance: mean and last features, (2, D)."""

    number: int
    box: Array
    seconds: float
    speed: Array
    steps: int = 0
    placed: bool = True
    looks: Array | None = None

    def where(self, seconds: float) -> Array:
        return self.box + self.speed * np.float32(min(max(seconds - self.seconds, 0.0), COAST))

    def trust(self, seconds: float) -> float:
        return max(0.0, 1 - max(seconds - self.seconds, 0.0) / TRUST) if self.placed else 0.0

    def similarity(self, features: Array | None) -> float | None:
        if features is None or self.looks is None or len(features) != self.looks.shape[1]:
            return None
        return float((self.looks @ features).max())

    def move(self, box: Array, seconds: float) -> None:
        elapsed = seconds - self.seconds
        if not self.placed or overlap(self.where(seconds), box) == 0:  # it jumped: there is no speed to measure
            self.speed, self.steps, self.placed = np.zeros(4, np.float32), 0, True
        elif elapsed > 0:
            self.steps += 1
            weight = np.float32(max(_weight(elapsed, STEADY), 1 / self.steps))
            self.speed = self.speed + weight * ((box - self.box) / np.float32(elapsed) - self.speed)
        self.box, self.seconds = box, seconds

    def learn(self, features: Array, elapsed: float) -> None:
        mean = features
        if self.looks is not None and self.looks.shape[1] == len(features):
            mean = self.looks[0] + np.float32(_weight(elapsed, LEARN)) * (features - self.looks[0])
            mean = mean / np.float32(max(math.sqrt(mean @ mean), 1e-6))
        self.looks = np.array([mean, features], np.float32)


def _weight(elapsed: float, constant: float) -> float:
    return 1 - math.exp(-max(elapsed, 0.0) / constant)


class Tracks:
    """The recent faces of one video; ids count from 1 and are never reused."""

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._next = 1

    def follow(self, faces: Sequence[Face], seconds: float, cut: bool = False) -> list[Face]:
        """Return the faces of the next frame with their track ids, in the same order.

        Call it for every frame in order, also for those without a face.  `seconds` is the frame's time in the video.
        `cut` marks the start of a new scene, where earlier positions mean nothing.
        """
        if cut:
            for track in self._tracks:
                track.placed = False
        self._tracks = [track for track in self._tracks if seconds - track.seconds <= MAX_LOST_SECONDS]
        if not faces:
            return []
        boxes = [face.box for face in faces]
        places = [track.where(seconds) for track in self._tracks]
        shared = overlaps(np.array(boxes, np.float32), np.array([*boxes, *places], np.float32))
        crowded = np.count_nonzero(shared[:, : len(boxes)] >= CROWDED, axis=1) > 1  # itself is one
        joined = assigned(self._fit(faces, shared[:, len(boxes) :], seconds) - MIN_FIT)
        known = {place: self._tracks[column] for place, column in joined.items()}
        own = [known.get(place) or self._start(face, seconds) for place, face in enumerate(faces)]
        for track, face, hidden in zip(own, faces, crowded, strict=True):
            elapsed = seconds - track.seconds
            track.move(face.box, seconds)
            if face.features is not None and (track.looks is None or not hidden):
                track.learn(face.features, elapsed)
        if len(self._tracks) > MAX_TRACKS:
            self._tracks = sorted(self._tracks, key=lambda track: track.seconds)[-MAX_TRACKS:]
        return [replace(face, track_id=track.number) for track, face in zip(own, faces, strict=True)]

    def _fit(self, faces: Sequence[Face], shared: Array, seconds: float) -> Array:
        """Return how well each face fits each track; `shared` is its overlap with the place of each, alike (N, M)."""
        fit = shared * np.array([track.trust(seconds) for track in self._tracks], np.float32)
        for column, track in enumerate(self._tracks):
            for row, face in enumerate(faces):
                similarity = track.similarity(face.features)
                if similarity is not None:
                    fit[row, column] += APPEARANCE * (similarity - NEUTRAL)
        return fit

    def _start(self, face: Face, seconds: float) -> _Track:
        track = _Track(self._next, face.box, seconds, np.zeros(4, np.float32))
        self._next += 1
        self._tracks.append(track)
        return track
