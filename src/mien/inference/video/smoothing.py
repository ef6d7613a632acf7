"""Smoothing: the predictions for each face of a video, averaged over the last moments so that they do not flicker.

The average is exponential in time, not in frames, so that a clip gives the same result at 10 frames/s as at 60.  After
`seconds`, 63 % of a sudden change has come through; after three times that, 95 %.  It covers probabilities, valence,
arousal and action units, per track.  It restarts after a scene cut and for a face that was away.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mien.errors import UsageError
from mien.face import Face

AWAY = 0.3  # seconds of absence after which a face starts again; detectors miss a face for shorter times


@dataclass(frozen=True)
class _State:
    labels: tuple[str, ...]
    shown: NDArray[np.float64]
    seconds: float


class Smoother:
    """The averages of the faces of one video, by track id."""

    def __init__(self, seconds: float, min_confidence: float = 0.0) -> None:
        """Average over about `seconds`, 0 for not at all; UsageError if it is negative or not finite.

        `min_confidence` in [0, 1] is that of `Face.read`: whether to abstain is decided again, on the averages.
        """
        if not (math.isfinite(seconds) and seconds >= 0):
            raise UsageError(f"`smooth` {seconds}", "seconds, 0 or more")
        self._constant = seconds
        self._min_confidence = min_confidence
        self._states: dict[int, _State] = {}

    def follow(self, faces: Sequence[Face], seconds: float, cut: bool = False) -> list[Face]:
        """Return the faces of the next frame, at `seconds` in the video, with averages as their predictions.

        Same order.  Faces without a track id or without probabilities come back as they are.
        """
        if not self._constant:
            return list(faces)
        if cut:
            self._states.clear()
        here = {face.track_id for face in faces}
        self._states = {k: v for k, v in self._states.items() if k in here or seconds - v.seconds <= AWAY}
        return [self._smoothed(face, seconds) for face in faces]

    def _smoothed(self, face: Face, seconds: float) -> Face:
        if face.track_id is None or face.probs is None:
            return face
        shown = _shown(face)
        before = self._states.get(face.track_id)
        if before is not None and before.labels == face.labels and len(before.shown) == len(shown):
            weight = 1 - math.exp(-max(seconds - before.seconds, 0.0) / self._constant)
            shown = before.shown + weight * (shown - before.shown)
        self._states[face.track_id] = _State(face.labels, shown, seconds)
        return _showing(face, shown, self._min_confidence)


def _shown(face: Face) -> NDArray[np.float64]:
    affect = [face.valence, face.arousal] if face.valence is not None and face.arousal is not None else []
    return np.array([*(face.probs if face.probs is not None else ()), *affect, *(face.action_units or {}).values()])


def _showing(face: Face, shown: NDArray[np.float64], min_confidence: float) -> Face:
    values = iter(shown[len(face.labels) :])
    probs = shown[: len(face.labels)]
    face = face.read(face.labels, (probs / probs.sum()).astype(np.float32), min_confidence)
    if face.valence is not None and face.arousal is not None:
        face = replace(face, valence=round(float(next(values)), 4), arousal=round(float(next(values)), 4))
    if face.action_units:
        face = replace(face, action_units={name: round(float(next(values)), 4) for name in face.action_units})
    return face
