"""One truth in two languages: the page's scripts in a real Chromium read what the Pipeline reads.

The promises: the same faces, boxes within 0.5 px, labels equal on 98 %, probabilities within 0.03 (the int8 kernels of
the two builds of onnxruntime differ).  Needs what the tests of the page need; skips with the reason without.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.inference.classify import names
from mien.inference.measures.files import FOLDER
from mien.inference.media.image import load_image
from mien.inference.pipeline import Pipeline
from mien.inference.prediction import Prediction
from mien.serving.files import PAGE
from mien.serving.settings import Settings

from . import images, live

WITHOUT = [
    name
    for path, name in ((PAGE / "vendor/ort.wasm.min.mjs", "page"), (FOLDER / "yunet.onnx", "measures"))
    if not path.exists()
]
pytestmark = pytest.mark.skipif(bool(WITHOUT), reason=f"not made: `make {' '.join(WITHOUT)}`")

NANO = "ferplus-nano"
SOME = ("portrait.jpg", "crowd.png")  # that all weights read; one reads all
READ = Path(__file__).with_name("read.js").read_text(encoding="utf-8")
PRIORS = ("natural", "uniform")

Row = dict[str, Any]


@dataclass(frozen=True)
class Pair:
    """A face as Python and as the browser have it."""

    weights: str
    prior: str
    source: str
    python: Row
    browser: Row

    def difference(self) -> float:
        return max(abs(self.python["probs"][label] - p) for label, p in self.browser["probs"].items())


@dataclass(frozen=True)
class Both:
    """What the two languages predict of the same files: pairs of predictions, and of faces."""

    predictions: Sequence[tuple[Row, Row]]
    faces: Sequence[Pair]


Compare = Callable[[Mapping[str, Sequence[str]], Mapping[str, Path]], Both]


@pytest.fixture(scope="module")
def compare(chromium: Any) -> Compare:
    """Read files in both languages, abstaining by the card: {weights: names}, {name: file}."""
    chromium.set_script_timeout(600)

    def read(plan: Mapping[str, Sequence[str]], files: Mapping[str, Path]) -> Both:
        with live.running(Settings(rate=0), files) as server:
            chromium.get(f"{server.url}/samples.json")
            answered = chromium.execute_async_script(READ, plan, {"abstain": "auto"})
        assert isinstance(answered, list), answered
        pipelines = {(w, p): Pipeline(w, prior=p, abstain="auto") for w in plan for p in PRIORS}
        both, faces = [], []
        for weights, prior, browser in answered:
            python = predicted(pipelines[weights, prior], files[browser["source"]])
            both.append((python, browser))
            pairs = zip(python["faces"], browser["faces"], strict=False)
            faces += [Pair(weights, prior, python["source"], one, other) for one, other in pairs]
        return Both(both, faces)

    return read


def predicted(pipeline: Pipeline, file: Path) -> Row:
    image = load_image(file).image
    height, width = image.shape[:2]
    prediction = Prediction(file.name, width=width, height=height, faces=tuple(pipeline(image)))
    row: Row = json.loads(json.dumps(prediction.to_dict()))
    return row


@pytest.fixture(scope="module")
def both(compare: Compare, tmp_path_factory: pytest.TempPathFactory) -> Both:
    folder = tmp_path_factory.mktemp("parity")
    files = {name: images.write(name, make(), folder) for name, make in images.IMAGES.items()}
    return compare({weights: [*files] if weights == NANO else SOME for weights in names()}, files)


def check(both: Both) -> None:
    """Hold the promises; say the figures where they are not kept."""
    faces = both.faces
    for python, browser in both.predictions:
        assert len(python["faces"]) == len(browser["faces"]), python["source"]
    assert max(np.abs(np.subtract(f.python["box"], f.browser["box"])).max() for f in faces) <= 0.5
    assert max(abs(f.python["score"] - f.browser["score"]) for f in faces) <= 0.001
    worst = max(faces, key=Pair.difference)
    assert worst.difference() <= 0.03, worst
    for key in ("expression", "abstained"):
        differ = [f for f in faces if f.python[key] != f.browser[key]]
        assert len(differ) <= 0.02 * len(faces), (key, len(differ), len(faces), differ[:3])


def test_the_same_faces_and_expressions(both: Both) -> None:
    assert {f.weights for f in both.faces} == {*names()}
    assert {f.prior for f in both.faces} == {*PRIORS}
    assert {f.browser["abstained"] for f in both.faces} == {True, False}
    assert len({f.browser["expression"] for f in both.faces}) >= 4
    check(both)


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
