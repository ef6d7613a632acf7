"""An occlusion map by parts of the face, placed by the detector's five landmarks."""

import numpy as np
from numpy.typing import NDArray

PARTS: dict[str, tuple[float, float]] = {
    "forehead": (0.0, -0.75),
    "right brow": (-0.5, -0.35),
    "left brow": (0.5, -0.35),
    "right eye": (-0.5, 0.0),
    "left eye": (0.5, 0.0),
    "nose": (0.0, 0.5),
    "right cheek": (-0.65, 0.6),
    "left cheek": (0.65, 0.6),
    "mouth": (0.0, 1.0),
    "chin": (0.0, 1.5),
}
"""Middle of each part (right and left are the subject's): sideways in distances between the eyes, and down in distances
from the eyes to the mouth."""

OUTSIDE = "around the face"
REACH = 0.7
"""How far a part reaches from its middle, in those distances; what is farther from all is around the face."""


def by_part(heat: NDArray[np.float32], points: NDArray[np.float32]) -> dict[str, float]:
    """Return the mean of a map over each part of the face that is on it, strongest support first.

    Args:
        heat: float32 (size, size).
        points: the five landmarks, float32 (5, 2), in pixels of the map.
    """
    names = np.array([*PARTS, OUTSIDE])[_nearest(len(heat), points)]
    means = {name: float(heat[names == name].mean()) for name in (*PARTS, OUTSIDE) if (names == name).any()}
    return dict(sorted(means.items(), key=lambda pair: -pair[1]))


def _nearest(size: int, points: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the index of the part that each pixel is in, (size, size)."""
    right, left, mouth = points[0], points[1], points[3:].mean(0)
    middle, across = (right + left) / 2, left - right
    down = mouth - middle
    axes = np.stack([across, down], 1)
    if abs(np.linalg.det(axes)) < 1:  # a profile, or points that are not a face's: nothing to measure along
        return np.full((size, size), len(PARTS))
    pixels = np.stack(np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5), -1)
    own = (pixels - middle) @ np.linalg.inv(axes).T
    distances = np.linalg.norm(own[:, :, None] - np.array(list(PARTS.values())), axis=-1)
    return np.where(distances.min(-1) < REACH, distances.argmin(-1), len(PARTS))
