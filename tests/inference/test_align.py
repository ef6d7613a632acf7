"""The crop: where it is cut, what lies beyond the image, grey, sizes."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from mien.data import load
from mien.inference.align import FRAMINGS, Framing, crop, crops, window
from mien.inference.detectors import make

WHOLE = Framing()


def box(*corners: float) -> np.ndarray:
    return np.array(corners, np.float32)


def test_whole_at_its_own_size_is_untouched(astronaut: np.ndarray) -> None:
    small = np.ascontiguousarray(astronaut[60:108, 200:248])
    assert (crop(small, box(0, 0, 48, 48), WHOLE, 48, 3) == small).all()
    grey = np.repeat(small[..., :1], 3, axis=2)
    assert (crop(grey, box(0, 0, 48, 48), WHOLE, 48, 1) == grey[..., :1]).all()


def test_grey_uses_the_usual_weights(astronaut: np.ndarray) -> None:
    expected = cv2.cvtColor(astronaut[:48, :48], cv2.COLOR_RGB2GRAY)
    assert (crop(astronaut, box(0, 0, 48, 48), WHOLE, 48, 1)[..., 0] == expected).all()
    exact = astronaut[:48, :48].astype(float) @ [0.299, 0.587, 0.114]
    assert np.abs(expected - exact).max() <= 1


@pytest.mark.parametrize("size", [40, 48, 96, 224])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [1, 7, 48, 200])
def test_shapes(astronaut: np.ndarray, size: int, channels: int, side: int) -> None:
    out = crop(astronaut, box(100, 100, 100 + side, 100 + side), Framing(1.2, 0.1, -0.1), size, channels)
    assert out.shape == (size, size, channels)
    assert out.dtype == np.uint8
    assert out.flags["C_CONTIGUOUS"]


def test_shrinking_averages() -> None:
    fine = np.zeros((480, 480, 3), np.uint8)
    fine[::2, ::2] = fine[1::2, 1::2] = 255  # a chessboard of single pixels averages to mid-grey
    out = crop(fine, box(0, 0, 480, 480), WHOLE, 48, 1)
    assert np.abs(out.astype(int) - 127.5).max() <= 1


def test_shrinking_agrees_with_plain_resizing(astronaut: np.ndarray) -> None:
    expected = cv2.resize(astronaut[100:292, 150:342], (48, 48), interpolation=cv2.INTER_AREA)
    assert (crop(astronaut, box(150, 100, 342, 292), Framing(1.0), 48, 3) == expected).all()


@pytest.mark.parametrize("left", [20.0, 20.25, 20.5, 20.9])
def test_enlarging_is_exact_to_a_fraction_of_a_pixel(left: float) -> None:
    """Steep enough that the outermost pixels tell whether their neighbours beyond the box were looked at."""
    ramp = np.tile(np.arange(0, 250, 5, dtype=np.uint8)[None, :, None], (50, 1, 3))
    for image, axis in ((ramp, 1), (np.ascontiguousarray(ramp.transpose(1, 0, 2)), 0)):
        corners = (left, 10, left + 24, 34) if axis else (10, left, 34, left + 24)
        out = crop(image, box(*corners), Framing(1.0), 48, 1)[..., 0].take(24, axis=1 - axis)
        centres = left + (np.arange(48) + 0.5) / 2
        assert np.abs(out - 5 * (centres - 0.5)).max() <= 0.75


@pytest.mark.parametrize(("corners", "inside"), [((-30, -30, 66, 66), (40, 40)), ((-10, -10, 14, 14), (40, 40))])
def test_beyond_the_image_the_edge_repeats(corners: tuple[float, ...], inside: tuple[int, int]) -> None:
    image = np.full((100, 100, 3), 200, np.uint8)
    image[:, 0], image[0] = 90, 40
    out = crop(image, box(*corners), Framing(1.0), 48, 1)[..., 0]
    assert out[0, 30] == 40
    assert out[30, 0] == 90
    assert out[inside] == 200


@pytest.mark.parametrize(
    "corners", [(200, 200, 220, 220), (-50, -60, -20, -30), (-500, -500, 1000, 1000), (5, 5, 5, 5)]
)
def test_boxes_far_out_and_empty_ones(astronaut: np.ndarray, corners: tuple[float, ...]) -> None:
    for shape in ((100, 100), (1, 1), (3, 90)):
        out = crop(np.ascontiguousarray(astronaut[: shape[0], : shape[1]]), box(*corners), Framing(1.3), 48, 1)
        assert out.shape == (48, 48, 1)


def test_window_is_a_centred_square() -> None:
    for framing in (f for by_detector in FRAMINGS.values() for f in by_detector.values() if f.scale):
        x1, y1, x2, y2 = window(box(10, 20, 50, 110), framing)
        assert x2 - x1 == pytest.approx(y2 - y1) == pytest.approx(framing.scale * 60)
        assert ((x1 + x2) / 2 - 30) / (x2 - x1) == pytest.approx(framing.right)
        assert ((y1 + y2) / 2 - 65) / (x2 - x1) == pytest.approx(framing.down)


def test_crops_stacks(astronaut: np.ndarray) -> None:
    boxes = [box(0, 0, 50, 50), box(100, 100, 300, 300)]
    both = crops(astronaut, boxes, Framing(1.0), 48, 1)
    assert (both == np.stack([crop(astronaut, b, Framing(1.0), 48, 1) for b in boxes])).all()
    assert crops(astronaut, [], Framing(1.0), 40, 3).shape == (0, 40, 40, 3)


@pytest.fixture
def bench() -> ModuleType:
    """benchmarks/framing.py"""
    spec = importlib.util.spec_from_file_location("framing", Path(__file__).parents[2] / "benchmarks" / "framing.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_framing_is_what_fer2013_shows(bench: ModuleType, mien_data: Path) -> None:
    faces = load("fer2013", mien_data, "train").images[:150, :, :, 0]
    measured = bench.measure(make("yunet"), faces)
    kept = FRAMINGS["fer2013"]["yunet"]
    assert measured.scale == pytest.approx(kept.scale, abs=0.06)
    assert (measured.right, measured.down) == pytest.approx((kept.right, kept.down), abs=0.03)


def test_framing_is_measured_on_any_layout(
    bench: ModuleType, tiny_fer2013: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # no detector finds the drawn faces, so each is the whole canvas: 48 pixels and the margin around them
    monkeypatch.setattr(bench, "make", lambda name: make("whole"))
    monkeypatch.setenv("MIEN_DATA", str(tiny_fer2013))
    monkeypatch.setattr(sys, "argv", ["framing.py", "--train", "9", "--val", "7"])
    bench.main()
    output = capsys.readouterr().out
    assert "edges of 9 Training images" in output
    assert output.count("detected 9 of 9; ") == 2
    assert output.count("detected 7 of 7, raw ") == 4
    assert f"Framing(scale={0.5}, right=0.0, down=0.0)" in output


@pytest.mark.parametrize("size", [8, 64])
def test_beyond_the_edges_of_an_image_that_is_no_square(size: int) -> None:
    """What lies inside is where it is, and each edge goes on by itself."""
    rng = np.random.default_rng(0)
    for shape in ((30, 50), (50, 30)):
        image = rng.integers(0, 256, (*shape, 3)).astype(np.uint8)
        ends = (-4, -8, shape[1] + 6, shape[0] + 2)
        padded = np.pad(image, ((8, 2), (4, 6), (0, 0)), mode="edge")
        beside = crop(padded, box(0, 0, *padded.shape[1::-1]), WHOLE, size, 3)
        assert np.abs(crop(image, box(*ends), WHOLE, size, 3).astype(int) - beside).max() <= 1
