"""The rotated square in which the mesh of a face is read.

Its sides follow the line between the eyes, and are 1.5 times the larger side of the face: of the detector's box at
first, then of the landmarks.  Source: MediaPipe's face landmarker, whose network was trained on such squares.
"""

from dataclasses import dataclass
from math import atan2, cos, floor, hypot, remainder, sin, tau

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

SIZE = 256  # pixels of a crop's side
ROOM = 1.5  # side of the square in sides of the face
OUTER_CORNERS = (33, 263)  # of the subject's right and left eye, among the landmarks


@dataclass(frozen=True)
class Square:
    """A square in an image: its centre and side in pixels, and its angle in radians, clockwise as seen."""

    x: float
    y: float
    side: float
    angle: float

    @property
    def axes(self) -> Array:
        """float32 (2, 2): the directions of its upper and its left side in the image, as rows."""
        c, s = cos(self.angle), sin(self.angle)
        return np.array([[c, s], [-s, c]], np.float32)

    @property
    def reach(self) -> float:
        """How far the square reaches from its centre, to the sides and up and down, in pixels."""
        return self.side * (abs(cos(self.angle)) + abs(sin(self.angle))) / 2

    def within(self, image: NDArray[np.uint8]) -> bool:
        """Return whether all of the square lies in an image (H, W, 3)."""
        height, width = image.shape[:2]
        return bool(self.reach <= min(self.x, self.y, width - self.x, height - self.y))

    def crop(self, image: NDArray[np.uint8], border: int) -> NDArray[np.uint8]:
        """Return the square as uint8 (256, 256, 3), upright; beyond the image it is as OpenCV's `border` says.

        Only the pixels around the square are read.  One that is more than twice as large is shrunk before by a whole
        number, because single pixels of it would give noise.
        """
        step = max(1, min(floor(self.side / SIZE), *image.shape[:2]))
        left, top = 0.0, 0.0
        if step > 1:
            image, left, top = self._shrunk(image, step)
        scale = self.side / SIZE
        # as in training, index u of the crop shows index corner + u * scale of the image: not half a pixel on
        turn = self.axes.T * np.float32(scale / step)
        middle = (np.array([self.x - left, self.y - top]) - (step - 1) / 2) / step
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        matrix = np.hstack([turn, (middle - turn @ np.full(2, SIZE / 2))[:, None]]).astype(np.float32)
        out = cv2.warpAffine(image, matrix, (SIZE, SIZE), flags=how, borderMode=border)
        return np.asarray(out, np.uint8)

    def _shrunk(self, image: NDArray[np.uint8], step: int) -> tuple[NDArray[np.uint8], float, float]:
        """Return the image around the square at 1/step of its size, and the corner at which that begins."""
        height, width = image.shape[:2]
        reach = self.reach + step
        left, top = (int(np.clip(at - reach, 0, side - step)) for at, side in ((self.x, width), (self.y, height)))
        right, low = (int(np.clip(at + reach, step, side)) for at, side in ((self.x, width), (self.y, height)))
        across, along = max(1, (right - left) // step), max(1, (low - top) // step)
        patch = image[top : top + along * step, left : left + across * step]
        return np.asarray(cv2.resize(patch, (across, along), interpolation=cv2.INTER_AREA), np.uint8), left, top

    def within_crop(self, points: Array) -> Array:
        """Return points (N, 2 or more) of the image in pixels of the crop, (N, 2): `placed` undone."""
        flat = (points[:, :2] - np.array([self.x, self.y], np.float32)) @ self.axes.T
        return (flat * np.float32(SIZE / self.side) + np.float32(SIZE / 2)).astype(np.float32)

    def placed(self, points: Array) -> Array:
        """Return points (N, 3) of the crop in pixels of the image; depth is brought to the same scale."""
        scale = np.float32(self.side / SIZE)
        flat = (points[:, :2] - np.float32(SIZE / 2)) @ self.axes * scale + np.array([self.x, self.y], np.float32)
        return np.hstack([flat, points[:, 2:] * scale]).astype(np.float32)


def of_box(box: Array, eyes: Array | None) -> Square:
    """Return the square of a detector's box (4,), along the eye line of its eyes (right, left, ...) if there are any.

    >>> of_box(np.array([10, 20, 50, 80], np.float32), None)
    Square(x=30.0, y=50.0, side=90.0, angle=0.0)
    """
    x1, y1, x2, y2 = (float(value) for value in box)
    angle = 0.0 if eyes is None else atan2(float(eyes[1, 1] - eyes[0, 1]), float(eyes[1, 0] - eyes[0, 0]))
    return Square((x1 + x2) / 2, (y1 + y2) / 2, ROOM * max(x2 - x1, y2 - y1, 1.0), angle)


def of_points(points: Array) -> Square:
    """Return the square of landmarks (478, 3) in pixels of an image: of their upright box, as the network's was."""
    (x1, y1), (x2, y2) = points[:, :2].min(0), points[:, :2].max(0)
    return of_box(np.array([x1, y1, x2, y2], np.float32), points[OUTER_CORNERS, :2])


def moved(before: Square, after: Square) -> float:
    """Return how far a square moved or how much it grew, in its sides, or turned, in radians: the largest of these.

    >>> moved(Square(0, 0, 10, 0), Square(3, 4, 10, 0)), moved(Square(0, 0, 10, 3.1), Square(0, 0, 15, -3.1))
    (0.5, 0.5)
    """
    turn = remainder(after.angle - before.angle, tau)
    shift = hypot(after.x - before.x, after.y - before.y) / before.side
    return max(shift, abs(after.side / before.side - 1), abs(turn))
