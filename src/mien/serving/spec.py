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
    404: "no such job, or it was forgotten",
    408: "the body came too slowly",
    413: "the body is too large, or holds too many images",
    415: "the body is of another type",
    421: "addressed to another server",
    422: "an option is wrong, or no image can be read",
    429: "too many requests; `Retry-After` says when to try again",
    501: "this system keeps videos only in files, and the server was started without `--spool`",
    503: "a process was interrupted; try again",
    507: "there is no room for the video",
}

OF_BODIES = (400, 401, 403, 408, 413, 415, 421, 422, 429, 503)


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
    **refusals(*OF_BODIES),
}

VIDEO_BODY: Json = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["video"],
                "properties": {"video": {"type": "string", "format": "binary"}},
            }
        }
    },
}
JOB: Json = {
    "job": "q4nVt1Jd0yqOjv2bDk3Wcg",
    "state": "failed",
    "progress": 0.52,
    "frames": 63,
    "error": {"code": "unreadable", "message": "clip.mp4 is cut short or damaged at 2.1 s; 63 frames were decoded"},
    "rows": 64,
    "events": 1,
}
EVENT: Json = {
    "source": "clip.mp4",
    "track_id": 1,
    "expression": "surprise",
    "onset": 1.134467,
    "peak": 2.268933,
    "offset": 2.969633,
    "duration": 1.835166,
    "confidence": 0.976747,
}
VIDEO_RESPONSES: dict[int | str, Json] = {
    202: {"description": "the job", "content": {"application/json": {"example": {"job": JOB["job"]}}}},
    **refusals(*OF_BODIES, 501, 507),
}


def job_responses(description: str, example: object) -> dict[int | str, Json]:
    """Return the responses of a route about a job."""
    good = {"description": description, "content": {"application/json": {"example": example}}}
    return {200: good, **refusals(401, 403, 404, 421, 422, 429)}
