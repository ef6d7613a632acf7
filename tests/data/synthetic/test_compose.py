"""The parts of a composite: plan, place, light, mask, each against what it should be by hand or by another library."""

import cv2
import numpy as np
import pytest
from scipy import ndimage
from skimage.color import rgb2lab

from mien.data.synthetic.compose import FACE, FRAME, MOVE, compose, plan
from mien.data.synthetic.masks import FULL, cleaned, oval
from mien.data.synthetic.relight import L_OF, match_lightness

GREY = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)


def still(count: int = 1) -> object:
    """Return a plan that leaves every face upright in the middle."""
    drawn = plan(count, 1, 1, 0)
    upright = np.array([[FACE, 0, 0], [0, FACE, 0]], np.float32)
    drawn.transform[:], drawn.warp[:], drawn.clahe[:], drawn.blur[:] = upright, 0, False, 0
    return drawn


def test_plan_keeps_its_ranges() -> None:
    drawn = plan(5000, 10, 7, 1)
    linear = drawn.transform[:, :, :2].astype(float)
    scale = np.sqrt(np.abs(np.linalg.det(linear))) / FACE
    assert scale.min() >= 0.8 - 1e-6
    assert scale.max() <= 1.2 + 1e-6
    angle = np.rad2deg(np.arctan2(-linear[:, 0, 1], linear[:, 1, 1]))
    assert 29 < np.abs(angle).max() <= 30 + 1e-4
    assert np.abs(drawn.transform[:, :, 2]).max() <= 2 * MOVE + 1e-6
    assert 0.45 < (np.linalg.det(linear) < 0).mean() < 0.55
    assert 0.22 < drawn.clahe.mean() < 0.28
    assert 0.22 < (drawn.blur > 0).mean() < 0.28
    assert set(drawn.behind.tolist()) == set(range(7))
    assert np.bincount(drawn.face).tolist() == [500] * 10


def test_an_upright_face_lies_in_the_middle_at_its_size() -> None:
    face = np.zeros((1, FRAME, FRAME, 1), np.uint8)
    face[:, 12:36, 12:36] = 200
    full = np.full((1, FRAME, FRAME), 255, np.uint8)
    made = compose(face, full, (np.full((60, 60, 1), 200, np.uint8),), still(), size=FRAME)
    side = np.sqrt((made.mask / 255).sum())
    assert abs(side - FRAME * FACE) < 0.7
    y, x = np.nonzero(made.mask[0, ..., 0] > 128)
    assert y.mean() == pytest.approx((FRAME - 1) / 2, abs=0.6)
    assert x.mean() == pytest.approx((FRAME - 1) / 2, abs=0.6)


def test_every_image_has_its_own_face_and_that_face_s_mask() -> None:
    """Three faces, cut out by squares of different sizes, in the order that the plan drew."""
    drawn, rng = still(30), np.random.default_rng(3)
    drawn.face[:] = rng.integers(3, size=30)
    faces, back = rng.integers(40, 200, (3, FRAME, FRAME, 1), np.uint8), (np.full((60, 60, 1), 120, np.uint8),)
    masks = np.zeros((3, FRAME, FRAME), np.uint8)
    for k, half in enumerate((6, 12, 18)):
        masks[k, 24 - half : 24 + half, 24 - half : 24 + half] = 255
    made = compose(faces, masks, back, drawn, size=FRAME)
    sides = np.sqrt((made.mask / 255).sum((1, 2, 3)))
    np.testing.assert_allclose(sides, np.array([12, 24, 36])[drawn.face] * FACE, atol=0.7)
    for k in range(3):
        alone = compose(faces[k : k + 1], masks[k : k + 1], back, still(), size=FRAME).clean[0]
        same = [np.array_equal(clean, alone) for clean in made.clean]
        assert same == (drawn.face == k).tolist()


def test_a_image_is_face_and_background_by_the_mask() -> None:
    rng = np.random.default_rng(0)
    face, back = (rng.integers(40, 200, shape, np.uint8) for shape in ((1, FRAME, FRAME, 1), (48, 48, 1)))
    drawn = still()
    drawn.mirrored[:] = False
    made = compose(face, oval(FRAME)[None], (back,), drawn, size=FRAME)
    mixed = made.clean[0].astype(float) + back * (1 - made.mask[0] / 255.0)
    assert np.abs(made.images[0] - mixed).max() <= 1.5


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_change_nothing(threads: int) -> None:
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 256, (30, FRAME, FRAME, 3), np.uint8)
    backs = tuple(rng.integers(0, 256, (60, 90, 3), np.uint8) for _ in range(3))
    drawn = plan(300, 30, 3, 5)
    one, many = (compose(faces, oval(FRAME)[None], backs, drawn, threads=n) for n in (1, threads))
    for name in ("images", "clean", "mask"):
        assert np.array_equal(getattr(one, name), getattr(many, name))


def test_lightness_is_that_of_skimage() -> None:
    assert np.allclose(L_OF, rgb2lab(GREY)[:, 0, 0], atol=0.02)


@pytest.mark.parametrize(
    ("face", "back", "factor"), [(120, 150, None), (120, 90, None), (60, 250, 1.5), (200, 5, 0.5), (120, 120, 1.0)]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_light_follows_the_background_within_bounds(face: int, back: int, factor: float | None, channels: int) -> None:
    shape = (8, 8, channels)
    image = match_lightness(
        np.full(shape, face, np.uint8), np.full((8, 8, 1), 255, np.uint8), np.full(shape, back, np.uint8)
    )
    wanted = L_OF[back] if factor is None else L_OF[face] * factor
    assert abs(L_OF[image].mean() - wanted) < 0.6


def test_only_the_masked_part_of_the_face_counts() -> None:
    face = np.full((8, 8, 1), 250, np.uint8)
    face[2:6, 2:6] = 100
    mask = np.where(face == 100, 255, 0).astype(np.uint8)
    assert match_lightness(face, mask, np.full((8, 8, 1), 100, np.uint8))[4, 4, 0] == 100


@pytest.mark.parametrize("channels", [1, 3])
def test_degenerate_light(channels: int) -> None:
    black = np.zeros((8, 8, channels), np.uint8)
    assert (match_lightness(black, black[..., :1], black) == 0).all()
    assert (match_lightness(black, np.full((8, 8, 1), 255, np.uint8), black + 255) == 0).all()


def test_brightened_faces_are_not_cut_off() -> None:
    ramp = np.linspace(100, 220, 64).astype(np.uint8).reshape(8, 8, 1)
    bright = match_lightness(ramp, np.full((8, 8, 1), 255, np.uint8), np.full((8, 8, 1), 255, np.uint8)).ravel()
    assert bright.max() < 255
    assert (np.diff(bright.astype(int)) >= 0).all()
    assert len(set(bright.tolist())) > 40


def test_cleaned_is_what_scipy_makes() -> None:
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:FULL, :FULL]
    mask = ((x - 64) ** 2 / 45**2 + (y - 60) ** 2 / 55**2 < 1) & (rng.uniform(size=(FULL, FULL)) > 0.05)
    mask[50:70, 50:70] = False
    square = np.ones((7, 7))
    closed = ndimage.binary_closing(np.pad(mask, 8), square)
    wanted = ndimage.binary_fill_holes(ndimage.binary_erosion(closed, square))[8:-8, 8:-8]
    result = cleaned(np.where(mask, 255, 0).astype(np.uint8))
    assert np.array_equal(result == 255, wanted)
    assert set(np.unique(result)) == {0, 255}


@pytest.mark.parametrize("side", [17, 48, 128])
def test_oval_is_soft_round_and_symmetric(side: int) -> None:
    mask = oval(side)
    assert mask.shape == (side, side)
    assert np.array_equal(mask, mask[:, ::-1])
    assert mask[side // 2, side // 2] == 255
    assert mask[0, 0] == mask[-1, -1] == 0
    assert ((mask > 0) & (mask < 255)).mean() > 0.05


def test_opencv_is_left_as_it_was() -> None:
    before = cv2.getNumThreads()
    compose(np.zeros((1, 48, 48, 1), np.uint8), oval(48)[None], (np.zeros((48, 48, 1), np.uint8),), plan(3, 1, 1, 0))
    assert cv2.getNumThreads() == before
