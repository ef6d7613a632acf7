"""The size at which detectors look: a copy whose long side is at most 640 pixels, as measured best for YuNet."""

import cv2
import numpy as np
from numpy.typing import NDArray

LONG_SIDE = 640


def shrink(image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return a copy with a long side of at most 640 px, and float32 (2,) original pixels per copied pixel (x, y).

    >>> small, ratio = shrink(np.zeros((100, 1280, 3), np.uint8))
    >>> small.shape, ratio.tolist()
    ((50, 640, 3), [2.0, 2.0])
    """
    height, width = image.shape[:2]
    factor = min(1.0, LONG_SIDE / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    small = image if factor == 1.0 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), np.array([width / size[0], height / size[1]], np.float32)
