"""Head pose: a canonical face that is turned by known angles gives these angles."""

import numpy as np
import pytest

from mien.inference.measures.files import Template
from mien.inference.measures.pose import FIELD_OF_VIEW, angles, pose

WIDTH, HEIGHT = 640, 480
FACE = np.random.default_rng(0).uniform((-7, -8, -4), (7, 8, 6), (468, 3))
TEMPLATE = Template(np.arange(0, 468, 14), np.linspace(0.1, 1, 34), FACE[::14])


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Pitch, then yaw, then roll, as the head does, seen by a camera that looks along -z with y up."""
    (cy, cp, cr), (sy, sp, sr) = np.cos(np.radians([yaw, -pitch, -roll])), np.sin(np.radians([yaw, -pitch, -roll]))
    around_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    around_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    around_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return around_z @ around_y @ around_x


def seen(turn: np.ndarray, place: tuple[float, float, float]) -> np.ndarray:
    """The landmarks of the face in pixels: in perspective, with a depth on the scale of x and y."""
    at = FACE @ turn.T + place
    far, pixel = -at[:, 2:], 2 * np.tan(np.radians(FIELD_OF_VIEW / 2)) / HEIGHT
    flat = at[:, :2] / far / pixel * (1, -1) + (WIDTH / 2, HEIGHT / 2)
    points = np.hstack([flat, (far - far.mean()) / far.mean() / pixel])
    return np.vstack([points, points[:10]]).astype(np.float32)


@pytest.mark.parametrize("turn", [(0, 0, 0), (30, 0, 0), (0, 20, 0), (0, 0, 40), (-45, -15, 10), (20, 25, -170)])
@pytest.mark.parametrize("place", [(0, 0, -60), (12, -8, -50), (-15, 10, -120)])
def test_known_angles(turn: tuple[float, float, float], place: tuple[float, float, float]) -> None:
    assert angles(rotation(*turn)) == pytest.approx(turn)
    got = pose(seen(rotation(*turn), place), WIDTH, HEIGHT, TEMPLATE)
    assert (got.yaw, got.pitch, got.roll) == pytest.approx(turn, abs=0.5)
    assert got.distance == pytest.approx(np.linalg.norm(place), rel=0.02)
    assert got.turned == pytest.approx(np.degrees(np.arccos(rotation(*turn)[2, 2])), abs=0.5)


def test_signs() -> None:
    """The nose goes to the subject's left (the image's right) with yaw and up with pitch; roll is clockwise."""
    nose, left_eye = np.array([0, 0, 1]), np.array([1, 0, 0])
    assert (rotation(30, 0, 0) @ nose)[0] > 0
    assert (rotation(0, 30, 0) @ nose)[1] > 0
    assert (rotation(0, 0, 30) @ left_eye)[1] < 0
