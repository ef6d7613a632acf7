"""What YuNet's numbers become, whatever the image was shrunk or stretched by."""

import cv2
import numpy as np
import pytest
import skimage.data

from mien.inference.detectors import yunet
from mien.inference.detectors.scaling import fit
from mien.inference.detectors.yunet_network import MAX_CANDIDATES, OVERLAP, Network, runnable


def test_a_row_becomes_a_box_and_the_subject_s_right_eye_first() -> None:
    row = np.array([10, 20, 30, 40, *range(10), 1.5], np.float32)
    face = yunet._face(row, np.array([2, 3], np.float32))
    assert face.box.tolist() == [20, 60, 80, 180]
    assert face.landmarks is not None
    assert face.landmarks.tolist() == [[0, 3], [4, 9], [8, 15], [12, 21], [16, 27]]
    assert face.score == 1


@pytest.mark.parametrize("shape", [(3, 1000), (1000, 3), (479, 641), (48, 48), (20, 51)])
def test_the_ratio_leads_back_to_the_image(shape: tuple[int, int]) -> None:
    fitted, ratio = fit(np.zeros((*shape, 3), np.uint8))
    assert (np.array(fitted.shape[1::-1]) * ratio).tolist() == pytest.approx(list(shape[::-1]))


def opencv(image: np.ndarray, min_score: float) -> np.ndarray:
    content, empty = np.frombuffer(yunet.load(None), np.uint8), np.zeros(0, np.uint8)
    size = image.shape[1], image.shape[0]
    net = cv2.FaceDetectorYN.create("onnx", content, empty, size, min_score, OVERLAP, MAX_CANDIDATES)
    rows = net.detect(np.ascontiguousarray(image[..., ::-1]))[1]
    return np.empty((0, 15), np.float32) if rows is None else rows


@pytest.mark.parametrize("size", [(512, 512), (333, 417), (640, 360), (64, 640), (90, 70)])
@pytest.mark.parametrize("min_score", [0.8, 0.3])
def test_the_network_detects_what_opencv_detects(size: tuple[int, int], min_score: float) -> None:
    astronaut = skimage.data.astronaut()[:400, 60:460]
    image = cv2.resize(np.concatenate([astronaut, astronaut[:, ::-1], skimage.data.coffee()[:400, :200]], 1), size)
    expected = opencv(image, min_score)
    assert len(expected) >= 2 * (min(size) >= 360)
    rows = Network(yunet.load(None), yunet.packaged())(image, min_score)
    assert rows.shape == expected.shape
    np.testing.assert_allclose(rows, expected, atol=1e-2)


def test_only_what_onnxruntime_refuses_is_changed() -> None:
    content = yunet.load(None)
    changed = runnable(content)
    assert len(changed) == len(content)
    assert 0 < sum(a != b for a, b in zip(content, changed, strict=True)) < 60
    assert runnable(changed) == changed
    assert runnable(b"another file") == b"another file"
