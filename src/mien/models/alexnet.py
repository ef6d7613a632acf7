"""alexnet: the baseline of AffectNet, in two groups as it was published.

Five convolutions (96 11x11, 256 5x5, 384, 384 and 256 3x3 filters) with ReLU, the second, fourth and fifth in two
groups; response normalisation across channels after the first two; 3x3 maxima of stride 2 after the first, second and
fifth; two hidden layers of 4,096 with ReLU and a dropout of a half; the classes.  The stem has stride 4 and two pixels
of padding, which end at 6x6 for 224 and for 227 pixels alike; below SMALL pixels it has stride 2, so that faces of 35
pixels and more get through.  The input is centred; biases start from zero and convolutions from He's normal
distribution, because the original's fixed deviation relies on a first layer fed with 150,528 numbers; the hidden and
last layers keep the original's 0.01, without which the first steps diverge.

Source: Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep Convolutional Neural Networks, NeurIPS 2012
(https://papers.nips.cc/paper/4824); on AffectNet: Mollahosseini, Hasani, Mahoor, arXiv 1708.03985.
"""

import torch
from torch import Tensor, nn

SMALL = 128
"""Images of fewer pixels a side get a stem of stride 2."""

HIDDEN = 4096
"""Width of both hidden layers."""


def pooled(side: int) -> int:
    """Return the side of a map after a 3x3 maximum of stride 2."""
    return (side - 3) // 2 + 1


class Alexnet(nn.Module):
    """See the module's docstring; built by `alexnet`."""

    def __init__(self, num_classes: int, in_channels: int, side: int, stem_stride: int, dropout: float) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(in_channels, 96, 11, stem_stride, padding=2), nn.ReLU(), *norm_pool(96)),
            *(nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(), *norm_pool(256)),
            *(nn.Conv2d(256, 384, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU()),
            *(nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        )
        self.head = nn.Sequential(
            *(nn.Flatten(), nn.Dropout(dropout), nn.Linear(256 * side**2, HIDDEN), nn.ReLU()),
            *(nn.Dropout(dropout), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, num_classes)),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"logits": self.head(self.features((x - 0.5) / 0.25))}


class ResponseNorm(nn.LocalResponseNorm):
    """Torch's response normalisation across `channels`, whose sums are a matrix product: a seventh of the time.

    Torch's own averages in three dimensions; two of them took half of a training step on a CPU.
    """

    near: Tensor

    def __init__(self, channels: int, size: int, alpha: float, beta: float, k: float) -> None:
        super().__init__(size, alpha, beta, k)
        place = torch.arange(channels)
        ahead = place[:, None] - place
        near = (ahead >= -(size // 2)) & (ahead <= (size - 1) // 2)
        self.register_buffer("near", near * (alpha / size), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        sums = x.square().movedim(1, -1) @ self.near
        return x * (sums + self.k).pow(-self.beta).movedim(-1, 1)


def norm_pool(channels: int) -> tuple[nn.Module, nn.Module]:
    """Return response normalisation with the paper's constants (torch divides alpha by the size) and a maximum."""
    return ResponseNorm(channels, 5, alpha=5e-4, beta=0.75, k=2.0), nn.MaxPool2d(3, 2)


def alexnet(
    num_classes: int,
    in_channels: int = 1,
    *,
    size: int = 48,
    stem_stride: int | None = None,
    dropout: float = 0.5,
) -> nn.Module:
    """Build an alexnet for images of `size` x `size`.

    `stem_stride` is 4, or 2 below SMALL pixels, unless given; `dropout` is that of the hidden layers.  Raises
    ValueError for images too small for its poolings.
    """
    stride = stem_stride or (2 if size < SMALL else 4)
    smallest = 7 + 14 * stride  # 15 pixels after the stem: three poolings leave one
    if size < smallest:
        raise ValueError(f"size {size}: alexnet with a stem of stride {stride} needs at least {smallest}")
    stem = (size + 4 - 11) // stride + 1
    return Alexnet(num_classes, in_channels, pooled(pooled(pooled(stem))), stride, dropout)
