"""Batches of mixed images and targets: mixup (arXiv 1710.09412) and CutMix (arXiv 1905.04899).

One ratio holds for the whole batch; each image is mixed with a random one of the same batch.  A mixture has a target
only if both its images have one.  Where images count differently, a mixture counts as much as its parts together, and
each part's label as far as its image counts: one of weight 0 teaches nothing.
"""

import torch
from torch import Tensor

from mien.training.recipe import Augment

Batch = dict[str, Tensor]
MIXED = ("x", "clean", "target", "aux", "valence_arousal", "action_units")
"""Parts of a batch that are mixed; `top` becomes that of the image with the larger part."""
WEIGHTED = ("target", "valence_arousal", "action_units")
"""Those of them whose losses know `importance`."""


def mix(batch: Batch, spec: Augment, generator: torch.Generator) -> Batch:
    """Return the batch mixed as `spec` asks: `x` (N, C, H, W), `target` (N, K), `importance` (N,) and the others.

    With mixup and cutmix both given, a coin toss picks one for each batch.
    """
    if not (spec.mixup or spec.cutmix):
        return batch
    x = batch["x"]
    cut = bool(spec.cutmix) and (not spec.mixup or torch.rand(1, generator=generator, device=x.device).item() < 0.5)
    shape = spec.cutmix if cut else spec.mixup
    ratio = beta((shape, shape), generator, x)
    order = torch.randperm(len(x), generator=generator, device=x.device)
    inside = rectangle(x, 1 - ratio, generator) if cut else None
    if inside is not None:
        ratio = 1 - inside.float().mean()

    part, counted = ratio, {}
    if "importance" in batch:
        own = ratio * batch["importance"]
        total = own + (1 - ratio) * batch["importance"][order]
        part, counted = torch.where(total > 0, own / total, ratio), {"importance": total}

    def blend(name: str) -> Tensor:
        own, other = batch[name], batch[name][order]
        if inside is not None and own.ndim == x.ndim:
            return torch.where(inside, other, own)
        of = part.view(-1, 1) if counted and name in WEIGHTED else ratio
        return of * own + (1 - of) * other

    top = torch.where(part < 0.5, batch["top"][order], batch["top"])
    return batch | {name: blend(name) for name in MIXED if name in batch} | {"top": top} | counted


def beta(shapes: tuple[float, float], generator: torch.Generator, like: Tensor) -> Tensor:
    """Draw one ratio ~ Beta(*shapes), on the device and of the type of `like`."""
    # torch.distributions takes no generator; a Beta is one Gamma over the sum of two
    first, second = (torch._standard_gamma(like.new_tensor(shape), generator) for shape in shapes)
    ratio: Tensor = first / (first + second)
    return ratio


def rectangle(x: Tensor, area: Tensor, generator: torch.Generator) -> Tensor:
    """Return bool (H, W), true in a rectangle of the image's proportions and this fraction of it, cut at the edges."""
    sides = [torch.arange(length, device=x.device) + 0.5 for length in x.shape[2:]]
    centres = torch.rand(2, generator=generator, device=x.device)
    down, right = (
        (pixels - centre * len(pixels)).abs() < area.sqrt() * len(pixels) / 2
        for pixels, centre in zip(sides, centres, strict=True)
    )
    inside: Tensor = down[:, None] & right[None]
    return inside
