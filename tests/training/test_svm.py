"""The fitted machine is LinearSVC's, whether the classes are fitted together or apart, and fits into the network."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")
LinearSVC = pytest.importorskip("sklearn.svm", reason="the fit needs scikit-learn").LinearSVC

from mien.data import load  # noqa: E402
from mien.errors import DataError  # noqa: E402
from mien.models.svm import svm  # noqa: E402
from mien.training.svm import TOLERANCE, fit  # noqa: E402


def decisions(images: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """The network's logits with the machine copied in."""
    model = svm(len(bias), images.shape[3], size=images.shape[1]).eval()
    model.load_state_dict({"linear.weight": torch.from_numpy(weight), "linear.bias": torch.from_numpy(bias)})
    with torch.no_grad():
        return model(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)["logits"].numpy()


def reference(images: np.ndarray, index: np.ndarray, C: float) -> np.ndarray:
    pixels = images.transpose(0, 3, 1, 2).reshape(len(images), -1) / 255
    return LinearSVC(C=C, dual=False, tol=TOLERANCE, random_state=0).fit(pixels, index).decision_function(pixels)


@pytest.mark.parametrize(("channels", "C"), [(1, 1.0), (1, 0.01), (3, 0.1)])
def test_equals_linear_svc(channels: int, C: float) -> None:
    rng = np.random.default_rng(0)
    index = rng.integers(0, 4, 200)
    means = rng.integers(60, 190, (4, 6, 6, channels))
    images = (means[index] + rng.normal(0, 60, (200, 6, 6, channels))).clip(0, 255).astype(np.uint8)
    expected = reference(images, index, C)
    got = decisions(images, *fit(images, index, 4, C=C))
    np.testing.assert_allclose(got, expected, atol=1e-4)
    assert (got.argmax(1) == expected.argmax(1)).all()


def test_every_setting_on_faces(tiny_fer2013: Path) -> None:
    samples = load("fer2013", tiny_fer2013, "train")
    images, index = np.array(samples.images), samples.target.argmax(1)
    expected = reference(images, index, 0.01)
    got = decisions(images, *fit(images, index, len(samples.labels), C=0.01))
    assert (got.argmax(1) == expected.argmax(1)).all()


def test_an_image_of_weight_2_counts_as_two_and_one_of_weight_0_not_at_all() -> None:
    rng = np.random.default_rng(0)
    images, index = rng.integers(0, 256, (60, 4, 4, 1), np.uint8), np.arange(60) % 3
    weight = np.array([0, 1, 2], np.float32)[rng.integers(0, 3, 60)]
    times = np.repeat(np.arange(60), weight.astype(int))
    for got, expected in zip(
        fit(images, index, 3, C=0.1, weight=weight), fit(images[times], index[times], 3, C=0.1), strict=True
    ):
        np.testing.assert_allclose(got, expected, atol=2e-3)
    with pytest.raises(DataError, match="images per class"):
        fit(images, index, 3, weight=(index > 0).astype(np.float32))


def test_two_classes_get_two_rows() -> None:
    images = np.array([10, 20, 200, 230], np.uint8).reshape(4, 1, 1, 1)
    weight, bias = fit(images, np.array([0, 0, 1, 1]), 2, C=10.0)
    assert weight.dtype == bias.dtype == np.float32
    assert (decisions(images, weight, bias).argmax(1) == [0, 0, 1, 1]).all()
    np.testing.assert_allclose(weight[0], -weight[1], rtol=1e-5)


@pytest.mark.parametrize(("index", "classes"), [([0, 0, 1, 1], 3), ([0, 1, 2, 2], 2), ([0, 0, 0, 0], 1)])
def test_a_class_without_images_is_refused(index: list[int], classes: int) -> None:
    with pytest.raises(DataError, match="images per class"):
        fit(np.zeros((4, 2, 2, 1), np.uint8), np.array(index), classes)


@pytest.mark.slow
def test_on_a_sample_of_the_real_faces(mien_data: Path) -> None:
    samples = load("fer2013", mien_data, "train")
    images, index = np.array(samples.images[:1000]), samples.target[:1000].argmax(1)
    expected = reference(images, index, 0.001)
    got = decisions(images, *fit(images, index, 7, C=0.001))
    assert (got.argmax(1) == expected.argmax(1)).all()
