"""An occlusion map on the image: warm where it speaks for the expression, blue where it speaks against it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.inference.explain.explanation import Explained, Explanation
from mien.inference.output.draw import annotate

FOR, AGAINST = (226, 66, 40), (38, 92, 214)
"""Colours, RGB."""

OPAQUE = 0.72
"""How much of the image the strongest value hides."""


def drawn(explained: Explained) -> NDArray[np.uint8]:
    """Return the image with the map of every explained face and its prediction, uint8 RGB (H, W, 3)."""
    image = explained.image
    for one in explained.faces:
        image = overlaid(image, one)
    return annotate(image, [one.face for one in explained.faces])


def overlaid(image: NDArray[np.uint8], one: Explanation) -> NDArray[np.uint8]:
    """Return an image with the map of one face laid over its crop, uint8 RGB (H, W, 3)."""
    x1, y1, x2, y2 = (round(v) for v in one.window)
    heat = cv2.resize(one.heat, (max(1, x2 - x1), max(1, y2 - y1)), interpolation=cv2.INTER_CUBIC)
    strength = np.clip(heat / (np.abs(one.heat).max() or 1.0), -1, 1)[..., None]
    (top, left), (height, width) = (max(0, y1), max(0, x1)), image.shape[:2]
    inside = strength[top - y1 : height - y1, left - x1 : width - x1]
    colour = np.where(inside > 0, np.array(FOR, np.float32), np.array(AGAINST, np.float32))
    out = image.copy()
    under = out[top : top + inside.shape[0], left : left + inside.shape[1]]
    alpha = OPAQUE * np.abs(inside)
    under[:] = np.rint(under * (1 - alpha) + colour * alpha)
    return out
