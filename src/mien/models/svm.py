"""svm: a linear map of the pixels, into which a fitted linear support vector machine is copied.

The logits are the machine's decision values, one class against the rest; what makes them probabilities is the
temperature that every exported network gets.  The fit is training/svm.py.

Source: Li, Shen, Miao: Facial Expression Recognition, University of California, Santa Cruz, TIM 209, 2018, section 3.3.
"""

from torch import Tensor, nn


class Svm(nn.Module):
    """See the module's docstring; built by `svm`."""

    def __init__(self, num_classes: int, inputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, num_classes)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"logits": self.linear(x.flatten(1))}


def svm(num_classes: int, in_channels: int = 1, *, size: int = 48) -> nn.Module:
    """Build a linear map for images of `size` x `size`; `linear` weighs pixels channel by channel, row by row.

    Raises ValueError for images without a pixel.
    """
    if size < 1:
        raise ValueError(f"size {size}: svm needs at least 1")
    return Svm(num_classes, in_channels * size**2)
