"""The parts of an image around known faces, at the size for detection.

A network that reads an image by cells gives nearly the same boxes for a part of it, as long as the part begins at a
cell and leaves room around the face.  So a face that was just seen is found again at a fraction of the time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.face import Face
from mien.inference.detectors.scaling import fit_factor

CELL = 32  # pixels of the network's largest cell
ROOM = 0.4  # around a face, in its larger side: boxes as in the whole image (benchmarks/LOG.md)
MAX_PART = 0.7  # of the image; regions that are larger together save nothing


@dataclass(frozen=True, eq=False)
class Region:
    """A part of an image at the size for detection.

    Attributes:
        pixels: uint8 RGB (H, W, 3).
        corner: where it begins, x y, and `ratio`, its pixels' size x y, both in pixels of the image.
        inner: whether its left, top, right and lower side lie within the image.
    """

    pixels: NDArray[np.uint8]
    corner: NDArray[np.float32]
    ratio: NDArray[np.float32]
    inner: NDArray[np.bool_]

    def cuts(self, box: NDArray[np.float32]) -> bool:
        """Return whether a box, x1 y1 x2 y2 in pixels of the region, reaches over one of its inner sides."""
        height, width = self.pixels.shape[:2]
        beyond = np.concatenate([box[:2] < 0, box[2:] > (width, height)])
        return bool((beyond & self.inner).any())


def regions(image: NDArray[np.uint8], faces: Sequence[Face]) -> list[Region] | None:
    """Return the regions of an image, uint8 RGB (H, W, 3), around faces; None where the whole image costs no more."""
    height, width = image.shape[:2]
    factor = fit_factor(height, width)
    if factor > 1 or not faces:
        return None
    whole = np.array([width, height]) * factor
    boxes = _apart([_around(face.box * np.float32(factor), whole) for face in faces])
    if sum((x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in boxes) > MAX_PART * whole.prod():
        return None
    return [_cut(image, box, factor) for box in boxes]


def _around(box: NDArray[np.float32], whole: NDArray[np.float64]) -> tuple[int, int, int, int]:
    """Return the cells around a face as x1 y1 x2 y2, in pixels at the size for detection."""
    room = ROOM * float((box[2:] - box[:2]).max())
    low = np.clip(np.floor((box[:2] - room) / CELL), 0, np.ceil(whole / CELL) - 1)
    high = np.clip(np.ceil((box[2:] + room) / CELL), low + 1, None)
    x1, y1, x2, y2 = (int(side) for side in np.concatenate([low * CELL, np.minimum(high * CELL, np.round(whole))]))
    return x1, y1, x2, y2


def _apart(boxes: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """Return boxes that do not overlap: those that do are joined.

    >>> _apart([(0, 0, 64, 64), (96, 0, 128, 32), (32, 32, 96, 96)])
    [(96, 0, 128, 32), (0, 0, 96, 96)]
    """
    out: list[tuple[int, int, int, int]] = []
    for x1, y1, x2, y2 in boxes:
        while touching := [box for box in out if box[0] < x2 and x1 < box[2] and box[1] < y2 and y1 < box[3]]:
            out = [box for box in out if box not in touching]
            joined = np.array([*touching, (x1, y1, x2, y2)])
            x1, y1 = (int(side) for side in joined[:, :2].min(0))
            x2, y2 = (int(side) for side in joined[:, 2:].max(0))
        out.append((x1, y1, x2, y2))
    return out


def _cut(image: NDArray[np.uint8], box: tuple[int, int, int, int], factor: float) -> Region:
    height, width = image.shape[:2]
    x1, y1, x2, y2 = box
    left, top = round(x1 / factor), round(y1 / factor)
    right, low = min(width, round(x2 / factor)), min(height, round(y2 / factor))
    part, size = image[top:low, left:right], (x2 - x1, y2 - y1)
    pixels = part if factor == 1 else cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    ratio = np.array([(right - left) / size[0], (low - top) / size[1]], np.float32)
    inner = np.array([left > 0, top > 0, right < width, low < height])
    return Region(np.asarray(pixels, np.uint8), np.array([left, top], np.float32), ratio, inner)
