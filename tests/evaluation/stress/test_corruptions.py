"""Corruptions on images made by hand, where what must come out is known."""

import cv2
import numpy as np
import pytest
from scipy import ndimage

from mien.evaluation.stress import corruptions
from mien.evaluation.stress.corruptions import CORRUPTIONS, FAMILIES, path, with_copies

SIZE_MATTERS = {"jpeg"}  # its blocks are eight pixels whatever the image


def faces(height: int = 48, width: int = 48, channels: int = 1, n: int = 6) -> np.ndarray:
    """Smooth random images of full range."""
    rng = np.random.default_rng(3)
    coarse = rng.uniform(0, 255, (n, 8, 8, channels)).astype(np.float32)
    large = [cv2.resize(one, (width, height), interpolation=cv2.INTER_CUBIC) for one in coarse]
    return np.stack(large).reshape(n, height, width, channels).clip(0, 255).astype(np.uint8)


def spoil(name: str, images: np.ndarray, severity: int, seed: int = 0) -> np.ndarray:
    return CORRUPTIONS[name](images, severity, np.random.default_rng(seed))


def harm(name: str, images: np.ndarray, severity: int) -> float:
    return float(np.abs(spoil(name, images, severity).astype(float) - images).mean())


def flat(value: int = 100, n: int = 1) -> np.ndarray:
    return np.full((n, 48, 48, 1), value, np.uint8)


def test_there_are_fifteen_each_in_one_family() -> None:
    assert len(CORRUPTIONS) == 15
    assert sorted(name for names in FAMILIES.values() for name in names) == sorted(CORRUPTIONS)


@pytest.mark.parametrize("shape", [(48, 48, 1), (64, 40, 3), (224, 224, 3)], ids=str)
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_keeps_shape_and_type_and_input_and_repeats_itself(name: str, shape: tuple[int, int, int]) -> None:
    images = faces(*shape, n=2)
    before = images.copy()
    first, second = spoil(name, images, 3), spoil(name, images, 3)
    assert (first.shape, first.dtype) == (images.shape, np.uint8)
    assert np.array_equal(first, second)
    assert np.array_equal(images, before)
    assert not np.array_equal(first, images)
    assert spoil(name, images[:0], 3).shape == (0, *shape)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_severity_is_worse_than_the_one_before(name: str) -> None:
    images = faces(n=40)
    assert np.all(np.diff([harm(name, images, severity) for severity in range(1, 6)]) > 0)


@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if name not in SIZE_MATTERS])
def test_small_and_large_images_suffer_alike(name: str) -> None:
    large = faces(240, 240, n=40)
    small = np.stack([cv2.resize(one, (48, 48), interpolation=cv2.INTER_AREA)[..., None] for one in large])
    for severity in (1, 3, 5):
        assert harm(name, large, severity) == pytest.approx(harm(name, small, severity), rel=0.35)  # a pixel is coarse


def test_grey_stays_grey_in_colour_unless_it_is_noise() -> None:
    images = faces(channels=1, n=2).repeat(3, axis=3)
    for name in set(CORRUPTIONS) - {*FAMILIES["noise"], "low_light"}:
        corrupted = spoil(name, images, 4).astype(int)
        assert np.abs(corrupted - corrupted[..., :1]).max() <= 2, name  # JPEG rounds colours


def test_brightness_adds_and_burns_out() -> None:
    assert set(spoil("brightness", flat(100), 1).ravel()) == {round(100 + 255 * corruptions.BRIGHTNESS[0])}
    assert set(spoil("brightness", flat(200), 5).ravel()) == {255}


def test_contrast_shrinks_towards_each_images_own_mean() -> None:
    images = np.concatenate([flat(50), flat(150)])
    images[:, :24] += 100
    corrupted = spoil("contrast", images, 5)
    half = 50 * corruptions.CONTRAST[4]
    assert [sorted(set(one.ravel())) for one in corrupted] == [[100 - half, 100 + half], [200 - half, 200 + half]]


def test_low_light_darkens_by_gamma_and_gain() -> None:
    gamma, gain, _ = corruptions.LOW_LIGHT[2]
    wanted = 255 * gain * (200 / 255) ** gamma
    assert spoil("low_light", flat(200, n=20), 3).mean() == pytest.approx(wanted, rel=0.02)


def test_gaussian_blur_is_that_of_scipy() -> None:
    images = faces(n=1)
    wanted = ndimage.gaussian_filter(images[0, ..., 0].astype(float), corruptions.GAUSSIAN_BLUR[2] * 48, mode="mirror")
    assert np.abs(spoil("gaussian_blur", images, 3)[0, ..., 0] - wanted).max() <= 2


@pytest.mark.parametrize("angle", [0.0, 0.7, np.pi / 2, 2.5])
def test_a_path_has_its_length_and_direction_and_keeps_the_light(angle: float) -> None:
    kernel = path(10.0, angle)
    y, x = np.indices(kernel.shape) - kernel.shape[0] // 2
    assert kernel.sum() == pytest.approx(1)
    assert np.abs([(kernel * x).sum(), (kernel * y).sum()]).max() < 1e-6
    along, across = x * np.cos(angle) + y * np.sin(angle), x * np.sin(angle) - y * np.cos(angle)
    assert (kernel * along**2).sum() == pytest.approx(10**2 / 12, rel=0.05)
    assert (kernel * across**2).sum() < 0.4


def test_noise_has_the_spread_it_says() -> None:
    images = flat(128, n=50)
    assert spoil("gaussian_noise", images, 3).std() == pytest.approx(255 * corruptions.GAUSSIAN_NOISE[2], rel=0.03)
    photons = 128 / 255 * corruptions.SHOT_NOISE[2]
    assert spoil("shot_noise", images, 3).std() == pytest.approx(128 / np.sqrt(photons), rel=0.03)
    salt = spoil("impulse_noise", images, 5)
    assert set(np.unique(salt)) == {0, 128, 255}
    assert np.mean(salt != 128) == pytest.approx(corruptions.IMPULSE_NOISE[4], rel=0.05)
    assert np.mean(salt == 0) == pytest.approx(np.mean(salt == 255), rel=0.1)


def test_bars_are_one_across_and_one_down() -> None:
    black = (spoil("bars", flat(100, n=8), 3) == 0)[..., 0]
    thick = round(corruptions.BARS[2] * 48)
    assert (black.all(2).sum(1) == thick).all()
    assert (black.all(1).sum(1) == thick).all()
    assert (black.sum((1, 2)) == 2 * 48 * thick - thick**2).all()


def test_a_mask_hides_the_mouth_and_sunglasses_the_eyes() -> None:
    masked = spoil("mask", flat(100), 5)[0, ..., 0]
    assert (masked[38, 16:32] > 150).all(), "the mouth of FER2013's mean face"
    assert (masked[:20] == 100).all(), "its eyes"
    dark = spoil("sunglasses", flat(100), 5)[0, ..., 0]
    assert (dark[[18, 18], [15, 32]] < 20).all()
    assert (dark[28:] == 100).all()


def test_rotation_turns_by_its_angle_to_either_side() -> None:
    images = flat(0, n=40)
    images[:, 22:26, 40:44] = 255  # 18 pixels to the right of the middle
    angles = set()
    for one in spoil("rotation", images, 2)[..., 0].astype(float):
        y, x = np.indices(one.shape) - 23.5
        angles.add(round(float(np.degrees(np.arctan2((one * y).sum(), (one * x).sum())))))
    assert angles == {-corruptions.ROTATION[1], corruptions.ROTATION[1]}


def test_shift_moves_by_its_distance_in_any_direction() -> None:
    images = flat(0, n=30)
    images[:, 22:26, 22:26] = 255
    moved = spoil("shift", images, 4)[..., 0].astype(float)
    y, x = np.indices((48, 48)) - 23.5
    by = np.stack([(moved * x).sum((1, 2)), (moved * y).sum((1, 2))]) / moved.sum((1, 2))
    assert np.linalg.norm(by, axis=0) == pytest.approx(np.full(30, corruptions.SHIFT[3] * 48), abs=0.1)
    assert len(np.unique(np.sign(by), axis=1).T) == 4


def test_downscale_leaves_the_detail_of_a_small_image() -> None:
    stripes = flat(0)
    stripes[:, :, ::2] = 200
    assert spoil("downscale", stripes, 4).std() < 20
    assert abs(float(spoil("downscale", stripes, 4).mean()) - 100) < 3


def test_copies_are_three_per_image_and_name_their_row() -> None:
    images = np.random.default_rng(0).integers(0, 256, (100, 24, 24, 1)).astype(np.uint8)
    copies, rows = with_copies(images)
    assert copies.shape == (400, 24, 24, 1)
    assert np.bincount(rows).tolist() == [4] * 100
    np.testing.assert_array_equal(copies[:100], images)
    changed = (copies[100:] != images[rows[100:]]).reshape(300, -1).any(1)
    assert changed.mean() > 0.95  # a rotation of noise, say, always shows; a weak exposure may not
    assert len(with_copies(images[:1])[0]) >= 1
