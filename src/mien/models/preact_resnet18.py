"""preact_resnet18: the pre-activation residual network of 18 layers for small images; FERAtt's baseline.

One 3x3 convolution of 64 filters; four stages of two blocks of 64, 128, 256 and 512 filters, in which normalisation
and ReLU come before each 3x3 convolution and the sum is left as it is; the mean over the map; the classes.  With
`embedding` a linear layer makes that many numbers of the mean, and the classes are read from them.

Source: He et al.: Identity Mappings in Deep Residual Networks, arXiv 1603.05027, with one convolution as a stem and no
last normalisation, as the program of FERAtt (arXiv 1902.03284) has it.
"""

import torch
from torch import Tensor, nn


class Block(nn.Module):
    """Normalisation, ReLU and a 3x3 convolution, twice, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(inputs)
        self.first = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.second = nn.Sequential(
            nn.BatchNorm2d(outputs), nn.ReLU(), nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        )
        self.shortcut: nn.Module | None = None
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        active = torch.relu(self.norm(x))
        kept: Tensor = x if self.shortcut is None else self.shortcut(active)
        total: Tensor = kept + self.second(self.first(active))
        return total


class PreactResnet18(nn.Module):
    """See the module's docstring; built by `preact_resnet18`."""

    def __init__(self, num_classes: int, in_channels: int, embedding: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(in_channels, 64, 3, padding=1, bias=False)
        blocks, inputs = [], 64
        for stage in range(4):
            outputs = 64 * 2**stage
            blocks += [Block(inputs, outputs, 1 if stage == 0 else 2), Block(outputs, outputs, 1)]
            inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.embed = nn.Linear(inputs, embedding) if embedding else nn.Identity()
        self.head = nn.Linear(embedding or inputs, num_classes)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        embedding = self.embed(self.blocks(self.stem((x - 0.5) / 0.25)).mean((2, 3)))
        return {"logits": self.head(embedding), "embedding": embedding}


def preact_resnet18(num_classes: int, in_channels: int = 1, *, embedding: int = 0) -> nn.Module:
    """Build a preact_resnet18; `embedding` is the width of a linear layer before the classes, 0 for none."""
    if embedding < 0:
        raise ValueError(f"embedding {embedding}: a width, or 0 for none")
    return PreactResnet18(num_classes, in_channels, embedding)
