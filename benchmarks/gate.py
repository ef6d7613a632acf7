"""What the mesh's presence removes, as a check on detected faces, and what it costs: results/measures/gate.json.

    MIEN_DATA=path/to/data python benchmarks/gate.py [FOLDER...]

Rows that it costs: images of FERPlus Training at random without a vote for "not a face", and those whose majority voted
so.  Rows that it should remove: scenery and texture inside scikit-image and scikit-learn, a cat and a horse, and the
images in each FOLDER, whose name becomes that of its row; images with a side of 200 pixels are read whole and in 50
squares at random places, smaller ones whole.  The detector is asked at a score of 0.5, and faces are counted from there
and from its default, 0.8.  `below` counts those whose mesh has a presence below each threshold; `reasons` counts why
faces of the default have no measures as shipped.  Only Training may decide a threshold.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from bench.environment import facts
from bench.interleave import ROOT, progress
from sklearn.datasets import load_sample_image

from mien.data.fer2013 import split_rows
from mien.data.fer2013.ferplus import all_votes, required_votes
from mien.data.fer2013.layouts import find, images
from mien.inference.detectors import make
from mien.inference.measures.measurer import MIN_PRESENCE, Measurer
from mien.inference.media.image import read_image

OUT = ROOT / "results" / "measures" / "gate.json"
THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9, 0.99)
SCORES = (0.5, 0.8)
FACES = 1500
CUTS, LEAST, CUT_FROM = 50, 64, 200  # squares per image, their least side, and the least side of an image to cut
SCENERY = (
    "brick",
    "cell",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "hubble_deep_field",
    "moon",
    "page",
    "retina",
    "rocket",
)
ANIMALS = ("chelsea", "horse")
Pixels = np.ndarray[Any, np.dtype[np.uint8]]


def rgb(image: np.ndarray) -> Pixels:
    """Return any of scikit-image's images as uint8 RGB."""
    image = image.astype(np.uint8) * (255 if image.dtype == bool else 1)
    return np.ascontiguousarray(image[..., :3] if image.ndim == 3 else image[..., None].repeat(3, 2))


def cut(whole: Iterable[Pixels]) -> Iterator[Pixels]:
    """Yield images and, of those that are large enough, squares at random places."""
    rng = np.random.default_rng(0)
    for image in whole:
        yield image
        short = min(image.shape[:2])
        for side in rng.integers(LEAST, short, CUTS) if short >= CUT_FROM else ():
            y, x = (int(rng.integers(0, full - side + 1)) for full in image.shape[:2])
            yield np.ascontiguousarray(image[y : y + side, x : x + side])


def training(root: Path) -> dict[str, list[Pixels]]:
    """Return FERPlus Training's images without a vote for "not a face", some of them, and those of its majority."""
    layout = find(root)
    entry = images(layout)
    votes = all_votes(entry, required_votes(layout))[:, -1]
    rows = np.arange(len(votes))[split_rows(layout, entry, "train")]
    rejected = votes[rows]
    some = np.random.default_rng(0).choice(np.flatnonzero(rejected == 0), FACES, replace=False)
    chosen = {"FERPlus Training": some, 'FERPlus Training, voted "not a face"': np.flatnonzero(rejected > 5)}
    return {name: [rgb(entry.arrays["images"][rows[k]].squeeze()) for k in part] for name, part in chosen.items()}


def row(name: str, source: Iterable[Pixels], measurer: Measurer) -> dict[str, Any]:
    """Return how many images and detected faces there are, and how many of these each threshold removes."""
    detect, count, seen, reasons = make("yunet", None, SCORES[0]), 0, [], Counter()
    for count, image in enumerate(source, 1):  # noqa: B007 - counts
        for face in detect(image):
            start = measurer.start()
            mesh = start._mesh(image, face, None)
            seen.append((face.score, mesh.presence if mesh else np.nan))
            if face.score >= SCORES[1]:
                reasons[start._measured(image, face, mesh).measures_reason or "measured"] += 1
    scores, presence = np.array(seen, float).reshape(-1, 2).T
    scored = []
    for least in SCORES:
        there = presence[(scores >= least) & ~np.isnan(presence)]
        below = {str(threshold): int((there < threshold).sum()) for threshold in THRESHOLDS}
        scored.append({"score": least, "faces": int((scores >= least).sum()), "with_mesh": len(there), "below": below})
    return {"name": name, "images": count, "detected": scored, "reasons": dict(reasons)}


def main(folders: list[str]) -> None:
    """Measure every row and keep it."""
    scenery = [rgb(getattr(skimage.data, name)()) for name in SCENERY]
    scenery += [load_sample_image(name) for name in ("china.jpg", "flower.jpg")]
    rows: dict[str, Iterable[Pixels]] = training(Path(os.environ["MIEN_DATA"]))
    rows |= {"scenery and texture": cut(scenery)}
    rows |= {"cat and horse": cut(rgb(getattr(skimage.data, name)()) for name in ANIMALS)}
    rows |= {Path(folder).name: cut(map(read_image, sorted(Path(folder).iterdir()))) for folder in folders}
    measurer = Measurer()
    done = []
    with progress("gate", len(rows)) as step:
        for name, source in rows.items():
            step(name)
            done.append(row(name, source, measurer))
    report = {**facts(False), "threshold": MIN_PRESENCE, "rows": done}
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
