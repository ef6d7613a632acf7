"""The outputs of a graph: checked to be probabilities and finite numbers, then given to faces.

A graph with damaged or diverged weights runs without an error and gives NaN; a foreign one may give logits.  Both are
errors of the file, not of a face, so they are raised and never become a row.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.card import Card
from mien.errors import WeightsError
from mien.face import Face

Heads = Mapping[str, NDArray[np.float32]]

TOLERANCE = 1e-3
"""How far probabilities may be from a sum of one, and any from its range: float32 and int8 kernels round."""

RANGES = {
    "probs": ("probabilities", 0.0, 1.0, "numbers from 0 to 1 that sum to one"),
    "valence_arousal": ("valence and arousal", -1.0, 1.0, "numbers from -1 to 1"),
    "action_units": ("action units", 0.0, 1.0, "probabilities from 0 to 1"),
}
OTHERS = ("embedding", -1e30, 1e30, "finite numbers")
"""Name of an output in messages, the range of its numbers, and the range in words."""

DO = "train or export the weights again"


def check(heads: Heads, card: Card, path: Path, count: int) -> None:
    """Raise a WeightsError that shows the first wrong row when outputs for `count` crops differ from the card.

    heads: `probs` (N, K) and, where there, `valence_arousal` (N, 2), `action_units` (N, A), `embedding` (N, D).
    """
    shapes = {"probs": len(card.labels), "valence_arousal": 2, "action_units": len(card.action_units)}
    for name, rows in heads.items():
        if rows.ndim != 2 or len(rows) != count or rows.shape[1] != shapes.get(name, rows.shape[1]):
            raise WeightsError(f"{path} gives {name} of shape {rows.shape} for {count} crops", do="export it again")
        what, low, high, expected = RANGES.get(name, OTHERS)
        if rows.size and not _good(name, rows, low, high).all():
            raise _wrong(path, what, rows[~_good(name, rows, low, high)][0], expected)


def with_heads(face: Face, heads: Heads, row: int, card: Card, min_confidence: float, **known: Any) -> Face:
    """Return a face with row `row` of the outputs and the `known` fields, abstaining below `min_confidence`."""
    if "valence_arousal" in heads:
        known["valence"], known["arousal"] = (round(v, 4) for v in heads["valence_arousal"][row].tolist())
    if "action_units" in heads:
        units = (round(p, 4) for p in heads["action_units"][row].tolist())
        known["action_units"] = dict(zip(card.action_units, units, strict=True))
        known["action_units_source"] = "head"
    if "embedding" in heads:
        known["features"] = heads["embedding"][row]
    return face.read(card.labels, heads["probs"][row], min_confidence, **known)


def _good(name: str, rows: NDArray[np.float32], low: float, high: float) -> NDArray[np.bool_]:
    """Return which rows are finite, within the range and, as probabilities, sum to one; NaN is in no range."""
    good: NDArray[np.bool_] = (rows.min(1) >= low - TOLERANCE) & (rows.max(1) <= high + TOLERANCE)
    if name == "probs":
        good &= np.abs(rows.sum(1) - 1) <= TOLERANCE
    return good


def _wrong(path: Path, what: str, row: NDArray[np.float32], expected: str) -> WeightsError:
    shown = ", ".join(f"{value:.4g}" for value in row[:4]) + (", ..." if len(row) > 4 else "")
    return WeightsError(f"{path}: the weights give no {what}: {shown}", expected, DO)
