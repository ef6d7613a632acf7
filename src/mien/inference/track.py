"""Identities of faces within one video: each face joins the track whose last box it overlaps most.

Greedy on intersection over union, best pair first.  A track that was not seen for `PATIENCE` frames is forgotten, so
memory does not grow with the video.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mien.face import Face

LEAST_OVERLAP = 0.3
PATIENCE = 30


def overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Return the intersection over union of two boxes, x1 y1 x2 y2.

    >>> overlap(np.array([0, 0, 2, 2], np.float32), np.array([1, 0, 3, 2], np.float32))
    0.3333333333333333
    """
    sides = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0)
    shared = float(sides.prod())
    union = float((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod()) - shared
    return shared / union if union > 0 else 0.0


class Tracks:
    """The faces seen lately in one video; ids count from 1."""

    def __init__(self) -> None:
        self._last: dict[int, tuple[NDArray[np.float32], int]] = {}
        self._next = 1
        self._frame = 0

    def follow(self, faces: Sequence[Face]) -> list[Face]:
        """Return the faces of the next frame with their track ids, in the same order."""
        self._frame += 1
        self._last = {k: v for k, v in self._last.items() if self._frame - v[1] <= PATIENCE}
        pairs = [
            (overlap(face.box, box), place, track)
            for place, face in enumerate(faces)
            for track, (box, _) in self._last.items()
        ]
        ids: dict[int, int] = {}
        for shared, place, track in sorted(pairs, key=lambda pair: -pair[0]):
            if shared >= LEAST_OVERLAP and place not in ids and track not in ids.values():
                ids[place] = track
        return [self._keep(face, ids.get(place)) for place, face in enumerate(faces)]

    def _keep(self, face: Face, track: int | None) -> Face:
        if track is None:
            track, self._next = self._next, self._next + 1
        self._last[track] = (face.box, self._frame)
        return replace(face, track_id=track)
