"""Measures of real portraits: signs, sides, scale, rotation, and why a face has none."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from mien.face import Face
from mien.inference.detectors import make
from mien.inference.measures import measurer as module
from mien.inference.measures.measurer import ABSENT, OUTSIDE, SMALL, TURNED, Measurer
from mien.inference.measures.openness import REFERENCE
from mien.inference.pipeline import Pipeline
from mien.measures import NAMES, Measures

ANGLES = ("yaw", "pitch", "roll")
Shot = Callable[[np.ndarray], np.ndarray]


def measured(measurer: Measurer, image: np.ndarray, detector: str = "yunet") -> Face:
    (face,) = measurer.start()(image, make(detector)(image), False)
    return face


def values(face: Face, *names: str) -> list[float]:
    assert face.measures is not None, face.measures_reason
    return [getattr(face.measures, name) for name in names]


def mirrored(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(image[:, ::-1])


def resized(factor: float) -> Shot:
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return lambda image: cv2.resize(image, None, fx=factor, fy=factor, interpolation=how)


def turned(degrees: float) -> Shot:
    """Rotate clockwise about the middle."""

    def turn(image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
        return cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)

    return turn


def test_a_portrait(measurer: Measurer, astronaut: np.ndarray) -> None:
    face = measured(measurer, astronaut)
    assert face.measures is not None
    assert face.mesh is not None
    assert face.blendshapes is not None
    assert face.landmarks is not None
    assert (face.mesh.shape, face.mesh.dtype) == ((478, 3), np.float32)
    assert (face.blendshapes.shape, face.blendshapes.dtype) == ((52,), np.float32)
    # irises and the tip of the nose lie where the detector has the eyes and the nose, the subject's right first
    assert np.abs(face.mesh[[468, 473, 1], :2] - face.landmarks[:3]).max() < 8
    shapes = dict(zip(measurer.names, face.blendshapes.tolist(), strict=True))
    assert min(shapes["mouthSmileRight"], shapes["mouthSmileLeft"]) > 0.8
    assert max(shapes["eyeBlinkLeft"], shapes["jawOpen"]) < 0.3
    assert values(face, "size_px") == pytest.approx([np.linalg.norm(face.landmarks[1] - face.landmarks[0])], rel=0.15)
    assert list(face.to_dict()["measures"]) == list(NAMES)
    for name in ("eye_openness_right", "eye_openness_left", "mouth_openness"):
        assert 0.2 < values(face, name)[0] < 0.8
    assert face.measures_reason is None


def test_a_mirrored_image_swaps_sides(measurer: Measurer, hopper: Path, astronaut: np.ndarray) -> None:
    for image in (np.asarray(Image.open(hopper)), astronaut):
        image = turned(15)(image)
        one, other = measured(measurer, image), measured(measurer, mirrored(image))
        assert values(one, *ANGLES) == pytest.approx(values(other, *ANGLES) * np.array([-1, 1, -1]), abs=2)
        assert values(one, "roll")[0] > 9
        assert values(one, "eye_openness_right", "eye_openness_left") == pytest.approx(
            values(other, "eye_openness_left", "eye_openness_right"), abs=0.1
        )


@pytest.mark.parametrize("factor", [0.5, 3.0, 9.0])
def test_scale_changes_the_size_alone(measurer: Measurer, astronaut: np.ndarray, factor: float) -> None:
    one, other = measured(measurer, astronaut), measured(measurer, resized(factor)(astronaut))
    assert values(other, *ANGLES) == pytest.approx(values(one, *ANGLES), abs=1.5)
    assert values(other, "distance_cm") == pytest.approx(values(one, "distance_cm"), rel=0.02)
    assert values(other, "size_px") == pytest.approx([factor * v for v in values(one, "size_px")], rel=0.03)
    openness = ("eye_openness_right", "eye_openness_left", "mouth_openness")
    assert values(other, *openness) == pytest.approx(values(one, *openness), abs=0.12)


@pytest.mark.parametrize("degrees", [-25, 12, 40])
def test_a_rotated_image_rolls(measurer: Measurer, astronaut: np.ndarray, degrees: float) -> None:
    one, other = measured(measurer, astronaut), measured(measurer, turned(degrees)(astronaut))
    assert values(other, *ANGLES) == pytest.approx(values(one, *ANGLES) + np.array([0, 0, degrees]), abs=1.5)


def test_the_reference_of_openness_is_as_measured() -> None:
    found = json.loads((Path(__file__).parents[3] / "results" / "measures" / "openness.json").read_text())
    ends = [found["percentiles"].index(end) for end in (1, 99)]
    eye = np.mean([found["eye_right"], found["eye_left"]], axis=0)
    assert tuple(eye[ends].round(2)) == REFERENCE["eye"]
    assert tuple(np.array(found["mouth"])[ends].round(2)) == REFERENCE["mouth"]


def test_a_blurred_image_is_less_sharp(measurer: Measurer, astronaut: np.ndarray) -> None:
    sharp, blurred = (
        values(measured(measurer, cv2.GaussianBlur(astronaut, (0, 0), s)), "sharpness")[0] for s in (0.1, 2)
    )
    assert blurred < sharp / 4


@pytest.mark.parametrize("detector", ["haar", "whole"])
def test_detectors_without_landmarks(measurer: Measurer, astronaut: np.ndarray, detector: str) -> None:
    image = astronaut if detector == "haar" else np.ascontiguousarray(astronaut[0:200, 130:330])
    middle = image.shape[0] / 2, image.shape[1] / 2
    other = measured(measurer, image, detector)
    assert values(other, "yaw", "roll") == pytest.approx(values(measured(measurer, image), "yaw", "roll"), abs=1.5), (
        middle
    )


def covered(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    x1, y1, x2, y2 = box.astype(int)
    image = image.copy()
    image[y1 - 20 : y2 + 20, x1 - 20 : x2 + 20] = 90
    return image


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        (SMALL, lambda image, face: (resized(20 / 114)(image), replace(face, box=face.box * np.float32(20 / 114)))),
        (ABSENT, lambda image, face: (covered(image, face.box), face)),
        (ABSENT, lambda image, face: (image, replace(face, box=face.box + np.float32(300), landmarks=None))),
        (OUTSIDE, lambda image, face: (image[:, 214:], replace(face, box=face.box - np.float32([214, 0, 214, 0])))),
    ],
    ids=["small", "covered", "no face", "outside"],
)
def test_no_measures_without_a_reason(
    measurer: Measurer, astronaut: np.ndarray, reason: str, change: Callable[..., tuple[np.ndarray, Face]]
) -> None:
    (face,) = make("yunet")(astronaut)
    image, other = change(astronaut, replace(face, landmarks=None))
    (got,) = measurer.start()(np.ascontiguousarray(image), [other], False)
    assert (got.measures, got.mesh, got.blendshapes, got.measures_reason) == (None, None, None, reason)


@pytest.mark.parametrize("size", [(1, 1), (10, 5000), (5000, 10), (40, 30), (2000, 1500)])
@pytest.mark.parametrize("away", [0, 10_000])
def test_images_of_any_size(measurer: Measurer, size: tuple[int, int], away: int) -> None:
    (face,) = make("whole")(np.zeros((*size, 3), np.uint8))
    other = replace(face, box=face.box + np.float32(away))
    (got,) = measurer.start()(np.full((*size, 3), 90, np.uint8), [other], False)
    assert got.measures_reason == (SMALL if max(size) < 24 else ABSENT)


def test_a_face_turned_too_far(measurer: Measurer, astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TURN", 10.0)  # she looks 16 degrees down
    assert measured(measurer, astronaut).measures_reason == TURNED


def test_files_and_memory_agree(measuring: Pipeline, photo: Path, astronaut: np.ndarray) -> None:
    """The same image as a file at full and half size, rotated, and as an array."""
    (face,) = measuring(astronaut)
    (read,) = measuring.predict([photo])
    assert read.faces[0].measures == face.measures


def test_large_images_are_measured_at_half_size(
    tmp_path: Path, measuring: Pipeline, astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mien.inference import readers

    Image.fromarray(resized(3)(astronaut)).save(tmp_path / "a.jpg", quality=95)
    (full,) = measuring.predict([tmp_path / "a.jpg"])
    monkeypatch.setattr(readers, "FULL_SIZE_PIXELS", 600_000)
    (seen,) = measuring.stream([tmp_path / "a.jpg"], keep=True)
    (half,), (drawn,) = seen.prediction.faces, seen.drawn().faces
    assert values(half, *ANGLES) == pytest.approx(values(full.faces[0], *ANGLES), abs=1.5)
    assert values(half, "size_px") == pytest.approx(values(full.faces[0], "size_px"), rel=0.03)
    assert half.mesh is not None
    assert drawn.mesh is not None
    assert np.abs(half.mesh[:, :2].mean(0) - full.faces[0].mesh[:, :2].mean(0)).max() < 4
    assert drawn.mesh == pytest.approx(half.mesh / 2, abs=1)
    assert drawn.measures == half.measures


def test_an_image_on_its_side(tmp_path: Path, measurer: Measurer, astronaut: np.ndarray) -> None:
    Image.fromarray(np.rot90(astronaut, -1)).save(tmp_path / "side.png")
    (prediction,) = Pipeline(measures=True, rotate="auto").predict([tmp_path / "side.png"])
    assert prediction.rotated == 90
    assert prediction.faces[0].measures == measured(measurer, astronaut).measures


def test_without_measures_there_are_none(pipeline: Pipeline, astronaut: np.ndarray) -> None:
    (face,) = pipeline(astronaut)
    assert (face.measures, face.measures_reason, face.mesh, face.blendshapes) == (None, None, None, None)
    assert "yaw" not in pipeline.columns


@pytest.fixture
def moving(astronaut: np.ndarray) -> list[np.ndarray]:
    """Six frames in which the portrait moves, leans and is replaced by an empty scene at the end."""
    frames = [turned(3 * k)(np.roll(astronaut, 4 * k, 1)) for k in range(4)]
    return [*frames, np.full_like(astronaut, 90), frames[0]]


def count_passes(measurer: Measurer, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    passes, read = [0], measurer._networks.mesh

    def counted(*words: Any) -> Any:
        passes[0] += 1
        return read(*words)

    monkeypatch.setattr(measurer._networks, "mesh", counted)
    return passes


def test_in_a_video_the_last_landmarks_replace_the_first_pass(
    measurer: Measurer, moving: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    detect, measure, passes = make("yunet"), measurer.start(), count_passes(measurer, monkeypatch)
    counts, rolls = [], []
    for frame in moving:
        before = passes[0]
        faces = measure(frame, detect(frame), False)
        counts.append(passes[0] - before)
        rolls += [values(face, "roll")[0] for face in faces]
    assert counts == [2, 1, 1, 1, 0, 2]
    alone = [values(measured(measurer, frame), "roll")[0] for frame in moving if detect(frame)]
    assert rolls == pytest.approx(alone, abs=1)
    assert np.diff(rolls[:4]) == pytest.approx(3, abs=0.8)


def test_after_a_cut_the_detector_s_box_is_used_again(
    measurer: Measurer, astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure, passes = measurer.start(), count_passes(measurer, monkeypatch)
    faces = make("yunet")(astronaut)
    for cut, expected in ((False, 2), (False, 3), (True, 5)):
        measure(astronaut, faces, cut)
        assert passes[0] == expected


def test_landmarks_that_lost_the_face_are_dropped(measurer: Measurer, astronaut: np.ndarray) -> None:
    """The face is covered, then elsewhere: each frame is read as if it were the first."""
    measure, faces = measurer.start(), make("yunet")(astronaut)
    shift = np.roll(astronaut, 60, 1)
    moved = [replace(face, box=face.box + np.float32([60, 0, 60, 0]), landmarks=None) for face in faces]
    frames = [(astronaut, faces), (covered(astronaut, faces[0].box), faces), (shift, moved)]
    reasons = [measure(image, found, False)[0].measures_reason for image, found in frames]
    assert reasons == [None, ABSENT, None]


def test_a_video_is_the_same_with_any_number_of_threads(
    tmp_path: Path,
    measuring: Pipeline,
    moving: list[np.ndarray],
    film: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, runs = film(tmp_path / "a.mp4", moving), []
    for workers in (1, 4):
        monkeypatch.setattr("mien.inference.pipeline.WORKERS", workers)
        runs.append([[face.measures for face in p.faces] for p in measuring.predict([path])])
    assert runs[0] == runs[1]
    assert sum(isinstance(m, Measures) for faces in runs[0] for m in faces) >= 4


def test_frames_may_be_finished_in_any_order_and_faces_beside_each_other(
    measurer: Measurer, moving: list[np.ndarray]
) -> None:
    frames = [np.hstack([frame, mirrored(frame)]) for frame in moving[:3]]
    faces = [make("yunet")(frame) for frame in frames]
    one_by_one = measurer.start()
    expected = [one_by_one(frame, seen) for frame, seen in zip(frames, faces, strict=True)]
    with ThreadPoolExecutor(2) as pool:
        measure = measurer.start(pool.map)
        begun = [measure.begin(frame, seen) for frame, seen in zip(frames, faces, strict=True)]
        got = [finish() for finish in reversed(begun)][::-1]
    assert [len(row) for row in got] == [2, 2, 2]
    for face, same in zip(chain(*got), chain(*expected), strict=True):
        assert face.measures == same.measures is not None
        np.testing.assert_array_equal(face.mesh, same.mesh)
