"""Face: a detected face and its expression."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mien.affect import estimates, has_position
from mien.compound import Compound, Fit, compounds
from mien.hierarchy import group_probs, groups
from mien.html.markup import EMPTY, Html, element, escape, join
from mien.html.page import disc, grid, probability
from mien.measures import Measures
from mien.reliability import WEAK


@dataclass(frozen=True, eq=False)
class Correction:
    """What a face shows beside the person's own neutral face (`baseline`).

    Attributes:
        probs: float32 (K,), summing to one; abstained: as in `Face`, by these.
        action_units, measures: the differences from the neutral face by name, or None where the face has none.
    """

    probs: NDArray[np.float32]
    abstained: bool = False
    action_units: dict[str, float] | None = None
    measures: dict[str, float] | None = None


@dataclass(frozen=True, eq=False)
class Face:
    """A face detected in an image, with its expression.

    Attributes:
        box: float32 (4,), x1 y1 x2 y2 in pixels of the image as seen, clipped to it.
        score: the detector's confidence in [0, 1].
        landmarks: float32 (5, 2) pixels (right eye, left eye, nose, right and left mouth corner; the subject's
            right), or None when the detector has none.
        labels: the expressions of `probs`, in vocabulary order.
        probs: float32 (K,), summing to one, or None before classification.
        abstained: True when the top probability is below the threshold (`abstain`).
        track_id: identity within a video, or None in a still image.
        valence, arousal: in [-1, 1], or None when the weights have no such head.
        action_units: a number in [0, 1] per action unit ("au12"), or None when there is none.
        action_units_source: "head" when they are the weights' probabilities, "blendshapes" when measured, else None.
        measures: head pose, openness of eyes and mouth, and image quality; None where they were not requested or could
            not be taken.  measures_reason: why they could not be taken, else None.
        mesh: float32 (478, 3), the landmarks in pixels of the image as seen, the third being depth on the same scale
            (smaller is nearer to the camera); None as `measures`.  blendshapes: float32 (52,) in [0, 1], likewise.
            Neither is in JSON or CSV.
        crop: float32 (3,), the square given to the weights: x y of its top left corner and its side, in pixels of the
            image as read.  It may reach beyond the image, whose edge is then repeated.  None when the crop is not a
            square (the detector `whole` stretches an image that is not square), or before classification.
        level: "expression" or "group"; at the second, `group` and the like are known, and `abstained` goes by them.
        correction: the same face beside the person's neutral face, or None without `baseline`.
        features: float32 (D,) of length one, the embedding: similar faces have a product near one.  Used to follow a
            face through a video and never written.  None when the weights have none.
        reliabilities: how well the weights predict each label, "good", "fair" or "weak" by their card; None for a label
            that it has no figure of.  Empty when it has none at all, and under any prior but the natural one.
        compound_fits: what `compound` is computed with (mien.compound), or None where it was not requested.
    """

    box: NDArray[np.float32]
    score: float
    landmarks: NDArray[np.float32] | None = None
    labels: tuple[str, ...] = ()
    probs: NDArray[np.float32] | None = None
    abstained: bool = False
    track_id: int | None = None
    valence: float | None = None
    arousal: float | None = None
    action_units: dict[str, float] | None = None
    features: NDArray[np.float32] | None = None
    crop: NDArray[np.float32] | None = None
    action_units_source: Literal["head", "blendshapes"] | None = None
    measures: Measures | None = None
    measures_reason: str | None = None
    mesh: NDArray[np.float32] | None = None
    blendshapes: NDArray[np.float32] | None = None
    reliabilities: tuple[str | None, ...] = ()
    level: str = "expression"
    correction: Correction | None = None
    compound_fits: tuple[Fit, Fit] | None = None

    @property
    def expression(self) -> str | None:
        """The most probable expression, or None before classification."""
        return None if self.probs is None else self.labels[int(self.probs.argmax())]

    @property
    def confidence(self) -> float | None:
        """The probability of `expression` in [0, 1], or None before classification."""
        return None if self.probs is None else float(self.probs.max())

    @property
    def valence_estimate(self) -> float | None:
        """The expected valence of `probs` in [-1, 1] (mien.affect), or None before classification."""
        return self._estimates[0]

    @property
    def arousal_estimate(self) -> float | None:
        """The expected arousal of `probs` in [-1, 1], the weaker half, or None before classification."""
        return self._estimates[1]

    @cached_property
    def _estimates(self) -> tuple[float | None, float | None]:
        if self.probs is None or not has_position(self.labels):
            return None, None
        valence, arousal = (round(value, 4) + 0.0 for value in estimates(self.labels, self.probs).tolist())
        return valence, arousal  # never -0.0

    @property
    def compound(self) -> tuple[Compound, ...] | None:
        """The most probable compound expressions, best first (mien.compound).

        None where they were not requested, and where each has a probability below 0.00005.
        """
        if self.compound_fits is None or self.probs is None:
            return None
        measured = self.action_units if self.action_units_source == "blendshapes" else None
        ranked = compounds(self.compound_fits, self.labels, self.probs, measured)
        return tuple(one for one in ranked if round(one.probability, 4)) or None  # 0.0000 would be a false zero

    @property
    def reliability(self) -> str | None:
        """The reliability of `expression`, or None where the card has no figure of it."""
        return self.reliabilities[int(self.probs.argmax())] if self.reliabilities and self.probs is not None else None

    @property
    def group(self) -> str | None:
        """The most probable group (mien.hierarchy), or None at the level of expressions and before classification."""
        return self._groups().expression

    @property
    def group_confidence(self) -> float | None:
        """The probability of `group` in [0, 1], or None as `group`."""
        return self._groups().confidence

    def _groups(self) -> "Face":
        """Return the face with groups as its labels, without labels where its level is that of expressions."""
        if self.level == "expression":
            return UNGROUPED
        if self.probs is None:
            return replace(self, labels=())
        probs = group_probs(self.probs, self.labels)
        return replace(self, labels=groups(self.labels), probs=probs, reliabilities=(), compound_fits=None)

    @property
    def weak(self) -> bool:
        """Whether the weights predict `expression` poorly, as its reliability says."""
        return self.reliability == WEAK

    def read(
        self, labels: tuple[str, ...], probs: NDArray[np.float32], min_confidence: float = 0.0, **known: Any
    ) -> "Face":
        """Return this face with probabilities and `known` fields.

        It abstains when the top-1 of its level is below `min_confidence`.
        """
        face = replace(self, labels=labels, probs=probs, correction=None, abstained=False, **known)
        return replace(face, abstained=True) if (face.shown().confidence or 0.0) < min_confidence else face

    def shown(self, corrected: bool = True) -> "Face":
        """Return the face as it is drawn and summed up: corrected if it can be, groups as labels at their level.

        With `corrected` False it is the face as it was read.
        """
        face = self._corrected() if corrected else replace(self, correction=None)
        return face if face.level == "expression" else replace(face._groups(), level="expression")

    def _corrected(self) -> "Face":
        """Return the face with the probabilities of its correction, itself where there is none."""
        if self.correction is None:
            return self
        return replace(self, probs=self.correction.probs, abstained=self.correction.abstained, correction=None)

    def __repr__(self) -> str:
        box = ", ".join(f"{value:.0f}" for value in self.box)
        facts = [f"box=[{box}]", f"score={self.score:.2f}"]
        if self.confidence is not None:
            facts = [repr(self.expression), f"confidence={self.confidence:.2f}", *facts]
        facts += ["abstained=True"] if self.abstained else []
        facts += [] if self.track_id is None else [f"track_id={self.track_id}"]
        return f"Face({', '.join(facts)})"

    def _repr_html_(self) -> str:
        return faces_table([self])

    def to_dict(self) -> dict[str, Any]:
        """Return the face as an entry of `faces` in `mien predict --format json`."""
        corrected = self._corrected()._to_dict() if self.correction else {}
        if self.correction:
            corrected |= {"action_units": self.correction.action_units, "measures": self.correction.measures}
        return self._to_dict() | {f"{name}_corrected": corrected.get(name) for name in CORRECTED}

    def _to_dict(self) -> dict[str, Any]:
        grouped = self._groups()
        ranked = self.compound
        return {
            "box": [round(v, 2) for v in self.box.tolist()],
            "crop": None if self.crop is None else [round(v, 2) for v in self.crop.tolist()],
            "score": round(float(self.score), 4),
            "track_id": self.track_id,
            "expression": self.expression,
            "confidence": _rounded(self.confidence),
            "abstained": self.abstained,
            "reliability": self.reliability,
            "probs": self._named(),
            "valence": self.valence,
            "arousal": self.arousal,
            "valence_estimate": self.valence_estimate,
            "arousal_estimate": self.arousal_estimate,
            "action_units": self.action_units,
            "action_units_source": self.action_units_source,
            "measures": None if self.measures is None else self.measures.to_dict(),
            "measures_reason": self.measures_reason,
            "compound": None if ranked is None else [one.to_dict() for one in ranked],
            "group": grouped.expression,
            "group_confidence": _rounded(grouped.confidence),
            "group_probs": grouped._named(),
        }

    def _named(self) -> dict[str, float] | None:
        if self.probs is None:
            return None
        return {label: round(p, 6) for label, p in zip(self.labels, self.probs.tolist(), strict=True)}


UNGROUPED = Face(np.zeros(4, np.float32), 0.0)
"""What a face without groups has of them."""

CORRECTED = (
    "expression",
    "confidence",
    "abstained",
    "reliability",
    "probs",
    "valence_estimate",
    "arousal_estimate",
    "action_units",
    "measures",
    "compound",
    "group",
    "group_confidence",
    "group_probs",
)
"""The keys of a face that a personal baseline corrects."""


def _rounded(probability: float | None) -> float | None:
    return None if probability is None else round(probability, 6)


def faces_table(faces: Iterable[Face]) -> Html:
    """Return an HTML table with a row per face, numbered as in every format, for notebooks.

    A notebook has no styles of ours, so those of the table are in its elements.
    """
    head = ("face", "expression", "confidence", "detector score", "box: x1, y1, x2, y2")
    rows = (_cells(number, face.shown()) for number, face in enumerate(faces, 1))
    return element("div", grid(head, rows), style="overflow-x:auto", tabindex=0, role="region", aria_label="faces")


def _cells(number: int, face: Face) -> tuple[Html, ...]:
    expression = EMPTY if face.expression is None else join([disc(face.expression), escape(face.expression)])
    if face.abstained:
        expression = escape(f"abstained ({face.expression})")
    expression = join([expression, escape(", weak")]) if face.weak else expression
    box = ", ".join(f"{value:.0f}" for value in face.box)
    return escape(number), expression, escape(probability(face.confidence)), escape(f"{face.score:.2f}"), escape(box)
