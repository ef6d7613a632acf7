"""mienet: mien's own small residual network for 48x48 grey faces, with a width dial.

The image is standardised (its own mean and deviation, so exposure and contrast drop out), a 3x3 stem looks at it, and
four stages of residual blocks halve the resolution: 24, 12, 6, 3 pixels for a 48-pixel face.  A stem of stride 2 skips
the full-resolution convolution, which is what makes the nano sizes fast.  Shortcuts that change shape average-pool
before their 1x1 convolution, so that no pixel is skipped.  With `symmetric`, all layers commute with mirroring
(mirror.py), and the logits of a mirror image are those of the image.

Source: residual blocks after He et al., arXiv 1512.03385; pooled shortcuts after arXiv 1812.01187 (ResNet-D);
squeeze-and-excitation after arXiv 1709.01507; stochastic depth after arXiv 1603.09382.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from mien.models import mirror

Layers = Callable[..., nn.Sequential]
"""`conv_bn` of this file, or that of mirror.py."""


def conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Return convolution and batch normalisation, the size kept but for the stride."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


class Squeeze(nn.Module):
    """Weigh each channel by what all channels are on average over the image (N, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = max(8, channels // 8)
        self.weigh = nn.Sequential(nn.Linear(channels, narrow), nn.ReLU(), nn.Linear(narrow, channels), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        weights: Tensor = self.weigh(x.mean((2, 3)))
        return x * weights[:, :, None, None]


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut; a fraction `drop` of the images skips the convolutions in training."""

    def __init__(self, inputs: int, outputs: int, stride: int, squeeze: bool, drop: float, layers: Layers) -> None:
        super().__init__()
        self.drop = drop
        self.first = layers(inputs, outputs, 3, stride)
        self.second = layers(outputs, outputs, 3)
        self.weigh = Squeeze(outputs) if squeeze else nn.Identity()
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            pool: nn.Module = nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity()
            self.shortcut = nn.Sequential(pool, layers(inputs, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        beside = self.weigh(self.second(torch.relu(self.first(x))))
        if self.training and self.drop:
            beside = beside * ((torch.rand(len(x), 1, 1, 1, device=x.device) >= self.drop) / (1 - self.drop))
        return torch.relu(beside + self.shortcut(x))


class Mienet(nn.Module):
    """See the module's docstring; built by `mienet`."""

    def __init__(
        self,
        stem: nn.Module,
        blocks: Sequence[nn.Module],
        pairs: nn.Module,
        head: nn.Module,
        aux: nn.Module | None,
    ) -> None:
        super().__init__()
        self.stem = stem
        self.blocks = nn.Sequential(*blocks)
        self.pairs = pairs
        self.head = head
        self.aux = aux

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        mean = x.mean((1, 2, 3), keepdim=True)
        x = (x - mean) / ((x - mean).square().mean((1, 2, 3), keepdim=True).sqrt() + 0.05)
        embedding = self.pairs(self.blocks(torch.relu(self.stem(x))).mean((2, 3)))
        outputs = {"logits": self.head(embedding), "embedding": embedding}
        if self.aux is not None:
            outputs["aux"] = self.aux(embedding)
        return outputs


def mienet(
    num_classes: int,
    in_channels: int = 1,
    *,
    width: float = 1.0,
    depths: Sequence[int] = (1, 2, 2, 1),
    stem_stride: int = 1,
    dropout: float = 0.2,
    squeeze: bool = False,
    drop_path: float = 0.0,
    symmetric: bool = False,
    aux_classes: int = 0,
) -> nn.Module:
    """Build a mienet.

    Args:
        num_classes: width of `logits`; aux_classes: width of a second head `aux`, 0 for none.
        in_channels: 1 (grey) or 3.
        width: multiplies the channels 16 (stem) and 32, 64, 128, 256 (stages).
        depths: residual blocks in each of the four stages.
        stem_stride: 1 keeps the resolution in the stem and halves it in the first stage; 2 the other way round.
        dropout: on the embedding, while training.
        squeeze: squeeze-and-excitation in every block.
        drop_path: chance that the last block is passed by while training; it grows linearly over the blocks.
        symmetric: the same logits for an image and its mirror image, by kernels in mirrored pairs; the sides of images
            are multiples of 16.
    """
    if len(depths) != 4 or min(depths) < 1:
        raise ValueError(f"depths {list(depths)}: four stages of at least one block")
    if not 0 <= drop_path < 1:
        raise ValueError(f"drop_path {drop_path}: at least 0 and below 1")
    if stem_stride not in (1, 2):
        raise ValueError(f"stem_stride {stem_stride}: 1 or 2")
    if symmetric and squeeze:
        raise ValueError("symmetric with squeeze: its weights do not come in pairs; leave one out")
    layers, first = (mirror.conv_bn, partial(mirror.conv_bn, lift=True)) if symmetric else (conv_bn, conv_bn)
    stem_width, *widths = (max(8, round(base * width / 8) * 8) for base in (16, 32, 64, 128, 256))
    blocks: list[Block] = []
    inputs = stem_width
    for stage, (outputs, depth) in enumerate(zip(widths, depths, strict=True)):
        for place in range(depth):
            stride = 1 if place else 2 // stem_stride if stage == 0 else 2
            drop = drop_path * (len(blocks) + 1) / sum(depths)
            blocks.append(Block(inputs, outputs, stride, squeeze, drop, layers))
            inputs = outputs
    features = inputs // 2 if symmetric else inputs

    def head(classes: int) -> nn.Module:
        return nn.Sequential(nn.Dropout(dropout), nn.Linear(features, classes))

    return Mienet(
        first(in_channels, stem_width, 3, stem_stride),
        blocks,
        mirror.PairMean() if symmetric else nn.Identity(),
        head(num_classes),
        head(aux_classes) if aux_classes else None,
    )
