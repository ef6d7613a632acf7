"""What the page computes with in a browser, as JSON: everything that Python owns, so that nothing is typed twice.

    /weights/ferplus.json  ->  settings("ferplus")

The page's scripts (page/js) detect, crop and classify as the Pipeline does with the detector `yunet`; labels,
thresholds, priors, framing, positions in the affect plane and the detector's limits reach them through here.
"""

from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np

from mien.affect import POSITIONS, has_position
from mien.card import Card
from mien.face import Face
from mien.inference.align import FRAMINGS
from mien.inference.classify import Classifier
from mien.inference.detectors import scaling, yunet, yunet_network
from mien.inference.video.events import SMOOTH
from mien.inference.video.smoothing import AWAY
from mien.inference.video.thresholds import USUAL
from mien.prior import TINY
from mien.reliability import reliabilities

DETECTOR = {
    "strides": yunet_network.STRIDES,
    "min_score": yunet.MIN_SCORE,
    "overlap": yunet_network.OVERLAP,
    "max_candidates": yunet_network.MAX_CANDIDATES,
    "min_side": yunet_network.MIN_SIDE,
    "long_side": scaling.LONG_SIDE,
    "small_side": scaling.SMALL_SIDE,
    "max_enlargement": scaling.MAX_ENLARGEMENT,
}
EVENTS = {"smooth": SMOOTH, "away": AWAY, **asdict(USUAL)}


@cache
def settings(name: str) -> dict[str, Any]:
    """Return the card of shipped weights with `browser`, ready for JSON; WeightsError for another name.

    `browser` holds the framing, the measured accuracy, the reliability and position of each expression, the keys of a
    face that has not been read, the detector's limits, and what makes an event of a video.
    """
    card = Classifier(name).card
    return {
        **card.model_dump(mode="json", exclude={"recipe", "provenance"}),
        "browser": {
            "framing": asdict(FRAMINGS[card.framing]["yunet"]),
            "accuracy": _accuracy(card),
            "reliability": {label: asdict(one) for label, one in reliabilities(card).items()},
            "positions": {label: POSITIONS[label] for label in card.labels} if has_position(card.labels) else None,
            "face": Face(np.zeros(4, np.float32), 0.0).to_dict(),
            "tiny": TINY,
            "detector": DETECTOR,
            "events": EVENTS,
        },
    }


def _accuracy(card: Card) -> dict[str, Any] | None:
    """Return the accuracy of test, else of val, with its n, ECE and place; None where the card has neither."""
    split = next((name for name in ("test", "val") if (card.metrics.get(name) or {}).get("accuracy") is not None), None)
    if split is None:
        return None
    scores = card.metrics[split]
    where = f"{scores.get('dataset') or ''} {split}".strip()
    return {"value": scores["accuracy"], "n": scores.get("n"), "ece": scores.get("ece"), "where": where}
