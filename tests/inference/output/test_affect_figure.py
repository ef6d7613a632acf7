"""Valence and arousal in reports: those of the weights where they have them, else derived, and the page says which."""

from dataclasses import replace

import numpy as np
import pytest

from mien.face import Face
from mien.inference.output import affect_figure
from mien.inference.output.affect_figure import DERIVED, PLACELESS, PREDICTED, Points, over_time, person_trail

LABELS = ("neutral", "happiness")
FACE = Face(np.zeros(4, np.float32), 1.0).read(LABELS, np.array([0.5, 0.5], np.float32))


@pytest.mark.parametrize(
    ("face", "words", "mean"),
    [
        (FACE, DERIVED, "mean 0.41 and 0.26"),
        (replace(FACE, valence=-0.5, arousal=0.25), PREDICTED, "mean -0.50 and 0.25"),
    ],
)
def test_points_say_where_they_are_from(face: Face, words: str, mean: str) -> None:
    collected = Points()
    collected.add(face)
    figure = collected.figure()
    assert words in figure
    assert mean in figure
    assert figure.count('r="4"') == 1


def test_faces_without_a_place_have_no_figure() -> None:
    collected = Points()
    collected.add(Face(np.zeros(4, np.float32), 1.0))
    assert collected.figure() == ""


def test_labels_without_positions_are_named_as_the_reason() -> None:
    collected = Points()
    collected.add(FACE.read(("neutral", "positive"), np.array([0.5, 0.5], np.float32)))
    assert PLACELESS in collected.figure()
    assert PLACELESS in person_trail(np.array([[0.5, 0.5]]), ("neutral", "positive"), "face 1")


def test_a_crowd_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(affect_figure, "SHOWN", 3)
    collected = Points()
    for _ in range(5):
        collected.add(FACE)
    assert collected.figure().count('r="4"') == 3
    assert "The first 3 of 5 faces." in collected.figure()


@pytest.mark.parametrize(
    ("means", "labels", "names", "first"),
    [
        ([[0.0, 1.0], [1.0, 0.0]], LABELS, ("valence estimate", "arousal estimate"), [0.81, 0.51]),
        ([[0.0, 1.0, 0.3, 0.4]], LABELS, ("valence", "arousal"), [0.3, 0.4]),
        ([[0.0, 1.0]], ("happiness", "serious"), (), []),
        (np.zeros((2, 0)), LABELS, (), []),
    ],
)
def test_over_time(
    means: list[list[float]], labels: tuple[str, ...], names: tuple[str, ...], first: list[float]
) -> None:
    got, places = over_time(np.array(means), labels)
    assert got == names
    assert places[0].tolist() == first
    shown = person_trail(np.array(means), labels, "face 1")
    assert ("<svg" in shown, PLACELESS in shown) == (bool(names), not names and np.size(means) > 0)


def test_a_face_that_was_never_seen_has_no_trail() -> None:
    assert person_trail(np.full((3, 2), np.nan), LABELS, "face 1") == ""
