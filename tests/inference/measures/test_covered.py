"""Sunglasses and masks are noticed, glasses and open faces are not; the limits are those that were measured."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.inference.detectors import make
from mien.inference.measures import covered
from mien.inference.measures.measurer import COVERED, Measurer

from .images import IMAGES

JAW = [93, 132, 58, 172, 136, 149, 152, 378, 365, 397, 288, 361, 323, 280, 197, 50]
RESULTS = Path(__file__).parents[3] / "results" / "measures" / "covered.json"


def dark_lenses(image: np.ndarray, points: np.ndarray, grey: int) -> None:
    for corners in covered.EYES:
        eye, size = points[list(corners)].mean(0), 0.4 * np.ptp(points[[33, 263], 0])
        cv2.ellipse(image, (tuple(map(float, eye)), (size * 1.1, size * 0.9), 0.0), (grey,) * 3, -1)


def mask(image: np.ndarray, points: np.ndarray, grey: int) -> None:
    cv2.fillPoly(image, [points[JAW].astype(np.int32)], (grey,) * 3)


@pytest.mark.parametrize(("name", "draw"), [("astronaut", dark_lenses), ("astronaut", mask), ("hopper", mask)])
def test_sunglasses_and_masks(measurer: Measurer, name: str, draw: type) -> None:
    image = IMAGES[name]()
    (face,) = make("yunet")(image)
    (plain,) = measurer.start()(image, [face], False)
    assert plain.measures_reason is None
    assert plain.mesh is not None
    drawn = image.copy()
    draw(drawn, plain.mesh[:, :2], 12 if draw is dark_lenses else 190)
    (got,) = measurer.start()(drawn, [face], False)
    assert (got.measures, got.action_units, got.measures_reason) == (None, None, COVERED)


def test_a_face_without_contrast_says_nothing() -> None:
    points = np.random.default_rng(0).uniform(60, 200, (478, 2)).astype(np.float32)
    assert not covered.covered(np.full((256, 256, 3), 90, np.uint8), points)


def test_the_limits_are_those_that_were_measured() -> None:
    training = json.loads(RESULTS.read_text(encoding="utf-8"))["training"]
    assert (training["dark"], training["flat"]) == (covered.DARK, covered.FLAT)
