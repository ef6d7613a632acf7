"""Measures as text for people: the facts of an image card, and the cell of a terminal's table."""

from mien.face import Face
from mien.html.page import percent, probability

ASSUMED = "Head pose and distance assume a typical camera and an uncropped image; see docs/measures.md."


def facts(face: Face) -> dict[str, str]:
    """Return names and values of a face's measures, or why it has none; empty where none were requested."""
    at = face.measures
    if at is None:
        return {"not measured": face.measures_reason} if face.measures_reason else {}
    return {
        "head": f"yaw {at.yaw:.0f}°, pitch {at.pitch:.0f}°, roll {at.roll:.0f}°",
        "distance": f"{at.distance_cm:.0f} cm",
        "eyes open": f"right {percent(at.eye_openness_right)}, left {percent(at.eye_openness_left)}",
        "mouth open": percent(at.mouth_openness),
        "image": f"{at.size_px:.0f} px between the eyes, sharpness {at.sharpness:.0f}",
    }


def cell(face: Face) -> str:
    """Return yaw, pitch and roll in whole degrees, or why there are none.

    >>> import numpy as np
    >>> cell(Face(np.zeros(4, np.float32), 1.0, measures_reason="too small"))
    'too small'
    """
    at = face.measures
    return face.measures_reason or "" if at is None else f"{at.yaw:+.0f} {at.pitch:+.0f} {at.roll:+.0f}"


def mix(face: Face) -> str:
    """Return the most probable compound expression with its probability, empty where none was requested."""
    ranked = face.compound
    return f"{ranked[0].label} {probability(ranked[0].probability)}" if ranked else ""
