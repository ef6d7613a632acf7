"""The image size for detection.

Large images are shrunk to a long side of 640 pixels, measured best for YuNet.  Small ones are enlarged up to four
times towards 192: YuNet finds the face in 65 % of FER2013's 48-pixel images as they are and in 97 % enlarged, and
none in 360 patches of photos without faces either way.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

LONG_SIDE = 640
SMALL_SIDE = 192
MAX_ENLARGEMENT = 4.0


def fit_factor(height: int, width: int) -> float:
    """Return by how much an image of this size is enlarged for detection.

    >>> fit_factor(720, 1280), fit_factor(24, 48)
    (0.5, 4.0)
    """
    longest = max(height, width)
    return min(LONG_SIDE / longest, max(1.0, min(MAX_ENLARGEMENT, SMALL_SIDE / longest)))


def fit(image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return an image at the size for detection, and float32 (2,) original pixels per resized pixel (x, y).

    >>> fitted, ratio = fit(np.zeros((100, 1280, 3), np.uint8))
    >>> fitted.shape, ratio.tolist()
    ((50, 640, 3), [2.0, 2.0])
    """
    height, width = image.shape[:2]
    factor = fit_factor(height, width)
    if factor == 1.0:
        return image, np.ones(2, np.float32)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    fitted = cv2.resize(image, size, interpolation=how)
    return np.asarray(fitted, np.uint8), np.array([width / size[0], height / size[1]], np.float32)
