"""Head pose and distance: the rotation, scale and place at which a canonical face looks like the landmarks.

The landmarks have a depth without a scale.  So the scale is estimated twice: first from the landmarks as they are, in
perspective, then from the landmarks brought to centimetres with it.  The camera is assumed to have a vertical field of
view of 63 degrees, and to look at the middle of the image.
Source: MediaPipe's face geometry (`geometry_pipeline.cc`, `procrustes_solver.cc`), Apache-2.0, written again in numpy.
"""

from dataclasses import dataclass
from math import asin, atan2, degrees, radians, tan

import numpy as np
from numpy.typing import NDArray

from mien.inference.measures.files import Template

Points = NDArray[np.float64]

FIELD_OF_VIEW = 63.0  # degrees from the top of an image to its bottom
MESH = 468  # landmarks of the face itself; those of the irises follow


@dataclass(frozen=True)
class Pose:
    """A head: yaw, pitch and roll in degrees as in `Measures`, and its distance in centimetres."""

    yaw: float
    pitch: float
    roll: float
    distance: float

    @property
    def turned(self) -> float:
        """Degrees between the direction of the face and the camera's axis.

        >>> round(Pose(30, 0, 90, 50).turned, 6), round(Pose(60, 60, 0, 50).turned, 3)
        (30.0, 75.522)
        """
        forward = np.cos(np.radians([self.yaw, self.pitch])).prod()
        return degrees(float(np.arccos(np.clip(forward, -1, 1))))


def pose(points: NDArray[np.float32], width: int, height: int, template: Template) -> Pose:
    """Return the pose of a head from its landmarks (478, 3), in pixels of an image of this size."""
    screen = _on_near_plane(points[:MESH].astype(np.float64), width, height)
    depth = float(screen[:, 2].mean())
    chosen = screen[template.points]
    flat = chosen * (1, 1, -1)
    first = _scale(template, flat)
    second = _scale(template, _metric(chosen, depth, first))
    rotation, _, place = procrustes(template.vertices, _metric(chosen, depth, first * second), template.weights)
    return Pose(*angles(rotation), distance=float(np.linalg.norm(place)))


def angles(rotation: Points) -> tuple[float, float, float]:
    """Return yaw, pitch and roll in degrees of a rotation (3, 3), which is by the pitch, then the yaw, then the roll.

    So an image that is rotated about its middle changes roll alone.

    >>> turned = np.array([[0.5, 0, 0.75**0.5], [0, 1, 0], [-(0.75**0.5), 0, 0.5]])
    >>> [round(angle) for angle in angles(turned)]
    [60, 0, 0]
    """
    yaw = asin(float(np.clip(-rotation[2, 0], -1, 1)))
    pitch = -atan2(float(rotation[2, 1]), float(rotation[2, 2]))
    roll = -atan2(float(rotation[1, 0]), float(rotation[0, 0]))
    return degrees(yaw), degrees(pitch), degrees(roll)


def procrustes(source: Points, target: Points, weights: NDArray[np.float64]) -> tuple[Points, float, Points]:
    """Return rotation (3, 3), scale and translation (3,) that bring points (N, 3) nearest to others, weighted (N,).

    >>> square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 1]], float)
    >>> rotation, scale, shift = procrustes(square, 2 * square + 3, np.ones(4))
    >>> rotation.round(6).tolist() == np.eye(3).tolist(), round(scale, 6), shift.round(6).tolist()
    (True, 2.0, [3.0, 3.0, 3.0])
    """
    share = (weights / weights.sum())[:, None]
    middle, there = (share * source).sum(0), (share * target).sum(0)
    centred = source - middle
    u, _, v = np.linalg.svd((share * (target - there)).T @ centred)
    u[:, 2] *= np.sign(np.linalg.det(u) * np.linalg.det(v))  # a rotation, never a reflection
    rotation = u @ v
    scale = float((share * (centred @ rotation.T) * target).sum() / (share * centred * source).sum())
    return rotation, scale, there - scale * rotation @ middle


def _on_near_plane(points: Points, width: int, height: int) -> Points:
    """Return landmarks on a plane at distance 1 before the camera: x to the right, y up, z as they are scaled."""
    pixel = 2 * tan(radians(FIELD_OF_VIEW / 2)) / height
    return np.stack([points[:, 0] - width / 2, height / 2 - points[:, 1], points[:, 2]], 1) * pixel


def _metric(screen: Points, depth: float, scale: float) -> Points:
    """Return points of the near plane in centimetres: x to the right, y up, z towards the camera, which is at 0."""
    far = (screen[:, 2:] - depth + 1) / scale
    return np.hstack([screen[:, :2] * far, -far])


def _scale(template: Template, target: Points) -> float:
    return procrustes(template.vertices, target, template.weights)[1]
