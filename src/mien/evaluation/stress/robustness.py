"""Measure weights on fifteen corruptions in five severities each, and under attack.

    subject, report = stress("ferplus", baseline="fer2013-nano")

Every corruption is applied to the same images with the same random draws whatever the weights, so two reports differ
by the weights alone.  The error relative to a baseline is ImageNet-C's corruption error CE: the sum of the errors over
the severities, divided by the baseline's sum.  mCE is its mean over the corruptions (Hendrycks and Dietterich, ICLR
2019).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data.samples import Samples
from mien.errors import DataError, UsageError
from mien.evaluation import metrics
from mien.evaluation.inputs import all_labels, load_for, may_hold_training, source, target_labels, to_crops
from mien.evaluation.provenance import check_writable
from mien.evaluation.records.stress import AttackScores, CleanScores, Corruption, Drop, SeverityScores, StressReport
from mien.evaluation.statistics import clusters
from mien.evaluation.statistics.intervals import known_ends, proportion_interval
from mien.evaluation.stress.attack import Attack, black_box
from mien.evaluation.stress.corruptions import CORRUPTIONS, FAMILIES
from mien.evaluation.stress.subject import Subject, evenly_spaced, take
from mien.evaluation.weights import find_weights
from mien.inference.classify import Classifier
from mien.labels import ordered
from mien.prior import NATURAL, Wanted
from mien.progress import bar
from mien.reading.digest import sha256_of
from mien.reading.documents import read_json
from mien.reading.guard import parsing
from mien.reading.shape import fits
from mien.version import __version__

SEVERITIES = (1, 2, 3, 4, 5)
SAME = ("prior", "dataset", "split", "options", "truth_labels", "fingerprint", "n", "seed", "version")
"""What a baseline's file must have in common with the measurement that is compared with it."""
MIN_ERROR = 1e-9
"""Least error of a baseline: a faultless one makes any relative error enormous, not a crash."""


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
    prior: Wanted = NATURAL,
) -> tuple[Subject, StressReport]:
    """Return the weights with the images that they were tested on, and the report.

    At most `images` images are taken, evenly spaced over the split.  `baseline` is a shipped name, an ONNX file, a
    run, or the stress.json of an earlier measurement on the same images.  `attacks` makes attacks for the labels
    given; without it the square attack queries the file.  `options` go to the data set's reader; `prior` is that of the
    probabilities, of a baseline's weights too.  Raises WeightsError, DataError and UsageError, the last also, before it
    measures, for a folder `out` that cannot take stress.json.
    """
    started = time.perf_counter()
    _check_arguments(split, images)
    classifier = Classifier(find_weights(weights), prior=prior)
    read = source(classifier, data, root, options or {})
    facts = _weights(classifier) | {"dataset": read.name, "split": split, "options": read.options}
    check_writable(out, "stress.json", facts, force)
    samples = load_for(classifier.card, read, root, split)
    if why := may_hold_training(classifier.card, read, samples):
        facts["may_hold_training"] = why
    rival = _rival(baseline, prior)
    subject = take(classifier, samples, _labels(classifier, samples, rival), images)
    facts |= _images(subject, samples) | {"seed": seed, "version": __version__}
    name, errors = _baseline(subject, facts, seed, baseline, rival)
    chosen = attacks(subject.labels) if attacks else black_box(subject.classify, seed)
    report = _report(subject, facts, seed, name, errors, chosen)
    return subject, report.model_copy(update={"seconds": round(time.perf_counter() - started, 1)})


def measure(subject: Subject, seed: int) -> tuple[CleanScores, list[Corruption]]:
    """Return the scores on the images as they are, and those on every corruption at five severities."""
    rows = []
    with bar(f"stress {subject.classifier.card.name}", len(CORRUPTIONS) * len(SEVERITIES)) as advance:
        for number, (name, corrupt) in enumerate(CORRUPTIONS.items()):
            scores = []
            for severity in SEVERITIES:
                corrupted = corrupt(subject.images, severity, np.random.default_rng([seed, number, severity]))
                probs = subject.read(corrupted)
                scores.append(SeverityScores(severity=severity, **_scores(probs, subject.target)))
                advance(1)
            error = 1 - float(np.mean([score.accuracy for score in scores]))
            family = next(family for family, names in FAMILIES.items() if name in names)
            rows.append(Corruption(name=name, family=family, severities=scores, error=error, relative=None))
    probs = subject.read(subject.images)
    ends = known_ends(proportion_interval(np.equal(*metrics.top1(probs, subject.target)), subject.group))
    return CleanScores(**_scores(probs, subject.target), accuracy_interval=ends), rows


def relate(rows: Sequence[Corruption], baseline: dict[str, float]) -> list[Corruption]:
    """Return rows with their errors relative to a baseline's errors by corruption: 1 is as bad, less is better."""
    return [row.model_copy(update={"relative": row.error / max(baseline[row.name], MIN_ERROR)}) for row in rows]


def rank(rows: Sequence[Corruption], clean: float) -> list[Drop]:
    """Return the corruptions by the accuracy they cost on average over the severities, the costliest first."""
    drops = [Drop(name=row.name, drop=round(clean - (1 - row.error), 6)) for row in rows]
    return sorted(drops, key=lambda row: -row.drop)


def _check_arguments(split: str, images: int) -> None:
    if split == "train":
        raise DataError("split 'train'", "val or test: weights are not measured on what they were trained on")
    if images < 1:
        raise UsageError(f"`images` {images}", "1 or more")


def _report(
    subject: Subject,
    facts: dict[str, Any],
    seed: int,
    baseline: str | None,
    errors: dict[str, float],
    attacks: Sequence[Attack],
) -> StressReport:
    clean, rows = measure(subject, seed)
    rows = relate(rows, errors) if baseline else rows
    return StressReport(
        **facts,
        clean=clean,
        baseline=baseline,
        corruptions=rows,
        mce=float(np.mean([row.relative for row in rows if row.relative is not None])) if baseline else None,
        attacks=[_attacked(subject, attack) for attack in attacks],
        ranking=rank(rows, clean.accuracy),
    )


def _weights(classifier: Classifier) -> dict[str, Any]:
    under = {} if classifier.prior.name == NATURAL else {"prior": classifier.prior.name}
    return {"weights": classifier.card.name, "weights_sha256": sha256_of(classifier.path), **under}


def _rival(baseline: str | Path | None, prior: Wanted) -> Classifier | None:
    """Return the weights of a baseline; None without one, or where it is an earlier stress.json."""
    if baseline is None or Path(baseline).suffix == ".json":
        return None
    return Classifier(find_weights(baseline), prior=prior)


def _labels(classifier: Classifier, samples: Samples, rival: Classifier | None) -> tuple[str, ...]:
    labels = all_labels(classifier, samples)
    return ordered(tuple({*labels, *rival.card.labels})) if rival else labels


def _images(subject: Subject, samples: Samples) -> dict[str, Any]:
    return {
        "fingerprint": samples.fingerprint,
        "labels": list(subject.labels),
        "truth_labels": list(target_labels(subject.classifier, samples)),
        "n": len(subject.images),
        "groups": clusters.count(subject.group),
    }


def _baseline(
    subject: Subject, facts: dict[str, Any], seed: int, baseline: str | Path | None, rival: Classifier | None
) -> tuple[str | None, dict[str, float]]:
    """Return a baseline's name and its errors by corruption, from its file or measured here; None without one."""
    if rival:
        name, (_, rows) = rival.card.name, measure(replace(subject, classifier=rival), seed)
    elif baseline is not None:
        earlier = _earlier(Path(baseline), facts)
        name, rows = earlier.weights or Path(baseline).stem, earlier.corruptions
    else:
        return None, {}
    return name, {row.name: row.error for row in rows}


def _earlier(path: Path, facts: dict[str, Any]) -> StressReport:
    wanted = "one that `mien stress --out` wrote, or weights"
    document = read_json(path, wanted, UsageError)
    with parsing(path, wanted, UsageError, says="is not a stress.json"):
        earlier = fits(StressReport, document)
        if missing := sorted({"options", "labels", "fingerprint", "seed", "version"} - earlier.model_fields_set):
            raise ValueError(f"it lacks {', '.join(missing)}")
    theirs = {"truth_labels": earlier.labels} | earlier.to_dict()
    values = {key: (theirs.get(key), facts.get(key)) for key in SAME}
    different = [f"{key} {old} against {new}" for key, (old, new) in values.items() if old != new]
    if different or {row.name for row in earlier.corruptions} != set(CORRUPTIONS):
        got = f"`baseline`: {path} was measured differently: {', '.join(different) or 'other corruptions'}"
        raise UsageError(got, "the same images and draws")
    return earlier


def _scores(probs: NDArray[np.float64], target: NDArray[np.float64]) -> dict[str, Any]:
    return {name: float(metrics.METRICS[name](probs, target)) for name in ("accuracy", "macro_f1", "ece")}


def _attacked(subject: Subject, attack: Attack) -> AttackScores:
    rows = evenly_spaced(len(subject.images), attack.images or len(subject.images))
    target, crops = subject.target[rows], to_crops(subject.images[rows], subject.classifier.card)
    label, predicted = metrics.top1(subject.classify(crops), target)
    with bar(f"{attack.name} on {len(rows)} images", 1):
        probs = subject.classify(attack.run(crops, label))
    after, group = label == probs.argmax(1), None if subject.group is None else subject.group[rows]
    return AttackScores(
        name=attack.name,
        epsilon=round(attack.epsilon / 255, 6),
        n=len(rows),
        clean_accuracy=float((label == predicted).mean()),
        accuracy=float(after.mean()),
        accuracy_interval=known_ends(proportion_interval(after, group)),
        queries=attack.queries,
    )
