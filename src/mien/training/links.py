"""LINKS: how the numbers that a network ends in become logarithms of probabilities, and the loss that fits them.

softmax: one of the classes.  tree: a softmax over the groups of mien.hierarchy, another over the expressions within
each group, and their product; the cross-entropy of the product is that of the group plus that of the expression within
it.  sigmoids: each class by itself, so that two may be true; the exported probabilities are divided by their sum.
Whatever the link, `logits` are what a softmax turns into the probabilities, so all that follows is the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from mien.hierarchy import GROUP_OF, groups
from mien.training.losses import cross_entropy, independent


@dataclass(frozen=True)
class Link:
    """How many numbers a network must end in for these labels, their logits, and the loss of logits and targets."""

    width: Callable[[Sequence[str]], int]
    logits: Callable[[Tensor, Sequence[str]], Tensor]
    loss: Callable[..., Tensor]


def along_tree(numbers: Tensor, labels: Sequence[str]) -> Tensor:
    """Return log-probabilities (..., K): of the group, the first G numbers, plus of the label within it, the others.

    >>> numbers = torch.tensor([[0.0, 0.0, 9.0, 1.0, 1.0]])  # neutral and negative; neutral, sadness, anger
    >>> along_tree(numbers, ("neutral", "sadness", "anger")).exp().tolist()
    [[0.5, 0.25, 0.25]]
    """
    names = groups(labels)
    group, within = numbers[..., : len(names)].log_softmax(-1), numbers[..., len(names) :]
    members = [[k for k, label in enumerate(labels) if GROUP_OF[label] == name] for name in names]
    joint = [group[..., [g]] + within[..., own].log_softmax(-1) for g, own in enumerate(members)]
    order = [column for own in members for column in own]
    return torch.cat(joint, -1)[..., [order.index(k) for k in range(len(labels))]]


LINKS: dict[str, Link] = {
    "softmax": Link(len, lambda numbers, labels: numbers, cross_entropy),
    "tree": Link(lambda labels: len(groups(labels)) + len(labels), along_tree, cross_entropy),
    "sigmoids": Link(len, lambda numbers, labels: F.logsigmoid(numbers.float()), independent),
}
"""Link by name."""
