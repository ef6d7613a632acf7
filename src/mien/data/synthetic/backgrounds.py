"""The backgrounds of synthetic faces: drawn scenes, photos inside packages, or a folder of photos.

No photo is used by two splits.  Photos are reduced to a short side of 96 pixels, because a composite is made at 48: a
window of 48 pixels there is one of 148 pixels in a photo whose short side is 296.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.data.cache import Entry, cached, kept
from mien.data.fer2013.raw import visible
from mien.data.samples import digest
from mien.data.synthetic.procedural import scenes
from mien.errors import DataError, MediaError
from mien.inference.media.image import Limits, load_image
from mien.progress import bar

Image = NDArray[np.uint8]
T = TypeVar("T")

SHORT, LONG = 96, 288
"""Pixels: the short side of every background, and the maximum of the long side."""

MAX_PHOTOS = 2000
"""Photos used of a larger folder, chosen by a hash of their names."""

SCENES = 200
"""Drawn scenes per split."""

VERSION = "scenes 1"
"""Changed whenever `procedural` draws differently."""

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")

SPLITS = ("val", "test", "train")
"""Split of a photo by its position: of every five, the first is val, the second test, the rest train."""

PACKAGED = (
    ("skimage", "data/rocket.jpg"),
    ("sklearn", "datasets/images/flower.jpg"),
    ("skimage", "data/motorcycle_left.png"),
    ("sklearn", "datasets/images/china.jpg"),
    ("skimage", "data/coffee.png"),
    ("skimage", "data/gravel.png"),
    ("skimage", "data/brick.png"),
    ("skimage", "data/grass.png"),
)
"""Photos without a face inside the wheels of scikit-image and scikit-learn, in the order of distribution."""


@dataclass(frozen=True, eq=False)
class Backgrounds:
    """Images uint8 (H, W, C), C 1 or 3, both sides at least 96; a description; a fingerprint."""

    images: tuple[Image, ...]
    name: str
    fingerprint: str


def backgrounds(source: str, split: str, *, channels: int = 1, seed: int = 0) -> Backgrounds:
    """Return a split's backgrounds: `procedural`, `packages` or a part of the photos in a folder.

    DataError when the packages or the folder are missing, and for fewer than three photos or damaged ones.
    """
    if source == "procedural":
        return _chosen(_drawn(split, seed), channels, "drawn scenes")
    files = distributed(_packaged() if source == "packages" else _photos(Path(source).expanduser()), split)
    where = "inside scikit-image and scikit-learn" if source == "packages" else f"of the folder {Path(source).name}"
    return _chosen(_small(files), channels, f"photos {where}")


def distributed(photos: Sequence[T], split: str) -> list[T]:
    """Return the photos of a split: of every five one for val, one for test, three for train.

    >>> distributed("abcdefg", "val"), distributed("abcdefg", "train")
    (['a', 'f'], ['c', 'd', 'e'])
    """
    return [photo for k, photo in enumerate(photos) if SPLITS[min(k % 5, 2)] == split]


def _chosen(images: Sequence[Image], channels: int, words: str) -> Backgrounds:
    def grey(image: Image) -> Image:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], np.uint8)

    shown = tuple(grey(image) if channels == 1 else image for image in images)
    return Backgrounds(shown, f"{len(shown)} {words}", digest(*shown))


def _drawn(split: str, seed: int) -> list[Image]:
    key = digest(VERSION, str(SCENES), split, str(seed))
    entry = kept(f"scenes-{key}", lambda: Entry({"scenes": np.stack(scenes(SCENES, int(key, 16)))}, {}))
    return list(np.array(entry.arrays["scenes"]))


def _packaged() -> list[Path]:
    paths = []
    for package, name in PACKAGED:
        spec = find_spec(package)
        path = Path(spec.origin).parent / name if spec and spec.origin else None
        if path is None or not path.is_file():
            raise DataError(
                f"no photo {package}/{name}",
                "scikit-image and scikit-learn, whose wheels contain it",
                "pip install scikit-image scikit-learn, or take backgrounds=procedural or a folder of photos",
            )
        paths.append(path)
    return paths


def _photos(folder: Path) -> list[Path]:
    """Return the photos below a folder, at most `MAX_PHOTOS`, in an order that depends only on their names."""
    if not folder.is_dir():
        raise DataError(f"backgrounds {str(folder)!r}", "procedural, packages or a folder of photos")
    photos = [path for path in visible(folder.rglob("*")) if path.suffix.lower() in SUFFIXES and path.is_file()]
    if len(photos) < len(SPLITS):
        raise DataError(f"{len(photos)} photos in {folder}", "at least three, because no photo is used by two splits")
    named = {hashlib.sha256(path.relative_to(folder).as_posix().encode()).digest(): path for path in photos}
    return [named[key] for key in sorted(named)[:MAX_PHOTOS]]


def _small(files: Sequence[Path]) -> list[Image]:
    """Return photos at their small size, uint8 RGB, from the cache."""

    def build() -> Entry:
        with bar("photos", len(files)) as advance:
            images = []
            for path in files:
                images.append(_shrunk(path))
                advance(1)
        shapes = np.array([image.shape for image in images])
        return Entry({"pixels": np.concatenate([image.ravel() for image in images]), "shapes": shapes}, {})

    entry = cached("photos", {f"{k:05d}": path for k, path in enumerate(files)}, build)
    ends = np.cumsum(entry.arrays["shapes"].prod(axis=1)).tolist()
    parts = zip([0, *ends[:-1]], ends, entry.arrays["shapes"].tolist(), strict=True)
    return [np.array(entry.arrays["pixels"][start:end]).reshape(shape) for start, end, shape in parts]


def _shrunk(path: Path) -> Image:
    try:
        image = load_image(path, Limits(target=4_000_000)).image
    except MediaError as error:
        raise DataError(str(error), do="remove it from the folder of backgrounds") from None
    high, wide = image.shape[:2]
    ratio = SHORT / min(high, wide)
    size = (max(SHORT, round(wide * ratio)), max(SHORT, round(high * ratio)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR)
    top, left = (max(0, math.ceil((side - LONG) / 2)) for side in small.shape[:2])
    return np.ascontiguousarray(small[top : top + LONG, left : left + LONG])
