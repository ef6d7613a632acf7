"""A face abstains below the minimum confidence, and only there; notebooks show it as a table."""

from dataclasses import replace

import numpy as np
import pytest

from mien.face import Face
from mien.html.page import COLOURS
from mien.inference.prediction import Prediction

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
    ("min_confidence", "shown"),
    [(0.0, f'background:{COLOURS["anger"]}"></span>anger</td>'), (0.9, "<td>abstained (anger)</td>")],
)
def test_notebooks_show_a_table(min_confidence: float, shown: str) -> None:
    face = Face(np.array([1, 2, 30, 40], np.float32), 0.97)
    html = face.read(LABELS, np.array([0.25, 0.25, 0.5], np.float32), min_confidence)._repr_html_()
    assert shown in html
    assert "class=" not in html
    assert "<td>50 %</td><td>0.97</td><td>1, 2, 30, 40</td>" in html
    assert "<td>-</td>" in face._repr_html_()


def test_a_face_prints_on_one_line_without_its_arrays() -> None:
    found = Face(np.array([1, 2, 30, 40], np.float32), 0.97, features=np.zeros(256, np.float32))
    assert repr(found) == "Face(box=[1, 2, 30, 40], score=0.97)"
    face = replace(found.read(LABELS, np.array([0.25, 0.25, 0.5], np.float32), 0.9), track_id=3)
    assert str(face) == "Face('anger', confidence=0.50, box=[1, 2, 30, 40], score=0.97, abstained=True, track_id=3)"
    many = Prediction("a\u202e.png", width=64, height=48, faces=(found,) * 5)
    assert repr(many) == f"Prediction('a\\u202e.png', 64x48, faces=[{', '.join([repr(found)] * 3)}, 2 more])"
    assert repr(Prediction("a.png", 3, 0.12, error="cut")) == "Prediction('a.png', frame=3, seconds=0.12, error='cut')"


def test_reliability_follows_the_expression_also_when_its_probabilities_change() -> None:
    face = Face(np.zeros(4, np.float32), 1.0, reliabilities=("good", None, "weak"))
    told = [face.read(LABELS, np.eye(3, dtype=np.float32)[k]).to_dict()["reliability"] for k in range(3)]
    assert told == ["good", None, "weak"]
    assert face.to_dict()["reliability"] is None
    assert replace(face.read(LABELS, np.eye(3, dtype=np.float32)[2]), reliabilities=()).reliability is None


def test_the_level_of_groups_adds_groups_and_abstains_by_them() -> None:
    labels, probs = ("neutral", "sadness", "anger"), np.array([0.4, 0.3, 0.3], np.float32)
    blank = Face(np.zeros(4, np.float32), 1.0, level="group")
    face = blank.read(labels, probs, 0.5)
    assert (face.expression, face.group, face.abstained) == ("neutral", "negative", False)
    assert blank.read(labels, probs, 0.61).abstained
    assert replace(blank, level="expression").read(labels, probs, 0.5).abstained
    facts = face.to_dict()
    assert facts["probs"] == {"neutral": 0.4, "sadness": 0.3, "anger": 0.3}
    assert (facts["group"], facts["group_confidence"]) == ("negative", 0.6)
    assert facts["group_probs"] == {"neutral": 0.4, "negative": 0.6}
    shown = face.shown()
    assert (shown.labels, shown.expression, shown.group) == (("neutral", "negative"), "negative", None)
    assert replace(face, level="expression").to_dict()["group_probs"] is None
    assert blank.group is None
    assert "negative" in face._repr_html_()
