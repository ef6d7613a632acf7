"""Run weights over a split of a data set and say how good they are, on all of it and on its twin-free part.

    result, scores = evaluate("ferplus", "ferplus", root, "val")

`scores.to_dict()` is what `mien evaluate --json` prints.  Where weights and data know different expressions, all of
them count (label_sets.py), and `scores.restricted` holds the scores on the common ones.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien import __version__
from mien.card import Card
from mien.data import load
from mien.data.fer2013.votes import CHOICES
from mien.data.resize import resize
from mien.data.samples import Samples
from mien.data.sampling import Classes, merge
from mien.errors import DataError, WeightsError
from mien.evaluation import label_sets
from mien.evaluation.provenance import check_writable
from mien.evaluation.report import write
from mien.evaluation.result import Provenance, Result
from mien.evaluation.scores import Scores, score
from mien.evaluation.training_duplicates import Search, search
from mien.inference.align import FRAMINGS, crop
from mien.inference.classify import BATCH, Classifier, locate, names
from mien.labels import columns, ordered
from mien.outputs import Outputs, into
from mien.prior import NATURAL, Wanted
from mien.progress import bar
from mien.reading.digest import sha256_of

KEPT = ("result.npz", "metrics.json", "report.html")
"""What `keep` writes."""


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

    `weights` is a shipped name, an ONNX file or a run folder; `data` None means what the weights were trained on, read
    the same way; `prior` is that under which probabilities are given; `options` go to the data set's reader.  Raises
    WeightsError and DataError for what cannot be used, and UsageError, before it measures, for a folder `out` that
    cannot take the result; `force` lets it take that of others.
    """
    if split == "train":
        raise DataError("split 'train'", "val or test: what weights have learnt tells nothing about them")
    classifier = Classifier(find_weights(weights), prior=prior)
    if data is None:
        data, options = own_data(classifier.card, options)
    facts = Provenance(
        weights=classifier.card.name,
        weights_sha256=sha256_of(classifier.path),
        dataset=data,
        split=split,
        options=options,
    )
    if classifier.prior.name != NATURAL:
        facts = facts.updated(prior=classifier.prior.name)
    check_writable(out, "result.npz", facts.to_dict(), force)
    samples = load_for(classifier.card, data, root, split, **options)
    result = predict(classifier, samples, facts, search(classifier.card, samples, root))
    return result, score(result)


def predict(classifier: Classifier, samples: Samples, facts: Provenance, searched: Search) -> Result:
    """Return what weights predict for the samples that have a label, with `facts` and more on where it comes from."""
    known, labels = truth_labels(classifier, samples), all_labels(classifier, samples)
    target = samples.target[:, columns(samples.labels, known)].astype(np.float64)
    kept = np.nan_to_num(target).sum(1) > 0.5  # most of the votes; without a label they are NaN
    probs, target = (
        part[kept] / part[kept].sum(1, keepdims=True)
        for part in (read(classifier, samples).astype(np.float64) + 1e-12, target)
    )
    return Result(
        label_sets.spread(probs, classifier.card.labels, labels).astype(np.float32),
        label_sets.spread(target, known, labels).astype(np.float32),
        labels,
        samples.ids[kept],
        group=None if samples.group is None else samples.group[kept].astype(np.str_),
        votes=None if samples.votes is None else samples.votes[:, columns(CHOICES, labels)][kept].astype(np.int16),
        provenance=facts.updated(**_facts(classifier, samples, kept, known), **twins_of(searched, samples, kept)),
    )


def _facts(classifier: Classifier, samples: Samples, kept: NDArray[np.bool_], known: Sequence[str]) -> dict[str, Any]:
    card = classifier.card
    return {
        **({"adjustment": card.prior.model_dump()} if card.prior else {}),
        **({"classes": classes} if (classes := card_classes(card)) else {}),
        "fingerprint": samples.fingerprint,
        "left_out": int((~kept).sum()),
        "labels_left_out": sorted(set(samples.labels) - set(known)),
        "answer_labels": list(card.labels),
        "truth_labels": list(known),
        "threshold": classifier.threshold,
        "version": __version__,
        "trained": trained(card),
    }


def truth_labels(classifier: Classifier, samples: Samples) -> tuple[str, ...]:
    """Return the expressions that the data knows; of a recipe that selects classes, on its own data, those alone.

    DataError where weights and data have less than two in common.
    """
    common = shared_labels(classifier, samples)
    own = card_classes(classifier.card) is not None and samples.name == classifier.card.data.get("name")
    return common if own else samples.labels


def all_labels(classifier: Classifier, samples: Samples) -> tuple[str, ...]:
    """Return every expression that the weights can answer or the data knows, in vocabulary order."""
    return ordered(tuple({*classifier.card.labels, *truth_labels(classifier, samples)}))


def twins_of(searched: Search, samples: Samples, kept: NDArray[np.bool_]) -> dict[str, Any]:
    """Return what a result says of twins: which Training was searched and whose ids were found, or why not."""
    if searched.twins is None:
        return {"not_searched": searched.reason}
    return {"training": searched.training, "twins": samples.ids[searched.twins & kept].tolist()}


def trained(card: Card) -> dict[str, Any]:
    """Return where weights come from, as far as their card says: recipe, seed, commit, hardware, seconds, versions."""
    known = ("recipe", "seed", "commit", "device", "threads", "seconds", "versions")
    told = {"recipe": card.recipe.get("name"), "seed": card.recipe.get("seed"), **card.provenance}
    return {key: told[key] for key in known if told.get(key) is not None}


def load_for(card: Card, data: str, root: Path | str | None, split: str, **options: Any) -> Samples:
    """Return a split of a data set with its labels merged as these weights' recipe merged theirs."""
    samples = load(data, root, split, **options)
    classes = card_classes(card)
    return samples if classes is None else merge(samples, classes)


def card_classes(card: Card) -> Classes | None:
    """Return the labels that the weights' recipe selected or merged, None where it took the data set's."""
    classes: Classes | None = card.recipe.get("data", {}).get("classes")
    return classes


def own_data(card: Card, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name of the data that weights were trained on, and the options it was read with; DataError if lost."""
    name = card.data.get("name")
    if not name:
        raise DataError(f"{card.name} does not say what it was trained on", do="give `data`")
    return str(name), {**card.recipe.get("data", {}).get("options", {}), **options}


def keep(result: Result, scores: Scores, out: Path | Outputs, root: Path | str | None = None) -> list[Path]:
    """Write result.npz, metrics.json and report.html into a folder; images come from `root` or MIEN_DATA.

    Returns their paths.
    """
    from mien.evaluation.report.collect import gather  # here, because it builds on this module

    outputs = into(out)
    with outputs.beside("result.npz") as path:
        result.save(path)
    outputs.write("metrics.json", f"{json.dumps(scores.to_dict(), indent=2)}\n".encode())
    with outputs.beside("report.html") as path:
        write(gather([outputs.folder / "result.npz"], root), path)
    return [outputs.folder / name for name in KEPT]


def read(classifier: Classifier, samples: Samples) -> NDArray[np.float32]:
    """Return the probabilities float32 (N, K) for every image, brought to the crop that the weights take."""
    card, answers = classifier.card, []
    with bar(f"{samples.name} {samples.split}", len(samples)) as advance:
        for start in range(0, len(samples), BATCH):
            images = np.asarray(samples.images[start : start + BATCH])
            answers.append(classifier(to_crops(images, card)))
            advance(len(images))
    return np.concatenate(answers) if answers else np.zeros((0, len(card.labels)), np.float32)


def to_crops(images: NDArray[np.uint8], card: Card) -> NDArray[np.uint8]:
    """Return a data set's images, uint8 (N, H, W, C), as the crops that the weights take, (N, size, size, channels)."""
    wanted = (card.size, card.size, card.channels)
    if images.shape[1:] == wanted:
        return images
    if images.shape[3] == card.channels:
        return resize(images, card.size)  # as in training
    return np.stack([_fit(image, card) for image in images]) if len(images) else np.empty((0, *wanted), np.uint8)


def find_weights(weights: str | Path) -> Path | str:
    """Return the ONNX file of a run folder, or the name or path as given; WeightsError for other folders, results."""
    path = Path(weights)
    if str(weights) in names():
        return weights
    run = (path / "recipe.yaml").is_file()
    if not run and (path.suffix == ".npz" or (path / "result.npz").is_file()):
        raise WeightsError(f"{path} is a result", "the weights that answered", f"`mien report {path}` reads it")
    if not run and path.is_dir():
        raise WeightsError(f"{path} is a folder", "an ONNX file, or a run folder that `mien train` made")
    if run:
        if not (path / "model.onnx").is_file():
            raise WeightsError(f"{path} has no model.onnx", "a run that was exported", f"mien export {path}")
        return path / "model.onnx"
    return weights


def weights_file(weights: str | Path) -> Path:
    """Return the ONNX file of a shipped name, a path or a run folder; WeightsError where there is none."""
    return locate(find_weights(weights))


def shared_labels(classifier: Classifier, samples: Samples) -> tuple[str, ...]:
    """Return the expressions that weights and data both know, in vocabulary order; DataError for less than two."""
    labels = tuple(label for label in classifier.card.labels if label in samples.labels)
    if len(labels) < 2:
        raise DataError(
            f"{classifier.path} knows {', '.join(classifier.card.labels)}, {samples.name} {', '.join(samples.labels)}",
            "two or more expressions in common",
        )
    return labels


def _fit(image: NDArray[np.uint8], card: Card) -> NDArray[np.uint8]:
    box = np.array([0, 0, image.shape[1], image.shape[0]], np.float32)
    colours = image if image.shape[2] == 3 else np.repeat(image, 3, axis=2)
    return crop(colours, box, FRAMINGS[card.framing]["whole"], card.size, card.channels)
