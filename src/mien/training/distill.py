"""Distillation: teachers' probabilities become part of the targets (Hinton et al., arXiv 1503.02531).

Each teacher reads every training image once, before training, through the same ONNX path that users run; a target is
then (1 - weight) times the label plus weight times the teachers' mean distribution, softened by the temperature.
"""

import numpy as np
from numpy.typing import NDArray

from mien.data.samples import Samples
from mien.errors import RecipeError
from mien.labels import columns
from mien.prior import NATURAL
from mien.training.recipe import Distill


def teach(samples: Samples, spec: Distill) -> NDArray[np.float32]:
    """Return targets float32 (N, K) mixed with the teachers' probabilities, which replace missing labels."""
    each = np.stack([teacher_probs(weights, samples, spec.prior) for weights in spec.weights])
    probs = each.mean(0) ** (1 / spec.temperature)
    probs /= probs.sum(1, keepdims=True)
    mixed = (1 - spec.weight) * samples.target + spec.weight * probs
    target: NDArray[np.float32] = np.where(np.isnan(samples.target), probs, mixed).astype(np.float32)
    return target


def teacher_probs(weights: str, samples: Samples, prior: str = NATURAL) -> NDArray[np.float32]:
    """Return a teacher's probabilities (N, K) for the images under a prior, in the order of their labels."""
    from mien.evaluation.inputs import predict  # these import OpenCV, which training does not need
    from mien.inference.classify import Classifier

    teacher = Classifier(weights, prior=prior)
    if set(teacher.card.labels) != set(samples.labels):
        raise RecipeError(
            f"distill.weights: {weights} knows {', '.join(teacher.card.labels)}",
            f"a teacher of {', '.join(samples.labels)}",
        )
    return predict(teacher, samples)["probs"][:, columns(teacher.card.labels, samples.labels)]
