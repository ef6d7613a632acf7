"""cnn4: four convolutions and two hidden layers.

64 3x3, 128 5x5, 512 3x3 and 512 3x3 filters, each with batch normalisation, ReLU, a 2x2 maximum and dropout; hidden
layers of 256 and 512.  The course report gives no sizes for the hidden layers; they are those of the paper it follows.

Source: Alizadeh, Fazel: Convolutional Neural Networks for Facial Expression Recognition, arXiv 1704.06756; Li, Shen,
Miao: Facial Expression Recognition, University of California, Santa Cruz, TIM 209, 2018, section 3.2.
"""

from torch import Tensor, nn

STAGES = ((64, 3), (128, 5), (512, 3), (512, 3))
"""Filters and kernel of each convolution."""

HIDDEN = (256, 512)
"""Widths of the hidden layers."""


class Cnn4(nn.Module):
    """See the module's docstring; built by `cnn4`."""

    def __init__(self, num_classes: int, in_channels: int, size: int, dropout: float) -> None:
        super().__init__()
        features: list[nn.Module] = []
        for width, kernel in STAGES:
            conv = nn.Conv2d(in_channels, width, kernel, padding=kernel // 2)
            features += [conv, nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(dropout)]
            in_channels = width
        head: list[nn.Module] = [nn.Flatten()]
        inputs = in_channels * (size // 2 ** len(STAGES)) ** 2
        for width in HIDDEN:
            head += [nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(dropout)]
            inputs = width
        self.features = nn.Sequential(*features)
        self.head = nn.Sequential(*head, nn.Linear(inputs, num_classes))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"logits": self.head(self.features(x))}


def cnn4(num_classes: int, in_channels: int = 1, *, size: int = 48, dropout: float = 0.25) -> nn.Module:
    """Build a cnn4 for images of `size` x `size`; `dropout` at the end of every layer.

    Raises ValueError for images too small for its four poolings.
    """
    if size < 2 ** len(STAGES):
        raise ValueError(f"size {size}: cnn4 needs at least {2 ** len(STAGES)}")
    return Cnn4(num_classes, in_channels, size, dropout)
