"""nsl: the VGG-like networks of a talk on adversarial regularisation, five variants of one plan.

Stages of convolutions, each with ELU and then batch normalisation and padded to keep the size (a 2x2 filter sees the
pixel itself and what is right of and below it, as Keras pads); at the end of a stage a 2x2 maximum and dropout; one
hidden layer of 128 with ELU and dropout; the classes.  Maxima drop an odd last row, so five of them take 48 pixels to
1.  Weights start from He's normal distribution, biases from zero.  Pixels in [0, 1] go in as they are.

Source: Hsiao, Yung-Jen: facial expression recognition with NSL (slides in Chinese), 2020, with ELU before the
normalisation as in the Keras notebooks it builds on; He et al., arXiv 1502.01852.
"""

from dataclasses import dataclass
from itertools import chain

from torch import Tensor, nn

HIDDEN = 128
"""Width of the hidden layer."""


@dataclass(frozen=True)
class Plan:
    """A variant: (filters, kernels) of each stage, dropout at each stage's end, dropout of the hidden layer."""

    stages: tuple[tuple[int, tuple[int, ...]], ...]
    dropouts: tuple[float, ...]
    hidden_dropout: float


HALVES = (0.5,) * 5
VARIANTS = {
    "a": Plan(((64, (5, 5)), (128, (3, 3, 3)), (256, (3, 3, 3, 3))), (0.4, 0.4, 0.5), 0.6),
    "b": Plan(
        ((64, (5, 5)), (128, (3, 3)), (256, (3, 3)), (512, (3, 3)), (512, (3, 3))), (0.4, 0.4, 0.5, 0.5, 0.5), 0.6
    ),
    "c": Plan(((64, (3, 3)), (64, (3,) * 3), (128, (3,) * 4), (128, (3,) * 3), (512, (3, 2, 2))), HALVES, 0.5),
    "d": Plan(((32, (5, 5)), (64, (3,) * 3), (64, (3,) * 4), (128, (3,) * 3), (512, (3, 2, 2))), HALVES, 0.5),
    "final": Plan(((32, (3, 3)), (64, (3,) * 3), (64, (3,) * 4), (128, (3,) * 3), (512, (3,) * 3)), HALVES, 0.5),
}
"""The variants, in the order in which the talk tries them."""


def conv(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
    """Return a convolution that keeps the size, ELU and batch normalisation."""
    before, after = (kernel - 1) // 2, kernel // 2
    pad = [] if before == after else [nn.ZeroPad2d((before, after, before, after))]
    return [
        *pad,
        nn.Conv2d(inputs, outputs, kernel, padding=0 if pad else before),
        nn.ELU(),
        nn.BatchNorm2d(outputs),
    ]


class Nsl(nn.Module):
    """See the module's docstring; built by `nsl`."""

    def __init__(self, num_classes: int, in_channels: int, size: int, plan: Plan) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for (width, kernels), dropout in zip(plan.stages, plan.dropouts, strict=True):
            inputs = (in_channels, *(width,) * (len(kernels) - 1))
            layers += chain.from_iterable(conv(i, width, k) for i, k in zip(inputs, kernels, strict=True))
            layers += [nn.MaxPool2d(2), nn.Dropout(dropout)]
            in_channels = width
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(
            *(nn.Flatten(), nn.Linear(in_channels * (size // 2 ** len(plan.stages)) ** 2, HIDDEN), nn.ELU()),
            *(nn.Dropout(plan.hidden_dropout), nn.Linear(HIDDEN, num_classes)),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"logits": self.head(self.features(x))}


def nsl(num_classes: int, in_channels: int = 1, *, size: int = 48, variant: str = "final") -> nn.Module:
    """Build a `variant` of VARIANTS for images of `size` x `size`.

    Raises ValueError for an unknown variant and for images too small for its poolings.
    """
    if variant not in VARIANTS:
        raise ValueError(f"variant {variant!r}: one of {', '.join(VARIANTS)}")
    plan = VARIANTS[variant]
    if size < 2 ** len(plan.stages):
        raise ValueError(f"size {size}: nsl {variant} needs at least {2 ** len(plan.stages)}")
    return Nsl(num_classes, in_channels, size, plan)
