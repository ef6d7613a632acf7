"""Explanations of the faces of an image: which parts of it, and which movements, speak for an expression.

    for explanation in explain(Pipeline(), "photo.jpg").faces:
        print(explanation.label, explanation.parts)

The map says what the weights depend on in this image, not why people would name the face so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.errors import MediaError, UsageError
from mien.face import Face
from mien.inference.explain.movements import evidence
from mien.inference.explain.occlusion import STEPS, heat_map, log_odds
from mien.inference.explain.regions import by_part
from mien.inference.pipeline import Pipeline
from mien.inference.prediction import FrameResult
from mien.labels import canonical

Square = tuple[float, float, float, float]
"""x1 y1 x2 y2 in pixels of the image."""

NOTHING = "nothing to explain: covering changes nothing, or the probability is too near 0 or 1"
"""The remark on an empty map."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why the weights give a face its probability of one expression.

    Attributes:
        number: the face in the image, 1, 2, ... from left to right; face: as predicted, in pixels of `Explained.image`.
        label: the expression that is explained.
        heat: float32 (size, size), the log-odds that each pixel of the crop gives to it: above 0 for, below 0 against.
        window: where the crop lies in the image; it may reach beyond it.
        parts: mean of `heat` over each part of the face, strongest support first; None without landmarks.
        movements: the evidence of each action unit by the prototypes, likewise; None without action units.
    """

    number: int
    face: Face
    label: str
    heat: NDArray[np.float32]
    window: Square
    parts: dict[str, float] | None
    movements: dict[str, float] | None

    @property
    def probability(self) -> float:
        """The probability of `label` in [0, 1]."""
        assert self.face.probs is not None
        return float(self.face.probs[self.face.labels.index(self.label)])

    @property
    def log_odds(self) -> float:
        """The log-odds of `label`, which `heat` divides among the pixels."""
        assert self.face.probs is not None
        return float(log_odds(self.face.probs[None], self.face.labels.index(self.label))[0])

    @property
    def remark(self) -> str | None:
        """Why the map is empty, else None: float32 holds no evidence of a probability that it rounds to 0 or 1."""
        return None if self.heat.any() else NOTHING

    def to_dict(self) -> dict[str, Any]:
        """Return an entry of `faces` in `mien explain --json`; `heat` has a cell per step of the square."""
        return {
            **{"face": self.number, "explained": self.label, "probability": round(self.probability, 6)},
            "log_odds": round(self.log_odds, 4),
            "remark": self.remark,
            "heat": [[round(float(v), 4) for v in row] for row in coarse(self.heat)],
            "window": [round(v, 2) for v in self.window],
            "parts": _rounded(self.parts),
            "movements": _rounded(self.movements),
            **{key: value for key, value in self.face.to_dict().items() if not key.endswith("_corrected")},
        }


@dataclass(frozen=True, eq=False)
class Explained:
    """An image with the explanations of its faces.

    Attributes:
        source: the image as given; image: uint8 RGB (H, W, 3), as seen, of large images at a fraction of their size.
        weights, prior: the names of the weights and of the prior.
    """

    source: str
    image: NDArray[np.uint8]
    weights: str
    prior: str
    faces: tuple[Explanation, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the document of `mien explain --json`; its places are pixels of the image in width and height."""
        height, width = self.image.shape[:2]
        head = {"source": self.source, "width": width, "height": height, "weights": self.weights, "prior": self.prior}
        return head | {"faces": [one.to_dict() for one in self.faces]}


def explain(
    pipeline: Pipeline, source: str | Path, face: int | None = None, expression: str | None = None
) -> Explained:
    """Return why the faces of an image are named as they are.

    Args:
        pipeline: the detector and the weights.
        source: a file with an image.
        face: the number of one face, counted from 1 at the left; None means all.
        expression: which expression to explain; None means each face's top-1.

    Raises:
        UsageError, MediaError: for an image that cannot be read, a video, no face, and a face or expression that is
            not there.
    """
    label = None if expression is None else _label(expression, pipeline.card.labels, pipeline.card.name)
    result = _read(pipeline, source)
    faces = result.drawn().faces
    chosen = range(1, len(faces) + 1) if face is None else [face]
    if not faces or not 1 <= chosen[0] <= len(faces):
        got = f"{source} has {len(faces)} face{'' if len(faces) == 1 else 's'}"
        raise UsageError(
            got if face is None else f"`face` {face}: {got}", "a face to explain", "`detector` or `rotate`"
        )
    explained = tuple(_explained(pipeline, k, faces[k - 1], result.crops[k - 1], label) for k in chosen)
    assert result.image is not None
    return Explained(str(source), result.image, pipeline.card.name, pipeline.classifier.prior.name, explained)


def coarse(heat: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a map with a cell per step of the square, float32 (STEPS, STEPS): the mean of the pixels in each."""
    edges = np.linspace(0, len(heat), STEPS + 1).astype(int)
    cells = [[heat[a:b, c:d].mean() for c, d in pairwise(edges)] for a, b in pairwise(edges)]
    return np.array(cells, np.float32)


def _label(word: str, labels: Sequence[str], weights: str) -> str:
    label = word if word in labels else canonical(word)
    if label not in labels:
        raise UsageError(f"`expression` {word}", f"one that {weights!r} predict: {', '.join(labels)}")
    return str(label)


def _read(pipeline: Pipeline, source: str | Path) -> FrameResult:
    """Return the one result of an image, with its pixels and crops."""
    results = pipeline.stream([source], keep=True)
    try:
        result = next(results, None)
        more = next(results, None)
    finally:
        results.close()  # type: ignore[attr-defined]
    if result is None or more is not None or result.prediction.seconds is not None:
        raise UsageError(f"{source}", "one image", "`mien predict` reads folders and videos")
    if result.prediction.error is not None:
        raise MediaError(result.prediction.error)
    return result


def _explained(pipeline: Pipeline, number: int, face: Face, crop: NDArray[np.uint8], label: str | None) -> Explanation:
    name = label or str(face.expression)
    heat = heat_map(pipeline.classifier, crop, face.labels.index(name))
    if face.crop is None:
        x1, y1, x2, y2 = map(float, face.box)
    else:
        x1, y1, side = map(float, face.crop)
        x2, y2 = x1 + side, y1 + side
    parts = None
    if face.landmarks is not None:
        scale = len(heat) / np.array([x2 - x1, y2 - y1])
        parts = by_part(heat, ((face.landmarks - (x1, y1)) * scale).astype(np.float32))
    units = None if face.action_units is None else evidence(name, face.action_units)
    return Explanation(number, face, name, heat, (x1, y1, x2, y2), parts, units)


def _rounded(values: dict[str, float] | None) -> dict[str, float] | None:
    return None if values is None else {name: round(value, 4) for name, value in values.items()}
