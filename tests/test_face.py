"""A face abstains below the least confidence asked for, and only there."""

import numpy as np
import pytest

from mien.face import Face

LABELS = ("neutral", "happiness", "anger")


@pytest.mark.parametrize(
    ("least", "abstained"), [(0.0, False), (0.25, False), (0.5, False), (0.50001, True), (0.9, True), (1.0, True)]
)
def test_abstains_below_the_threshold(least: float, abstained: bool) -> None:
    face = Face(np.zeros(4, np.float32), 1.0).read(LABELS, np.array([0.25, 0.25, 0.5], np.float32), least)
    assert face.abstained == abstained
    assert (face.expression, face.confidence) == ("anger", 0.5)
    assert face.to_dict()["probs"] == {"neutral": 0.25, "happiness": 0.25, "anger": 0.5}
