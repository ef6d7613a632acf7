"""Random numbers for a batch: drawn for all its images, and given out for those that this process has.

Every process of a run has a generator in the same state and draws the same numbers, whatever its part of the batch is.
So the change of an image does not depend on how many processes share the work.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Draws:
    """Numbers from a generator for the images of a batch of `total`; `rows`, int64 (n,), are this process's images.

    >>> whole, part = (Draws.of(torch.Generator().manual_seed(0), 4, of) for of in (slice(None), slice(1, None, 2)))
    >>> torch.equal(whole.uniform(0, 1)[1::2], part.uniform(0, 1))
    True
    """

    generator: torch.Generator
    total: int
    rows: Tensor

    @classmethod
    def of(cls, generator: torch.Generator, total: int, part: slice = slice(None)) -> "Draws":
        """Return the numbers for a `part` of the images of a batch, all of them by default."""
        return cls(generator, total, torch.arange(total, device=generator.device)[part])

    def uniform(self, low: float, high: float) -> Tensor:
        """Draw a number from low to high for each image, float32 (n,)."""
        return self.own(self.luck()) * (high - low) + low

    def chance(self, chance: float) -> Tensor:
        """Draw for each image whether it is hit, bool (n, 1, 1, 1)."""
        return (self.own(self.luck()) < chance)[:, None, None, None]

    def integers(self, below: int) -> Tensor:
        """Draw an integer for each image, int64 (n, 1)."""
        return self.own(torch.randint(below, (self.total, 1), generator=self.generator, device=self.generator.device))

    def normal(self, shape: Sequence[int]) -> Tensor:
        """Draw normal numbers of this shape for each image, float32 (n, *shape)."""
        size = (self.total, *shape)
        return self.own(torch.randn(size, generator=self.generator, device=self.generator.device))

    def one(self) -> float:
        """Draw one number from 0 to 1 for the whole batch."""
        return torch.rand(1, generator=self.generator, device=self.generator.device).item()

    def luck(self) -> Tensor:
        """Draw a number from 0 to 1 for every image of the batch, float32 (total,)."""
        return torch.rand(self.total, generator=self.generator, device=self.generator.device)

    def among(self, hit: Tensor) -> tuple[Tensor, "Draws"]:
        """Return which of this process's images are hit, int64, and the numbers for them; `hit` is bool (total,)."""
        own = self.own(hit).nonzero().flatten()
        rank = hit.cumsum(0) - 1
        return own, Draws(self.generator, int(hit.sum()), rank[self.rows[own]])

    def own(self, drawn: Tensor) -> Tensor:
        """Return the rows of this process, (n, ...), of numbers for the whole batch."""
        return drawn if len(self.rows) == self.total else drawn[self.rows]
