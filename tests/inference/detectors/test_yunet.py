"""What YuNet's numbers become, whatever the image was shrunk or stretched by."""

import numpy as np
import pytest

from mien.inference.detectors import yunet
from mien.inference.detectors.scaling import fit


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
