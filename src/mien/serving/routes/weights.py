"""What clients may choose."""

from functools import cache
from typing import Any

from fastapi import APIRouter, Request

from mien.card import Card
from mien.inference.classify import names
from mien.reliability import reliabilities
from mien.serving.files import card
from mien.serving.settings import Settings

router = APIRouter(tags=["reading"])


@router.get("/v1/weights")
def weights(request: Request) -> dict[str, Any]:
    """List the weights by name, and what this server takes."""
    settings: Settings = request.app.state.settings
    known = [described(name) | {"default": name == settings.weights} for name in names()]
    return {
        "weights": known,
        "server": {"measures": settings.measures, "max_upload": settings.max_upload, "prior": settings.prior},
    }


@cache
def described(name: str) -> dict[str, Any]:
    """Return what a client needs of a card in order to choose."""
    known = Card.model_validate_json(card(name))
    threshold = {"natural": known.threshold} | ({"uniform": known.prior.threshold} if known.prior else {})
    reliability = {label: one.level for label, one in reliabilities(known).items()}
    facts = {"name": name, "labels": known.labels, "size": known.size, "channels": known.channels}
    return facts | {"priors": list(threshold), "threshold": threshold, "reliability": reliability}
