"""What clients may choose."""

from typing import Any

from fastapi import APIRouter, Request

from mien.inference.classify import names
from mien.prior import NATURAL, UNIFORM
from mien.serving.browser import settings
from mien.serving.settings import Settings

router = APIRouter(tags=["reading"])


@router.get("/v1/weights")
def weights(request: Request) -> dict[str, Any]:
    """List the weights by name, and what this server takes."""
    own: Settings = request.app.state.settings
    known = [described(name) | {"default": name == own.weights} for name in names()]
    return {
        "weights": known,
        "server": {"measures": own.measures, "max_upload": own.max_upload, "prior": own.prior},
    }


def described(name: str) -> dict[str, Any]:
    """Return what a client needs of a card in order to choose."""
    known = settings(name)
    threshold = {NATURAL: known["threshold"]} | ({UNIFORM: known["prior"]["threshold"]} if known["prior"] else {})
    reliability = {label: one["level"] for label, one in known["browser"]["reliability"].items()}
    facts = {key: known[key] for key in ("labels", "size", "channels")}
    return {"name": name, **facts, "priors": list(threshold), "threshold": threshold, "reliability": reliability}
