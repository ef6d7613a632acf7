"""MODELS: every network family by name.

A model is `def name(num_classes, in_channels=1, ...) -> nn.Module` whose forward maps x float32 (N, C, H, W) in [0, 1]
to a dict of tensors: `logits` (N, num_classes) and, where it has them, `aux`, `attended`, `embedding`,
`valence_arousal`, `action_units`.  One file per family; importing this package imports torch.
"""

from collections.abc import Callable

from torch import nn

from mien.models.cnn2 import cnn2
from mien.models.cnn4 import cnn4
from mien.models.mienet import mienet

MODELS: dict[str, Callable[..., nn.Module]] = {
    "cnn2": cnn2,
    "cnn4": cnn4,
    "mienet": mienet,
}
