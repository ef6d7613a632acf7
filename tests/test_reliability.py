"""Reliability comes from the card's own figures, of test where it has them, and is absent where there are none."""

from typing import Any

import pytest

from mien.card import Card
from mien.errors import WeightsError
from mien.inference.output.rows import columns
from mien.reliability import Reliability, reliabilities

LABELS = ("neutral", "fear", "anger")


def scores(**f1: float | None) -> dict[str, Any]:
    return {"dataset": "mine", "per_class": {k: {"f1": v, "support": 0 if v is None else 20} for k, v in f1.items()}}


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ({}, {}),
        ({"test": {"dataset": "mine", "n": 3}}, {}),
        ({"val": scores(fear=0.5, anger=0.4999)}, {"fear": ("fair", "mine val"), "anger": ("weak", "mine val")}),
        ({"val": scores(fear=0.9), "test": scores(fear=0.1)}, {"fear": ("weak", "mine test")}),
        ({"val": scores(fear=0.75), "test": {"n": 3}}, {"fear": ("good", "mine val")}),
        ({"val": scores(neutral=None, fear=0.0)}, {"fear": ("weak", "mine val")}),
        ({"val": scores(contempt=0.9, anger=1)}, {"anger": ("good", "mine val")}),
    ],
)
def test_the_card_decides(metrics: dict[str, Any], expected: dict[str, tuple[str, str]]) -> None:
    card = Card(name="mine", labels=LABELS, metrics=metrics)
    found = reliabilities(card)
    assert {label: (one.level, one.where) for label, one in found.items()} == expected
    assert all(isinstance(one, Reliability) and one.n == 20 for one in found.values())
    assert ("reliability" in columns(card)) == bool(expected)


@pytest.mark.parametrize(
    "row", [{"f1": 1.5, "support": 3}, {"f1": 0.5}, {"f1": "high", "support": 3}, [], {"f1": 0.5, "support": -1}]
)
def test_a_card_with_other_figures_is_refused(row: Any) -> None:
    text = Card(name="mine", labels=LABELS).model_copy(update={"metrics": {"val": {"per_class": {"fear": row}}}})
    with pytest.raises(WeightsError, match="per_class"):
        Card.from_metadata({"mien": text.model_dump_json()}, "mine.onnx")
