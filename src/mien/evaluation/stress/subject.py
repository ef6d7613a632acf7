"""Weights and the images that they are tested on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.data.samples import Samples
from mien.errors import DataError
from mien.evaluation.inputs import target_labels, to_crops
from mien.evaluation.label_sets import spread
from mien.inference.classify import Classifier
from mien.labels import columns


@dataclass(frozen=True, eq=False)
class Subject:
    """Weights and test images: images uint8 (N, H, W, C), target float64 (N, K) over `labels`, group (N,) or None."""

    classifier: Classifier
    images: NDArray[np.uint8]
    target: NDArray[np.float64]
    labels: tuple[str, ...]
    group: NDArray[np.str_] | None = None

    def classify(self, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return probabilities float64 (N, K) over `labels`, 0 for those that the weights cannot predict."""
        return spread(self.classifier(crops).astype(np.float64), self.classifier.card.labels, self.labels)

    def read(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the same for a data set's images of any size."""
        return self.classify(to_crops(images, self.classifier.card))


def take(classifier: Classifier, samples: Samples, labels: tuple[str, ...], max_images: int) -> Subject:
    """Return at most `max_images` labelled samples, evenly spaced; DataError for none, or a single expression."""
    known = target_labels(classifier, samples)
    target = spread(samples.target[:, columns(samples.labels, known)], known, labels)
    rows = np.flatnonzero(np.nan_to_num(target).sum(1) > 0.5)  # most of the votes; without a label they are NaN
    if len(labels) < 2 or not len(rows):
        raise DataError(f"{len(rows)} images of {len(labels)} expressions to measure on", "images of two or more")
    rows = rows[evenly_spaced(len(rows), max_images)]
    target = target[rows] / target[rows].sum(1, keepdims=True)
    group = None if samples.group is None else samples.group[rows].astype(np.str_)
    return Subject(classifier, np.asarray(samples.images[rows]), target, labels, group)


def evenly_spaced(n: int, most: int) -> NDArray[np.int64]:
    """Return at most `most` rows out of n: data sets may be sorted by class.

    >>> evenly_spaced(9, 3).tolist()
    [0, 4, 8]
    """
    return np.linspace(0, n - 1, min(n, most)).round().astype(np.int64)
