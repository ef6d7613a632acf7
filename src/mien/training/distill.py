"""Distillation: teachers' probabilities become part of the targets (Hinton et al., arXiv 1503.02531).

Each teacher reads every training image once, before training, through the same ONNX path that users run; a target is
then (1 - weight) times the label plus weight times the teachers' mean distribution, softened by the temperature.
"""

import numpy as np
from numpy.typing import NDArray

from mien.data.samples import Samples
from mien.errors import RecipeError
from mien.labels import columns
from mien.training.recipe import Distill


def teach(samples: Samples, spec: Distill) -> NDArray[np.float32]:
    """Return the targets float32 (N, K) with the teachers' share; without a label the teachers' word stands alone."""
    words = np.stack([word(weights, samples) for weights in spec.weights])
    probs = words.mean(0) ** (1 / spec.temperature)
    probs /= probs.sum(1, keepdims=True)
    mixed = (1 - spec.weight) * samples.target + spec.weight * probs
    target: NDArray[np.float32] = np.where(np.isnan(samples.target), probs, mixed).astype(np.float32)
    return target


def word(weights: str, samples: Samples) -> NDArray[np.float32]:
    """Return a teacher's probabilities (N, K) of images, its classes in their order."""
    from mien.evaluation.evaluate import read  # these bring OpenCV, which training itself does without
    from mien.inference.classify import Classifier

    teacher = Classifier(weights)
    if set(teacher.card.labels) != set(samples.labels):
        raise RecipeError(
            f"distill.weights: {weights} knows {', '.join(teacher.card.labels)}",
            f"a teacher of {', '.join(samples.labels)}",
        )
    return read(teacher, samples)[:, columns(teacher.card.labels, samples.labels)]
