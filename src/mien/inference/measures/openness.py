"""How far the eyes and the mouth are open, from the landmarks.

An eye's opening is the mean distance between its lids at three places, in widths of the eye; the mouth's is the
distance between the inner lips, in distances between the eyes.  Distances are in space, so that a turned head changes
them little.  Both are brought to 0 to 1 by their 1st and 99th percentile in FERPlus Training (`REFERENCE`).
Source of the eye's: Soukupova and Cech, 2016, "Real-time eye blink detection using facial landmarks".
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

CORNERS = {"right": (33, 133), "left": (263, 362)}
LIDS = {"right": ((159, 145), (158, 153), (160, 144)), "left": ((386, 374), (385, 380), (387, 373))}
"""Landmarks of the subject's eyes: outer and inner corner, and upper and lower lid at three places."""
LIPS = (13, 14)
REFERENCE = {"eye": (0.06, 0.48), "mouth": (0.0, 0.66)}
"""1st and 99th percentile, measured by benchmarks/openness.py."""


def eye(points: Array, side: str) -> float:
    """Return the openness in [0, 1] of the subject's "right" or "left" eye from landmarks (478, 3)."""
    return _fraction(eye_ratio(points, side), *REFERENCE["eye"])


def mouth(points: Array) -> float:
    """Return the openness of the mouth in [0, 1] from landmarks (478, 3)."""
    return _fraction(mouth_ratio(points), *REFERENCE["mouth"])


def eye_ratio(points: Array, side: str) -> float:
    """Return the distance between the lids in widths of the eye."""
    lids = np.mean([_distance(points, *pair) for pair in LIDS[side]])
    return float(lids) / max(_distance(points, *CORNERS[side]), 1e-6)


def mouth_ratio(points: Array) -> float:
    """Return the distance between the lips in distances between the eyes."""
    return _distance(points, *LIPS) / max(eye_distance(points), 1e-6)


def eye_distance(points: Array) -> float:
    """Return the distance between the centres of the eyes, each midway between its corners, in pixels."""
    right, left = (points[list(CORNERS[side])].mean(0) for side in ("right", "left"))
    return float(np.linalg.norm(right - left))


def _distance(points: Array, a: int, b: int) -> float:
    return float(np.linalg.norm(points[a] - points[b]))


def _fraction(value: float, low: float, high: float) -> float:
    return float(np.clip((value - low) / (high - low), 0, 1))
