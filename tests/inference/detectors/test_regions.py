"""Looking for known faces in a part of an image: the same boxes as in the whole, and nothing that is cut off."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest
import skimage.data

from mien.face import Face
from mien.inference.detectors.regions import regions
from mien.inference.detectors.yunet import YuNet
from mien.inference.video.tracking import overlap

DETECT = YuNet()


def scene(width: int, height: int, sides: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """A photograph of no face, with a face of some side at each x, y."""
    image = cv2.resize(skimage.data.coffee(), (width, height))
    for x, y, side in sides:
        face = skimage.data.astronaut()[20:220, 120:320]
        image[y : y + side, x : x + side] = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    return image


@pytest.mark.parametrize(
    ("width", "height", "faces", "parts"),
    [
        (640, 360, [(200, 80, 180)], 1),
        (1280, 720, [(100, 90, 300), (900, 300, 300)], 2),
        (1000, 563, [(20, 20, 160), (150, 100, 160)], 1),  # a ratio that is no whole number; regions that overlap
        (1920, 1080, [(1500, 700, 380)], 1),  # at the edge
        (333, 500, [(150, 300, 150)], 1),
    ],
)
def test_known_faces_are_found_as_in_the_whole_image(width: int, height: int, faces: list, parts: int) -> None:
    image = scene(width, height, faces)
    whole = DETECT(image)
    assert len(whole) == len(faces)
    moved = [replace(face, box=face.box + np.float32(0.1 * (face.box[2] - face.box[0]))) for face in whole]
    assert len(regions(image, moved) or []) == parts
    for near, face in zip(DETECT.near(image, moved), whole, strict=True):
        assert overlap(near.box, face.box) > 0.97
        assert near.score == pytest.approx(face.score, abs=0.05)
        assert near.landmarks is not None
        assert face.landmarks is not None
        assert np.abs(near.landmarks - face.landmarks).max() < 0.03 * (face.box[3] - face.box[1])


def test_a_face_that_left_its_region_is_left_out() -> None:
    image = scene(640, 360, [(400, 80, 160)])
    away = Face(np.array([60, 100, 160, 220], np.float32), 0.9)
    assert len(DETECT(image)) == 1
    assert DETECT.near(image, [away]) == []


def test_a_face_that_a_region_cuts_is_left_out() -> None:
    image = scene(640, 360, [(300, 100, 160)])
    (face,) = DETECT(image)
    for shift in range(40, 200, 10):
        beside = replace(face, box=face.box - np.array([shift, 0, shift, 0], np.float32))
        for found in DETECT.near(image, [beside]):
            assert overlap(found.box, face.box) > 0.9


@pytest.mark.parametrize(
    ("image", "known"),
    [
        (scene(640, 360, [(200, 80, 180)]), []),
        (np.ascontiguousarray(skimage.data.astronaut()[60:180, 170:280]), [Face(np.array([10, 10, 90, 110]), 0.9)]),
        (scene(640, 360, [(150, 20, 320)]), [Face(np.array([0, 0, 600, 360], np.float32), 0.9)]),
    ],
)
def test_the_whole_image_is_read_where_a_part_saves_nothing(image: np.ndarray, known: list[Face]) -> None:
    assert regions(image, known) is None
    assert [face.box.tolist() for face in DETECT.near(image, known)] == [face.box.tolist() for face in DETECT(image)]
