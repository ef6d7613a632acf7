"""Distillation: a teacher's probabilities become part of the targets (Hinton et al., arXiv 1503.02531).

The teacher reads every training image once, before training, through the same ONNX path that users run; a target is
then (1 - weight) times the label plus weight times the teacher's distribution.
"""

from typing import Any

import numpy as np

from mien.data.samples import Samples
from mien.errors import RecipeError
from mien.labels import columns
from mien.training.recipe import Distill


def teach(samples: Samples, spec: Distill) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the targets float32 (N, K) with the teacher's share; without a label the teacher's word stands alone."""
    from mien.evaluation.evaluate import read  # these bring OpenCV, which training itself does without
    from mien.inference.classify import Classifier

    teacher = Classifier(spec.weights)
    if set(teacher.card.labels) != set(samples.labels):
        raise RecipeError(
            f"distill.weights: {spec.weights} knows {', '.join(teacher.card.labels)}",
            f"a teacher of {', '.join(samples.labels)}",
        )
    probs = read(teacher, samples)[:, columns(teacher.card.labels, samples.labels)]
    mixed = (1 - spec.weight) * samples.target + spec.weight * probs
    return np.where(np.isnan(samples.target), probs, mixed).astype(np.float32)
