"""MODELS: every network family by name.

A model is `def name(num_classes, in_channels=1, ...) -> nn.Module` whose forward maps x float32 (N, C, H, W) in [0, 1]
to a dict of tensors: `logits` (N, num_classes) and, where it has them, `aux`, `side` (H, N, num_classes; while
training), `attended`, `embedding`, `valence_arousal`, `action_units`.  Builders whose layers depend on the size of the
images take `size`.  One file per family; importing this package imports torch.
"""

from collections.abc import Callable

from torch import nn

from mien.models.alexnet import alexnet
from mien.models.cnn2 import cnn2
from mien.models.cnn4 import cnn4
from mien.models.feratt import feratt
from mien.models.googlenet import googlenet
from mien.models.mienet import mienet
from mien.models.nsl import nsl
from mien.models.preact_resnet18 import preact_resnet18
from mien.models.resnet import resnet18, resnet34
from mien.models.svm import svm
from mien.models.vgg13 import vgg13

MODELS: dict[str, Callable[..., nn.Module]] = {
    "alexnet": alexnet,
    "cnn2": cnn2,
    "cnn4": cnn4,
    "feratt": feratt,
    "googlenet": googlenet,
    "mienet": mienet,
    "nsl": nsl,
    "preact_resnet18": preact_resnet18,
    "resnet18": resnet18,
    "resnet34": resnet34,
    "svm": svm,
    "vgg13": vgg13,
}
