"""Whether what a graph gives can be believed: probabilities that are some, and numbers that are finite.

A graph with damaged or diverged weights runs without complaint and gives NaN; one that is not ours may give logits.
Either is an error of the whole file, not of a face, so it is raised and never becomes a row.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.card import Card
from mien.errors import WeightsError

Heads = Mapping[str, NDArray[np.float32]]

OFF = 1e-3
"""How far probabilities may be from a sum of one, and any from its range: float32 and int8 kernels round."""

RANGES = {
    "probs": ("probabilities", 0.0, 1.0, "numbers from 0 to 1 that sum to one"),
    "valence_arousal": ("valence and arousal", -1.0, 1.0, "numbers from -1 to 1"),
    "action_units": ("action units", 0.0, 1.0, "probabilities from 0 to 1"),
}
OTHERS = ("embedding", -1e30, 1e30, "finite numbers")
"""What an output is called, the range that its numbers are in, and that in words."""

DO = "train or export the weights again"


def check(heads: Heads, card: Card, path: Path, count: int) -> None:
    """Refuse outputs for `count` crops that are not what the card promises; WeightsError shows the first wrong row.

    heads: `probs` (N, K) and, where there, `valence_arousal` (N, 2), `action_units` (N, A), `embedding` (N, D).
    """
    shapes = {"probs": len(card.labels), "valence_arousal": 2, "action_units": len(card.action_units)}
    for name, rows in heads.items():
        if rows.ndim != 2 or len(rows) != count or rows.shape[1] != shapes.get(name, rows.shape[1]):
            raise WeightsError(f"{path} gives {name} of shape {rows.shape} for {count} crops", do="export it again")
        what, least, most, expected = RANGES.get(name, OTHERS)
        if rows.size and not _good(name, rows, least, most).all():
            raise _wrong(path, what, rows[~_good(name, rows, least, most)][0], expected)


def _good(name: str, rows: NDArray[np.float32], least: float, most: float) -> NDArray[np.bool_]:
    """Return which rows are finite, within the range and, as probabilities, sum to one; NaN is in no range."""
    good: NDArray[np.bool_] = (rows.min(1) >= least - OFF) & (rows.max(1) <= most + OFF)
    if name == "probs":
        good &= np.abs(rows.sum(1) - 1) <= OFF
    return good


def _wrong(path: Path, what: str, row: NDArray[np.float32], expected: str) -> WeightsError:
    shown = ", ".join(f"{value:.4g}" for value in row[:4]) + (", ..." if len(row) > 4 else "")
    return WeightsError(f"{path}: the weights give no {what}: {shown}", expected, DO)
