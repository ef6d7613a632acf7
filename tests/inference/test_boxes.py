"""Between detector and weights: boxes beyond the image, images looked at in half size, and videos one after another."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.face import Face
from mien.inference import readers
from mien.inference.align import FRAMINGS, crop
from mien.inference.media.sources import Source
from mien.inference.pipeline import Pipeline, _min_confidence
from mien.inference.prediction import FrameResult, Prediction
from mien.inference.video.following import followed

WIDTH, HEIGHT = 120, 80
POINTS = np.array([[10, 20], [30, 20], [20, 30], [12, 40], [28, 40]], np.float32)


def face(*corners: float, landmarks: np.ndarray | None = None) -> Face:
    return Face(np.array(corners, np.float32), 0.9, landmarks)


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)


def watched(detected: Sequence[Face]) -> tuple[Pipeline, list[np.ndarray]]:
    """A pipeline whose detector finds these faces, and the crops that its weights were given."""
    pipeline, given = Pipeline(detector="haar"), []
    heads = pipeline.classifier.heads
    pipeline.detect = lambda image: list(detected)
    pipeline.classifier.heads = lambda cropped: given.append(cropped) or heads(cropped)  # type: ignore[method-assign]
    return pipeline, given


@pytest.mark.parametrize(
    ("corners", "clipped"),
    [
        ((-10, 20, 40, 70), (0, 20, 40, 70)),
        ((90, 50, 140, 100), (90, 50, 120, 80)),
        ((30, -30, 70, 20), (30, 0, 70, 20)),
        ((20, 10, 60, 50), (20, 10, 60, 50)),
    ],
)
def test_the_box_is_clipped_and_the_crop_is_not(
    corners: tuple[float, ...], clipped: tuple[float, ...], noise: np.ndarray
) -> None:
    pipeline, given = watched([face(*corners)])
    (detected,) = pipeline(noise)
    assert detected.box.tolist() == list(clipped)
    expected = crop(noise, np.array(corners, np.float32), FRAMINGS["fer2013"]["haar"], 48, 1)
    np.testing.assert_array_equal(given[0][0], expected)


def test_boxes_of_which_nothing_lies_in_the_image_are_left_out(noise: np.ndarray) -> None:
    pipeline, given = watched([face(125, 10, 140, 30), face(10, 10, 40, 40), face(10, 90, 40, 120)])
    assert [detected.box.tolist() for detected in pipeline(noise)] == [[10, 10, 40, 40]]
    assert [len(cropped) for cropped in given] == [1]


def test_boxes_detected_at_half_size_are_in_pixels_of_the_whole(
    noise: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(noise).resize((4 * WIDTH, 4 * HEIGHT)).save(tmp_path / "a.jpg")
    monkeypatch.setattr(readers, "FULL_SIZE_PIXELS", WIDTH * HEIGHT * 4)
    pipeline, _ = watched([face(10, 20, 30, 50, landmarks=POINTS)])
    (seen,) = pipeline.stream([tmp_path / "a.jpg"], keep=True)
    assert seen.image is not None
    factor = 4 * WIDTH / seen.image.shape[1]
    assert factor > 1
    (detected,) = seen.prediction.faces
    assert detected.landmarks is not None
    assert detected.box.tolist() == pytest.approx([factor * v for v in (10, 20, 30, 50)])
    np.testing.assert_allclose(detected.landmarks, factor * POINTS)
    (drawn,) = seen.drawn().faces
    assert drawn.box.tolist() == pytest.approx([10, 20, 30, 50])


def test_every_video_counts_its_faces_and_smooths_them_for_itself() -> None:
    pipeline = Pipeline(detector="haar", smooth=1.0)
    labels = pipeline.card.labels

    def shown(name: str, seconds: float | None, sure: int) -> FrameResult:
        probs = np.eye(len(labels), dtype=np.float32)[sure]
        faces = (face(10, 10, 40, 40).read(labels, probs),)
        where = Source(name, Path(name), Path(name))
        nothing = np.empty((0, 48, 48, 1), np.uint8)
        frame = None if seconds is None else round(seconds * 10)
        return FrameResult(Prediction(name, frame, seconds, WIDTH, HEIGHT, faces=faces), where, False, nothing)

    first, second = shown("a.mp4", 0.0, 1), shown("b.mp4", 0.0, 2)
    later = replace(shown("b.mp4", 0.1, 3), source=second.source)

    def read() -> Iterator[FrameResult]:
        yield from (first, shown("photo.jpg", None, 4), second, later)

    faces = [seen.prediction.faces[0] for seen in followed(read(), pipeline.smooth, 0.0)]
    assert [one.track_id for one in faces] == [1, None, 1, 1]
    assert [one.confidence for one in faces[:3]] == [1, 1, 1]
    assert faces[3].expression == labels[2]  # a tenth of a second later it still shows what it did


@pytest.mark.parametrize(("abstain", "least"), [(None, 0.0), (0.4, 0.4), ("auto", 0.7)])
def test_faces_abstain_below_the_requested_threshold(
    abstain: float | None, least: float, noise: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline, _ = watched([face(10, 20, 30, 50)])
    monkeypatch.setattr(pipeline, "card", pipeline.card.model_copy(update={"threshold": 0.7}))
    monkeypatch.setattr(pipeline, "min_confidence", _min_confidence(abstain, pipeline.classifier))
    for sure in (0.3, 0.5, 0.9):
        rest = (1 - sure) / (len(pipeline.card.labels) - 1)
        probs = np.full((1, len(pipeline.card.labels)), rest, np.float32)
        probs[0, 2] = sure
        monkeypatch.setattr(pipeline.classifier, "heads", lambda _, probs=probs: {"probs": probs})
        (detected,) = pipeline(noise)
        assert detected.abstained == (sure < least)
