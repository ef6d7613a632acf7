"""Read the blendshapes of FERPlus's images: what the quantiles, prototypes and compound labels are fitted on.

    nice -n 15 python benchmarks/blendshapes.py OUT --split train --images 6000

Writes OUT/train-00000.npz and so on, 500 images each, in a random order that a seed fixes: the first N are a random
sample of the split, and a run that was stopped resumes.  An image is read as `mien predict --detector whole --measures`
reads it; one that gives no measures is a row of NaN.  Nothing is chosen by the test split, which is refused.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from mien.data import load
from mien.face import Face
from mien.inference.measures.measurer import Measurer

CHUNK = 500
SPLITS = ("train", "val")


def order(count: int) -> np.ndarray:
    """Return the order in which images are read."""
    return np.random.default_rng(0).permutation(count)


def shapes(measurer: Measurer, image: np.ndarray) -> np.ndarray:
    """Return the blendshapes (52,) of an image that is one face, uint8 (H, W, C), or NaN."""
    height, width = image.shape[:2]
    face = Face(np.array([0, 0, width, height], np.float32), 1.0)
    rgb = np.ascontiguousarray(np.repeat(image, 3, 2) if image.shape[2] == 1 else image)
    (measured,) = measurer.start()(rgb, [face], False)
    return np.full(len(measurer.names), np.nan) if measured.blendshapes is None else measured.blendshapes


def main(out: Path, split: str, images: int) -> None:
    """Read the images that are not in `out` yet."""
    samples = load("ferplus", None, split, labels="distribution")
    measurer = Measurer()
    rows = order(len(samples))[:images]
    out.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(rows), CHUNK):
        path = out / f"{split}-{start:05}.npz"
        part = rows[start : start + CHUNK]
        if path.exists() and len(np.load(path)["row"]) == len(part):
            continue
        read = np.array([shapes(measurer, samples.images[row]) for row in part], np.float32)
        with path.with_suffix(".part").open("wb") as file:
            np.savez(file, row=part, ids=samples.ids[part], blendshapes=read, fingerprint=samples.fingerprint)
        path.with_suffix(".part").rename(path)
        print(f"{path.name}: {np.isfinite(read[:, 0]).sum()} of {len(part)} measured", file=sys.stderr, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--images", type=int, default=6000)
    given = parser.parse_args()
    main(given.out, given.split, given.images)
