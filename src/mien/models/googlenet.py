"""googlenet: nine Inception modules, batch normalisation added, two side heads while training.

An Inception module looks at its input through 1x1, 3x3 and 5x5 filters (the larger ones behind 1x1 reductions) and a
3x3 maximum at once and stacks what they see.  Every convolution is followed by batch normalisation and ReLU: what the
report added to the original.  The two side heads of the original read classes half-way, from a map brought to 4x4;
they exist for training and are used only in training mode.

Source: Szegedy et al.: Going Deeper with Convolutions, arXiv 1409.4842; Nie: Facial Expression Summary, 2018.
"""

import torch
from torch import Tensor, nn

INCEPTIONS: tuple[tuple[int, tuple[int, int], tuple[int, int], int], ...] = (
    (64, (96, 128), (16, 32), 32),
    (128, (128, 192), (32, 96), 64),
    (192, (96, 208), (16, 48), 64),
    (160, (112, 224), (24, 64), 64),
    (128, (128, 256), (24, 64), 64),
    (112, (144, 288), (32, 64), 64),
    (256, (160, 320), (32, 128), 128),
    (256, (160, 320), (32, 128), 128),
    (384, (192, 384), (48, 128), 128),
)
"""Filters of modules 3a to 5b: 1x1; (reduction, 3x3); (reduction, 5x5); 1x1 behind the maximum."""

POOLED = (1, 6)
"""Modules (3b, 4e) after which the side is halved."""

SIDES = (2, 5)
"""Modules (4a, 4d) that a side head reads."""


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Return convolution, batch normalisation and ReLU, the size kept but for the stride."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU())


def halve() -> nn.MaxPool2d:
    """Return a 3x3 maximum of stride 2 that keeps an odd last row."""
    return nn.MaxPool2d(3, 2, ceil_mode=True)


class Inception(nn.Module):
    """Four views of one input, stacked."""

    def __init__(self, inputs: int, single: int, third: tuple[int, int], fifth: tuple[int, int], pool: int) -> None:
        super().__init__()
        self.single = conv(inputs, single, 1)
        self.third = nn.Sequential(conv(inputs, third[0], 1), conv(*third, 3))
        self.fifth = nn.Sequential(conv(inputs, fifth[0], 1), conv(*fifth, 5))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, padding=1), conv(inputs, pool, 1))
        self.outputs = single + third[1] + fifth[1] + pool

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.single(x), self.third(x), self.fifth(x), self.pool(x)], 1)


def side_head(inputs: int, num_classes: int) -> nn.Sequential:
    """Return a side head: a mean to 4x4, 128 1x1 filters, 1,024 hidden units, the classes."""
    return nn.Sequential(
        *(nn.AdaptiveAvgPool2d(4), conv(inputs, 128, 1), nn.Flatten()),
        *(nn.Linear(128 * 16, 1024), nn.ReLU(), nn.Dropout(0.7), nn.Linear(1024, num_classes)),
    )


class Googlenet(nn.Module):
    """See the module's docstring; built by `googlenet`."""

    def __init__(self, num_classes: int, in_channels: int, dropout: float) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            *(conv(in_channels, 64, 7, 2), halve(), conv(64, 64, 1), conv(64, 192, 3), halve()),
        )
        modules, sides, inputs = [], {}, 192
        for place, widths in enumerate(INCEPTIONS):
            modules.append(Inception(inputs, *widths))
            inputs = modules[-1].outputs
            if place in SIDES:
                sides[str(place)] = side_head(inputs, num_classes)
        self.inceptions = nn.ModuleList(modules)
        self.sides = nn.ModuleDict(sides)
        self.halve = halve()
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(inputs, num_classes))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.stem((x - 0.5) / 0.25)
        sides = []
        for place, module in enumerate(self.inceptions):
            x = module(x)
            if self.training and place in SIDES:
                sides.append(self.sides[str(place)](x))
            if place in POOLED:
                x = self.halve(x)
        embedding = x.mean((2, 3))
        outputs = {"logits": self.head(embedding), "embedding": embedding}
        return outputs | ({"side": torch.stack(sides)} if sides else {})


def googlenet(num_classes: int, in_channels: int = 1, *, dropout: float = 0.4) -> nn.Module:
    """Build a googlenet; in training mode `side` float (2, N, num_classes) holds the side heads' logits.

    `dropout` is that before the classes; the paper weighs the side heads' losses by 0.3.
    """
    return Googlenet(num_classes, in_channels, dropout)
