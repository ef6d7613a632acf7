"""Pixels of any mode, depth and sign to 8-bit grey or colour, as a viewer shows them.

Values of more than 8 bits need a full scale.  The file states it (a TIFF's BitsPerSample or MaxSampleValue), else it is
the smallest common one that holds the largest value: 1 (floats), 8, 10, 12, 14, 16 or 32 bits.  When an image would use
less than a sixteenth of that scale, it is scaled to its own largest value.  So a 12-bit scan in 16-bit values is as
bright as it was scanned, but a nearly black 16-bit image is brightened; the note reports it.  Negative values have no
brightness and are refused, except for a float's small overshoot.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]

BITS, PHOTOMETRIC, MAX_VALUE, PLANAR, SAMPLE_FORMAT = 258, 262, 281, 284, 339  # TIFF tags
SCALES = tuple(float(2**bits - 1) for bits in (8, 10, 12, 14, 16, 32))
UNREMARKABLE_SCALES = frozenset((1.0, *SCALES, *(2.0**bits - 1 for bits in (7, 15, 31))))
"""Values of white that need no note: for floats, and for unsigned and signed integers."""
MIN_USED = 1 / 16  # fraction of a full scale that an image must use
OVERSHOOT = 0.1  # fraction of the full scale that filters leave below zero in floats
BAND = 1 << 22  # values scaled or pixels flattened at once


def rgb(image: Image.Image, smaller: int = 1) -> tuple[Image.Image, str]:
    """Return a loaded image of any mode as "L" or "RGB", over white, at a fraction of its size, and a note.

    ValueError for negative values.
    """
    if image.mode in ("I", "F") or image.mode.startswith("I;16") or _format(image) == 2:
        image, note = _deep(image)
    else:
        note = ""
    if image.mode in ("L", "RGB") and not image.has_transparency_data:
        return image.reduce(smaller) if smaller > 1 else image, note
    return _bands(image, smaller), note


def misread(image: Image.Image, rawmode: str) -> bool:
    """Return whether Pillow lost the values of a loaded image of 16-bit colours.

    Pillow keeps the upper eight bits, which are nearly 0 when only the lower 14 or fewer are used.  ValueError for a
    TIFF with separate colour planes: Pillow and OpenCV both mix them up.
    """
    if image.mode not in ("RGB", "RGBA"):
        return False
    if _tag(image, PLANAR, 1) == 2 and _tag(image, BITS, 8) == 16:
        raise ValueError("its 16-bit colours are stored apart; store them together")
    return ";16" in rawmode and 0 < max(high for _, high in image.getextrema()[:3]) < 64  # type: ignore[misc]


def colours(data: bytes) -> tuple[Image.Image, str]:
    """Return the 16-bit colours of a TIFF or PNG, given as its bytes, as "RGB" or "RGBA", and a note on their scale."""
    import cv2

    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16 or values.ndim != 3:
        raise ValueError("its 16-bit colours are stored in a way that is not read")
    highest = float(values[..., :3].max())
    full = full_scale(highest, floats=False)
    parts = [eight_bits(values[..., 2::-1], full)]
    if values.shape[2] == 4:
        parts.append(eight_bits(values[..., 3:], full_scale(float(values[..., 3].max()), floats=False)))
    note = "" if full == SCALES[-2] else f"16-bit values up to {highest:g} read as 0 to {full:g}"
    return Image.fromarray(np.concatenate(parts, 2)), note


def eight_bits(values: NDArray[Any], full: float, inverted: bool = False) -> Pixels:
    """Return values scaled so that `full` is white, or black when `inverted`.

    >>> eight_bits(np.array([[0, 257, 65535]], np.uint16), 65535.0).tolist()
    [[0, 1, 255]]
    """
    out = np.empty(values.shape, np.uint8)
    rows = max(1, BAND // max(1, values[:1].size))
    for top in range(0, len(values), rows):
        band = np.nan_to_num(values[top : top + rows].astype(np.float32), posinf=full, neginf=0) * np.float32(
            255.0 / full
        )
        band = np.clip(np.rint(band), 0, 255)
        out[top : top + rows] = 255 - band if inverted else band
    return out


def full_scale(highest: float, floats: bool, signed: int = 0) -> float:
    """Return the value of white for a file that does not state it, from its highest value.

    `signed` is the number of bits of signed values.

    >>> full_scale(0.9, floats=True), full_scale(4000.0, floats=False), full_scale(3e5, floats=False)
    (1.0, 4095.0, 300000.0)
    """
    scales = (1.0, *SCALES) if floats else SCALES
    if signed:
        scales = tuple(sorted(scale for scale in (*SCALES, 2.0 ** (signed - 1) - 1) if scale < 2.0 ** (signed - 1)))
    scale = next((scale for scale in scales if highest <= scale), highest)
    return scale if highest >= scale * MIN_USED or highest <= 0 else highest


def _deep(image: Image.Image) -> tuple[Image.Image, str]:
    """Return an image of more than 8 bits, or of signed values, as "L", and a note on its scale."""
    values = np.asarray(image)
    bits = _tag(image, BITS, 0)
    if _format(image) == 1 and bits == 32:
        values = values.view(np.uint32)  # Pillow has no unsigned 32-bit mode
    if _format(image) == 2 and bits == 8:
        values = values.view(np.int8)
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if not finite.size:
        raise ValueError("no value of it is a number")
    lowest, highest = float(finite.min()), float(finite.max())
    floats = values.dtype.kind == "f"
    full, note = _scale(image, highest, bits, floats)
    if lowest < -(OVERSHOOT * full if floats else 0):
        raise ValueError(f"its values reach from {lowest:g} to {highest:g}, and brightness begins at 0")
    grey = eight_bits(values, full or 1.0, _tag(image, PHOTOMETRIC, 1) == 0)
    clear = image.info.get("transparency")
    if isinstance(clear, int) and not floats:
        grey[values == clear] = 255
    return Image.fromarray(grey), note


def _scale(image: Image.Image, highest: float, bits: int, floats: bool) -> tuple[float, str]:
    stated = _tag(image, MAX_VALUE, 0)
    usual = 65535.0 if image.format == "PPM" and image.mode != "F" else 0.0  # Pillow scales those itself
    if 8 < bits < 16:
        return float(2**bits - 1), ""
    if usual or (stated and highest <= stated <= highest / MIN_USED):
        return usual or float(stated), ""
    full = full_scale(highest, floats, bits if _format(image) == 2 else 0)
    if image.mode.startswith("I;16"):
        plain = full == SCALES[-2] or not highest
        return full, "" if plain else f"16-bit values up to {highest:g} read as 0 to {full:g}"
    return full, "" if full in UNREMARKABLE_SCALES else f"values scaled to their largest, {highest:g}"


def _format(image: Image.Image) -> int:
    return _tag(image, SAMPLE_FORMAT, 1) if image.format == "TIFF" else 0


def _tag(image: Image.Image, number: int, usual: int) -> int:
    value = getattr(image, "tag_v2", {}).get(number, usual)
    value = value[0] if isinstance(value, tuple) and value else value
    return int(value) if isinstance(value, int | float) else usual


def _bands(image: Image.Image, smaller: int) -> Image.Image:
    """Flatten an image in parts when it shrinks, so that a large one is never held in three modes at once."""
    if smaller == 1:
        return _flat(image)
    rows = smaller * max(1, BAND // (image.width * smaller))
    starts = range(0, image.height, rows)
    crops = (image.crop((0, top, image.width, min(image.height, top + rows))) for top in starts)
    return Image.fromarray(np.concatenate([np.asarray(_flat(crop).reduce(smaller)) for crop in crops]))


def _flat(image: Image.Image) -> Image.Image:
    """Return an image of 8 bits as "L" or "RGB", transparent parts over white."""
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        flat = Image.new("RGB", image.size, "white")
        flat.paste(seen, mask=seen.getchannel("A"))
        return flat
    if image.mode == "LAB":
        return _from_lab(image)
    return image if image.mode in ("L", "RGB") else image.convert("L" if image.mode == "1" else "RGB")


def _from_lab(image: Image.Image) -> Image.Image:
    from PIL import ImageCms

    flat = ImageCms.applyTransform(image, _lab_to_rgb())
    assert flat is not None  # a new image, unless `inPlace` is given
    return flat


@cache
def _lab_to_rgb() -> Any:
    from PIL import ImageCms

    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
