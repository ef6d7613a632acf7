"""The facts of a run: what was in effect, also where nobody asked for it."""

import pytest

from mien.inference.detectors.yunet import MIN_SCORE
from mien.inference.output.record import facts
from mien.inference.pipeline import Pipeline


@pytest.mark.parametrize(
    ("detector", "score"), [("yunet", MIN_SCORE), ("haar", 0.0), ("whole", None)], ids=["yunet", "haar", "whole"]
)
def test_the_lowest_score_in_effect(detector: str, score: float | None) -> None:
    settings = facts(Pipeline(detector=detector), {"min_score": None})["settings"]
    assert settings["min_score"] == score
