"""Move images a little in the direction in which the loss grows fastest: for training and for attacks.

Adversarial regularisation adds `multiplier * L(y, f(perturb(x)))` to the loss of a batch, so that its prediction
stays the same within a small distance of every training image.  One step of a given length is Goodfellow, Shlens and
Szegedy, *Explaining and harnessing adversarial examples*, ICLR 2015, as in Neural Structured Learning (Bui, Ravi and
Ramavajjala, WSDM 2018); several steps kept inside a ball are Madry et al., *Towards deep learning models resistant to
adversarial attacks*, ICLR 2018.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from mien.errors import RecipeError

MIN_NORM = 1e-6
"""Smallest norm that a gradient is divided by, so that flat regions move less instead of dividing by zero."""


def perturb(
    x: Tensor,
    loss_of: Callable[[Tensor], Tensor],
    *,
    norm: str = "l2",
    step: float,
    steps: int = 1,
    radius: float | None = None,
    start: Tensor | None = None,
    slope: Tensor | None = None,
    clamp: bool = False,
) -> Tensor:
    """Return x (N, C, H, W) moved along the gradient of `loss_of(x)`, the batch's mean loss; detached, a constant.

    Each step adds `step * d` to an example, where d has length 1 in `norm` over all its pixels: g / max(|g|, 1e-6) for
    "l2", sign(g) for "linf", the largest coordinate alone for "l1".  With a `radius` every step ends inside the ball of
    that radius around x.  `start` is where to begin instead of at x; `slope` is the gradient there, if known.  Values
    may leave [0, 1], as Neural Structured Learning lets them, unless `clamp`: attacks must show images.

    The parameters' gradients stay as they are.  The network runs in the mode it is in: in training mode every step
    without `slope` is a forward pass that moves batch-norm's running statistics, as the pass on the result will.

    >>> x = torch.zeros(1, 1, 1, 2)
    >>> slope = torch.tensor([3.0, -4.0]).reshape(1, 1, 1, 2)
    >>> [round(v, 2) for v in perturb(x, lambda x: (x * slope).sum(), step=1.0).flatten().tolist()]
    [0.6, -0.8]
    """
    if norm not in DIRECTIONS:
        raise RecipeError(f"a perturbation in the norm {norm!r}", f"one of {', '.join(DIRECTIONS)}")
    moved = (x if start is None else start).detach()
    with torch.enable_grad():
        for _ in range(steps):
            if slope is None:
                moved = moved.requires_grad_()
                (slope,) = torch.autograd.grad(loss_of(moved), moved)
            moved, slope = moved.detach() + step * DIRECTIONS[norm](slope), None
            if radius is not None:
                moved = x + project(moved - x, norm, radius)
            moved = (moved.clamp(0, 1) if clamp else moved).detach()
    return moved


def project(change: Tensor, norm: str, radius: float) -> Tensor:
    """Return the nearest point, example by example, to `change` (N, ...) whose `norm` is at most `radius`.

    >>> project(torch.tensor([[3.0, 4.0]]), "l2", 1.0).round(decimals=2).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    >>> project(torch.tensor([[3.0, 1.0]]), "l1", 2.0).tolist()
    [[2.0, 0.0]]
    """
    if norm == "linf":
        return change.clamp(-radius, radius)
    flat = change.flatten(1)
    if norm == "l2":
        length: Tensor = torch.linalg.vector_norm(flat, dim=1, keepdim=True)
        return (flat * (radius / length.clamp(min=radius))).reshape(change.shape)
    return _shrink(flat, radius).reshape(change.shape)


def _shrink(flat: Tensor, radius: float) -> Tensor:
    # Duchi et al., Efficient projections onto the l1-ball, ICML 2008: all magnitudes less one amount, none below zero
    size = flat.abs()
    ordered = size.sort(dim=1, descending=True).values
    rank = torch.arange(1, flat.shape[1] + 1, device=flat.device)
    excess = (ordered.cumsum(1) - radius) / rank
    last = (ordered > excess).sum(1, keepdim=True) - 1
    amount = excess.gather(1, last.clamp(min=0)).clamp(min=0)
    return flat.sign() * (size - amount).clamp(min=0)


def _l2(slope: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(slope.flatten(1), dim=1).clamp(min=MIN_NORM)
    return slope / length.reshape(-1, *[1] * (slope.dim() - 1))


def _l1(slope: Tensor) -> Tensor:
    flat = slope.flatten(1)
    size = flat.abs()
    largest = (size == size.amax(1, keepdim=True)).to(flat.dtype)  # ties split the step
    return (flat.sign() * largest / largest.sum(1, keepdim=True)).reshape(slope.shape)


DIRECTIONS: dict[str, Callable[[Tensor], Tensor]] = {"l2": _l2, "linf": torch.sign, "l1": _l1}
"""How a gradient (N, C, H, W) becomes a step of length 1, by norm."""
