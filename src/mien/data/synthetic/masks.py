"""Which pixels of a face image are face: a soft oval, or the data set's own mask, cleaned.

Masks are uint8, 0 to 255, so that their edges may be soft.
"""

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]

FULL = 128
"""Side in pixels at which a mask is cleaned."""

KERNEL = np.ones((7, 7), np.uint8)

OVAL = (0.5, 0.49, 0.42, 0.50)
"""Centre and half-axes of the oval as fractions of the side: (across, down, across, down).  It leaves out the corners,
which show shoulders, other people's hair and the background of the source image."""


def oval(side: int, soft: float = 0.2) -> Mask:
    """Return a filled oval, uint8 (side, side), whose edge falls from 255 to 0 over the fraction `soft` of its radius.

    >>> mask = oval(48)
    >>> mask[24, 24].item(), mask[0, 0].item()
    (255, 0)
    """
    x, y, across, down = OVAL
    place = (np.arange(side) + 0.5) / side
    radius = np.hypot((place[None] - x) / across, (place[:, None] - y) / down)
    inside = np.clip((1 - radius) / soft, 0, 1)
    return np.rint(255 * inside * inside * (3 - 2 * inside)).astype(np.uint8)  # smoothstep: no visible rim


def cleaned(mask: Mask) -> Mask:
    """Return a mask without cracks, fringe and holes, uint8 (128, 128) of 0 and 255.

    Closed and eroded by 7x7 pixels at a side of 128, then its holes are filled.
    """
    import cv2

    full = cv2.resize(mask, (FULL, FULL), interpolation=cv2.INTER_LINEAR)
    binary = np.pad((full >= 128).astype(np.uint8), 8)  # the padding keeps the border of the image from eroding
    eroded = cv2.erode(cv2.morphologyEx(binary, cv2.MORPH_CLOSE, KERNEL), KERNEL)
    outside = eroded.copy()
    cv2.floodFill(outside, None, (0, 0), (2,))
    return np.where(outside[8:-8, 8:-8] == 2, 0, 255).astype(np.uint8)
