"""Faces cut out of a data set's whole photos: decoded, cropped and stored a few at a time, however many there are."""

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.data.cache import cache_folder
from mien.data.files import opened
from mien.errors import DataError
from mien.progress import bar

Cut = Callable[[int], NDArray[np.uint8]]

AHEAD = 256
"""Images given to the threads at once, which bounds the memory."""


def cut_all(title: str, count: int, size: int, channels: int, cut: Cut) -> NDArray[np.uint8]:
    """Return uint8 (count, size, size, channels), row k being `cut(k)`, in a file that vanishes with the array."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    file = tempfile.TemporaryFile(dir=cache_folder())  # noqa: SIM115 - the array keeps it open; AffectNet has 43 GB
    faces = np.memmap(file, np.uint8, "w+", shape=(count, size, size, channels))
    with ThreadPoolExecutor(min(8, cpu_count() or 1)) as pool, bar(title, count) as advance:
        for start in range(0, count, AHEAD):
            rows = range(start, min(start + AHEAD, count))
            for row, face in zip(rows, pool.map(cut, rows), strict=True):
                faces[row] = face
            advance(len(rows))
    return faces


def photo(path: Path) -> NDArray[np.uint8]:
    """Return an image file as stored, uint8 RGB (H, W, 3), no EXIF turn applied; DataError names the file."""
    import cv2

    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise opened(path, error) from None
    image = cv2.imdecode(content, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION) if len(content) else None
    if image is None:
        raise DataError(f"{path} is not an image", "a whole jpg, png, bmp or tif file", "get it again")
    return np.ascontiguousarray(image[:, :, ::-1])


def below(root: Path, names: Sequence[str], wanted: Callable[[Path], bool]) -> Path | None:
    """Return the first of `root` and its subfolders `names` that holds what is wanted, or None."""
    return next((folder for folder in (root, *(root / name for name in names)) if wanted(folder)), None)
