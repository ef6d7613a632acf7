"""From a detector's box to the crop for the weights.  The only code that crops and converts to grey.

FER2013 frames a face more tightly or loosely than a detector does, so each framing defines, for each detector, the
square to cut around its box.  The constants are measured: `benchmarks/framing.py` runs each detector on upscaled
Training images of FER2013, takes the median box inside the 48x48 frame and inverts it.  It then detects and crops the
val images again and prints the accuracy of the shipped weights beside that on the raw pixels of the same faces, with
pixels beyond the image repeating its edge, as here, and black.  Run it again when the shipped weights change.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Framing:
    """A square around a box: side in units of the root of the box's area, centre offset in units of that side.

    `whole` framings have no scale: the box itself is the crop, stretched to a square.
    """

    scale: float | None = None
    right: float = 0.0
    down: float = 0.0


FRAMINGS: dict[str, dict[str, Framing]] = {
    "fer2013": {
        "yunet": Framing(1.101, 0.0, -0.01),
        "haar": Framing(1.038, 0.0, 0.005),
        "whole": Framing(),
    },
}
"""Framing by the card's `framing`, then by detector."""

SAMPLING = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


def window(box: NDArray[np.float32], framing: Framing) -> tuple[float, float, float, float]:
    """Return the x1 y1 x2 y2 to cut for a detector's box, in its pixels; it may reach beyond the image.

    >>> window(np.array([10, 10, 30, 30], np.float32), Framing(2.0, 0.25, 0.0))
    (10.0, 0.0, 50.0, 40.0)
    """
    x1, y1, x2, y2 = box.tolist()
    if framing.scale is None:
        return x1, y1, x2, y2
    side = framing.scale * math.sqrt(max(x2 - x1, 1.0) * max(y2 - y1, 1.0))
    x = (x1 + x2) / 2 + framing.right * side
    y = (y1 + y2) / 2 + framing.down * side
    return x - side / 2, y - side / 2, x + side / 2, y + side / 2


def square(box: NDArray[np.float32], framing: Framing) -> NDArray[np.float32] | None:
    """Return the square that `crop` cuts, float32 (3,): x y of its top left corner and its side, in the box's pixels.

    None where the crop is not a square.  Every square here is upright; a framing that rotates the face needs a further
    field of Face, because x, y and side do not show a rotation.

    >>> square(np.array([10, 10, 30, 30], np.float32), Framing(2.0, 0.25, 0.0)).tolist()
    [10.0, 0.0, 40.0]
    """
    x1, y1, x2, y2 = window(box, framing)
    if abs((x2 - x1) - (y2 - y1)) > 1e-3 * (x2 - x1):
        return None
    return np.array([x1, y1, x2 - x1], np.float32)


def crop(
    image: NDArray[np.uint8], box: NDArray[np.float32], framing: Framing, size: int, channels: int
) -> NDArray[np.uint8]:
    """Cut a face out of an image for the weights.

    Shrinking averages areas, enlarging is bilinear; pixels beyond the image repeat its edge.

    Args:
        image: uint8 RGB (H, W, 3).
        box: float32 (4,), the detector's box in pixels of the image; it may reach beyond the image.
        framing: which square to cut around the box.
        size: side of the crop in pixels.
        channels: 1 for grey, 3 for RGB.

    Returns:
        uint8 (size, size, channels).
    """
    x1, y1, x2, y2 = window(box, framing)
    across, along = (x2 - x1) / size, (y2 - y1) / size
    if min(across, along) > 1:
        whole_pixels = _cut(image, round(x1), round(y1), round(x2), round(y2), channels)
        out = cv2.resize(whole_pixels, (size, size), interpolation=cv2.INTER_AREA)
    else:  # sample at the centres of the crop's pixels, to a fraction of the image's, with a pixel to spare around
        left, top = int(np.floor(x1)) - 1, int(np.floor(y1)) - 1
        patch = _cut(image, left, top, int(np.ceil(x2)) + 1, int(np.ceil(y2)) + 1, channels)
        centre = x1 - left + (across - 1) / 2, y1 - top + (along - 1) / 2
        shift = np.array([[across, 0, centre[0]], [0, along, centre[1]]], np.float32)
        out = cv2.warpAffine(patch, shift, (size, size), flags=SAMPLING, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, np.uint8).reshape(size, size, channels)


def crops(
    image: NDArray[np.uint8], boxes: Sequence[NDArray[np.float32]], framing: Framing, size: int, channels: int
) -> NDArray[np.uint8]:
    """Return uint8 (N, size, size, channels), one `crop` per box; N may be 0."""
    out = np.empty((len(boxes), size, size, channels), np.uint8)
    for row, box in zip(out, boxes, strict=True):
        row[:] = crop(image, box, framing, size, channels)
    return out


def _cut(image: NDArray[np.uint8], x1: int, y1: int, x2: int, y2: int, channels: int) -> NDArray[np.uint8]:
    # whole pixels of the image; those beyond it repeat its edge
    height, width = image.shape[:2]
    top, low, above, below = _within(y1, y2, height)
    left, right, before, after = _within(x1, x2, width)
    patch = image[top:low, left:right]
    if channels == 1:
        patch = np.asarray(cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY), np.uint8)
    if above or below or before or after:
        patch = np.asarray(cv2.copyMakeBorder(patch, above, below, before, after, cv2.BORDER_REPLICATE), np.uint8)
    return patch


def _within(low: int, high: int, size: int) -> tuple[int, int, int, int]:
    """Return the part of low..high in 0..size, at least one pixel of it, and how many lie before and after it.

    >>> _within(-3, 4, 10), _within(2, 12, 10), _within(-5, -2, 10), _within(12, 15, 10)
    ((0, 4, 3, 0), (2, 10, 0, 2), (0, 1, 2, 0), (9, 10, 0, 2))
    """
    start = min(max(low, 0), size - 1)
    end = max(min(high, size), start + 1)
    outside = high - low - (end - start)
    after = min(max(high - end, 0), outside)
    return start, end, outside - after, after
