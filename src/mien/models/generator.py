"""A small class-conditional generator of 48x48 grey faces: eigenfaces, and an autoencoder that bends them.

An image is the mean face plus 256 eigenfaces.  The encoder turns their weights into a mean and a spread of 96 numbers,
the decoder turns numbers and a class into weights; both begin as the identity on the 96 largest, so learning starts
from what principal components can do, and adds what they cannot: details that go with each other.  It learns in a
minute on a processor, where a convolutional adversarial pair shows no face in ten.  No classifier, so not in `MODELS`;
training/generate.py trains it.

Sources: eigenfaces, Turk and Pentland 1991; conditional variational autoencoder, Sohn et al., NeurIPS 2015; normal
distributions fitted to the codes afterwards, Ghosh et al., arXiv 1903.12436.
"""

import torch
from torch import Tensor, nn

SIDE = 48
"""Width and height of the images."""

EIGENFACES = 256
"""How many: 95 % of the variance of FER2013."""

CODE = 96
"""Numbers that stand for an image."""

WIDTH = 512
"""Width of the hidden layers, two on each side."""

SPREAD = (-8.0, 2.0)
"""Least and greatest logarithm of a variance; it starts at half the least."""


class Generator(nn.Module):
    """Encoder and decoder between weights of eigenfaces, in units of their deviation, and codes.

    Buffers, which the trainer sets with `look`: mean (2304,), eigenfaces (2304, 256), deviations (256,).
    """

    mean: Tensor
    eigenfaces: Tensor
    deviations: Tensor

    def __init__(self, classes: int, width: int = WIDTH) -> None:
        super().__init__()
        self.encoder = _dense(EIGENFACES, width, 2 * CODE)
        self.decoder = _dense(CODE + classes, width, EIGENFACES)
        self.register_buffer("mean", torch.zeros(SIDE * SIDE))
        self.register_buffer("eigenfaces", torch.zeros(SIDE * SIDE, EIGENFACES))
        self.register_buffer("deviations", torch.ones(EIGENFACES))

    @torch.no_grad()
    def look(self, x: Tensor) -> None:
        """Take mean and eigenfaces from images uint8 (N, 1, 48, 48) and their mirror images."""
        pixels = SIDE * SIDE
        total, moment = x.new_zeros(pixels, dtype=torch.double), x.new_zeros(pixels, pixels, dtype=torch.double)
        for part in x.split(4096):  # type: ignore[no-untyped-call]
            flat = part.flatten(1).float() / 255
            total += flat.sum(0)
            moment += flat.T @ flat
        mirror = torch.arange(pixels, device=x.device).view(SIDE, SIDE).flip(1).flatten()
        mean = (total + total[mirror]) / (2 * len(x))
        moment = (moment + moment[mirror][:, mirror]) / (2 * len(x))
        values, vectors = largest((moment - mean[:, None] * mean).float(), EIGENFACES)
        self.mean.copy_(mean)
        self.eigenfaces.copy_(vectors)
        self.deviations.copy_(values.clamp(min=1e-12).sqrt())

    def weigh(self, x: Tensor) -> Tensor:
        """Return the eigenfaces' weights (N, 256) in images (N, 1, 48, 48) in [0, 1]."""
        return (x.flatten(1) - self.mean) @ self.eigenfaces / self.deviations

    def show(self, weights: Tensor) -> Tensor:
        """Return images (N, 1, 48, 48) in [0, 1] for weights (N, 256)."""
        flat = self.mean + (weights * self.deviations) @ self.eigenfaces.T
        return flat.clamp(0, 1).view(-1, 1, SIDE, SIDE)

    def encode(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and logarithm of the variance of the codes (N, 96) of weights (N, 256)."""
        change, spread = self.encoder(weights).float().chunk(2, 1)
        return weights[:, :CODE] + change, (spread + SPREAD[0] / 2).clamp(*SPREAD)

    def decode(self, code: Tensor, target: Tensor) -> Tensor:
        """Return weights (N, 256) for codes (N, 96) and classes (N, K), distributions."""
        change: Tensor = self.decoder(torch.cat([code, target], 1)).float()
        return torch.cat([code + change[:, :CODE], change[:, CODE:]], 1)

    def forward(self, weights: Tensor, target: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return weights as decoded from their codes with noise (N, 96), and the codes' means and log variances."""
        mean, spread = self.encode(weights)
        return self.decode(mean + noise * (spread / 2).exp(), target), mean, spread


def largest(matrix: Tensor, count: int, rounds: int = 8) -> tuple[Tensor, Tensor]:
    """Return the largest eigenvalues (count,) of a symmetric matrix (D, D), descending, and their vectors (D, count).

    By subspace iteration from a fixed start, which takes a twentieth of the time of all eigenvalues.
    """
    start = torch.randn(len(matrix), count + 64, generator=torch.Generator().manual_seed(0))
    space = start.to(matrix)
    for _ in range(rounds):
        space = torch.linalg.qr(matrix @ space)[0]
    values, vectors = torch.linalg.eigh(space.T @ matrix @ space)
    return values.flip(0)[:count], (space @ vectors).flip(1)[:, :count]


def _dense(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Return two hidden layers whose output starts at zero."""
    last = nn.Linear(width, outputs)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(
        nn.Linear(inputs, width), nn.LayerNorm(width), nn.SiLU(),
        nn.Linear(width, width), nn.LayerNorm(width), nn.SiLU(),
        last,
    )  # fmt: skip
