"""The objective: cross-entropy against distributions, images without a label left out.

A target is a distribution over the classes (hard labels one-hot, votes their shares); a row of NaN has no label.
"""

from collections.abc import Mapping

from torch import Tensor

from mien.training.recipe import Loss


def cross_entropy(logits: Tensor, target: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
    """Return the mean cross-entropy over the labelled rows of a batch, in nats; 0 when none is labelled.

    logits and target are float (N, K); rows of NaN in target count for nothing.

    >>> import torch
    >>> cross_entropy(torch.zeros(2, 4), torch.tensor([[1.0, 0, 0, 0], [torch.nan] * 4])).item()
    1.3862943649291992
    """
    labelled = ~target[:, 0].isnan()
    smooth = target * (1 - label_smoothing) + label_smoothing / target.shape[1]
    each = -(smooth.nan_to_num() * logits.log_softmax(1)).sum(1)
    return (each * labelled).sum() / labelled.sum().clamp(min=1)


def objective(outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor], loss: Loss) -> Tensor:
    """Return the scalar to minimise for the model's outputs on a batch with `target` and perhaps `aux`."""
    total = cross_entropy(outputs["logits"], batch["target"], label_smoothing=loss.label_smoothing)
    if "aux" in batch:
        total = total + loss.auxiliary * cross_entropy(outputs["aux"], batch["aux"])
    return total
