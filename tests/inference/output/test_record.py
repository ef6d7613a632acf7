"""The facts of a run: what was in effect, also where nobody asked for it."""

import json
from pathlib import Path

import numpy as np
import pytest

from mien.inference.detectors.yunet import MIN_SCORE
from mien.inference.media.sources import Source
from mien.inference.output.record import INPUTS, InputList, facts
from mien.inference.pipeline import Pipeline
from mien.inference.prediction import FrameResult, Prediction
from mien.outputs import Outputs


@pytest.mark.parametrize(
    ("detector", "score"), [("yunet", MIN_SCORE), ("haar", 0.0), ("whole", None)], ids=["yunet", "haar", "whole"]
)
def test_the_lowest_score_in_effect(detector: str, score: float | None) -> None:
    settings = facts(Pipeline(detector=detector), {"min_score": None})["settings"]
    assert settings["min_score"] == score


def test_the_list_of_inputs_says_what_was_not_read_to_its_end(tmp_path: Path) -> None:
    inputs = InputList(Outputs(tmp_path).growing(INPUTS), lambda seen: None)
    shown = {"a.jpg": [None], "cut.mp4": [0.0, 0.04, "cut short"], "b.mp4": [0.0], "no.mp4": ["no video"]}
    for name, results in shown.items():
        source = Source(name, Path(name), Path(name))
        for one in results:
            place = {"error": one} if isinstance(one, str) else {"seconds": one}
            inputs.add(FrameResult(Prediction(name, **place), source, False, np.empty((0, 1, 1, 1), np.uint8)))  # type: ignore[arg-type]
    assert inputs.to_dict()["count"] == 4
    lines = map(json.loads, (tmp_path / INPUTS).read_text().splitlines())
    errors = {"a.jpg": None, "cut.mp4": "cut short", "b.mp4": None, "no.mp4": "no video"}
    assert {line["source"]: line["error"] for line in lines} == errors
