"""Measure the weights that ship on other labs' faces: folders with a folder of images per expression.

    python benchmarks/other_labs.py ROOT                            a JSON line per set, weights and prior
    python benchmarks/other_labs.py ROOT --write                    and the same lines into results/other_labs.jsonl
    python benchmarks/other_labs.py ROOT --person '^([A-Z]+)\\.'    how a file's name gives the person

ROOT holds a folder per set (ROOT/ckplus/happiness/S010_006.png).  Names of expressions may be synonyms, in any case;
folders of other names are left out and counted.  A file's name gives the person, up to its first `_`, `-` or `.`;
intervals are by person.  YuNet detects the face (the largest of several).  Where it detects none the whole image is
read; `found` is the fraction of images with a detected face.  Nothing may be selected by these scores: weights, priors
and thresholds are fixed before this runs.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mien.evaluation.label_sets import spread
from mien.evaluation.result import Provenance, Result
from mien.evaluation.scores import Scores, score
from mien.inference.classify import names
from mien.inference.pipeline import Pipeline
from mien.labels import canonical, ordered
from mien.reading.digest import sha256_of

KEPT = Path(__file__).parents[1] / "results" / "other_labs.jsonl"
PRIORS = ("natural", "uniform")
PERSON = r"^([^_.-]+)"
SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"}


def labelled(folder: Path) -> tuple[list[tuple[Path, str]], int]:
    """Return the images of a set with their expressions, and how many lie in folders of other names."""
    files = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]
    named = [(path, name) for path in files if (name := canonical(path.relative_to(folder).parts[0]))]
    return named, len(files) - len(named)


def crops(files: list[Path]) -> tuple[np.ndarray, float]:
    """Return the crop of each image's largest face, uint8 (N, size, size, C), and the fraction with one detected."""
    find, whole = Pipeline("ferplus-nano"), Pipeline("ferplus-nano", detector="whole")
    largest = [_largest(seen.prediction.faces, seen.crops) for seen in _read(find, files)]
    missing = [path for path, crop in zip(files, largest, strict=True) if crop is None]
    rest = iter([seen.crops[0] for seen in _read(whole, missing)])
    return np.stack([next(rest) if crop is None else crop for crop in largest]), 1 - len(missing) / len(files)


def measure(name: str, prior: str, images: np.ndarray, labels: list[str], person: np.ndarray) -> Scores:
    """Return the scores of weights under a prior, every expression that they or the labels know among the classes."""
    classifier = Pipeline(name, prior=prior).classifier
    own = classifier.card.labels
    every = ordered(tuple({*own, *labels}))
    target = np.eye(len(every))[[every.index(label) for label in labels]]
    facts = Provenance(weights=name, threshold=classifier.threshold, not_searched="other labs' images")
    probs = spread(classifier(images).astype(np.float64), own, every)
    ids = np.arange(len(images)).astype(str)
    return score(Result(probs.astype(np.float32), target.astype(np.float32), every, ids, person, provenance=facts))


def line(name: str, prior: str, scores: Scores) -> dict[str, Any]:
    """Return what is kept of the scores: values with both ends of their 95 % interval by person."""
    ends: dict[str, Any] = {
        key: [scores.values[key], *(scores.intervals[key] or [])] for key in ("accuracy", "macro_f1", "ece", "nll")
    }
    at = scores.selective.accuracy_at_threshold if scores.selective else None
    sure = (
        {"coverage_at_auto": at.coverage, "accuracy_at_auto": [at.accuracy, *(at.accuracy_interval or [])]}
        if at
        else {}
    )
    return {"weights": name, "prior": prior, **ends, "balanced_accuracy": scores.values["balanced_accuracy"], **sure}


def run(root: Path, person: str) -> Iterator[dict[str, Any]]:
    """Yield a line for each set, weights and prior."""
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        known, left_out = labelled(folder)
        if not known:
            print(f"{folder.name}: no folder is named after an expression", file=sys.stderr)
            continue
        files, labels = [path for path, _ in known], [label for _, label in known]
        people = np.array([match[1] if (match := re.search(person, path.name)) else path.name for path in files])
        images, detected = crops(files)
        size = {"n": len(files), "people": len(set(people)), "left_out": left_out, "found": round(detected, 4)}
        for name in names():
            sha = sha256_of(Pipeline(name).classifier.path)
            for prior in PRIORS:
                scores = measure(name, prior, images, labels, people)
                yield {"set": folder.name, **size, "weights_sha256": sha, **line(name, prior, scores)}


def _read(pipeline: Pipeline, files: list[Path]) -> Iterator[Any]:
    for seen in pipeline.stream(files):
        if seen.prediction.error:
            sys.exit(f"{seen.prediction.source}: {seen.prediction.error}")
        yield seen


def _largest(faces: Any, images: np.ndarray) -> np.ndarray | None:
    areas = [float(np.prod(face.box[2:] - face.box[:2])) for face in faces]
    return images[int(np.argmax(areas))] if areas else None


def main() -> None:
    """Print the lines, and write them where options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--person", default=PERSON)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if not options.root.is_dir():
        sys.exit(f"{options.root} is not a folder")
    lines = []
    for entry in run(options.root, options.person):
        lines.append(json.dumps(entry))
        print(lines[-1], flush=True)
    if options.write and lines:
        KEPT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
