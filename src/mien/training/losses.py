"""The losses of each output of a network, as functions of tensors; images without a target do not count.

A target of the expression is a distribution over the classes (one-hot labels, or fractions of votes); a row of NaN has
no label.  Valence, arousal and action units are missing one by one, as NaN.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from mien.training.mixing import beta as draw


def cross_entropy(
    logits: Tensor, target: Tensor, *, label_smoothing: float = 0.0, weights: Tensor | None = None
) -> Tensor:
    """Return the mean cross-entropy over the labelled rows of a batch, in nats; 0 when none is labelled.

    logits and target are float (N, K); rows of NaN in target do not count.  `weights` (K,) multiply the classes'
    terms, (N, K) each row's.  The mean is over rows, not over weights, so that a rare class weighs more in every batch
    that has it (the weighted loss of AffectNet, arXiv 1708.03985).

    >>> import torch
    >>> cross_entropy(torch.zeros(2, 4), torch.tensor([[1.0, 0, 0, 0], [torch.nan] * 4])).item()
    1.3862943649291992
    """
    labelled = ~target[:, 0].isnan()
    smooth = target * (1 - label_smoothing) + label_smoothing / target.shape[1]
    smooth = smooth.nan_to_num()  # before the weights: one of NaN is not hidden
    smooth = smooth if weights is None else smooth * weights
    each = -(smooth * logits.log_softmax(1)).sum(1)
    return (each * labelled).sum() / labelled.sum().clamp(min=1)


def independent(
    log_probs: Tensor, target: Tensor, *, label_smoothing: float = 0.0, weights: Tensor | None = None
) -> Tensor:
    """Return the mean over labelled rows of the binary cross-entropy summed over classes, in nats; 0 when none is.

    `log_probs` float (N, K) are logarithms of the probability of each class by itself.  A class is true as far as its
    part of the target comes to the largest one: two classes with half of the votes each are both true.  `weights` (K,)
    multiply the classes' terms; `label_smoothing` moves what is true towards 1/2.

    >>> import torch
    >>> round(independent(torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.5, 0.5]])).item(), 4)  # 2 log 2
    1.3863
    """
    labelled = ~target[:, 0].isnan()
    known = target.nan_to_num()
    true = known / known.amax(1, keepdim=True).clamp(min=1e-6)
    true = true * (1 - label_smoothing) + label_smoothing / 2
    others = (-log_probs.expm1()).clamp(min=1e-30).log()
    each = -(true * log_probs + (1 - true) * others)
    each = (each if weights is None else each * weights).sum(1)
    return (each * labelled).sum() / labelled.sum().clamp(min=1)


def affect(predicted: Tensor, target: Tensor, importance: Tensor | None = None) -> Tensor:
    """Return the mean over valence and arousal of 1 - CCC plus the mean squared error; 0 when nothing is known.

    Both are float (N, 2) in [-1, 1]; NaN in target does not count.  CCC is Lin's concordance correlation within the
    batch, so that a constant prediction costs as much as an unrelated one; a column with one known value has none.
    `importance` (N,) is how much each image counts, all alike without.

    >>> import torch
    >>> target = torch.tensor([[0.5, torch.nan], [-0.5, 0.1], [0.0, torch.nan]])
    >>> round(affect(target.nan_to_num(), target).item(), 4), round(affect(-target.nan_to_num(), target).item(), 4)
    (0.0, 1.3533)
    """
    terms = []
    for p, t in zip(predicted.T, target.T, strict=True):
        given = ~t.isnan()
        known = given.to(p.dtype) if importance is None else given * importance.to(p.dtype)
        count = known.sum().clamp(min=1e-6)
        t = t.nan_to_num()
        square = ((p - t).square() * known).sum() / count
        p_mean, t_mean = (p * known).sum() / count, (t * known).sum() / count
        p, t = p - p_mean, t - t_mean
        apart = ((p.square() + t.square()) * known).sum() / count + (p_mean - t_mean).square()
        ccc = 2 * (p * t * known).sum() / count / apart.clamp(min=1e-6)
        terms.append(square + (1 - ccc) * (given.sum() > 1))
    return torch.stack(terms).mean()


def units(logits: Tensor, target: Tensor, importance: Tensor | None = None) -> Tensor:
    """Return the mean binary cross-entropy of the action units that are known, in nats; 0 when none is.

    logits and target are float (N, A); a target is 0 to 1, NaN where unknown.  `importance` (N,) is how much each image
    counts, all alike without.

    >>> import torch
    >>> round(units(torch.zeros(1, 2), torch.tensor([[1.0, torch.nan]])).item(), 4)
    0.6931
    """
    known = ~target.isnan() * (1.0 if importance is None else importance[:, None])
    each = F.binary_cross_entropy_with_logits(logits, target.nan_to_num(), reduction="none")
    return (each * known).sum() / known.sum().clamp(min=1e-6)


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


def log_fractions(fractions: Tensor) -> Tensor:
    """Return the logarithm of the fractions of the labels (K,), finite for a label without images."""
    return fractions.clamp(min=1e-6).log()
