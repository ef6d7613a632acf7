"""resnet: residual networks of 18 and 34 layers, with dropout between the convolutions of a block.

A stem of 64 7x7 filters of stride 2 and a 3x3 maximum of stride 2; four stages of 64, 128, 256 and 512 filters whose
blocks add two 3x3 convolutions to their input, the first block of the last three halving the side; the mean over the
map; the classes.  Every convolution is followed by batch normalisation, and by dropout inside a block: what the report
added to the networks it began with; it gives no rate.  The `small` stem, one 3x3 convolution of stride 1, keeps faces
of 48 pixels from being 2 pixels wide at the end.

Source: He et al.: Deep Residual Learning for Image Recognition, arXiv 1512.03385; Nie: Facial Expression Summary, 2018.
"""

import torch
from torch import Tensor, nn

STEMS = ("imagenet", "small")
"""Stems: 7x7 of stride 2 with a maximum of stride 2; 3x3 of stride 1."""


class Block(nn.Module):
    """Two 3x3 convolutions, dropout between, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Sequential(*conv_bn(inputs, outputs, 3, stride), nn.ReLU(), nn.Dropout(dropout))
        self.second = nn.Sequential(*conv_bn(outputs, outputs, 3), nn.Dropout(dropout))
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Sequential(*conv_bn(inputs, outputs, 1, stride))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.second(self.first(x)) + self.shortcut(x))


def conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    """Return convolution and batch normalisation, the size kept but for the stride."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return conv, nn.BatchNorm2d(outputs)


def stages(depths: tuple[int, ...], dropout: float = 0.0) -> list[nn.Sequential]:
    """Return the residual stages of 64, 128, 256, 512 filters on a stem of 64; all but the first halve the side."""
    groups, inputs = [], 64
    for stage, depth in enumerate(depths):
        outputs = 64 * 2**stage
        first = Block(inputs, outputs, 1 if stage == 0 else 2, dropout)
        groups.append(nn.Sequential(first, *(Block(outputs, outputs, 1, dropout) for _ in range(depth - 1))))
        inputs = outputs
    return groups


class Resnet(nn.Module):
    """See the module's docstring; built by `resnet18` and `resnet34`."""

    def __init__(self, num_classes: int, in_channels: int, depths: tuple[int, ...], stem: str, dropout: float) -> None:
        super().__init__()
        if stem not in STEMS:
            raise ValueError(f"stem {stem!r}: one of {', '.join(STEMS)}")
        self.stem = nn.Sequential(*conv_bn(in_channels, 64, 3), nn.ReLU())
        if stem == "imagenet":
            self.stem = nn.Sequential(*conv_bn(in_channels, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1))
        self.stages = nn.Sequential(*stages(depths, dropout))
        self.head = nn.Linear(512, num_classes)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        embedding = self.stages(self.stem((x - 0.5) / 0.25)).mean((2, 3))
        return {"logits": self.head(embedding), "embedding": embedding}


def resnet18(num_classes: int, in_channels: int = 1, *, stem: str = "imagenet", dropout: float = 0.2) -> nn.Module:
    """Build a resnet of 18 layers with a stem of STEMS and `dropout` after a block's convolutions.

    Raises ValueError for an unknown stem.
    """
    return Resnet(num_classes, in_channels, (2, 2, 2, 2), stem, dropout)


def resnet34(num_classes: int, in_channels: int = 1, *, stem: str = "imagenet", dropout: float = 0.2) -> nn.Module:
    """Build a resnet of 34 layers with a stem of STEMS and `dropout` after a block's convolutions.

    Raises ValueError for an unknown stem.
    """
    return Resnet(num_classes, in_channels, (3, 4, 6, 3), stem, dropout)
