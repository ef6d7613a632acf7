"""Card: the description of a weights file, stored as JSON in the ONNX metadata under `mien`.

It describes the input (crop size, channels, framing), the outputs (labels, heads), the calibration, the data used for
training and measuring, and uses to avoid.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from mien.errors import WeightsError
from mien.labels import label_fault
from mien.prior import Adjustment
from mien.reading.shape import Facts, fits, wrong

KEY = "mien"
"""The ONNX metadata key that holds the card."""

UNIT = re.compile(r"au[0-9]{1,2}")
"""The name of an action unit."""


class _Data(Facts):
    name: str | None = None
    fingerprint: str | None = None
    options: dict[str, Any] | None = None
    classes: list[str] | dict[str, list[str]] | None = None


class _Recipe(Facts):
    name: str | None = None
    seed: int | None = None
    data: _Data | None = None
    distill: dict[str, Any] | None = None


class _Clean(Facts):
    n: int | None = None
    accuracy: float | None = None


class _ClassScores(Facts):
    f1: Annotated[float, Field(ge=0, le=1)] | None
    support: Annotated[int, Field(ge=0)]


class _Scores(_Clean):
    dataset: str | None = None
    per_class: dict[str, _ClassScores] | None = None
    ece: float | None = None
    accuracy_interval: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    clean: _Clean | None = None


class _Metrics(Facts):
    val: _Scores | None = None
    test: _Scores | None = None


class _Provenance(Facts):
    commit: str | None = None
    device: str | None = None
    threads: int | None = None
    seconds: float | None = None
    versions: dict[str, Any] | None = None
    data: dict[str, Any] | None = None


_SCHEMAS: dict[str, type[Facts]] = {
    "data": _Data,
    "recipe": _Recipe,
    "metrics": _Metrics,
    "provenance": _Provenance,
}
"""Types of the values that are read from a card's free fields."""


class Card(BaseModel):
    """The description of a weights file.

    Attributes:
        name: the recipe or weights name.
        labels: expressions, and perhaps labels of its own, in the order of the probabilities.
        size: side in pixels of the square crop it takes; channels: 1 (grey) or 3 (RGB).
        framing: the key in `mien.inference.align.FRAMINGS` of how the training crops frame a face.
        alignment: that framing in numbers, by detector: the square's side in units of the root of the box's area and
            its centre's offsets in units of that side, as `mien.inference.align.Framing` has them.
        temperature: what the logits were divided by, inside the graph.
        threshold: lowest confidence that `abstain="auto"` accepts, or None when none was fitted.
        prior: how the probabilities are brought to another prior than that of the training images, or None in files
            that have the natural prior only.
        neutral_face: geometric means of the probabilities of val images that are labelled neutral, by label, under the
            natural prior; empty in files that do not state them.
        valence_arousal: whether the graph has that second output.
        action_units: names of the action units of a third output, or none.
        metrics: scores by split; data: what it was trained and selected on; recipe: the full recipe.
        provenance: commit, versions, device, seconds, seed; notes: intended use and limits.
        code_licence: of the code that made the file, an SPDX expression; weights_licence: of the weights, in words;
            data_terms: by data set, the permitted uses of the training data.  Empty where the file does not state
            them: files of 0.1.0 name one licence, that of the code.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    labels: tuple[str, ...]
    size: int = Field(48, ge=16, le=512)
    channels: int = Field(1, ge=1, le=3)
    framing: str = "fer2013"
    alignment: dict[str, dict[str, float | None]] = {}
    temperature: float = Field(1.0, gt=0)
    threshold: float | None = Field(None, ge=0, le=1)
    prior: Adjustment | None = None
    neutral_face: dict[str, Annotated[float, Field(ge=0, le=1)]] = {}
    valence_arousal: bool = False
    action_units: tuple[str, ...] = ()
    metrics: dict[str, Any] = {}
    data: dict[str, Any] = {}
    recipe: dict[str, Any] = {}
    provenance: dict[str, Any] = {}
    code_licence: str = ""
    weights_licence: str = ""
    data_terms: dict[str, str] = {}
    notes: str = ""

    @model_validator(mode="before")
    @classmethod
    def _of_0_1_0(cls, card: Any) -> Any:
        if not isinstance(card, dict) or "licence" not in card:
            return card
        return {"code_licence": card["licence"]} | {key: value for key, value in card.items() if key != "licence"}

    @field_validator("labels")
    @classmethod
    def _vocabulary(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        if fault := label_fault(labels):  # each becomes a column, `prob_...`
            raise ValueError(fault[:300])
        return labels

    @field_validator("action_units")
    @classmethod
    def _units(cls, units: tuple[str, ...]) -> tuple[str, ...]:
        # each becomes a column: `source` or `prob_happiness` would replace another one
        if wrong := [unit for unit in units if not UNIT.fullmatch(unit)]:
            raise ValueError(f"action units are called au1, au12 and so on, got {wrong[0][:40]!r}")
        if len(set(units)) < len(units):
            raise ValueError("duplicate action unit")
        return units

    @field_validator("data", "recipe", "metrics", "provenance")
    @classmethod
    def _known(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        fits(_SCHEMAS[str(info.field_name)], value)
        return value

    @classmethod
    def from_metadata(cls, metadata: dict[str, str], where: str) -> "Card":
        """Read the card from a file's ONNX metadata; WeightsError names `where` when it is absent or invalid."""
        if KEY not in metadata:
            do = f"`mien card {where} --labels ...` gives it one"
            raise WeightsError(f"{where} carries no mien card", "an ONNX file written by `mien export`", do)
        try:
            return cls.model_validate_json(metadata[KEY])
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise WeightsError(
                f"{where}: card field {place!r}: {wrong(first)[:400]}", do="export the weights again"
            ) from None


def licences(card: Mapping[str, Any]) -> dict[str, str]:
    """Return a card's licences and terms to print; files of 0.1.0 name one licence, that of the code.

    >>> licences({"code_licence": "Apache-2.0", "data_terms": {"mine": "research"}})["terms of the data"]
    'mine: research'
    """
    data = "; ".join(f"{name}: {use}" for name, use in (card.get("data_terms") or {}).items())
    silent = "not stated in the file"
    return {
        "licence of the code": card.get("code_licence") or card.get("licence") or silent,
        "licence of the weights": card.get("weights_licence") or silent,
        "terms of the data": data or silent,
    }
