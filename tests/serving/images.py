"""Images to read in two languages, made of photographs that packages carry: files as a browser is given them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
COLLINS = (slice(20, 260), slice(110, 350))  # the square around the head in the portrait


def hopper() -> Path:
    return Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"


def heads() -> list[Pixels]:
    """Return heads of two people, square: uint8 RGB."""
    portrait = np.asarray(Image.open(hopper()).convert("RGB"))
    return [skimage.data.astronaut()[COLLINS], portrait[20:420, 80:480]]


def scaled(image: Pixels, width: int, height: int) -> Pixels:
    how = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (width, height), interpolation=how), np.uint8)


def crowd(width: int = 800, height: int = 600, seed: int = 0, small: Pixels | None = None) -> Pixels:
    """Return many faces on a ground: two people lit, blurred and mirrored in many ways, and small ones (N, S, S)."""
    rng = np.random.default_rng(seed)
    image = scaled(skimage.data.coffee(), width, height)
    small = (255 * skimage.data.lfw_subset()[:100]).astype(np.uint8) if small is None else small
    cell = height // 4
    for k in range(4 * (width // cell)):
        if rng.random() < 0.5:
            face = np.repeat(small[rng.integers(len(small))][..., None], 3, 2)
        else:
            face = varied(heads()[rng.integers(2)], rng)
        side = int(cell * rng.uniform(0.5, 0.9))
        x, y = cell * (k % (width // cell)), cell * (k // (width // cell))
        image[y : y + side, x : x + side] = scaled(face, side, side)
    return image


def varied(image: Pixels, rng: np.random.Generator) -> Pixels:
    """Return an image in other light, perhaps mirrored, blurred and tilted."""
    image = image[:, ::-1] if rng.random() < 0.5 else image
    lit = 255 * (image / 255.0) ** rng.uniform(0.5, 2) * rng.uniform(0.7, 1.2)
    lit = cv2.GaussianBlur(lit, (0, 0), rng.uniform(0.1, 3))
    height, width = image.shape[:2]
    tilt = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-15, 15), 1.0)
    tilted = cv2.warpAffine(lit.clip(0, 255).astype(np.uint8), tilt, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(tilted, np.uint8)


def see_through() -> Image.Image:
    image = Image.fromarray(skimage.data.astronaut()).convert("RGBA")
    alpha = np.full((512, 512), 255, np.uint8)
    alpha[:, 215:] = 128  # half of the face
    alpha[300:] = 0
    image.putalpha(Image.fromarray(alpha))
    return image


def turned() -> Image.Image:
    image = Image.fromarray(np.rot90(skimage.data.astronaut()))  # as a camera held upright stores it
    image.getexif()[0x0112] = 6
    return image


def of(pixels: Callable[[], Pixels]) -> Callable[[], Image.Image]:
    return lambda: Image.fromarray(pixels())


PORTRAIT = skimage.data.astronaut
IMAGES: dict[str, Callable[[], Image.Image]] = {
    "portrait.png": of(PORTRAIT),
    "portrait.jpg": lambda: Image.open(hopper()),
    "none.png": of(skimage.data.coffee),
    "grey.png": lambda: Image.fromarray(PORTRAIT()).convert("L"),
    "turned.jpg": turned,
    "see-through.png": see_through,
    "small.png": of(lambda: scaled(PORTRAIT()[COLLINS], 45, 45)),  # enlarged for the detector
    "border.png": of(lambda: PORTRAIT()[85:400, 200:500]),  # the face goes on beyond the left and the upper edge
    "large.png": of(lambda: scaled(PORTRAIT()[:400], 1399, 1101)),
    "double.png": of(lambda: scaled(PORTRAIT()[:256], 1280, 640)),  # halved for the detector
    "strip.png": of(lambda: PORTRAIT()[:200, 140:330]),
    "thin.png": of(lambda: PORTRAIT()[:3]),
    "pixel.png": of(lambda: PORTRAIT()[:1, :1]),
    "crowd.png": of(crowd),
}
"""What the two are compared on, by file name."""


SIZES = ((800, 600), (640, 480), (1280, 960), (1021, 767))


def grid(count: int, small: Pixels | None = None, name: str = "crowd") -> dict[str, Callable[[], Image.Image]]:
    """Return so many crowds of several sizes and formats, by file name."""
    return {
        f"{name}-{k}.{('png', 'jpg')[k % 2]}": of(partial(crowd, *SIZES[k % len(SIZES)], k, small))
        for k in range(1, count + 1)
    }


def write(name: str, image: Image.Image, folder: Path) -> Path:
    path = folder / name
    image.save(path, exif=image.getexif(), **({"quality": 95} if path.suffix == ".jpg" else {}))
    return path
