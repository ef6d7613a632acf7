"""Measure weights on a split of a data set: on all of it, and without near-duplicates of their training images.

    result, scores = evaluate("ferplus", "ferplus", root, "val")

`scores.to_dict()` is what `mien evaluate --json` prints.  Where weights and data know different expressions, all of
them count (label_sets.py), and `scores.restricted` holds the scores on the common ones.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.card import Card
from mien.data.fer2013.votes import CHOICES
from mien.data.samples import Samples
from mien.errors import DataError
from mien.evaluation import label_sets
from mien.evaluation.inputs import (
    all_labels,
    card_classes,
    load_for,
    may_hold_training,
    predict,
    source,
    target_labels,
    trained_root,
)
from mien.evaluation.provenance import check_writable
from mien.evaluation.result import Provenance, Result
from mien.evaluation.scores import Scores, score
from mien.evaluation.training_duplicates import Search, search
from mien.evaluation.weights import find_weights
from mien.inference.classify import Classifier
from mien.labels import columns
from mien.prior import NATURAL, Wanted
from mien.reading.digest import sha256_of
from mien.version import __version__


def evaluate(
    weights: str | Path,
    data: str | None,
    root: Path | str | None,
    split: str,
    out: Path | None = None,
    force: bool = False,
    prior: Wanted = NATURAL,
    **options: Any,
) -> tuple[Result, Scores]:
    """Return what the weights predict on a split, and the scores of that.

    Arguments:
        weights: a shipped name, an ONNX file or a run folder.
        data: a data set; None is what the weights were trained on, read the same way.
        root: where the data lies; None is MIEN_DATA.
        split: val or test.
        out: a folder that is checked before anything is measured; `force` lets it hold a result of other weights.
        prior: the prior under which probabilities are given.
        options: go to the reader of the data set.

    Raises WeightsError and DataError for inputs that cannot be used, UsageError for a folder that cannot take a result.
    """
    if split == "train":
        raise DataError("split 'train'", "val or test: scores on training data say nothing about new faces")
    classifier = Classifier(find_weights(weights), prior=prior)
    read = source(classifier, data, root, options)
    name, sha = classifier.card.name, sha256_of(classifier.path)
    facts = Provenance(weights=name, weights_sha256=sha, dataset=read.name, split=split, options=read.options)
    if classifier.prior.name != NATURAL:
        facts = facts.updated(prior=classifier.prior.name)
    check_writable(out, "result.npz", facts.to_dict(), force)
    samples = load_for(classifier.card, read, root, split)
    searched = search(classifier.card, samples, [root, trained_root(classifier.path)])
    if searched.duplicates is None and (why := may_hold_training(classifier.card, read, samples)):
        facts = facts.updated(may_hold_training=why)
    result = measure(classifier, samples, facts, searched)
    return result, score(result)


def measure(classifier: Classifier, samples: Samples, facts: Provenance, searched: Search) -> Result:
    """Return what weights predict for the samples that have a label; its provenance is `facts` and more."""
    known, labels = target_labels(classifier, samples), all_labels(classifier, samples)
    target = samples.target[:, columns(samples.labels, known)].astype(np.float64)
    kept = np.nan_to_num(target).sum(1) > 0.5  # most of the votes; without a label they are NaN
    outputs = predict(classifier, samples)
    probs, target = (
        part[kept] / part[kept].sum(1, keepdims=True) for part in (outputs["probs"].astype(np.float64) + 1e-12, target)
    )
    units = common_units(classifier.card.action_units, samples.unit_names)
    more = {**_facts(classifier, samples, kept, known), **_search_facts(searched, samples, kept)}
    return Result(
        label_sets.spread(probs, classifier.card.labels, labels).astype(np.float32),
        label_sets.spread(target, known, labels).astype(np.float32),
        labels,
        samples.ids[kept],
        group=None if samples.group is None else samples.group[kept].astype(np.str_),
        votes=None if samples.votes is None else _votes(samples.votes[kept], labels),
        regression=outputs["valence_arousal"][kept] if "valence_arousal" in outputs else None,
        units=outputs["action_units"][kept][:, list(units.values())] if units else None,
        regression_target=None if samples.regression is None else samples.regression[kept],
        units_target=samples.units[kept][:, list(units)] if units and samples.units is not None else None,
        provenance=facts.updated(**more, **({"units": [samples.unit_names[k] for k in units]} if units else {})),
    )


def common_units(predicted: Sequence[str], labelled: Sequence[str]) -> dict[int, int]:
    """Return the place of each labelled unit that is predicted too, and the place of its prediction; au1 is au01.

    >>> common_units(("au1", "au12"), ("au12", "au04", "au01"))
    {0: 1, 2: 0}
    """
    place = {int(name[2:]): k for k, name in enumerate(predicted)}
    numbers = [int(name[2:]) if name[2:].isdecimal() else None for name in labelled]
    return {k: place[number] for k, number in enumerate(numbers) if number in place}


def _votes(votes: NDArray[np.integer[Any]], labels: Sequence[str]) -> NDArray[np.int16]:
    """Return the votes (N, 10) for each label, none for labels that the raters could not choose."""
    known = [label for label in labels if label in CHOICES]
    return label_sets.spread(votes[:, columns(CHOICES, known)], known, labels).astype(np.int16)


def _facts(classifier: Classifier, samples: Samples, kept: NDArray[np.bool_], known: Sequence[str]) -> dict[str, Any]:
    card = classifier.card
    return {
        **({"adjustment": card.prior.model_dump()} if card.prior else {}),
        **({"classes": classes} if (classes := card_classes(card)) else {}),
        "fingerprint": samples.fingerprint,
        **({"about": samples.about} if samples.about else {}),
        **({"split_from": "none"} if samples.split_from == "none" else {}),
        "left_out": int((~kept).sum()),
        "labels_left_out": sorted(set(samples.labels) - set(known)),
        "answer_labels": list(card.labels),
        "truth_labels": list(known),
        "threshold": classifier.threshold,
        "version": __version__,
        "trained": _trained(card),
    }


def _trained(card: Card) -> dict[str, Any]:
    """Return where weights come from, as far as their card says: recipe, seed, commit, hardware, seconds, versions."""
    keys = ("recipe", "seed", "commit", "device", "threads", "seconds", "versions")
    facts = {"recipe": card.recipe.get("name"), "seed": card.recipe.get("seed"), **card.provenance}
    return {key: facts[key] for key in keys if facts.get(key) is not None}


def _search_facts(searched: Search, samples: Samples, kept: NDArray[np.bool_]) -> dict[str, Any]:
    """Return which training data was searched for near-duplicates, and their ids; or why it was not searched."""
    if searched.duplicates is None:
        return {"not_searched": searched.reason}
    return {"training": searched.training, "twins": samples.ids[searched.duplicates & kept].tolist()}
