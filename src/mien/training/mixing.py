"""Batches in which two images and their targets are mixed: mixup (arXiv 1710.09412) and CutMix (arXiv 1905.04899).

The share is one for the whole batch; each image is mixed with one at random of the same batch.  A mixture of which one
half has no target has none either.
"""

import torch
from torch import Tensor

from mien.training.recipe import Augment

Batch = dict[str, Tensor]
MIXED = ("x", "clean", "target", "aux")
"""What of a batch is mixed, if it is there; `top` becomes that of the larger share."""


def mix(batch: Batch, spec: Augment, generator: torch.Generator) -> Batch:
    """Return the batch mixed as `spec` asks: `x` (N, C, H, W), `target` (N, K) and what goes with them.

    With mixup and cutmix both given, each batch takes one of them by the throw of a coin.
    """
    if not (spec.mixup or spec.cutmix):
        return batch
    x = batch["x"]
    cut = bool(spec.cutmix) and (not spec.mixup or torch.rand(1, generator=generator, device=x.device).item() < 0.5)
    shape = spec.cutmix if cut else spec.mixup
    share = beta((shape, shape), generator, x)
    order = torch.randperm(len(x), generator=generator, device=x.device)
    inside = rectangle(x, 1 - share, generator) if cut else None
    if inside is not None:
        share = 1 - inside.float().mean()

    def blend(name: str) -> Tensor:
        own, other = batch[name], batch[name][order]
        if inside is not None and own.ndim == x.ndim:
            return torch.where(inside, other, own)
        return share * own + (1 - share) * other

    top = torch.where(share < 0.5, batch["top"][order], batch["top"])
    return batch | {name: blend(name) for name in MIXED if name in batch} | {"top": top}


def beta(shapes: tuple[float, float], generator: torch.Generator, like: Tensor) -> Tensor:
    """Draw one share ~ Beta(*shapes), on the device and of the type of `like`."""
    # torch.distributions takes no generator; a Beta is one Gamma's share of two
    first, second = (torch._standard_gamma(like.new_tensor(shape), generator) for shape in shapes)
    share: Tensor = first / (first + second)
    return share


def rectangle(x: Tensor, area: Tensor, generator: torch.Generator) -> Tensor:
    """Return bool (H, W), true in a rectangle of the image's proportions and this share of it, cut at its edges."""
    sides = [torch.arange(length, device=x.device) + 0.5 for length in x.shape[2:]]
    centres = torch.rand(2, generator=generator, device=x.device)
    down, right = (
        (pixels - centre * len(pixels)).abs() < area.sqrt() * len(pixels) / 2
        for pixels, centre in zip(sides, centres, strict=True)
    )
    inside: Tensor = down[:, None] & right[None]
    return inside
