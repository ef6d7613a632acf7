"""What the page's scripts and the Pipeline predict of the same files, side by side."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mien.inference.classify import names
from mien.inference.media.image import load_image
from mien.inference.pipeline import Pipeline
from mien.inference.prediction import Prediction
from mien.serving.settings import Settings

from . import images, live

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
        """Return the largest difference of a probability."""
        return max(abs(self.python["probs"][label] - p) for label, p in self.browser["probs"].items())


@dataclass(frozen=True)
class Both:
    """What the two predict of the same files: pairs of predictions, and of faces."""

    predictions: Sequence[tuple[Row, Row]]
    faces: Sequence[Pair]

    def figures(self) -> dict[str, float]:
        """Return how many faces there are, how many the two name alike, and the largest differences.

        `probability_99` is what 99 % of the faces stay within.
        """
        faces = self.faces
        differences = [face.difference() for face in faces]
        return {
            "faces": len(faces),
            "missed": sum(len(python["faces"]) != len(browser["faces"]) for python, browser in self.predictions),
            "expression": sum(f.python["expression"] == f.browser["expression"] for f in faces),
            "abstained": sum(f.python["abstained"] == f.browser["abstained"] for f in faces),
            "probability": round(max(differences), 4),
            "probability_99": round(float(np.quantile(differences, 0.99)), 4),
            "box": round(max(np.abs(np.subtract(f.python["box"], f.browser["box"])).max() for f in faces), 3),
            "score": round(max(abs(f.python["score"] - f.browser["score"]) for f in faces), 4),
        }


def compare(
    browser: Any, plan: Mapping[str, Sequence[str]], made: Mapping[str, Callable[[], Image.Image]], folder: Path
) -> Both:
    """Read images in both languages, abstaining by the card: {weights: names} of {name: image}."""
    files = {name: images.write(name, make(), folder) for name, make in made.items()}
    with live.running(Settings(rate=0), files, files_only=True) as server:
        browser.get(f"{server.url}/samples.json")
        read = browser.execute_async_script(READ, plan, {"abstain": "auto"})
    assert isinstance(read, list), read
    pipelines = {
        (weights, prior): Pipeline(weights, prior=prior, abstain="auto") for weights in plan for prior in PRIORS
    }
    predictions, faces = [], []
    for weights, prior, row in read:
        python = _predicted(pipelines[weights, prior], files[row["source"]])
        predictions.append((python, row))
        pairs = zip(python["faces"], row["faces"], strict=False)
        faces += [Pair(weights, prior, row["source"], one, other) for one, other in pairs]
    return Both(predictions, faces)


def all_weights(browser: Any, made: Mapping[str, Callable[[], Image.Image]], folder: Path) -> Both:
    """Read every image with all weights in both languages."""
    return compare(browser, {weights: [*made] for weights in names()}, made, folder)


def _predicted(pipeline: Pipeline, file: Path) -> Row:
    image = load_image(file).image
    height, width = image.shape[:2]
    prediction = Prediction(file.name, width=width, height=height, faces=tuple(pipeline(image)))
    row: Row = json.loads(json.dumps(prediction.to_dict()))
    return row
