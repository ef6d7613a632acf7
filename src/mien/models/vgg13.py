"""vgg13: the network that came with FERPlus.

Ten 3x3 convolutions with ReLU in four stages (64, 128, 256, 256 filters), each ended by a 2x2 maximum and a dropout of
a quarter; two hidden layers of 1,024 with ReLU and a dropout of a half; the classes.  Made for 64 pixels and trained
by SGD.  Weights start from Glorot's uniform distribution, the default of the toolkit it was written in.

Source: Barsoum et al.: Training Deep Networks for Facial Expression Recognition with Crowd-Sourced Label Distribution,
arXiv 1608.01041 (8.75 million parameters at 64 pixels).
"""

from torch import Tensor, nn

STAGES = ((64, 2), (128, 2), (256, 3), (256, 3))
"""Filters and convolutions of each stage."""

HIDDEN = 1024
"""Width of both hidden layers."""


class Vgg13(nn.Module):
    """See the module's docstring; built by `vgg13`."""

    def __init__(self, num_classes: int, in_channels: int, size: int, dropout: float, hidden_dropout: float) -> None:
        super().__init__()
        features: list[nn.Module] = []
        for width, depth in STAGES:
            for _ in range(depth):
                features += [nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU()]
                in_channels = width
            features += [nn.MaxPool2d(2), nn.Dropout(dropout)]
        inputs = in_channels * (size // 2 ** len(STAGES)) ** 2
        self.features = nn.Sequential(*features)
        self.head = nn.Sequential(
            *(nn.Flatten(), nn.Linear(inputs, HIDDEN), nn.ReLU(), nn.Dropout(hidden_dropout)),
            *(nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Dropout(hidden_dropout), nn.Linear(HIDDEN, num_classes)),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"logits": self.head(self.features(x - 0.5))}


def vgg13(
    num_classes: int, in_channels: int = 1, *, size: int = 48, dropout: float = 0.25, hidden_dropout: float = 0.5
) -> nn.Module:
    """Build a vgg13 for images of `size` x `size`; `dropout` after each stage, `hidden_dropout` after hidden layers.

    Raises ValueError for images too small for its four poolings.
    """
    if size < 2 ** len(STAGES):
        raise ValueError(f"size {size}: vgg13 needs at least {2 ** len(STAGES)}")
    return Vgg13(num_classes, in_channels, size, dropout, hidden_dropout)
