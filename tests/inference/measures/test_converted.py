"""The converted networks compute what the originals do: LiteRT's outputs in reference.npz (benchmarks/reference.py)."""

import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mien.inference.detectors.yunet import MIN_SCORE, load
from mien.inference.detectors.yunet_network import MAX_CANDIDATES, OVERLAP
from mien.inference.measures import files
from mien.inference.onnx import onnxruntime

from .images import CROPS, astronaut, crop, points

FOLDER = Path(files.__file__).parent
NAMES = ("blendshapes", "mesh", "yunet")
STRIDES = (8, 16, 32)

pytestmark = pytest.mark.skipif(
    not (FOLDER / "SHA256SUMS").is_file(), reason="`make measures` has not made the networks of measures"
)


def session(name: str) -> Any:
    return onnxruntime.InferenceSession(FOLDER / f"{name}.onnx")


@pytest.fixture(scope="module")
def reference() -> Any:
    return np.load(Path(__file__).with_name("reference.npz"))


def test_files_are_the_recorded_ones() -> None:
    recorded = (Path(__file__).parents[3] / "conversion" / "SHA256SUMS").read_text(encoding="utf-8")
    sums = "".join(f"{hashlib.sha256((FOLDER / f'{n}.onnx').read_bytes()).hexdigest()}  {n}.onnx\n" for n in NAMES)
    assert sums == recorded == (FOLDER / "SHA256SUMS").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "licence"), [("mesh", "Apache-2.0"), ("blendshapes", "Apache-2.0"), ("yunet", "MIT")])
def test_each_file_names_source_hash_and_licence(name: str, licence: str) -> None:
    facts = json.loads(session(name).get_modelmeta().custom_metadata_map["mien"])
    notice = (Path(__file__).parents[3] / "NOTICE").read_text(encoding="utf-8")
    assert facts["licence"] == licence
    assert facts["sha256"] in notice
    assert facts["source"].partition(" of ")[2].replace("==", " ") in notice


def test_mesh_equals_litert(reference: Any) -> None:
    crops = np.stack([crop(name) for name in CROPS])
    mesh, presence = session("mesh").run(["mesh", "presence"], {"crops": crops})
    assert np.abs(mesh - reference["mesh"]).max() < 5e-3  # pixels of 256
    assert np.abs(presence - reference["presence"]).max() < 1e-4
    assert presence[0] < 0.5 < presence[1]


def test_blendshapes_equal_litert(reference: Any) -> None:
    (shapes,) = session("blendshapes").run(["blendshapes"], {"points": points()})
    assert np.abs(shapes - reference["blendshapes"]).max() < 1e-4


def test_faces_of_a_batch_are_read_each_for_itself() -> None:
    crops = np.stack([crop(name) for name in CROPS])
    for name, entry, batch in (("mesh", "crops", crops), ("blendshapes", "points", points())):
        network = session(name)
        for whole, *single in zip(
            network.run(None, {entry: batch}),
            *(network.run(None, {entry: one[None]}) for one in batch),
            strict=True,
        ):
            assert np.abs(whole - np.concatenate(single)).max() < 1e-3


@pytest.mark.parametrize("size", [(512, 512), (333, 417)])
def test_float_yunet_detects_what_opencv_detects(size: tuple[int, int]) -> None:
    image = cv2.resize(np.ascontiguousarray(astronaut()[..., ::-1]), size)
    content, empty = np.frombuffer(load(None), np.uint8), np.zeros(0, np.uint8)
    net = cv2.FaceDetectorYN.create("onnx", content, empty, size, MIN_SCORE, OVERLAP, MAX_CANDIDATES)
    expected = net.detect(image)[1]
    assert len(expected) == 1
    detected = decoded(image)
    best = detected[detected[:, -1].argmax()]
    assert np.abs(best[:-1] - expected[0, :-1]).max() < 0.09  # pixels
    assert abs(best[-1] - expected[0, -1]) < 1e-5


def decoded(image: np.ndarray) -> np.ndarray:
    """Return the candidates of the float file: x, y, width, height, five landmarks and the score, (N, 15)."""
    height, width = (-(-side // 32) * 32 for side in image.shape[:2])
    padded = np.zeros((height, width, 3), np.float32)
    padded[: image.shape[0], : image.shape[1]] = image
    network = session("yunet")
    names = [output.name for output in network.get_outputs()]
    out = dict(zip(names, network.run(names, {"input": padded.transpose(2, 0, 1)[None]}), strict=True))
    candidates = []
    for stride in STRIDES:
        rows, columns = np.divmod(np.arange(height * width // stride**2), width // stride)
        cells = np.stack([columns, rows], 1)
        box, landmarks = out[f"bbox_{stride}"][0], out[f"kps_{stride}"][0].reshape(-1, 5, 2)
        side = np.exp(box[:, 2:]) * stride
        corner = (cells + box[:, :2]) * stride - side / 2
        score = np.sqrt(out[f"cls_{stride}"][0] * out[f"obj_{stride}"][0])
        places = ((landmarks + cells[:, None]) * stride).reshape(-1, 10)
        candidates.append(np.hstack([corner, side, places, score]))
    return np.concatenate(candidates)
