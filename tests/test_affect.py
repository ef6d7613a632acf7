"""Valence and arousal derived from probabilities are the expected published positions, or null."""

import numpy as np
import pytest

from mien.affect import POSITIONS, estimates, has_position
from mien.face import Face
from mien.labels import EXPRESSIONS


def face(labels: tuple[str, ...], probs: list[float] | None) -> Face:
    found = Face(np.zeros(4, np.float32), 1.0)
    return found if probs is None else found.read(labels, np.array(probs, np.float32))


@pytest.mark.parametrize(
    ("labels", "probs", "expected"),
    [
        (("neutral", "happiness"), [1.0, 0.0], (0.0, 0.0)),
        (("neutral", "happiness"), [0.0, 1.0], (0.81, 0.51)),
        (("happiness", "sadness"), [0.5, 0.5], (0.09, 0.12)),
        (("surprise", "anger", "contempt"), [0.25, 0.25, 0.5], (-0.1475, 0.47)),
        (("neutral", "sadness"), [0.99999, 0.00001], (0.0, 0.0)),
        (("happiness", "serious"), [0.5, 0.5], (None, None)),
        (("happiness",), None, (None, None)),
    ],
)
def test_a_face_has_its_expected_position(
    labels: tuple[str, ...], probs: list[float] | None, expected: tuple[float | None, float | None]
) -> None:
    found = face(labels, probs)
    assert (found.valence_estimate, found.arousal_estimate) == expected
    assert "-0.0" not in map(str, (found.valence_estimate, found.arousal_estimate))
    written = found.to_dict()
    assert (written["valence_estimate"], written["arousal_estimate"]) == expected
    assert (written["valence"], written["arousal"]) == (None, None)


def test_every_expression_has_a_position_in_range() -> None:
    assert set(POSITIONS) == set(EXPRESSIONS)
    assert np.abs(np.array(list(POSITIONS.values()))).max() < 1
    assert has_position(EXPRESSIONS)
    assert not has_position(())


def test_rows_are_read_at_once_and_unknown_stays_unknown() -> None:
    rows = np.array([[1, 0], [0, 1], [np.nan, np.nan]])
    got = estimates(("fear", "anger"), rows)
    assert got[:2].tolist() == [[-0.64, 0.6], [-0.51, 0.59]]
    assert np.isnan(got[2]).all()
