"""Card: what a weights file knows about itself, carried as JSON in the ONNX metadata under `mien`.

Whoever holds the file can tell what goes in (crop size, channels, framing), what comes out (labels, heads), how it
was calibrated, what it was trained and measured on, and what it must not be used for.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from mien.errors import WeightsError
from mien.labels import EXPRESSIONS, ordered

KEY = "mien"
"""The ONNX metadata key that holds the card."""


class Card(BaseModel):
    """What a weights file knows about itself.

    Attributes:
        name: the recipe or weights name.
        labels: expressions in the order of the probabilities.
        size: side in pixels of the square crop it takes; channels: 1 (grey) or 3 (RGB).
        framing: the key in `mien.inference.align.FRAMINGS` of the way the training crops frame a face.
        alignment: that framing in figures, by detector: the square's side in units of the root of the box's area and
            its centre's offsets in units of that side, as `mien.inference.align.Framing` has them.
        temperature: what the logits were divided by, inside the graph.
        threshold: least confidence at which `--abstain auto` answers, or None when none was fitted.
        valence_arousal: whether the graph has that second output.
        action_units: names of the action units of a third output, or none.
        metrics: measured figures by split; data: what it was trained and selected on; recipe: how, in full.
        provenance: commit, versions, device, seconds, seed; licence; notes: intended use and limits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    labels: tuple[str, ...]
    size: int = Field(48, ge=16, le=512)
    channels: int = Field(1, ge=1, le=3)
    framing: str = "fer2013"
    alignment: dict[str, dict[str, float | None]] = {}
    temperature: float = Field(1.0, gt=0)
    threshold: float | None = Field(None, ge=0, le=1)
    valence_arousal: bool = False
    action_units: tuple[str, ...] = ()
    metrics: dict[str, Any] = {}
    data: dict[str, Any] = {}
    recipe: dict[str, Any] = {}
    provenance: dict[str, Any] = {}
    licence: str = "Apache-2.0"
    notes: str = ""

    @field_validator("labels")
    @classmethod
    def _vocabulary(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [label for label in labels if label not in EXPRESSIONS]
        if unknown or len(labels) < 2 or labels != ordered(labels):
            raise ValueError(f"labels must be two or more of {EXPRESSIONS} in this order, got {labels}")
        return labels

    @classmethod
    def from_metadata(cls, metadata: dict[str, str], where: str) -> "Card":
        """Read the card out of a file's ONNX metadata; WeightsError names `where` when it is absent or wrong."""
        if KEY not in metadata:
            raise WeightsError(f"{where} carries no mien card", "an ONNX file written by `mien export`")
        try:
            return cls.model_validate_json(metadata[KEY])
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise WeightsError(
                f"{where}: card field {place!r}: {first['msg']}", do="export the weights again"
            ) from None
