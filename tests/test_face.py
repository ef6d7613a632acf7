"""A face abstains below the minimum confidence, and only there; notebooks show it as a table."""

import numpy as np
import pytest

from mien.face import Face

LABELS = ("neutral", "happiness", "anger")


@pytest.mark.parametrize(
    ("min_confidence", "abstained"),
    [(0.0, False), (0.25, False), (0.5, False), (0.50001, True), (0.9, True), (1.0, True)],
)
def test_abstains_below_the_threshold(min_confidence: float, abstained: bool) -> None:
    face = Face(np.zeros(4, np.float32), 1.0).read(LABELS, np.array([0.25, 0.25, 0.5], np.float32), min_confidence)
    assert face.abstained == abstained
    assert (face.expression, face.confidence) == ("anger", 0.5)
    assert face.to_dict()["probs"] == {"neutral": 0.25, "happiness": 0.25, "anger": 0.5}


@pytest.mark.parametrize(
    ("min_confidence", "shown"), [(0.0, '<span class="dot" style="--c:'), (0.9, "<td>abstained (anger)</td>")]
)
def test_notebooks_show_a_table(min_confidence: float, shown: str) -> None:
    face = Face(np.array([1, 2, 30, 40], np.float32), 0.97)
    html = face.read(LABELS, np.array([0.25, 0.25, 0.5], np.float32), min_confidence)._repr_html_()
    assert shown in html
    assert "<td>50 %</td><td>0.97</td><td>1, 2, 30, 40</td>" in html
    assert "<td>-</td>" in face._repr_html_()
