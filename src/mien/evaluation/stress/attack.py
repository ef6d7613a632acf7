"""Attacks: invisible changes made to mislead the weights.

Gradients need the network in torch, so attacks by gradient are passed in by the caller (`gradient_attack.py`).
Where there is only an ONNX file, the square attack queries it repeatedly and keeps changes that help: Andriushchenko,
Croce, Flammarion and Hein, *Square Attack: a query-efficient black-box adversarial attack via random search*, ECCV 2020
(arXiv 1912.00049).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Crops = NDArray[np.uint8]
Classify = Callable[[Crops], NDArray[np.floating]]

SQUARE_EPSILON, SQUARE_IMAGES, SQUARE_QUERIES = 4, 100, 150
"""Grey levels, images and queries per image of the square attack on a file: some ten seconds a model."""
FIRST_FRACTION = 0.3
"""Fraction of the image that the first squares cover; it halves as the search goes on."""
HALVINGS = (0.2, 0.4, 0.6, 0.8)
"""When it halves, in fractions of the queries allowed: later than in the paper, which allows ten thousand."""


@dataclass(frozen=True)
class Attack:
    """A way to mislead weights.

    Attributes:
        name: its name; epsilon: the most a pixel may change, in grey levels out of 255.
        run: crops uint8 (N, size, size, channels) and labels int64 (N,) to crops changed by at most epsilon.
        images: how many images to try it on at most, or None for all.
        queries: how often per image it may query the weights, or None where it has gradients.
    """

    name: str
    epsilon: int
    run: Callable[[Crops, NDArray[np.int64]], Crops]
    images: int | None = None
    queries: int | None = None


def black_box(classify: Classify, seed: int = 0) -> list[Attack]:
    """Return the attacks that need only queries: probabilities (N, K) for crops uint8 (N, S, S, C)."""

    def run(crops: Crops, label: NDArray[np.int64]) -> Crops:
        return square(classify, crops, label, SQUARE_EPSILON, SQUARE_QUERIES, np.random.default_rng(seed))

    return [Attack("square", SQUARE_EPSILON, run, SQUARE_IMAGES, SQUARE_QUERIES)]


def square(
    classify: Classify, crops: Crops, label: NDArray[np.int64], epsilon: int, queries: int, rng: np.random.Generator
) -> Crops:
    """Return crops uint8 (N, S, S, C), changed by at most `epsilon` grey levels, misread by `classify` if possible.

    It starts from stripes, then tries one square of a random place and colour per query, and keeps those that reduce
    the lead of the label's probability.  An image is left alone once it is misread, also if it was from the start; one
    query per image goes into finding out.

    >>> darker = lambda crops: np.stack([crops.mean((1, 2, 3)) / 255, 1 - crops.mean((1, 2, 3)) / 255], 1)
    >>> crops = np.full((1, 8, 8, 1), 129, np.uint8)
    >>> changed = square(darker, crops, np.array([0]), 4, 100, np.random.default_rng(0))
    >>> darker(changed).argmax(1).tolist(), int(np.abs(changed.astype(int) - crops).max())
    ([1], 4)
    """
    changed, lead = crops.copy(), margin(classify(crops), label)
    for query in range(1, queries):
        open_ = np.flatnonzero(lead > 0)
        if not len(open_):
            break
        tried = _stripes(crops[open_], epsilon, rng) if query == 1 else changed[open_]
        if query > 1:
            _paint(tried, crops[open_], epsilon, side(query / queries, crops.shape[1]), rng)
        after = margin(classify(tried), label[open_])
        better = (after < lead[open_]) | (query == 1)
        changed[open_[better]], lead[open_[better]] = tried[better], after[better]
    return changed


def margin(probs: NDArray[np.floating], label: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the lead of the label over the most probable other class in log probability, (N,); negative when misread.

    >>> margin(np.array([[0.5, 0.25, 0.25]]), np.array([0])).round(3).tolist()
    [0.693]
    """
    logs = np.log(np.asarray(probs, np.float64).clip(1e-30))
    rows = np.arange(len(logs))
    own = logs[rows, label]
    logs[rows, label] = -np.inf
    lead: NDArray[np.float64] = own - logs.max(1)
    return lead


def side(progress: float, size: int) -> int:
    """Return the side in pixels of the squares that are tried after a fraction `progress` of the queries.

    >>> [side(progress, 48) for progress in (0.0, 0.1, 0.9)]
    [26, 26, 7]
    """
    fraction = FIRST_FRACTION * 0.5 ** sum(progress >= moment for moment in HALVINGS)
    return min(size - 1, max(1, round(float(np.sqrt(fraction * size * size)))))


def _stripes(crops: Crops, epsilon: int, rng: np.random.Generator) -> Crops:
    n, _, width, channels = crops.shape
    change = epsilon * rng.choice([-1, 1], (n, 1, width, channels))
    striped: Crops = (crops + change).clip(0, 255).astype(np.uint8)
    return striped


def _paint(tried: Crops, crops: Crops, epsilon: int, size: int, rng: np.random.Generator) -> None:
    rows = rng.integers(crops.shape[1] - size + 1, size=len(crops))
    columns = rng.integers(crops.shape[2] - size + 1, size=len(crops))
    colours = epsilon * rng.choice([-1, 1], (len(crops), 1, 1, crops.shape[3]))
    for target, crop, row, column, colour in zip(tried, crops, rows, columns, colours, strict=True):
        place = slice(row, row + size), slice(column, column + size)
        target[place] = (crop[place] + colour).clip(0, 255)
