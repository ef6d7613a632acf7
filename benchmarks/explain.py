"""Measure whether occlusion maps are faithful: deletion curves on FERPlus val, beside random order.

    MIEN_DATA=... python benchmarks/explain.py [--images 60] [--weights ferplus ferplus-nano]

The crop is cut into 12 x 12 cells.  They are covered with grey one sixteenth at a time, those first for which the map
is highest, or in random order, and the probability of the top-1 is read after each step.  The mean over the steps is
the area under the deletion curve: the lower, the sooner the map finds what the prediction depends on (Petsiuk, Das and
Saenko, *RISE*, BMVC 2018).  The square's side and grey fill were chosen on 40 images of the same split.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.data import load
from mien.inference.classify import Classifier
from mien.inference.explain.explanation import coarse
from mien.inference.explain.occlusion import STEPS, grey, heat_map

PARTS = 16


def curve(read: Classifier, crop: NDArray[np.uint8], order: NDArray[np.intp], column: int) -> NDArray[np.float32]:
    """Return the probabilities while the cells are covered in this order, float32 (PARTS + 1,)."""
    cells = np.empty(STEPS * STEPS, int)
    cells[order] = np.arange(len(cells)) * PARTS // len(cells)
    side = len(crop) // STEPS
    when = np.kron(cells.reshape(STEPS, STEPS), np.ones((side, side), int))[..., None]
    steps = np.stack([np.where(when < step, grey(crop), crop) for step in range(PARTS + 1)])
    return read(steps)[:, column]


def measured(name: str, count: int, seed: int = 0) -> dict[str, object]:
    """Return the areas of one file of weights on evenly spaced val images that it predicts correctly."""
    read, samples, rng = Classifier(name), load("ferplus", None, "val", labels="majority"), np.random.default_rng(seed)
    labels = [samples.labels.index(label) for label in read.card.labels]
    right = np.flatnonzero(read(samples.images).argmax(1) == samples.target[:, labels].argmax(1))
    areas, seconds = [], 0.0
    for row in right[np.linspace(0, len(right) - 1, count).astype(int)]:
        crop = samples.images[row]
        column, began = int(read(crop[None]).argmax()), time.perf_counter()
        heat = coarse(heat_map(read, crop, column)).ravel()
        seconds += time.perf_counter() - began
        orders = np.argsort(-heat), rng.permutation(len(heat)), np.argsort(heat)
        areas.append([curve(read, crop, order, column).mean() for order in orders])
    mean = np.mean(areas, 0)
    better = int((np.array(areas)[:, 0] < np.array(areas)[:, 1]).sum())
    print(f"{name}: map {mean[0]:.3f}, random {mean[1]:.3f}, reversed {mean[2]:.3f}; map lower in {better} of {count}")
    figures = dict(zip(("map", "random", "reversed"), (round(float(v), 4) for v in mean), strict=True))
    return {"n": count, "map_lower": better, "seconds_per_map": round(seconds / count, 3), **figures}


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--weights", nargs="+", default=["ferplus", "ferplus-nano"])
    parser.add_argument("--out", type=Path, default=Path("results/explain.json"))
    options = parser.parse_args()
    areas = {name: measured(name, options.images) for name in options.weights}
    options.out.write_text(json.dumps({"data": "ferplus val, predicted correctly", "deletion": areas}, indent=1) + "\n")


if __name__ == "__main__":
    main()
