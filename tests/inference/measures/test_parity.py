"""Landmarks, blendshapes and head pose beside MediaPipe's: the numbers in reference.npz (benchmarks/reference.py)."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.inference.detectors import make
from mien.inference.measures import files
from mien.inference.measures.measurer import Measurer
from mien.inference.measures.mesh import Networks
from mien.inference.measures.pose import angles, pose

from .images import IMAGES

IRISES = [468, 473]  # the centres of the subject's right and left iris
REFERENCE = np.load(Path(__file__).with_name("reference.npz"))

pytestmark = pytest.mark.skipif(
    not (files.FOLDER / "SHA256SUMS").is_file(), reason="`make measures` has not made the networks of measures"
)


def image(name: str) -> Any:
    try:
        return IMAGES[name]()
    except LookupError as error:
        pytest.skip(str(error))


def landmarks(name: str, width: int, height: int) -> Any:
    """Return MediaPipe's landmarks (478, 3) in pixels."""
    return REFERENCE[f"{name}/landmarks"] * np.array([width, height, width], np.float32)


@pytest.fixture(scope="module")
def measured(measurer: Measurer) -> dict[str, Any]:
    """Every image's face, measured."""
    detect, faces = make("yunet"), {}
    for name in IMAGES:
        pixels = image(name)
        (faces[name],) = measurer.start()(pixels, detect(pixels), False)
    return faces


@pytest.mark.parametrize("name", IMAGES)
def test_landmarks_and_blendshapes(measured: dict[str, Any], name: str) -> None:
    height, width = image(name).shape[:2]
    expected = landmarks(name, width, height)[:, :2]
    off = np.linalg.norm(measured[name].mesh[:, :2] - expected, axis=1).mean()
    assert off <= 0.02 * np.linalg.norm(np.subtract(*expected[IRISES]))
    assert np.abs(measured[name].blendshapes - REFERENCE[f"{name}/blendshapes"]).mean() <= 0.03


@pytest.mark.parametrize("name", IMAGES)
def test_pose_of_equal_landmarks(name: str) -> None:
    height, width = image(name).shape[:2]
    matrix = REFERENCE[f"{name}/matrix"].astype(np.float64)
    head = pose(landmarks(name, width, height), width, height, Networks(files.locate()).template)
    assert np.abs(np.subtract((head.yaw, head.pitch, head.roll), angles(matrix[:3, :3]))).max() <= 0.01
    assert head.distance == pytest.approx(np.linalg.norm(matrix[:3, 3]), rel=1e-3)
