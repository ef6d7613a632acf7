"""Images resized by the rule of `mien.inference.align.crop`: area averaging when shrinking, else bilinear.

Plain numpy, so that training on packed arrays needs no OpenCV.  Each axis is one small matrix, so a thousand images
need two products.
"""

import math

import numpy as np
from numpy.typing import NDArray

MAX_CHUNK, CHUNK_VALUES = 1024, 2**24
"""Images and pixel values resized at once, at most, which bounds the memory."""


def resize(images: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Return uint8 (N, size, size, C) from uint8 (N, H, W, C), stretched where they are not square.

    >>> resize(np.array([[0, 100], [100, 200]], np.uint8).reshape(1, 2, 2, 1), 1).ravel().tolist()
    [100]
    """
    count, height, width, channels = images.shape
    if (height, width) == (size, size):
        return images
    out = np.empty((count, size, size, channels), np.uint8)
    down, across = weights(height, size), weights(width, size)
    chunk = chunk_of(images.shape)
    for start in range(0, count, chunk):
        part = np.asarray(images[start : start + chunk], np.float32)
        moved = np.tensordot(np.tensordot(part, across, (2, 1)), down, (1, 1))  # (n, c, across, down)
        out[start : start + chunk] = np.rint(moved, moved).transpose(0, 3, 2, 1)
    return out


def chunk_of(shape: tuple[int, ...]) -> int:
    """Return how many images of a shape (N, H, W, C) are resized at once.

    Parts that begin at a multiple of it are resized to the bit as in the whole.

    >>> chunk_of((9, 48, 48, 1)), chunk_of((9, 224, 224, 3))
    (1024, 111)
    """
    return max(1, min(MAX_CHUNK, CHUNK_VALUES // math.prod(shape[1:])))


def weights(length: int, size: int) -> NDArray[np.float32]:
    """Return float32 (size, length): the weight of each pixel of an axis in each new one; rows sum to one.

    >>> weights(2, 3).round(3).tolist()
    [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]
    """
    scale, place = length / size, np.arange(size)[:, None]
    pixels = np.arange(length)
    if scale > 1:  # the part of each pixel that lies under the new one
        covered = np.minimum((place + 1) * scale, pixels + 1) - np.maximum(place * scale, pixels)
        return np.asarray(covered.clip(0) / scale, np.float32)
    centre = np.clip((place + 0.5) * scale - 0.5, 0, length - 1)  # beyond the outermost centres the edge repeats
    return np.asarray((1 - np.abs(centre - pixels)).clip(0), np.float32)
