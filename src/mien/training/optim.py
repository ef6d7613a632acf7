"""The optimiser and the schedule of its learning rate, and the average of the weights."""

import math
from copy import deepcopy

import torch
from torch import nn

from mien.training.recipe import Optim, Refine


def sgd(model: nn.Module, spec: Optim) -> torch.optim.SGD:
    """Return Nesterov SGD; vectors (biases, normalisation) are spared the weight decay."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": spec.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, spec.lr, momentum=spec.momentum, nesterov=spec.momentum > 0)


def rate(step: int, steps: int, per_epoch: int, spec: Optim, refine: Refine | None = None) -> float:
    """Return the learning rate of a step: linear warm-up times a cosine from `lr` to zero over `steps`.

    What follows after `steps` is the refinement: a cosine from its own rate to zero.

    >>> [round(rate(s, 100, 10, Optim(lr=1.0, warmup=1.0)), 3) for s in (0, 9, 50, 99)]
    [0.1, 0.98, 0.5, 0.0]
    >>> [round(rate(s, 100, 10, Optim(), Refine(epochs=2, lr=0.4)), 3) for s in (100, 110, 119)]
    [0.4, 0.2, 0.002]
    """
    if refine and step >= steps:
        return refine.lr * _cosine((step - steps) / (refine.epochs * per_epoch))
    warm = min(1.0, (step + 1) / (spec.warmup * per_epoch)) if spec.warmup else 1.0
    return spec.lr * warm * _cosine(step / steps)


def _cosine(share: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * share))


class Average:
    """An exponential moving average of a model's weights; buffers are copied.

    The decay starts low ((1 + step) / (10 + step)) so that the first steps are forgotten soon.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.model.parameters()), list(model.parameters()), 1 - decay)
        for own, new in zip(self.model.buffers(), model.buffers(), strict=True):
            own.copy_(new)
