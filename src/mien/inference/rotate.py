"""Images stored on their side without EXIF: which of four orientations shows the faces upright.

The detector finds fewer faces the more they are rotated, with lower scores; its landmarks do not show the rotation.  So
the orientation with the highest sum of scores is taken.  docs/limits.md has the measurements.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mien.face import Face

Pixels = NDArray[np.uint8]

MIN_GAIN = 1.05  # factor by which the scores of a rotated image must exceed those of the original


def upright(image: Pixels, detect: Callable[[Pixels], list[Face]]) -> tuple[int, Pixels, list[Face]]:
    """Return the counter-clockwise rotation in degrees, the rotated image, and its faces.

    The original is kept unless another orientation is clearly better, and when there is no face.
    """
    best = (0, image, detect(image))
    highest = sum(face.score for face in best[2]) * MIN_GAIN
    for quarters in (1, 2, 3):
        rotated = turned(image, 90 * quarters)
        faces = detect(rotated)
        if (total := sum(face.score for face in faces)) > highest:
            best, highest = (90 * quarters, rotated, faces), total
    return best


def turned(image: Pixels, degrees: int) -> Pixels:
    """Return an image rotated counter-clockwise by 0, 90, 180 or 270 degrees.

    >>> turned(np.arange(6, dtype=np.uint8).reshape(1, 2, 3), 90).shape
    (2, 1, 3)
    """
    return np.ascontiguousarray(np.rot90(image, degrees // 90))
