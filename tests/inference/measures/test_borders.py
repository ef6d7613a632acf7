"""A face that fills its image: where the mesh sees none with the image's edge around it, it is read again in black."""

import cv2
import numpy as np
import pytest

from mien.inference.detectors import make
from mien.inference.measures import measurer as module
from mien.inference.measures.measurer import ABSENT, Measurer
from mien.inference.measures.square import Square

from .images import hopper


@pytest.fixture
def filling() -> np.ndarray:
    """A portrait without forehead and one cheek, uint8 RGB (96, 96, 3)."""
    image = hopper()
    (face,) = make("yunet")(image)
    x1, y1, x2, y2 = face.box
    right = 0.15 * (x2 - x1)
    part = image[int(y1 + 0.4 * (y2 - y1)) : int(y2), int(x1 + right) : int(x2 + right)]
    return np.asarray(cv2.resize(part, (96, 96), interpolation=cv2.INTER_AREA), np.uint8)


def test_a_face_that_fills_its_image_is_read_in_black_too(
    measurer: Measurer, filling: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = make("yunet")(filling)
    (face,) = measurer.start()(filling, faces, False)
    assert face.measures_reason != ABSENT
    monkeypatch.setattr(module, "BORDERS", module.BORDERS[:1])
    (face,) = measurer.start()(filling, faces, False)
    assert face.measures_reason == ABSENT


@pytest.mark.parametrize(
    ("square", "inside"),
    [
        (Square(50, 40, 80, 0), True),
        (Square(50, 39, 80, 0), False),
        (Square(61, 40, 80, 0), False),
        (Square(50, 40, 57, np.pi / 4), False),
        (Square(50, 40, 56, np.pi / 4), True),
    ],
)
def test_whether_a_square_lies_in_its_image(square: Square, inside: bool) -> None:
    assert square.within(np.zeros((80, 100, 3), np.uint8)) is inside
