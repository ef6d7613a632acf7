"""What the OpenAPI description says beyond the signatures: bodies, errors and examples."""

from typing import Any

Json = dict[str, Any]

FACE: Json = {
    "face": 1,
    "box": [178.04, 62.56, 268.43, 176.42],
    "crop": [167.39, 62.52, 111.69],
    "score": 0.9313,
    "track_id": None,
    "expression": "happiness",
    "confidence": 0.95,
    "abstained": False,
    "reliability": "good",
    "probs": {"neutral": 0.05, "happiness": 0.95},
    "valence": None,
    "arousal": None,
    "valence_estimate": 0.77,
    "arousal_estimate": 0.5,
    "action_units": None,
    "action_units_source": None,
    "measures": None,
    "measures_reason": None,
    "group": None,
}
ROW: Json = {
    "source": "astronaut.png",
    "frame": None,
    "seconds": None,
    "width": 512,
    "height": 512,
    "error": None,
    "note": None,
    "rotated": None,
    "faces": [FACE],
}
"""A row of `mien predict --format json`, some keys and labels left out."""

ERROR: Json = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        }
    },
    "example": {"error": {"code": "too_large", "message": "expected at most 32 MB"}},
}
REFUSALS = {
    400: "the body cannot be read",
    401: "the token is missing or wrong",
    403: "a page of another site sent it",
    408: "the body came too slowly",
    413: "the body is too large, or holds too many images",
    415: "the body is of another type",
    421: "addressed to another server",
    422: "an option is wrong, or no image can be read",
    429: "too many requests; `Retry-After` says when to try again",
    503: "a process was interrupted; try again",
}


def refusals(*statuses: int) -> dict[int | str, Json]:
    """Return the descriptions of errors of a route."""
    return {
        status: {"description": REFUSALS[status], "content": {"application/json": {"schema": ERROR}}}
        for status in statuses
    }


PREDICT_BODY: Json = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["images"],
                "properties": {"images": {"type": "array", "items": {"type": "string", "format": "binary"}}},
            }
        },
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["images"],
                "properties": {
                    "images": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "object",
                            "required": ["data"],
                            "additionalProperties": False,
                            "properties": {
                                "name": {"type": "string"},
                                "data": {"type": "string", "format": "byte", "description": "base64"},
                            },
                        },
                    }
                },
            },
            "example": {"images": [{"name": "astronaut.png", "data": "iVBORw0KGgo..."}], "weights": "ferplus"},
        },
    },
}
ROWS: Json = {
    "type": "array",
    "items": {
        "type": "object",
        "required": list(ROW),
        "properties": {
            "source": {"type": "string"},
            "error": {"type": ["string", "null"]},
            "faces": {"type": "array", "items": {"type": "object", "required": list(FACE)}},
        },
    },
    "example": [ROW],
}
PREDICT_RESPONSES: dict[int | str, Json] = {
    200: {"description": "a row per image, in order", "content": {"application/json": {"schema": ROWS}}},
    **refusals(*REFUSALS),
}
