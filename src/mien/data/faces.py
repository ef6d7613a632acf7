"""Faces cropped from a data set's photos: decoded, cropped and stored a few at a time, however many there are."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.cores import cores
from mien.data import shards
from mien.data.files import unreadable
from mien.data.shards import StoredImages
from mien.errors import DataError, MienError

Crop = Callable[[int], NDArray[np.uint8] | MienError]

PREFETCH = 256
"""Images given to the threads at once, which bounds the memory."""


def crop_all(folder: Path, title: str, count: int, size: int, channels: int, crop: Crop, key: str = "") -> StoredImages:
    """Return uint8 (count, size, size, channels) with row k = `crop(k)`, in shards that are written into a folder.

    Shards that are there from before are kept, unless their `key` was another (see shards.write).  A row of which
    `crop` returns why there is no image is zeros.
    """
    with threads() as pool:

        def block(rows: range) -> Iterator[NDArray[np.uint8] | MienError]:
            return pool.map(crop, rows)

        return shards.write(folder, title, count, (size, size, channels), PREFETCH, block, key)


def threads() -> ThreadPoolExecutor:
    """Return the threads that decode a data set's images: one for each of this process's cores, eight at most."""
    return ThreadPoolExecutor(min(8, cores()))


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
