"""One truth in two languages: the page's scripts in a real Chromium read what the Pipeline reads.

The promises: the same faces, boxes within 0.5 px, labels equal on 98 %, probabilities within 0.03.  Of many faces one
in hundreds differs more: the two builds of onnxruntime add floats in another order, which decides where a quantised
value lies halfway between two steps.  Needs what the tests of the page need; skips with the reason without.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.data import load
from mien.inference.classify import names

from . import images, live
from .parity import PRIORS, Both, Pair, all_weights, compare

pytestmark = live.made

NANO = "ferplus-nano"
SOME = ("portrait.jpg", "crowd.png")  # that all weights read; one reads all


@pytest.fixture(scope="module")
def both(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Both:
    chromium.set_script_timeout(600)
    plan = {weights: [*images.IMAGES] if weights == NANO else SOME for weights in names()}
    return compare(chromium, plan, images.IMAGES, tmp_path_factory.mktemp("parity"))


def check(both: Both, worst: float) -> None:
    """Hold the promises, probabilities of any face within `worst`; say the figures where they are not kept."""
    figures = both.figures()
    assert figures["missed"] == 0, figures
    assert figures["box"] <= 0.5, figures
    assert figures["score"] <= 0.001, figures
    assert figures["probability_99"] <= 0.03, figures
    assert figures["probability"] <= worst, max(both.faces, key=Pair.difference)
    assert min(figures["expression"], figures["abstained"]) >= 0.98 * figures["faces"], figures


def test_the_same_faces_and_expressions(both: Both) -> None:
    assert {f.weights for f in both.faces} == {*names()}
    assert {f.prior for f in both.faces} == {*PRIORS}
    assert {f.browser["abstained"] for f in both.faces} == {True, False}
    assert len({f.browser["expression"] for f in both.faces}) >= 4
    check(both, 0.03)


def test_the_same_rows(both: Both) -> None:
    for python, browser in both.predictions:
        assert {k: v for k, v in python.items() if k != "faces"} == {k: v for k, v in browser.items() if k != "faces"}
    near = ("box", "crop", "score", "confidence", "probs", "valence_estimate", "arousal_estimate")
    close = ("expression", "abstained", "reliability")  # as far as the probabilities are the same
    for face in both.faces:
        assert face.python.keys() == face.browser.keys()
        same = face.python.keys() - {*near, *close}
        assert {k: face.python[k] for k in same} == {k: face.browser[k] for k in same}
        assert np.abs(np.subtract(face.python["crop"], face.browser["crop"])).max() <= 0.5
        assert face.browser["confidence"] == max(face.browser["probs"].values())
        for key in ("valence_estimate", "arousal_estimate"):
            assert abs(face.python[key] - face.browser[key]) <= 0.03
        if face.python["expression"] == face.browser["expression"]:
            assert face.python["reliability"] == face.browser["reliability"]


@pytest.mark.parametrize(
    ("name", "faces"), [("none.png", 0), ("pixel.png", 0), ("thin.png", 0), ("small.png", 1), ("border.png", 1)]
)
def test_what_the_images_are_for(both: Both, name: str, faces: int) -> None:
    assert {len(row["faces"]) for _, row in both.predictions if row["source"] == name} == {faces}


def test_images_are_read_as_they_are_seen(both: Both) -> None:
    by_name = {row["source"]: row for _, row in both.predictions}
    upright, turned = by_name["portrait.png"], by_name["turned.jpg"]
    assert np.abs(np.subtract(upright["faces"][0]["box"], turned["faces"][0]["box"])).max() < 2
    assert by_name["border.png"]["faces"][0]["crop"][0] < 0
    assert len(by_name["crowd.png"]["faces"]) > 10


@pytest.mark.slow
def test_many_generated_faces(chromium: Any, tmp_path: Path) -> None:
    chromium.set_script_timeout(1800)
    both = all_weights(chromium, images.grid(8), tmp_path)
    assert len(both.faces) > 1000
    check(both, 0.06)


@pytest.mark.slow
def test_many_photographed_faces(chromium: Any, tmp_path: Path, mien_data: Path) -> None:
    chromium.set_script_timeout(1800)
    small = load("fer2013", mien_data, "val").images[..., 0]
    both = all_weights(chromium, images.grid(8, small), tmp_path)
    assert len(both.faces) > 1000
    check(both, 0.06)
