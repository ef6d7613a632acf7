"""Whether sunglasses or a mask cover a face: eyes far darker than the face, or a mouth without structure.

The landmarks behind a cover are a guess of the network, which is as sure of them as of others.  So what the image shows
where they put the eyes and the mouth is asked as well.  Both limits are quantiles of FERPlus Training, 0.5 % of whose
faces lie beyond each (benchmarks/covered.py); nothing was trained.  Hands and other things in front of a face have no
such mark: docs/measures.md has what passes.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Pixels = NDArray[np.uint8]

EYES = ((33, 133), (362, 263))
LIPS = (61, 291, 13, 14)
"""Landmarks of the corners of the right and the left eye, and of the mouth."""
WIDE, HIGH = 24, 16  # samples of a patch
EYE, MOUTH = 0.8, 0.95  # width of a patch, in distances between the eyes
HALF = 2  # by which a crop is shrunk before its samples are taken
LEAST_SPREAD = 5.0  # of a face's grey levels, below which it has no marks

DARK = 0.975
"""How far both eyes are darker than the face, in spreads (standard deviations) of its grey levels, to be covered."""
FLAT = 0.344
"""Standard deviation of the mouth's grey levels, in those of the face, below which it is covered."""


def covered(crop: Pixels, points: Array) -> bool:
    """Return whether the eyes or the mouth are covered in a crop (S, S, 3), by landmarks (478, 2) in its pixels."""
    dark, flat = marks(crop, points)
    return dark > DARK or flat < FLAT


def marks(crop: Pixels, points: Array) -> tuple[float, float]:
    """Return how much darker than the face the lighter eye is, and the spread of the mouth, in spreads of the face."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    side = len(grey) // HALF
    small = np.asarray(cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    face = small[side // 4 : -side // 4, side // 4 : -side // 4]
    spread = float(face.std())
    if spread < LEAST_SPREAD:
        return 0.0, 1.0
    at = (points[:, :2] - (HALF - 1) / 2) / HALF
    right, left = (at[list(corners)].mean(0) for corners in EYES)
    across = left - right
    eyes = [_patch(small, eye, across, EYE).mean() for eye in (right, left)]
    mouth = _patch(small, at[list(LIPS)].mean(0), across, MOUTH)
    return (float(face.mean()) - float(max(eyes))) / spread, float(mouth.std()) / spread


def _patch(grey: Pixels, centre: Array, across: Array, width: float) -> Array:
    """Return samples (HIGH, WIDE) around a point, along the line between the eyes, `width` of their distance wide."""
    step = across * (width / WIDE)
    axes = np.array([[step[0], -step[1]], [step[1], step[0]]], np.float32)
    corner = centre - axes @ np.array([(WIDE - 1) / 2, (HIGH - 1) / 2], np.float32)
    matrix = np.hstack([axes, corner[:, None]]).astype(np.float32)
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    out = cv2.warpAffine(grey, matrix, (WIDE, HIGH), flags=how, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, np.float32)
