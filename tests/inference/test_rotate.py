"""Which of four orientations is taken, from scores made by hand."""

import numpy as np
import pytest

from mien.face import Face
from mien.inference.rotate import upright

UPRIGHT = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def scored(*scores: float) -> list[Face]:
    return [Face(np.array([0, 0, 1, 1], np.float32), score) for score in scores]


@pytest.mark.parametrize("quarters", range(4))
def test_an_image_is_turned_back_and_the_degrees_are_counter_clockwise(quarters: int) -> None:
    def detect(image: np.ndarray) -> list[Face]:
        return scored(0.9) if np.array_equal(image, UPRIGHT) else []

    degrees, image, faces = upright(np.rot90(UPRIGHT, -quarters), detect)
    assert degrees == 90 * quarters
    np.testing.assert_array_equal(image, UPRIGHT)
    assert [face.score for face in faces] == [0.9]


@pytest.mark.parametrize(
    ("scores", "degrees"),
    [
        ([[], [], [], []], 0),
        ([[0.9], [0.9], [0.9], [0.9]], 0),
        ([[0.9], [0.92], [], []], 0),  # better, but not clearly
        ([[0.8], [0.9], [], []], 90),
        ([[0.9], [], [0.6, 0.6], []], 180),  # more faces, each less sure
        ([[], [0.5], [0.7], [0.6]], 180),
        ([[0.5], [0.7], [0.7], [0.9]], 270),
    ],
)
def test_the_highest_sum_of_scores_is_taken(scores: list[list[float]], degrees: int) -> None:
    asked = iter(scores)
    found, image, faces = upright(UPRIGHT, lambda _: scored(*next(asked)))
    assert found == degrees
    np.testing.assert_array_equal(image, np.rot90(UPRIGHT, degrees // 90))
    assert [face.score for face in faces] == scores[degrees // 90]
