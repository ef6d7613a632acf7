"""Identities of faces within one video: each face joins the track that it fits best, or starts one.

How well a face fits a track is the overlap with the place where the track would be by now, moving on at its speed, plus
how much the two look alike: the product of the features that the weights read the expression from (`Face.features`),
with the track's mean and with its last.  Faces next to each other are shared out together, so that two that cross do
not swap.  A face that was away, was hidden or comes back elsewhere, also after a scene cut where place tells nothing,
is known again by its looks for KEPT seconds.  Without features, place alone decides.

The features were learnt to tell expressions, not people: they know a face again while it looks about the same, and are
no means of telling who somebody is.  `benchmarks/tracking.py` measures how far they reach, and chose the figures below
on other people than it reports on.

Source: motion and looks in one score as in DeepSORT (Wojke et al., arXiv 1703.07402), lost tracks kept as there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mien.face import Face

LEAST = 0.25  # least fit at which a face joins a track; without features, the least overlap
LOOKS = 2.0  # what likeness counts beside overlap
ALIKE = 0.68  # likeness that speaks neither for nor against; LEAST / LOOKS above it, it is enough alone
COAST = 0.5  # seconds that a track out of sight is thought to keep its speed
TRUST = 2.0  # seconds out of sight after which its place counts nothing
KEPT = 10.0  # seconds out of sight after which it is forgotten
MOST = 64  # tracks remembered; the longest unseen is forgotten first
STEADY = 0.2  # seconds over which the speed is averaged
LEARN = 2.0  # seconds over which the looks are averaged
CROWDED = 0.3  # overlap with another face from which the looks are not learnt: they may be the other's

Array = NDArray[np.float32]


def overlap(a: Array, b: Array) -> float:
    """Return the intersection over union of two boxes, x1 y1 x2 y2.

    >>> overlap(np.array([0, 0, 2, 2], np.float32), np.array([1, 0, 3, 2], np.float32))
    0.3333333333333333
    """
    sides = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0)
    shared = float(sides.prod())
    union = float((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod()) - shared
    return shared / union if union > 0 else 0.0


def overlaps(a: Array, b: Array) -> Array:
    """Return the intersection over union of each of a (N, 4) with each of b (M, 4), (N, M); 0 with an empty box.

    >>> overlaps(np.array([[0, 0, 2, 2]], np.float32), np.array([[1, 0, 3, 2], [4, 4, 5, 5]], np.float32)).round(3)
    array([[0.333, 0.   ]], dtype=float32)
    """
    a, b = a[:, None], b[None]
    shared = np.maximum(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0).prod(-1)
    areas = [np.maximum(box[..., 2:] - box[..., :2], 0).prod(-1) for box in (a, b)]
    union = areas[0] + areas[1] - shared
    return np.where(union > 0, shared / np.where(union > 0, union, 1), 0).astype(np.float32)


def assigned(fit: NDArray[np.floating]) -> dict[int, int]:
    """Return which row takes which column so that the sum of fit (N, M) is greatest; fits of 0 and less take none.

    >>> assigned(np.array([[0.9, 0.8], [0.8, 0.1]]))
    {0: 1, 1: 0}
    """
    if not fit.size:
        return {}
    best = fit.argmax(1)
    rows = np.flatnonzero(fit.max(1) > 0)
    if len(set(best[rows])) == len(rows):  # nobody wants the same
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
    """What is known of one face: where it was last, how fast it moves per second, and what it looks like."""

    number: int
    box: Array
    seconds: float
    speed: Array
    steps: int = 0
    placed: bool = True
    mean: Array | None = None
    last: Array | None = None

    def where(self, seconds: float) -> Array:
        return self.box + self.speed * np.float32(min(max(seconds - self.seconds, 0.0), COAST))

    def trust(self, seconds: float) -> float:
        return max(0.0, 1 - max(seconds - self.seconds, 0.0) / TRUST) if self.placed else 0.0

    def like(self, features: Array | None) -> float | None:
        if features is None or self.mean is None or self.last is None or len(features) != len(self.mean):
            return None
        return float(max(self.mean @ features, self.last @ features))

    def move(self, box: Array, seconds: float) -> None:
        elapsed = seconds - self.seconds
        if not self.placed or overlap(self.where(seconds), box) == 0:  # it jumped: no way was gone in between
            self.speed, self.steps, self.placed = np.zeros(4, np.float32), 0, True
        elif elapsed > 0:
            self.steps += 1
            weight = np.float32(max(_share(elapsed, STEADY), 1 / self.steps))
            self.speed = self.speed + weight * ((box - self.box) / np.float32(elapsed) - self.speed)
        self.box, self.seconds = box, seconds

    def learn(self, features: Array, elapsed: float) -> None:
        if self.mean is None or len(self.mean) != len(features):
            self.mean = features
        else:
            mean = self.mean + np.float32(_share(elapsed, LEARN)) * (features - self.mean)
            self.mean = np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6), np.float32)
        self.last = features


def _share(elapsed: float, constant: float) -> float:
    return 1 - math.exp(-max(elapsed, 0.0) / constant)


class Tracks:
    """The faces seen lately in one video; ids count from 1 and are never given twice."""

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._next = 1

    def follow(self, faces: Sequence[Face], seconds: float, cut: bool = False) -> list[Face]:
        """Return the faces of the next frame with their track ids, in the same order.

        To be called for every frame in turn, also for those without a face.  `seconds` is the frame's time in the
        video; `cut` says that the frame starts a new scene, before which places tell nothing.
        """
        if cut:
            for track in self._tracks:
                track.placed = False
        self._tracks = [track for track in self._tracks if seconds - track.seconds <= KEPT]
        if not faces:
            return []
        boxes = np.array([face.box for face in faces], np.float32)
        joined = assigned(self._fit(faces, boxes, seconds) - LEAST) if self._tracks else {}
        crowded = np.count_nonzero(overlaps(boxes, boxes) >= CROWDED, axis=1) > 1  # itself is one
        known = {place: self._tracks[column] for place, column in joined.items()}
        own = [known.get(place) or self._start(face, seconds) for place, face in enumerate(faces)]
        for track, face, hidden in zip(own, faces, crowded, strict=True):
            elapsed = seconds - track.seconds
            track.move(face.box, seconds)
            if face.features is not None and (track.mean is None or not hidden):
                track.learn(face.features, elapsed)
        if len(self._tracks) > MOST:
            self._tracks = sorted(self._tracks, key=lambda track: track.seconds)[-MOST:]
        return [replace(face, track_id=track.number) for track, face in zip(own, faces, strict=True)]

    def _fit(self, faces: Sequence[Face], boxes: Array, seconds: float) -> Array:
        """Return how well each face fits each track, (faces, tracks)."""
        places = np.array([track.where(seconds) for track in self._tracks], np.float32)
        fit = overlaps(boxes, places) * np.array([track.trust(seconds) for track in self._tracks], np.float32)
        for column, track in enumerate(self._tracks):
            for row, face in enumerate(faces):
                likeness = track.like(face.features)
                if likeness is not None:
                    fit[row, column] += LOOKS * (likeness - ALIKE)
        return fit

    def _start(self, face: Face, seconds: float) -> _Track:
        track = _Track(self._next, face.box, seconds, np.zeros(4, np.float32))
        self._next += 1
        self._tracks.append(track)
        return track
