"""The page's own arithmetic against OpenCV's and Python's, each function called in a real Chromium."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from mien.inference.align import FRAMINGS, crop, window
from mien.inference.classify import Classifier, names
from mien.inference.detectors.scaling import fit
from mien.inference.detectors.yunet_network import MAX_CANDIDATES, OVERLAP
from mien.serving.browser import settings
from mien.serving.settings import Settings

from . import live
from .cases import some

CALL = """
const [module, name, args, done] = arguments;
const read = (value) => {
  if (value === "NaN") return NaN;
  if (Array.isArray(value)) return value.map(read);
  if (value?.bytes !== undefined) return Uint8ClampedArray.from(atob(value.bytes), (c) => c.charCodeAt(0));
  if (value?.floats) return Float32Array.from(value.floats, read);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, read(inner)]));
};
const plain = (value) => ArrayBuffer.isView(value) ? Array.from(value) : value;
import(`/page/js/${module}.js`).then((all) => all[name](...read(args)))
  .then((value) => done([plain(value)]), (error) => done(`${error.code ?? error}`));
"""

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def js(chromium: Any) -> Iterator[Call]:
    """Call a function of a script, js("resize", "shrink", ...); a list with what it returns, or a failure's code."""
    with live.running(Settings(rate=0), files_only=True) as server:
        chromium.get(f"{server.url}/samples.json")
        yield lambda module, name, *args: chromium.execute_async_script(CALL, module, name, sent(args))


def sent(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        if value.dtype == np.uint8:
            return {"bytes": base64.b64encode(value.tobytes()).decode()}
        return {"floats": sent(value.ravel().tolist())}
    if isinstance(value, dict):
        return {key: sent(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [sent(inner) for inner in value]
    return "NaN" if isinstance(value, float) and np.isnan(value) else value


def noise(height: int, width: int, channels: int = 4) -> np.ndarray:
    rough = np.random.default_rng(0).uniform(-400, 700, (height, width, channels))
    return cv2.GaussianBlur(rough, (0, 0), 1.2).clip(0, 255).astype(np.uint8).reshape(height, width, channels)


def image(pixels: np.ndarray) -> dict[str, Any]:
    return {"height": pixels.shape[0], "width": pixels.shape[1], "data": pixels}


@pytest.mark.parametrize(
    ("width", "height", "channels", "to_width", "to_height"),
    [
        (131, 100, 1, 48, 48),
        (96, 96, 1, 48, 48),  # halves
        (192, 96, 4, 48, 48),  # whole numbers of pixels
        (301, 200, 4, 160, 106),
        (300, 7, 3, 299, 7),
        (48, 48, 1, 48, 48),
    ],
)
def test_areas_as_opencv(js: Call, width: int, height: int, channels: int, to_width: int, to_height: int) -> None:
    pixels = noise(height, width, channels)
    (got,) = js("resize", "shrink", pixels, width, height, channels, to_width, to_height)
    wanted = cv2.resize(pixels, (to_width, to_height), interpolation=cv2.INTER_AREA)
    differ = np.abs(np.array(got) - wanted.ravel())
    assert differ.max() <= 1  # halves fall to either side in float32
    assert np.mean(differ > 0) < 0.01


@pytest.mark.parametrize("size", [(50, 48, 184, 177), (3, 5, 12, 20), (1, 1, 4, 4)])
def test_curves_as_opencv_to_one_step(js: Call, size: tuple[int, int, int, int]) -> None:
    width, height, *to = size
    pixels = noise(height, width)
    (got,) = js("resize", "enlarge", pixels, width, height, 4, *to)
    wanted = cv2.resize(pixels, to, interpolation=cv2.INTER_CUBIC).astype(int)
    assert np.abs(np.array(got).reshape(wanted.shape) - wanted).max() <= 1


@pytest.mark.parametrize("width", [1, 47, 48, 100, 191, 193, 640, 641, 1001])
@pytest.mark.parametrize("height", [1, 45, 640, 999])
def test_the_size_for_detection(js: Call, width: int, height: int) -> None:
    (got,) = js("detect", "fittedSize", width, height, settings("ferplus")["browser"]["detector"])
    small, _ = fit(np.zeros((height, width, 3), np.uint8))
    assert (got["height"], got["width"]) == small.shape[:2]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "box",
    [
        (60.3, 40.2, 170.9, 150.1),  # shrunk
        (70.5, 50.5, 118.5, 98.5),  # halves
        (60.3, 40.2, 81.7, 65.1),  # enlarged
        (-30.2, -20.7, 60.4, 55.5),  # beyond the upper left, shrunk
        (180.3, 130.2, 215.1, 170.9),  # beyond the lower right, enlarged
        (10.0, 10.0, 53.6, 53.6),
        (100.0, 100.0, 100.1, 100.1),  # hardly any pixel
    ],
)
def test_crops_as_python_to_the_byte(js: Call, box: tuple[float, ...], channels: int) -> None:
    pixels, framing = noise(160, 200), FRAMINGS["fer2013"]["yunet"]
    corners = np.array(box, np.float32)
    wanted = crop(np.ascontiguousarray(pixels[..., :3]), corners, framing, 48, channels)
    (frame,) = js("align", "frame", corners, settings("ferplus")["browser"]["framing"])
    assert frame == pytest.approx(window(corners, framing), abs=1e-9)
    (got,) = js("align", "crop", image(pixels), frame, 48, channels)
    assert got == wanted.ravel().tolist()


def test_boxes_are_clipped(js: Call) -> None:
    inside = {"width": 20, "height": 10}
    assert js("align", "clipped", np.array([-3, 2, 40, 12], np.float32), inside) == [[0, 2, 20, 10]]
    assert js("align", "clipped", np.array([21, 2, 40, 12], np.float32), inside) == [None]


@pytest.mark.parametrize("weights", some(names(), first="ferplus-nano"))
@pytest.mark.parametrize("prior", ["natural", "uniform"])
def test_priors_and_thresholds_as_python(js: Call, weights: str, prior: str) -> None:
    classifier, card = Classifier(weights, prior=prior), settings(weights)
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.full(len(card["labels"]), 0.3), 20).astype(np.float32)
    rows[0] = np.eye(len(card["labels"]))[1]
    wanted = classifier.prior.applied(rows)
    for row, expected in zip(rows, wanted, strict=True):
        (got,) = js("prior", "underPrior", row, prior, card)
        assert got == pytest.approx(expected, abs=1e-6)
    assert js("prior", "minConfidence", "auto", prior, card) == [classifier.threshold]
    assert js("prior", "minConfidence", None, prior, card) == [0]
    assert js("prior", "minConfidence", 0.7, prior, card) == [0.7]


def test_one_box_a_face_as_opencv(js: Call) -> None:
    rng = np.random.default_rng(0)
    corners, sizes = rng.uniform(-5, 60, (300, 2)), rng.uniform(0.5, 40, (300, 2))
    scores = rng.uniform(0.79, 1, 300).astype(np.float32)
    boxes = np.trunc(np.hstack([corners, sizes])).tolist()
    kept = cv2.dnn.NMSBoxes(boxes, scores.tolist(), 0.8, OVERLAP, 1, MAX_CANDIDATES)
    found = [
        {"x": x, "y": y, "width": width, "height": height, "score": float(score)}
        for (x, y), (width, height), score in zip(corners, sizes, scores, strict=True)
    ]
    (got,) = js("detect", "oneEach", found, settings("ferplus")["browser"]["detector"])
    assert [one["x"] for one in got] == [found[k]["x"] for k in kept]


@pytest.mark.parametrize(("value", "faces"), [(0.9, 84), (0.79, 0), (float("nan"), 0), (1e9, 84)])
def test_what_is_no_number_is_no_face(js: Call, value: float, faces: int) -> None:
    outputs: dict[str, Any] = {}
    for stride, cells in ((8, 64), (16, 16), (32, 4)):
        outputs |= {f"{name}_{stride}": {"data": np.full(cells, value, np.float32)} for name in ("cls", "obj")}
        outputs[f"bbox_{stride}"] = {"data": np.zeros(4 * cells, np.float32)}
    (got,) = js("detect", "candidates", outputs, 64, 64, settings("ferplus")["browser"]["detector"])
    assert len(got) == faces
    assert all(one["score"] <= 1 for one in got)


@pytest.mark.parametrize("probs", [[0.5, 0.7], [float("nan"), 1.0], [-0.5, 1.5]])
def test_what_is_no_probability_is_refused(js: Call, probs: list[float]) -> None:
    assert js("classify", "checked", np.array(probs, np.float32)) == "bad_output"


@pytest.mark.parametrize("value", [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 2.4999, 7.0, -3.2, 1e6 + 0.5])
def test_rounding_as_python(js: Call, value: float) -> None:
    assert js("numbers", "roundHalfEven", value) == [round(value)]
