"""Measure weights on fifteen corruptions in five severities each, and under attack.

    subject, figures = stress("ferplus", baseline="fer2013-nano")

Every corruption falls on the same images with the same draws whatever the weights, so two sets of figures differ by
the weights alone.  The error relative to a baseline is ImageNet-C's corruption error CE: the sum of the errors over the
severities, divided by the baseline's sum; mCE is its mean over the corruptions (Hendrycks and Dietterich, ICLR 2019).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien import __version__
from mien.data.samples import Samples
from mien.errors import DataError, UsageError
from mien.evaluation import metrics
from mien.evaluation.inputs import all_labels, load_for, own_data, target_labels, to_crops
from mien.evaluation.label_sets import spread
from mien.evaluation.provenance import check_writable
from mien.evaluation.report.schema import Stress
from mien.evaluation.statistics import clusters
from mien.evaluation.statistics.intervals import known_ends, proportion_interval
from mien.evaluation.stress.attack import Attack, black_box
from mien.evaluation.stress.corruptions import CORRUPTIONS, FAMILIES
from mien.evaluation.weights import find_weights
from mien.inference.classify import Classifier
from mien.labels import columns, ordered
from mien.progress import bar
from mien.reading.digest import sha256_of
from mien.reading.documents import read_json
from mien.reading.guard import parsing
from mien.reading.shape import fits

SEVERITIES = (1, 2, 3, 4, 5)
SAME = ("dataset", "split", "options", "truth_labels", "fingerprint", "n", "seed", "version")
"""What a baseline's file must have in common with the figures that are set against it."""


@dataclass(frozen=True, eq=False)
class Subject:
    """Weights and the images they are tried on: images uint8 (N, H, W, C), target float64 (N, K) over `labels`."""

    classifier: Classifier
    images: NDArray[np.uint8]
    target: NDArray[np.float64]
    labels: tuple[str, ...]
    group: NDArray[np.str_] | None = None

    def answer(self, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return probabilities float64 (N, K) over `labels`, 0 for those that the weights cannot answer."""
        return spread(self.classifier(crops).astype(np.float64), self.classifier.card.labels, self.labels)

    def read(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the same for a data set's images of any size."""
        return self.answer(to_crops(images, self.classifier.card))


def stress(
    weights: str | Path,
    data: str | None = None,
    root: Path | str | None = None,
    split: str = "val",
    *,
    images: int = 1000,
    baseline: str | Path | None = None,
    attacks: Callable[[tuple[str, ...]], list[Attack]] | None = None,
    options: dict[str, Any] | None = None,
    seed: int = 0,
    out: Path | None = None,
    force: bool = False,
) -> tuple[Subject, dict[str, Any]]:
    """Return what was tried, and how it fared: what `mien stress --json` prints and stress.json holds.

    At most `images` images are taken, evenly spaced over the split.  `baseline` is a shipped name, an ONNX file, a
    run, or the stress.json of an earlier measurement on the same images.  `attacks` makes attacks for the labels
    given; without it the square attack asks the file.  `options` go to the data set's reader.  Raises WeightsError,
    DataError and UsageError, the last also, before it measures, for a folder `out` that cannot take stress.json.
    """
    began = time.perf_counter()
    if split == "train":
        raise DataError("split 'train'", "val or test: what weights have learnt tells nothing about them")
    if images < 1:
        raise UsageError(f"`images` {images}", "1 or more")
    classifier = Classifier(find_weights(weights))
    if data is None:
        data, options = own_data(classifier.card, options or {})
    own = {
        "weights": classifier.card.name,
        "weights_sha256": sha256_of(classifier.path),
        "dataset": data,
        "split": split,
        "options": options or {},
    }
    check_writable(out, "stress.json", own, force)
    samples = load_for(classifier.card, data, root, split, **(options or {}))
    rival = None if baseline is None or Path(baseline).suffix == ".json" else Classifier(find_weights(baseline))
    labels = all_labels(classifier, samples)
    labels = ordered(tuple({*labels, *rival.card.labels})) if rival else labels
    subject = _subject(classifier, samples, labels, images)
    facts: dict[str, Any] = {
        **own,
        "fingerprint": samples.fingerprint,
        "labels": list(labels),
        "truth_labels": list(target_labels(classifier, samples)),
        "n": len(subject.images),
        "groups": clusters.count(subject.group),
        "seed": seed,
        "version": __version__,
    }
    earlier = None if rival or baseline is None else _earlier(Path(baseline), facts)
    clean, rows = measure(subject, seed)
    if rival:
        earlier = {"weights": rival.card.name, "corruptions": measure(replace(subject, classifier=rival), seed)[1]}
    rows = relate(rows, earlier["corruptions"]) if earlier else rows
    chosen = attacks(labels) if attacks else black_box(subject.answer, seed)
    figures = {
        **facts,
        "clean": clean,
        "baseline": earlier and earlier["weights"],
        "corruptions": rows,
        "mce": float(np.mean([row["relative"] for row in rows])) if earlier else None,
        "attacks": [_attacked(subject, attack) for attack in chosen],
        "ranking": rank(rows, clean["accuracy"]),
        "seconds": round(time.perf_counter() - began, 1),
    }
    return subject, figures


def measure(subject: Subject, seed: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the figures on the images as they are, and a row per corruption with its five severities."""
    rows = []
    with bar(f"stress {subject.classifier.card.name}", len(CORRUPTIONS) * len(SEVERITIES)) as advance:
        for number, (name, corrupt) in enumerate(CORRUPTIONS.items()):
            scores = []
            for severity in SEVERITIES:
                corrupted = corrupt(subject.images, severity, np.random.default_rng([seed, number, severity]))
                scores.append({"severity": severity, **_scores(subject.read(corrupted), subject.target)})
                advance(1)
            error = 1 - float(np.mean([score["accuracy"] for score in scores]))
            family = next(family for family, names in FAMILIES.items() if name in names)
            rows.append({"name": name, "family": family, "severities": scores, "error": error, "relative": None})
    probs = subject.read(subject.images)
    return {**_scores(probs, subject.target), "accuracy_interval": _interval(probs, subject)}, rows


def relate(rows: list[dict[str, Any]], baseline: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows with their errors relative to a baseline's: 1 is as bad, less is better.

    >>> relate([{"name": "jpeg", "error": 0.3}], [{"name": "jpeg", "error": 0.6}])
    [{'name': 'jpeg', 'error': 0.3, 'relative': 0.5}]
    """
    errors = {row["name"]: row["error"] for row in baseline}
    least = 1e-9  # a baseline that errs nowhere makes any error enormous, not a crash
    return [{**row, "relative": row["error"] / max(errors[row["name"]], least)} for row in rows]


def rank(rows: list[dict[str, Any]], clean: float) -> list[dict[str, Any]]:
    """Return the corruptions by the accuracy they cost on average over the severities, the costliest first.

    >>> rank([{"name": "jpeg", "error": 0.3}, {"name": "bars", "error": 0.5}], 0.75)
    [{'name': 'bars', 'drop': 0.25}, {'name': 'jpeg', 'drop': 0.05}]
    """
    drops = [{"name": row["name"], "drop": round(clean - (1 - row["error"]), 6)} for row in rows]
    return sorted(drops, key=lambda row: -row["drop"])


def _subject(classifier: Classifier, samples: Samples, labels: tuple[str, ...], most: int) -> Subject:
    known = target_labels(classifier, samples)
    target = spread(samples.target[:, columns(samples.labels, known)], known, labels)
    rows = np.flatnonzero(np.nan_to_num(target).sum(1) > 0.5)  # most of the votes; without a label they are NaN
    if len(labels) < 2 or not len(rows):
        raise DataError(f"{len(rows)} images of {len(labels)} expressions to measure on", "images of two or more")
    rows = rows[_spread(len(rows), most)]
    target = target[rows] / target[rows].sum(1, keepdims=True)
    group = None if samples.group is None else samples.group[rows].astype(np.str_)
    return Subject(classifier, np.asarray(samples.images[rows]), target, labels, group)


def _spread(n: int, most: int) -> NDArray[np.int64]:
    return np.linspace(0, n - 1, min(n, most)).round().astype(np.int64)  # data sets may be sorted by class


def _earlier(path: Path, facts: dict[str, Any]) -> dict[str, Any]:
    wanted = "one that `mien stress --out` wrote, or weights"
    earlier = read_json(path, wanted, UsageError)
    with parsing(path, wanted, UsageError, says="is no stress.json"):
        fits(Stress, earlier)
        earlier.setdefault("truth_labels", earlier["labels"])
        different = [key for key in SAME if earlier[key] != facts[key]]
        names = {row["name"] for row in earlier["corruptions"]}
    if different or names != set(CORRUPTIONS):
        said = ", ".join(f"{key} {earlier[key]} against {facts[key]}" for key in different) or "other corruptions"
        raise UsageError(f"`baseline`: {path} was measured differently: {said}", "the same images and draws")
    return earlier


def _scores(probs: NDArray[np.float64], target: NDArray[np.float64]) -> dict[str, float]:
    return {name: float(metrics.METRICS[name](probs, target)) for name in ("accuracy", "macro_f1", "ece")}


def _interval(probs: NDArray[np.float64], subject: Subject) -> list[float | None]:
    return known_ends(proportion_interval(np.equal(*metrics.top1(probs, subject.target)), subject.group))


def _attacked(subject: Subject, attack: Attack) -> dict[str, Any]:
    rows = _spread(len(subject.images), attack.images or len(subject.images))
    target, crops = subject.target[rows], to_crops(subject.images[rows], subject.classifier.card)
    label, predicted = metrics.top1(subject.answer(crops), target)
    with bar(f"{attack.name} on {len(rows)} images", 1):
        probs = subject.answer(attack.run(crops, label))
    after = label == probs.argmax(1)
    return {
        "name": attack.name,
        "epsilon": round(attack.epsilon / 255, 6),
        "n": len(rows),
        "clean_accuracy": float((label == predicted).mean()),
        "accuracy": float(after.mean()),
        "accuracy_interval": known_ends(
            proportion_interval(after, None if subject.group is None else subject.group[rows])
        ),
        "queries": attack.queries,
    }
