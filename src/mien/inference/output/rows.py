"""Predictions as flat rows: the columns of every table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mien.affect import has_position
from mien.card import UNIT, Card
from mien.face import CORRECTED
from mien.hierarchy import groups
from mien.measures import NAMES, RELATIVE
from mien.reliability import reliabilities
from mien.units import MEASURES

if TYPE_CHECKING:
    from mien.face import Face
    from mien.inference.prediction import Prediction

Write = Callable[["Prediction"], None]

Columns = Mapping[str, str]
"""Names of columns, with the names of their types in Arrow."""


SQUARE = ("crop_x", "crop_y", "crop_side")
LISTS = ("mesh", "blendshapes")
LIST = "list"
"""Columns of Parquet alone, and their type: a list of float32."""
CORNERS = ("box_x1", "box_y1", "box_x2", "box_y2")


@dataclass(frozen=True)
class Extra:
    """What a table has beside the columns of the weights, because it was requested."""

    measures: bool = False
    landmarks: bool = False
    level: str = "expression"
    baseline: bool = False
    compound: bool = False


PLAIN = Extra()


def columns(card: Card, extra: Extra = PLAIN) -> dict[str, str]:
    """Return the columns of a flat table of these weights' predictions, with the names of their types in Arrow."""
    derived = ("valence_estimate", "arousal_estimate") if has_position(card.labels) else ()
    units = card.action_units or (tuple(MEASURES) if extra.measures else ())
    heads = [*(f"prob_{label}" for label in card.labels), "valence", "arousal", *derived, *units]
    known = {"source": "string", "frame": "int64", "seconds": "float64"}
    known |= {"width": "int32", "height": "int32", "error": "string"}
    known |= {"note": "string", "rotated": "int32"}
    known |= {"face": "int32"}
    known |= dict.fromkeys((*CORNERS, *SQUARE, "score"), "float32")
    known |= {"track_id": "int64", "expression": "string", "confidence": "float32", "abstained": "bool"}
    known |= {"reliability": "string"} if reliabilities(card) else {}
    known |= dict.fromkeys(heads, "float32")
    if extra.measures:
        known |= dict.fromkeys(NAMES, "float32") | {"measures_reason": "string", "action_units_source": "string"}
    known |= {"compound": "string"} if extra.compound else {}
    if extra.level == "group":
        known |= {"group": "string", "group_confidence": "float32"}
        known |= dict.fromkeys((f"group_prob_{name}" for name in groups(card.labels)), "float32")
    if extra.baseline:
        known |= {f"{name}_corrected": kind for name, kind in known.items() if _is_corrected(name)}
    return known | (dict.fromkeys(LISTS, LIST) if extra.landmarks else {})


def rows(prediction: Prediction, lists: bool = False) -> list[dict[str, Any]]:
    """Return one flat row per face, with its LISTS if wanted, or one without face columns when there is no face."""
    image = prediction.to_dict()
    faces = [_flat(face) for face in image.pop("faces")]
    if lists:
        faces = [flat | _lists(face) for flat, face in zip(faces, prediction.faces, strict=True)]
    return [image | face for face in faces] or [image]


def _lists(face: Face) -> dict[str, Any]:
    arrays = {name: getattr(face, name) for name in LISTS}
    return {name: None if array is None else array.ravel() for name, array in arrays.items()}


def _is_corrected(column: str) -> bool:
    of_many = (
        column.startswith(("prob_", "group_prob_"))
        or column in RELATIVE
        or column in MEASURES
        or UNIT.fullmatch(column)
    )
    return bool(of_many) or column in CORRECTED


def _flat(face: dict[str, Any]) -> dict[str, Any]:
    corrected = {name: face.pop(f"{name}_corrected") for name in CORRECTED}
    box, crop, reason, source = (face.pop(key) for key in ("box", "crop", "measures_reason", "action_units_source"))
    requested: dict[str, Any] = {}
    if face["measures"] or reason:
        requested = dict.fromkeys(NAMES) | {"measures_reason": reason, "action_units_source": source}
    places = dict(zip((*CORNERS, *SQUARE), (*box, *(crop or (None,) * len(SQUARE))), strict=True))
    beside = {f"{name}_corrected": value for name, value in _spread(corrected).items() if value is not None}
    return places | requested | _spread(face) | beside


def _spread(face: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a face with those of its objects beside them, without groups where there are none."""
    probs, units, measures, grouped = (
        face.pop(key) or {} for key in ("probs", "action_units", "measures", "group_probs")
    )
    named = {f"prob_{label}": p for label, p in probs.items()} | {
        f"group_prob_{name}": p for name, p in grouped.items()
    }
    if ranked := face.pop("compound"):
        face["compound"] = "; ".join(f"{one['label']} {one['probability']:.4f}" for one in ranked)
    if not grouped:
        del face["group"], face["group_confidence"]
    return face | named | measures | units
