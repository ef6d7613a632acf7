"""A run's predictions on real photos: label and probability drawn on images that packages bring along.

As in Li, Shen, Miao: Facial Expression Recognition (UC Santa Cruz, 2018), section 5: a Haar cascade finds the face, the
crop becomes grey and 48x48 pixels (or the size of the weights), and the prediction is drawn on the image.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.inference.output.draw import annotate
from mien.inference.pipeline import Pipeline
from mien.outputs import staged

PHOTOS = {"skimage": "data/astronaut.png", "matplotlib": "mpl-data/sample_data/grace_hopper.jpg"}
"""Portraits in the public domain by the package that holds them: Eileen Collins, Grace Hopper."""

SIDE = 480
"""Height of the figure in pixels."""


def photos(weights: Path, target: Path) -> str:
    """Draw the figure of a weights file; returns a line about it."""
    installed = portraits()
    missing = [package for package in PHOTOS if package not in installed]
    note = "".join(f" (without the photo of {package}: not installed)" for package in missing)
    if not installed:
        return f"no photos{note}"
    pipeline = Pipeline(str(weights), "haar")
    panels = [panel(pipeline, path) for path in installed.values()]
    with staged(target) as scratch:
        Image.fromarray(np.concatenate(panels, axis=1)).save(scratch, "PNG", optimize=True)
    return f"{target}{note}"


def portraits() -> dict[str, Path]:
    """Return the photos that are installed, by the package that brings them."""
    return {package: path for package, name in PHOTOS.items() if (path := locate(package, name))}


def locate(package: str, name: str) -> Path | None:
    """Return a photo that a package brings, without importing it; None when it is not there."""
    spec = find_spec(package)
    path = Path(spec.origin).parent / name if spec and spec.origin else None
    return path if path and path.is_file() else None


def panel(pipeline: Pipeline, path: Path) -> NDArray[np.uint8]:
    """Return a photo with its faces drawn in, uint8 (SIDE, W, 3)."""
    with Image.open(path) as opened:
        photo = opened.convert("RGB")
    photo = photo.resize((round(photo.width * SIDE / photo.height), SIDE))
    image = np.asarray(photo)
    return annotate(image, pipeline(image))
