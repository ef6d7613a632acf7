"""Match the lightness of a face to that of its background, in CIE Lab (D65, sRGB pixels)."""

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

MIN_FACTOR, MAX_FACTOR = 0.5, 1.5
"""Bounds of the factor on L."""

KNEE = 75.0
"""L above which a brightened face is compressed, so that its highlights keep their shape."""


def lightness(grey: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return CIE L, 0 to 100, of grey sRGB values from 0 to 255.

    >>> lightness(np.array([0.0, 119, 255])).round(1).tolist()
    [0.0, 50.0, 100.0]
    """
    value = np.asarray(grey, np.float64) / 255
    linear = np.where(value > 0.04045, ((value + 0.055) / 1.055) ** 2.4, value / 12.92)
    return np.where(linear > 216 / 24389, 116 * np.cbrt(linear) - 16, linear * 24389 / 27)


L_OF = lightness(np.arange(256.0)).astype(np.float32)
"""L by grey value; monotonic, so it can be inverted."""


def match_lightness(face: Pixels, mask: Pixels, back: Pixels) -> Pixels:
    """Return a face, uint8 (H, W, C), whose L is multiplied so that its mean under the mask nears the background's.

    mask uint8 (H, W, 1) weighs the face's pixels, back uint8 (h, w, C) counts as a whole; the factor is 0.5 to 1.5.

    >>> plain = np.full((4, 4, 1), 119, np.uint8)
    >>> match_lightness(plain, plain, np.full((4, 4, 1), 94, np.uint8))[0, 0, 0].item()
    94
    """
    if face.shape[-1] == 1:
        ratio = _ratio(L_OF[face], mask, L_OF[back])
        return np.asarray(np.rint(np.interp(_scaled(L_OF, ratio), L_OF, np.arange(256))).astype(np.uint8)[face])
    lab, behind = (_to_lab(image) for image in (face, back))
    ratio = _ratio(lab[..., :1], mask, behind[..., :1])
    lab[..., 0] = _scaled(lab[..., 0], ratio)
    return np.asarray(np.rint(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB).clip(0, 1) * 255), np.uint8)


def _to_lab(image: Pixels) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def _scaled(values: NDArray[np.float32], ratio: float) -> NDArray[np.float32]:
    """Return L times the factor; values above `KNEE` approach 100 instead of being clipped."""
    scaled = values * np.float32(ratio)
    if ratio <= 1:
        return scaled
    headroom = 100 - KNEE
    return np.where(scaled > KNEE, KNEE + headroom * np.tanh((scaled - KNEE) / headroom), scaled).astype(np.float32)


def _ratio(face: NDArray[np.float32], mask: Pixels, back: NDArray[np.float32]) -> float:
    total = float(mask.sum(dtype=np.int64))
    mean = float((face * mask).sum()) / total if total else 0.0
    return float(np.clip(back.mean() / mean, MIN_FACTOR, MAX_FACTOR)) if mean > 0 else 1.0
