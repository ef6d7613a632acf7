"""cnn2: the small baseline of a course report, two convolutions and one hidden layer.

32 3x3 filters without pooling, 64 3x3 filters and a 2x2 maximum, each with batch normalisation, ReLU and dropout; a
hidden layer of 512; the classes.  The report gives no dropout rate; a quarter and a half are the usual ones.

Source: Li, Shen, Miao: Facial Expression Recognition, University of California, Santa Cruz, TIM 209, 2018, section 3.1.
"""

from torch import Tensor, nn


class Cnn2(nn.Module):
    """See the module's docstring; built by `cnn2`."""

    def __init__(self, num_classes: int, in_channels: int, size: int, dropout: float, hidden_dropout: float) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(in_channels, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Dropout(dropout)),
            *(nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(dropout)),
        )
        self.head = nn.Sequential(
            *(nn.Flatten(), nn.Linear(64 * (size // 2) ** 2, 512), nn.ReLU(), nn.Dropout(hidden_dropout)),
            nn.Linear(512, num_classes),
        )

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"logits": self.head(self.features(x))}


def cnn2(
    num_classes: int, in_channels: int = 1, *, size: int = 48, dropout: float = 0.25, hidden_dropout: float = 0.5
) -> nn.Module:
    """Build a cnn2 for images of `size` x `size`; `dropout` after each convolution, `hidden_dropout` before the end.

    Raises ValueError for images too small to halve.
    """
    if size < 2:
        raise ValueError(f"size {size}: cnn2 needs at least 2")
    return Cnn2(num_classes, in_channels, size, dropout, hidden_dropout)
