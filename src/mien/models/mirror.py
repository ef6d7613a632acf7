"""Layers that commute with mirroring an image, so that a network of them gives the same logits for a mirror image.

The channels of a feature map are two halves of equal length: mirroring the image mirrors both and exchanges them.  A
convolution keeps half of its kernels; the other half are theirs mirrored, reading the exchanged halves.  That is a
group convolution over the group of left-right mirrorings, with the cost of an ordinary one and half of its weights.
`plain` writes it out as an ordinary one, which is what is exported.

Source: Cohen and Welling, *Group equivariant convolutional networks*, ICML 2016, arXiv 1602.07576; that strides break
the symmetry unless the windows lie symmetrically: Edixhoven, Lengyel and van Gemert, *Using and abusing equivariance*,
2023, arXiv 2308.11316.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn


class MirrorConv2d(nn.Conv2d):
    """A convolution, without bias, whose kernels are mirrored pairs.

    `weight` (outputs / 2, inputs, height, width) holds the kernels of the first half.  `lift` is for an image, whose
    channels do not come in pairs.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: tuple[int, int], stride: int, padding: tuple[int, int], *, lift: bool
    ) -> None:
        super().__init__(inputs, outputs // 2, kernel, stride, padding, bias=False)
        self.lift = lift

    def kernels(self) -> Tensor:
        """Return the kernels of both halves (outputs, inputs, height, width)."""
        read = self.weight if self.lift else self.weight.roll(self.in_channels // 2, 1)
        return torch.cat([self.weight, read.flip(3)])

    def forward(self, x: Tensor) -> Tensor:
        if (x.shape[3] + 2 * int(self.padding[1]) - self.kernel_size[1]) % self.stride[1]:
            raise ValueError(f"a width of {x.shape[3]} cannot be halved symmetrically; it must be even at every stage")
        seen: Tensor = self._conv_forward(x, self.kernels(), None)
        return seen

    def plain(self) -> nn.Conv2d:
        """Return the ordinary convolution that computes the same."""
        conv = nn.Conv2d(self.in_channels, 2 * self.out_channels, 1, bias=False)
        conv.kernel_size, conv.stride, conv.padding = self.kernel_size, self.stride, self.padding
        conv.weight = nn.Parameter(self.kernels().detach())
        return conv


class MirrorNorm2d(nn.BatchNorm2d):
    """Batch normalisation with one mean, variance, scale and offset for both channels of a pair."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels // 2)

    def forward(self, x: Tensor) -> Tensor:
        n, _, height, width = x.shape
        # the halves side by side, as one image twice as wide: nothing is copied where channels come last
        beside = x.permute(0, 2, 3, 1).reshape(n, height, 2 * width, self.num_features)
        seen: Tensor = super().forward(beside.permute(0, 3, 1, 2))
        return seen.permute(0, 2, 3, 1).reshape(n, height, width, -1).permute(0, 3, 1, 2)

    def plain(self) -> nn.BatchNorm2d:
        """Return the ordinary batch normalisation that computes the same in evaluation."""
        norm = nn.BatchNorm2d(2 * self.num_features, self.eps).train(self.training)
        norm.load_state_dict({name: one.repeat(2) if one.ndim else one for name, one in self.state_dict().items()})
        return norm


class PairMean(nn.Module):
    """The mean of both channels of each pair (N, 2 D) -> (N, D): the same for an image and its mirror image."""

    def forward(self, x: Tensor) -> Tensor:
        one, other = x.chunk(2, 1)
        return (one + other) / 2


def conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1, *, lift: bool = False) -> nn.Sequential:
    """Return convolution and batch normalisation of pairs, the size kept but for the stride.

    With stride 2 kernels are one wider: on an even width, windows of odd width cannot lie symmetrically.
    """
    wide = kernel + (kernel + stride) % 2
    conv = MirrorConv2d(inputs, outputs, (kernel, wide), stride, (kernel // 2, (wide - 1) // 2), lift=lift)
    return nn.Sequential(conv, MirrorNorm2d(outputs))


def plain(network: nn.Module) -> nn.Module:
    """Return a copy of a network with ordinary layers in place of those of pairs; it computes the same."""
    network = deepcopy(network)
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, MirrorConv2d | MirrorNorm2d):
                setattr(parent, name, child.plain())
    return network
