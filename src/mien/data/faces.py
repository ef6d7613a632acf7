"""Faces cropped from a data set's photos: decoded, cropped and stored a few at a time, however many there are."""

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.data.cache import cache_folder
from mien.data.files import unreadable
from mien.errors import DataError
from mien.progress import bar

Crop = Callable[[int], NDArray[np.uint8]]

PREFETCH = 256
"""Images given to the threads at once, which bounds the memory."""


def crop_all(title: str, count: int, size: int, channels: int, crop: Crop) -> NDArray[np.uint8]:
    """Return uint8 (count, size, size, channels) with row k = `crop(k)`, in a file that is deleted with the array."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    file = tempfile.TemporaryFile(dir=cache_folder())  # noqa: SIM115 - the array keeps it open; AffectNet has 43 GB
    faces = np.memmap(file, np.uint8, "w+", shape=(count, size, size, channels))
    with ThreadPoolExecutor(min(8, cpu_count() or 1)) as pool, bar(title, count) as advance:
        for start in range(0, count, PREFETCH):
            rows = range(start, min(start + PREFETCH, count))
            for row, face in zip(rows, pool.map(crop, rows), strict=True):
                faces[row] = face
            advance(len(rows))
    return faces


def photo(path: Path) -> NDArray[np.uint8]:
    """Return an image file as stored, uint8 RGB (H, W, 3), without EXIF rotation; DataError names the file."""
    import cv2

    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise unreadable(path, error) from None
    image = cv2.imdecode(content, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION) if len(content) else None
    if image is None:
        raise DataError(f"{path} is not an image", "a complete jpg, png, bmp or tif file", "get it again")
    return np.ascontiguousarray(image[:, :, ::-1])


def below(root: Path, names: Sequence[str], wanted: Callable[[Path], bool]) -> Path | None:
    """Return the first of `root` and its subfolders `names` for which `wanted` is true, or None."""
    return next((folder for folder in (root, *(root / name for name in names)) if wanted(folder)), None)
