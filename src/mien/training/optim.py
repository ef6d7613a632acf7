"""The optimiser and the schedule of its learning rate, and the average of the weights."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mien.training.recipe import Optim, Refine, Schedule
from mien.training.stages import rate_factors
from mien.training.svm import fit

Groups = list[dict[str, Any]]


def sgd(groups: Groups, spec: Optim) -> torch.optim.Optimizer:
    """Return Nesterov SGD."""
    return torch.optim.SGD(groups, spec.lr, momentum=spec.momentum, nesterov=spec.momentum > 0, fused=True)


def adam(groups: Groups, spec: Optim) -> torch.optim.Optimizer:
    """Return Adam (arXiv 1412.6980); its weight decay is the L2 penalty's gradient, not decoupled."""
    return torch.optim.Adam(groups, spec.lr, fused=True)


def adamw(groups: Groups, spec: Optim) -> torch.optim.Optimizer:
    """Return AdamW, whose weight decay is decoupled from the gradient (arXiv 1711.05101)."""
    return torch.optim.AdamW(groups, spec.lr, fused=True)


OPTIMIZERS: dict[str, Callable[[Groups, Optim], torch.optim.Optimizer]] = {"sgd": sgd, "adam": adam, "adamw": adamw}
"""Optimiser by name."""


def optimizer(model: nn.Module, spec: Optim) -> torch.optim.Optimizer | None:
    """Return the recipe's optimiser of the weights that are not frozen, or None where a solver takes its place.

    Vectors (biases, normalisation) do not decay unless the recipe decays all.  With `layer_decay` a group has `scale`,
    the factor of its rate.
    """
    if spec.name in SOLVERS:
        return None
    if spec.layer_decay == 1:
        return OPTIMIZERS[spec.name](_groups(list(model.parameters()), spec), spec)
    factors = rate_factors(model, spec.layer_decay)
    groups: Groups = []
    for scale in sorted(set(factors.values()), reverse=True):
        own = [p for p in model.parameters() if factors[p] == scale]
        groups += [group | {"scale": scale} for group in _groups(own, spec) if group["params"]]
    return OPTIMIZERS[spec.name](groups, spec)


def _groups(parameters: Sequence[nn.Parameter], spec: Optim) -> Groups:
    trained = [p for p in parameters if p.requires_grad]
    spared = 0.0 if spec.decay == "matrices" else spec.weight_decay
    return [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": spec.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": spared},
    ]


def restore(own: torch.optim.Optimizer, content: dict[str, Any] | None) -> None:
    """Load a checkpoint's state of an optimiser; ValueError where it is of other weights or settings."""
    fresh = [{key: value for key, value in group.items() if key != "params"} for group in own.param_groups]
    state = content or {}
    # runs of older versions were not fused; where a group is, its step belongs on the device of its weights
    groups = [{**group, "fused": own.param_groups[0]["fused"]} for group in state.get("param_groups", ())]
    own.load_state_dict({**state, "param_groups": groups})
    for group, kinds in zip(own.param_groups, fresh, strict=True):
        odd = [key for key, value in kinds.items() if not _alike(group.get(key), value)]
        if odd:
            raise ValueError(f"{odd[0]} of its optimiser is {str(group.get(odd[0]))[:40]!r}")
        for weights in group["params"]:
            held = own.state.get(weights, {}).values()
            if any(isinstance(one, torch.Tensor) and one.shape not in (weights.shape, torch.Size([])) for one in held):
                raise ValueError("its optimiser is of weights of another shape")


def _alike(one: Any, other: Any) -> bool:
    numbers = (int, float)
    both = isinstance(one, numbers) and isinstance(other, numbers)
    return (both and isinstance(one, bool) == isinstance(other, bool)) or type(one) is type(other)


Losses = Sequence[float]
"""The loss on val after each epoch so far."""


SOLVERS: dict[str, Callable[..., tuple[NDArray[np.float32], NDArray[np.float32]]]] = {"linear_svc": fit}
"""Solvers that replace the epochs: from images and labels to the weight and bias of a linear network."""


def cosine(step: int, steps: int, losses: Losses, spec: Schedule) -> float:
    """Return the factor of the rate, from one to zero over `steps`."""
    return _cosine(step / steps)


def constant(step: int, steps: int, losses: Losses, spec: Schedule) -> float:
    """Return one."""
    return 1.0


def stepwise(step: int, steps: int, losses: Losses, spec: Schedule) -> float:
    """Return `factor` to the power of how many times `every` steps have passed."""
    return spec.factor ** (step // spec.every)


def plateau(step: int, steps: int, losses: Losses, spec: Schedule) -> float:
    """Return `factor` to the power of how many times the loss did not fall for `patience` epochs, as Keras counts.

    Only a fall of more than 1e-4 below the lowest loss counts, and after a cut the count restarts.  It depends on the
    losses alone, so a resumed run continues as if it had not stopped.

    >>> spec = Schedule(name="plateau", factor=0.5, patience=2)
    >>> [plateau(0, 1, [3, 2, 2.5, 2.1, 1, 1, 1][:n], spec) for n in range(8)]
    [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25]
    """
    factor, best, waited = 1.0, math.inf, 0
    for loss in losses:
        best, waited = (loss, 0) if loss < best - MIN_FALL else (best, waited + 1)
        if waited >= max(1, spec.patience):
            factor, waited = factor * spec.factor, 0
    return factor


MIN_FALL = 1e-4
"""Smallest fall of the loss that `plateau` counts."""

SCHEDULES: dict[str, Callable[[int, int, Losses, Schedule], float]] = {
    "cosine": cosine,
    "constant": constant,
    "step": stepwise,
    "plateau": plateau,
}
"""Factor of the learning rate at a step of the main schedule, by name."""


def rate(
    step: int, steps: int, per_epoch: int, spec: Optim, refine: Refine | None = None, losses: Losses = ()
) -> float:
    """Return the learning rate of a step: `lr` times linear warm-up times the schedule over `steps`.

    What follows after `steps` is the refinement: a cosine from its own rate to zero.  `losses` are those on val so far.

    >>> [round(rate(s, 100, 10, Optim(lr=1.0, warmup=1.0)), 3) for s in (0, 9, 50, 99)]
    [0.1, 0.98, 0.5, 0.0]
    >>> [round(rate(s, 100, 10, Optim(), Refine(epochs=2, lr=0.4)), 3) for s in (100, 110, 119)]
    [0.4, 0.2, 0.002]
    """
    if refine and step >= steps:
        return refine.lr * _cosine((step - steps) / (refine.epochs * per_epoch))
    warm = min(1.0, (step + 1) / (spec.warmup * per_epoch)) if spec.warmup else 1.0
    return spec.lr * warm * SCHEDULES[spec.schedule.name](step, steps, losses, spec.schedule)


def _cosine(progress: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * progress))


@contextmanager
def sam_perturbation(model: nn.Module, radius: float) -> Iterator[None]:
    """Move the weights by `radius` along their gradient inside the context; batch-norm statistics stay.

    Sharpness-aware minimisation (arXiv 2010.01412) applies the gradient from there to the weights here.
    """
    moved: list[torch.Tensor] = [p for p in model.parameters() if p.grad is not None]
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    gradients = [p.grad for p in moved if p.grad is not None]
    below = [p.detach().clone() for p in moved]
    factor = radius / (torch.nn.utils.get_total_norm(gradients) + 1e-12)
    with torch.no_grad():
        torch._foreach_add_(moved, [gradient * factor for gradient in gradients])
    for norm in norms:
        norm.momentum = 0.0
    yield
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    with torch.no_grad():
        torch._foreach_copy_(moved, below)


class ExponentialMovingAverage:
    """An exponential moving average of a model's weights; buffers are copied.

    The decay starts low, (1 + step) / (10 + step), so that the first steps are forgotten soon.
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
