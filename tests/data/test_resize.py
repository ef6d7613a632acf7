"""The numpy resizing agrees with OpenCV's, by which crops for the shipped weights are made."""

import cv2
import numpy as np
import pytest

from mien.data.resize import resize, weights
from mien.inference.align import FRAMINGS, crop


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [16, 24, 30, 48, 56, 64, 96])
def test_same_as_the_crop_code(size: int, channels: int) -> None:
    rng = np.random.default_rng(size)
    image = cv2.GaussianBlur(rng.integers(0, 256, (48, 48, channels), np.uint8), (0, 0), 1.0).reshape(48, 48, channels)
    box = np.array([0, 0, 48, 48], np.float32)
    expected = crop(
        np.repeat(image, 4 - channels if channels == 1 else 1, 2), box, FRAMINGS["fer2013"]["whole"], size, channels
    )
    resized = resize(image[None], size)[0]
    assert resized.dtype == np.uint8
    assert np.abs(resized.astype(int) - expected.astype(int)).max() <= 1  # the last half of a grey level


def test_many_images_one_by_one() -> None:
    images = np.random.default_rng(0).integers(0, 256, (1500, 6, 8, 2), np.uint8)
    resized = resize(images, 5)
    assert resized.shape == (1500, 5, 5, 2)
    for k in (0, 1023, 1024, 1499):
        np.testing.assert_array_equal(resized[k], resize(images[k : k + 1], 5)[0])


def test_the_same_size_is_the_same_array() -> None:
    images = np.zeros((2, 8, 8, 1), np.uint8)
    assert resize(images, 8) is images


@pytest.mark.parametrize(("length", "size"), [(48, 64), (48, 20), (7, 7), (3, 100)])
def test_weights_share_out_everything(length: int, size: int) -> None:
    table = weights(length, size)
    assert (table >= 0).all()
    np.testing.assert_allclose(table.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(table, table[::-1, ::-1], atol=1e-6)
