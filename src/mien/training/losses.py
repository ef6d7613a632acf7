"""The objective: cross-entropy against distributions; images without a label do not count.

A target is a distribution over the classes (one-hot labels, or fractions of votes); a row of NaN has no label.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from mien.training.mixing import beta as draw
from mien.training.recipe import Loss


def cross_entropy(
    logits: Tensor, target: Tensor, *, label_smoothing: float = 0.0, weights: Tensor | None = None
) -> Tensor:
    """Return the mean cross-entropy over the labelled rows of a batch, in nats; 0 when none is labelled.

    logits and target are float (N, K); rows of NaN in target do not count.  `weights` (K,) multiply the classes'
    terms.  The mean is over rows, not over weights, so that a rare class weighs more in every batch that has it (the
    weighted loss of AffectNet, arXiv 1708.03985).

    >>> import torch
    >>> cross_entropy(torch.zeros(2, 4), torch.tensor([[1.0, 0, 0, 0], [torch.nan] * 4])).item()
    1.3862943649291992
    """
    labelled = ~target[:, 0].isnan()
    smooth = target * (1 - label_smoothing) + label_smoothing / target.shape[1]
    smooth = smooth if weights is None else smooth * weights
    each = -(smooth.nan_to_num() * logits.log_softmax(1)).sum(1)
    return (each * labelled).sum() / labelled.sum().clamp(min=1)


def attention(attended: Tensor, clean: Tensor) -> Tensor:
    """Return 5 times the mean of tanh(3 |clean - attended|) over the pixels of a batch (FERAtt, arXiv 1902.03284).

    Both are float (N, C, H, W) in [0, 1]; the loss is 0 for equal images and below 5.  Images whose `clean` holds
    NaN have no target and do not count.

    >>> import torch
    >>> round(attention(torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), 0.5)).item(), 4)  # 5 tanh(1.5)
    4.5257
    """
    known = ~clean.flatten(1).isnan().any(1)
    each = (3 * (clean.nan_to_num() - attended).abs()).tanh().flatten(1).mean(1)
    return 5 * (each * known).sum() / known.sum().clamp(min=1)


def representation(
    embedding: Tensor,
    target: Tensor,
    generator: torch.Generator,
    *,
    beta: tuple[float, float] = (2.0, 2.0),
    sigma: float = 0.5,
) -> Tensor:
    """Return how far a batch's embeddings are from one round Gaussian per class (FERAtt, arXiv 1902.03284).

    The labelled embeddings are mixed with a shuffle of themselves, lambda z + (1 - lambda) z', their targets likewise,
    with one lambda ~ Beta(*beta) a batch, and appended.  Around the class means (each embedding weighted by its target)
    every embedding is assigned softly, in proportion to exp(-|z - mean|^2 / (2 sigma^2)); the loss is the mean squared
    distance (summed over classes) of that assignment to the target.  Classes that a batch lacks are ignored.

    embedding is float (N, D); target is float (N, K), a row of NaN has no label.  0 when none has; at most 2.  Random
    numbers come from `generator`, which must be on the embedding's device.

    The authors' program mixes the numbers of the classes instead of the targets, so that a mixture of two classes
    belongs to neither; here it belongs to both, in proportion.

    >>> gathered = torch.tensor([[0.0, 0], [0, 0], [0, 0]])
    >>> representation(gathered, torch.tensor([[1.0, 0]] * 3), torch.Generator()).item()
    0.0
    """
    labelled = ~target[:, 0].isnan()
    z, y = embedding[labelled], target[labelled]
    if not len(z):
        return embedding.sum() * 0
    ratio = draw(beta, generator, z)
    order = torch.randperm(len(z), generator=generator, device=z.device)
    z = torch.cat([z, ratio * z + (1 - ratio) * z[order]])
    y = torch.cat([y, ratio * y + (1 - ratio) * y[order]])
    mass = y.sum(0)
    means = (y.T @ z) / mass.clamp(min=1e-12)[:, None]
    distance = (z[:, None] - means).square().sum(2) / (2 * sigma**2)
    assigned = (-distance.masked_fill(mass == 0, torch.inf)).softmax(1)
    return (assigned - y).square().sum(1).mean()


def objective(
    outputs: Mapping[str, Tensor],
    batch: Mapping[str, Tensor],
    loss: Loss,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return the scalar to minimise for a model's outputs on a batch; `generator` is for the representation loss.

    The batch has `target` and, depending on the recipe, `weights` and `shares` (frequencies) of the classes, `aux` (the
    second label set) and `clean` (what the attended image should be).  Side heads, `side` (H, N, K), get the same
    target.
    """
    target, weights = batch["target"], batch.get("weights")

    def classify(logits: Tensor) -> Tensor:
        if loss.logit_adjustment:
            logits = logits + loss.logit_adjustment * batch["shares"].clamp(min=1e-6).log()
        return cross_entropy(logits, target, label_smoothing=loss.label_smoothing, weights=weights)

    total = classify(outputs["logits"])
    for side in outputs.get("side", ()):
        total = total + loss.side * classify(side)
    if "aux" in batch:
        total = total + loss.auxiliary * cross_entropy(outputs["aux"], batch["aux"])
    if loss.attention:
        total = total + loss.attention * attention(outputs["attended"], batch["clean"])
    if (spec := loss.representation) is not None:
        assert generator is not None
        z = outputs["embedding"]
        total = total + spec.weight * representation(z, target, generator, beta=spec.beta, sigma=spec.sigma)
    return total
