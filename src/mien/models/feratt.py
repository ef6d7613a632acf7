"""feratt: a network that first draws the face without its surroundings, then reads the expression from the drawing.

Four parts.  Attention: a ResNet-34 encoder and a decoder with shortcuts between them, which outputs `map_size`
maps as large as the image.  Features: a 9x9 convolution, eight residual blocks of `map_size` filters and a 3x3
convolution beside a shortcut.  Reconstruction: the features times the attention's sigmoid, the image and the
attention stacked, `filters` 3x3 filters, a 1x1 convolution, normalisation and ReLU: the attended image, which a loss
draws towards the face on black (training/losses.py: attention).  Classifier: that image, averaged down to about
`classifier_size` pixels a side, goes through preact_resnet18, with or without an embedding for the representation loss.

Differences from the paper: the encoder starts from random weights instead of ImageNet's; `map_size` is free where the
paper has as many maps as classes; `pooling` puts a 3x3 pooling of stride 1 behind the reconstruction's filters.

Source: Marrero Fernandez et al.: FERAtt: Facial Expression Recognition with Attention Net, arXiv 1902.03284.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mien.models.preact_resnet18 import preact_resnet18
from mien.models.resnet import conv_bn, stages

POOLINGS: dict[str, Callable[[], nn.Module]] = {
    "none": nn.Identity,
    "avg": lambda: nn.AvgPool2d(3, 1, padding=1, count_include_pad=False),
    "max": lambda: nn.MaxPool2d(3, 1, padding=1),
}
"""What may follow the reconstruction's filters; the size stays."""

DECODER = ((512, 512, 256), (768, 512, 256), (512, 512, 256), (384, 256, 64), (128, 128, 128), (128, 128, 32))
"""Inputs, middle and outputs of the decoder's blocks, from the smallest map to the image's size."""


class Up(nn.Module):
    """Enlarge a map to a given size, two 3x3 convolutions with ReLU."""

    def __init__(self, inputs: int, middle: int, outputs: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            *(nn.Conv2d(inputs, middle, 3, padding=1), nn.ReLU(), nn.Conv2d(middle, outputs, 3, padding=1), nn.ReLU()),
        )

    def forward(self, x: Tensor, size: torch.Size) -> Tensor:
        grown: Tensor = self.convs(F.interpolate(x, size=size, mode="bilinear", align_corners=False))
        return grown


class Attention(nn.Module):
    """G_att: images (N, C, H, W) to maps (N, M, H, W)."""

    def __init__(self, in_channels: int, maps: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(*conv_bn(in_channels, 64, 7, 2), nn.ReLU())
        self.stages = nn.ModuleList(stages((3, 4, 6, 3)))
        self.pool = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.ups = nn.ModuleList(Up(*widths) for widths in DECODER)
        self.head = nn.Sequential(nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, maps, 1))

    def forward(self, x: Tensor) -> Tensor:
        stem = self.stem(x)
        seen = [self.pool(stem)]
        for stage in self.stages:
            seen.append(stage(seen[-1]))
        shortcuts = seen[:0:-1]
        grown = self.pool(seen[-1])
        for up, shortcut in zip(self.ups, shortcuts, strict=False):
            grown = torch.cat([up(grown, shortcut.shape[-2:]), shortcut], 1)
        grown = self.ups[4](grown, stem.shape[-2:])
        maps: Tensor = self.head(self.ups[5](grown, x.shape[-2:]))
        return maps


class Residual(nn.Module):
    """Two 3x3 convolutions, a leaky ReLU between, added to their input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            *(nn.Conv2d(width, width, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(width, width, 3, padding=1)),
        )

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = x + self.convs(x)
        return changed


class Feratt(nn.Module):
    """See the module's docstring; built by `feratt`."""

    def __init__(
        self, num_classes: int, in_channels: int, maps: int, filters: int, pooling: str, embedding: int, side: int
    ) -> None:
        super().__init__()
        self.side = side
        self.attention = Attention(in_channels, maps)
        self.first = nn.Conv2d(in_channels, maps, 9, padding=4)
        self.features = nn.Sequential(*(Residual(maps) for _ in range(8)), nn.Conv2d(maps, maps, 3, padding=1))
        self.reconstruction = nn.Sequential(
            *(nn.Conv2d(2 * maps + in_channels, filters, 3, padding=1), nn.ReLU(), POOLINGS[pooling]()),
            *(nn.Conv2d(filters, in_channels, 1), nn.BatchNorm2d(in_channels), nn.ReLU()),
        )
        self.classifier = preact_resnet18(num_classes, in_channels, embedding=embedding)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        attention = self.attention(x)
        first = self.first(x)
        features = first + self.features(first)
        attended = self.reconstruction(torch.cat([attention.sigmoid() * features, x, attention], 1))
        small = F.avg_pool2d(attended, max(1, x.shape[-1] // self.side))
        return {**self.classifier(small), "attended": attended}


def feratt(
    num_classes: int,
    in_channels: int = 1,
    *,
    map_size: int = 0,
    filters: int = 32,
    pooling: str = "none",
    embedding: int = 0,
    classifier_size: int = 32,
) -> nn.Module:
    """Build a feratt.

    Args:
        num_classes: width of `logits`; in_channels: 1 (grey) or 3, also of `attended`.
        map_size: how many attention and feature maps; 0 for as many as classes, as in the paper.
        filters: width of the reconstruction.
        pooling: a key of POOLINGS, in the reconstruction.
        embedding: width of `embedding`; 0 leaves the classifier's 512.
        classifier_size: side in pixels to which the classifier's input is averaged down, by a whole factor.

    Raises ValueError for an option out of range.
    """
    if pooling not in POOLINGS:
        raise ValueError(f"pooling {pooling!r}: one of {', '.join(POOLINGS)}")
    bounds = {"map_size": (map_size, 0), "filters": (filters, 1), "classifier_size": (classifier_size, 1)}
    for name, (value, bound) in bounds.items():
        if value < bound:
            raise ValueError(f"{name} {value}: at least {bound}")
    return Feratt(num_classes, in_channels, map_size or num_classes, filters, pooling, embedding, classifier_size)
