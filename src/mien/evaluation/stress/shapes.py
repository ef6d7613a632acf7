"""Covers: how much of every pixel a shape hides, for shapes given relative to an image, so of any size alike."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
"""x and y relative to the image's width and height; beyond 0 and 1 is outside."""
Cover = NDArray[np.float32]
"""float32 (H, W, 1), from 0 (seen) to 1 (hidden)."""
Scale = Callable[[Sequence[Point]], NDArray[np.int32]]

LARGE = 480  # pixels of the shorter side that shapes are drawn in, before they are averaged down for smooth edges


def polygon(shape: Sequence[int], corners: Sequence[Point]) -> Cover:
    """Return the cover of a polygon on images of shape (N, H, W, C)."""
    return _drawn(shape, lambda sheet, scale: cv2.fillPoly(sheet, [scale(corners)], 1.0))


def lines(shape: Sequence[int], ends: Sequence[tuple[Point, Point]], thick: float = 0.022) -> Cover:
    """Return the cover of straight lines, `thick` of the image's height."""

    def draw(sheet: NDArray[np.float32], scale: Scale) -> None:
        for pair in ends:
            first, last = scale(pair).tolist()
            cv2.line(sheet, first, last, 1.0, max(1, round(thick * len(sheet))))

    return _drawn(shape, draw)


def ellipse(shape: Sequence[int], centre: Point, half: Point) -> Cover:
    """Return the cover of an upright ellipse with the half axes `half`."""

    def draw(sheet: NDArray[np.float32], scale: Scale) -> None:
        (x, y), (across, down) = scale([centre, half]).tolist()
        cv2.ellipse(sheet, (x, y), (across, down), 0, 0, 360, 1.0, -1)

    return _drawn(shape, draw)


def _drawn(shape: Sequence[int], draw: Callable[[NDArray[np.float32], Scale], object]) -> Cover:
    height, width = shape[1:3]
    times = -(-LARGE // min(height, width))
    sheet = np.zeros((height * times, width * times), np.float32)
    size = np.array([sheet.shape[1], sheet.shape[0]])
    draw(sheet, lambda points: np.round(np.array(points) * size).astype(np.int32))
    return cv2.resize(sheet, (width, height), interpolation=cv2.INTER_AREA)[..., None].astype(np.float32)
