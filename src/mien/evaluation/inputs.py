"""The data that weights are measured on: read as they were trained, with labels and crops that fit them."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.card import Card
from mien.data import load
from mien.data.registry import OWN
from mien.data.resize import resize
from mien.data.samples import Samples
from mien.data.sampling import Classes, merge
from mien.errors import DataError
from mien.inference.align import FRAMINGS, crop
from mien.inference.classify import BATCH, Classifier
from mien.labels import EXPRESSIONS, ordered
from mien.progress import bar


def own_data(card: Card, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name and options of the data that weights were trained on; DataError where the card lacks it."""
    name = card.data.get("name")
    if not name:
        raise DataError(f"the card of {card.name} lacks the data it was trained on", do="name it with `data`")
    return str(name), {**card.recipe.get("data", {}).get("options", {}), **options}


def with_own_labels(card: Card, data: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a reader of one's own images, with the weights' own labels where none are named."""
    own = [label for label in card.labels if label not in EXPRESSIONS]
    if data not in OWN or "labels" in options or not own:
        return options
    meant = card.recipe.get("data", {}).get("options", {}).get("labels")  # with the words for each, where there are
    return {**options, "labels": meant or own}


def load_for(card: Card, data: str, root: Path | str | None, split: str, **options: Any) -> Samples:
    """Return a split of a data set with its labels merged as these weights' recipe merged theirs."""
    samples = load(data, root, split, **options)
    classes = card_classes(card)
    return samples if classes is None else merge(samples, classes)


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
