"""Images that were stored on their side without saying so: which of four orientations shows the faces upright.

The detector finds fewer faces the more they are turned, and is less sure of them; its landmarks do not show it.  So the
orientation whose scores sum highest is taken.  docs/limits.md has the figures.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mien.face import Face

Pixels = NDArray[np.uint8]

CLEARLY = 1.05  # by which factor a turned image must be better than the image as it is


def upright(image: Pixels, detect: Callable[[Pixels], list[Face]]) -> tuple[int, Pixels, list[Face]]:
    """Return by how many degrees counter-clockwise to turn an image, the image turned, and the faces in it.

    As it is wins where no other orientation is clearly better, also where no face is found at all.
    """
    best = (0, image, detect(image))
    highest = sum(face.score for face in best[2]) * CLEARLY
    for quarters in (1, 2, 3):
        turned = np.ascontiguousarray(np.rot90(image, quarters))
        faces = detect(turned)
        if (total := sum(face.score for face in faces)) > highest:
            best, highest = (90 * quarters, turned, faces), total
    return best
