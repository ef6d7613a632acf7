"""Movement measures: how blendshapes stand for action units, and how far each can be trusted.

The names are those of action units because the movements are, but nobody coded them: they are not FACS coding.
`UNITS` is the published table from the blendshapes of ARKit to action units, which is approximate by its own word
(Ozel, *ARKit to FACS: blendshape cheat sheet*, melindaozel.com).  Several units share a blendshape, and so are equal:
23 and 24; 25, 26 and 27; 43 and 45.  Not in the table, or without a blendshape here, are 3, 11, 13, 19 (tongue), 21,
31 to 33 and 35 to 42.

A grade comes from the measured ranking of faces, where one is known: `auc` is the area under the ROC curve of the raw
movement on 806 posed faces of another lab in seven expressions, those that have the unit at their core against the
others.  It bounds how well the movement marks the expression, not agreement with coded units.  From 0.88 on it is good,
from 0.75 moderate, else unreliable.  The other grades come from the literature, which `evidence` names; without either
a unit is unreliable.
"""

from dataclasses import dataclass
from typing import Literal

Grade = Literal["good", "moderate", "unreliable"]

GOOD, MODERATE = 0.88, 0.75
"""The lowest AUC of a grade."""


@dataclass(frozen=True)
class Unit:
    """A movement.

    Attributes:
        name: "au12"; movement: in words.
        shapes: the blendshapes that stand for it, of which the mean is taken; `{side}` is Left and Right.
        auc: as measured, or None; literature: the grade where there is none, and evidence: its source.
    """

    name: str
    movement: str
    shapes: tuple[str, ...]
    auc: float | None = None
    literature: Grade = "unreliable"
    evidence: str = "not measured, no source found"

    @property
    def grade(self) -> Grade:
        """How far the measure can be trusted."""
        if self.auc is None:
            return self.literature
        return "good" if self.auc >= GOOD else "moderate" if self.auc >= MODERATE else "unreliable"

    @property
    def source(self) -> str:
        """What the grade rests on."""
        return self.evidence if self.auc is None else f"AUC {self.auc:.3g} on 806 posed faces"

    @property
    def sides(self) -> bool:
        """Whether the movement has a left and a right half."""
        return any("{side}" in shape for shape in self.shapes)

    def parts(self) -> dict[str, tuple[str, ...]]:
        """Return the blendshapes by name of the measure: of the unit, and of its left and right half where it has them.

        >>> UNITS["au12"].parts()["au12_left"]
        ('mouthSmileLeft',)
        """
        halves = {side: tuple(shape.format(side=side) for shape in self.shapes) for side in ("Left", "Right")}
        if not self.sides:
            return {self.name: self.shapes}
        named = {f"{self.name}_{side.lower()}": shapes for side, shapes in halves.items()}
        return {self.name: halves["Left"] + halves["Right"], **named}


_WEAK = "hardly leaves 0 (google-ai-edge/mediapipe issues 4436, 4450, 5329, 5595)"
_SAME = "the same blendshape as {}"

UNITS: dict[str, Unit] = {
    unit.name: unit
    for unit in (
        Unit("au01", "inner brow raised", ("browInnerUp",), 0.84),
        Unit("au02", "outer brow raised", ("browOuterUp{side}",), 0.91),
        Unit("au04", "brow lowered", ("browDown{side}",), 0.60),
        Unit("au05", "upper lid raised", ("eyeWide{side}",), 0.89),
        Unit("au06", "cheek raised", ("cheekSquint{side}",), 0.945),
        Unit("au07", "lids tightened", ("eyeSquint{side}",), 0.80),
        Unit("au08", "lips towards each other", ("mouthClose",)),
        Unit("au09", "nose wrinkled", ("noseSneer{side}",), 0.28),
        Unit("au10", "upper lip raised", ("mouthUpperUp{side}",), 0.58),
        Unit("au12", "lip corners pulled up", ("mouthSmile{side}",), 0.997),
        Unit("au14", "lip corners tightened", ("mouthDimple{side}",), evidence=_WEAK),
        Unit("au15", "lip corners pulled down", ("mouthFrown{side}",), 0.85),
        Unit("au16", "lower lip pulled down", ("mouthLowerDown{side}",)),
        Unit("au17", "chin raised", ("mouthShrugLower",), 0.75),
        Unit("au18", "lips puckered", ("mouthPucker",)),
        Unit("au20", "lips stretched", ("mouthStretch{side}",), 0.59),
        Unit("au22", "lips funnelled", ("mouthFunnel",)),
        Unit("au23", "lips tightened", ("mouthPress{side}",), 0.60),
        Unit("au24", "lips pressed", ("mouthPress{side}",), evidence=_SAME.format("au23")),
        Unit("au25", "lips parted", ("jawOpen",), 0.89),
        Unit("au26", "jaw dropped", ("jawOpen",), 0.96),
        Unit(
            "au27",
            "mouth stretched open",
            ("jawOpen",),
            None,
            "moderate",
            _SAME.format("au26, which it cannot be separated from"),
        ),
        Unit("au28", "lips sucked in", ("mouthRollLower", "mouthRollUpper"), evidence="weak in a fitted map on DISFA+"),
        Unit("au29", "jaw forward", ("jawForward",), evidence=_WEAK),
        Unit("au30", "jaw sideways", ("jaw{side}",), evidence=_WEAK),
        Unit("au34", "cheeks puffed", ("cheekPuff",), evidence=_WEAK),
        Unit("au43", "eyes closed", ("eyeBlink{side}",), None, "good", "strong in a fitted map on DISFA+"),
        Unit("au45", "blink", ("eyeBlink{side}",), None, "good", _SAME.format("au43")),
    )
}
"""The units in the order of their numbers."""

MEASURES: dict[str, tuple[str, ...]] = {
    name: shapes for unit in UNITS.values() for name, shapes in unit.parts().items()
}
"""The blendshapes of each measure, halves included: the columns of tables."""


def in_words(measure: str) -> str:
    """Return a measure with its movement; names that are none stay as they are.

    >>> in_words("au12"), in_words("au12_right")
    ('au12 lip corners pulled up', 'au12_right lip corners pulled up')
    """
    unit = UNITS.get(measure.partition("_")[0])
    return f"{measure} {unit.movement}" if unit else measure
