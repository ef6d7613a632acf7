"""The data that weights are measured on: read as they were trained, with labels and crops that fit them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.card import Card
from mien.data import load
from mien.data.registry import OWN, data_root
from mien.data.resize import resize
from mien.data.samples import Samples
from mien.data.sampling import Classes, chosen, merge
from mien.errors import DataError
from mien.inference.align import FRAMINGS, crop
from mien.inference.classify import BATCH, Classifier
from mien.labels import EXPRESSIONS, ordered
from mien.progress import bar


class Source(NamedTuple):
    """What weights are measured on: a data set, the options of its reader, and whether they were trained on it."""

    name: str
    options: dict[str, Any]
    own: bool


def source(classifier: Classifier, data: str | None, root: Path | str | None, options: Mapping[str, Any]) -> Source:
    """Return the data set with this name; that of the weights, which None is too, has the options of their training.

    DataError where None is given and the card lacks it.
    """
    card = classifier.card
    name, meant = card.data.get("name"), card.recipe.get("data", {}).get("options", {})
    if data is None and not name:
        raise DataError(f"the card of {card.name} lacks the data it was trained on", do="name it with `data`")
    if data is None or (data == name and data in OWN and _same_place(classifier, root)):
        return Source(str(name), {**meant, **options}, own=True)
    labels = [label for label in card.labels if label not in EXPRESSIONS]
    if data in OWN and "labels" not in options and labels:  # with the words for each, where there are
        options = {**options, "labels": meant.get("labels") or labels}
    return Source(data, dict(options), own=data == name and data not in OWN)


def _same_place(classifier: Classifier, root: Path | str | None) -> bool:
    """Return whether data of one's own is what weights were trained on: by where it lies, or by what they saw."""
    trained = trained_root(classifier.path)
    if trained and data_root(root).resolve() == trained.resolve():
        return True
    try:
        return training_data(classifier.card, root)[1] == classifier.card.data.get("fingerprint")
    except DataError:
        return False


def trained_root(weights: Path) -> Path | None:
    """Return where the data of a run was, as env.json beside its weights says; None where it does not."""
    try:
        root = json.loads((weights.parent / "env.json").read_bytes())["data"]["root"]
        return Path(root) if Path(root).exists() else None
    except (OSError, ValueError, TypeError, LookupError):
        return None


def training_data(card: Card, root: Path | str | None, options: Mapping[str, Any] | None = None) -> tuple[Samples, str]:
    """Return the training split under this root, and the fingerprint of what a card's recipe takes of it.

    `options` are those of the recipe, unless others are given.
    """
    spec = card.recipe.get("data", {})
    given = {**(spec.get("options", {}) if options is None else options), **spec.get("train", {})}
    train = load(card.data["name"], root, "train", **given)
    return train, chosen(train, spec.get("keep"), spec.get("classes"), spec.get("limit")).fingerprint


def load_for(card: Card, source: Source, root: Path | str | None, split: str) -> Samples:
    """Return a split of a data set with its labels merged as these weights' recipe merged theirs.

    DataError for a split that was drawn from what the weights were trained on, unless the rest is what they saw.
    """
    samples = load(source.name, root, split, **source.options)
    if source.own and samples.split_from == "drawn":
        options = source.options if source.name in OWN else None  # elsewhere they do not say how to draw
        _refuse_other_split(card, samples, training_data(card, root, options)[1])
    classes = card_classes(card)
    return samples if classes is None else merge(samples, classes)


def may_hold_training(card: Card, source: Source, samples: Samples) -> str:
    """Return why samples may hold images of the weights' training, unless those can be searched; empty where not.

    Images of one's own are known by their fingerprint alone: one image more, and the folder is another's or the same.
    Splits that files name are taken as they are; `load_for` checks those that are drawn from what is known to be ours.
    """
    checked = samples.split_from == "files" or (source.own and samples.split_from == "drawn")
    if checked or source.name not in OWN or (name := card.data.get("name")) not in OWN:
        return ""
    return (
        f"some of these images may be training images: the weights were trained on a `{name}` that is not here as they "
        "saw it"
    )


def _refuse_other_split(card: Card, samples: Samples, train: str) -> None:
    saw = card.data.get("fingerprint")
    if saw and saw != train:
        raise DataError(
            f"{samples.split} as drawn here may hold images that {card.name} was trained on: the rest, train, has the "
            f"fingerprint {train}, the weights saw {saw}",
            "the images and options of the training, drawn by this version of mien",
            "train again, or measure on images in a folder of their own",
        )


def card_classes(card: Card) -> Classes | None:
    """Return the labels that the weights' recipe selected or merged, None where it took those of the data set."""
    classes: Classes | None = card.recipe.get("data", {}).get("classes")
    return classes


def target_labels(classifier: Classifier, samples: Samples) -> tuple[str, ...]:
    """Return the expressions that the data knows; of a recipe that selects classes, on its own data, only those.

    DataError where weights and data have fewer than two in common.
    """
    common = _common_labels(classifier, samples)
    own = card_classes(classifier.card) is not None and samples.name == classifier.card.data.get("name")
    return common if own else samples.labels


def all_labels(classifier: Classifier, samples: Samples) -> tuple[str, ...]:
    """Return every expression that the weights can predict or the data knows, in vocabulary order."""
    return ordered(tuple({*classifier.card.labels, *target_labels(classifier, samples)}))


def _common_labels(classifier: Classifier, samples: Samples) -> tuple[str, ...]:
    labels = tuple(label for label in classifier.card.labels if label in samples.labels)
    if len(labels) < 2:
        raise DataError(
            f"{classifier.path} knows {', '.join(classifier.card.labels)}, {samples.name} {', '.join(samples.labels)}",
            "two or more expressions in common",
        )
    return labels


def predict(classifier: Classifier, samples: Samples) -> dict[str, NDArray[np.float32]]:
    """Return the outputs of the weights by name, `probs` (N, K) and others, for every image, brought to their crop.

    The embedding is left out: it can be large, and nothing is measured with it.
    """
    names = [name for name in classifier.outputs if name != "embedding"]
    batches = []
    with bar(f"{samples.name} {samples.split}", len(samples)) as advance:
        for start in range(0, len(samples), BATCH):
            images = np.asarray(samples.images[start : start + BATCH])
            batches.append(classifier.heads(to_crops(images, classifier.card)))
            advance(len(images))
    batches = batches or [classifier.heads(to_crops(np.asarray(samples.images), classifier.card))]
    return {name: np.concatenate([batch[name] for batch in batches]) for name in names}


def to_crops(images: NDArray[np.uint8], card: Card) -> NDArray[np.uint8]:
    """Return a data set's images, uint8 (N, H, W, C), as the crops that the weights take, (N, size, size, channels)."""
    shape = (card.size, card.size, card.channels)
    if images.shape[1:] == shape:
        return images
    if images.shape[3] == card.channels:
        return resize(images, card.size)  # as in training
    return np.stack([_to_crop(image, card) for image in images]) if len(images) else np.empty((0, *shape), np.uint8)


def _to_crop(image: NDArray[np.uint8], card: Card) -> NDArray[np.uint8]:
    box = np.array([0, 0, image.shape[1], image.shape[0]], np.float32)
    colours = image if image.shape[2] == 3 else np.repeat(image, 3, axis=2)
    return crop(colours, box, FRAMINGS[card.framing]["whole"], card.size, card.channels)
