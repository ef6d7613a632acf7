"""--rotate auto: which way up an image is read, and what the row says about it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.errors import UsageError
from mien.face import Face
from mien.inference.pipeline import Pipeline
from mien.inference.rotate import upright


@pytest.fixture(scope="module")
def rotating() -> Pipeline:
    return Pipeline(rotate="auto")


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_turned_photos_are_read_upright(
    tmp_path: Path, rotating: Pipeline, pipeline: Pipeline, astronaut: np.ndarray, turned: int
) -> None:
    crop = np.ascontiguousarray(astronaut[:300, 60:460])
    (expected,) = pipeline(crop)
    Image.fromarray(np.rot90(crop, -turned // 90)).save(tmp_path / "a.png")  # stored clockwise, to be turned back
    (seen,) = rotating.stream([tmp_path / "a.png"], keep=True)
    read = seen.prediction
    assert (read.rotated, read.width, read.height) == (turned, 400, 300)
    assert seen.image is not None
    assert (seen.image == crop).all()
    (face,) = read.faces
    assert np.allclose(face.box, expected.box)
    assert np.allclose(face.probs, expected.probs)


def test_large_turned_photos(
    tmp_path: Path, rotating: Pipeline, astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mien.inference import readers

    monkeypatch.setattr(readers, "FULL_SIZE_PIXELS", 400_000)
    image = Image.fromarray(astronaut).resize((1201, 1000)).rotate(90, expand=True)
    image.save(tmp_path / "a.jpg", quality=95)
    (read,) = rotating.predict(tmp_path / "a.jpg")
    assert (read.rotated, read.width, read.height) == (270, 1201, 1000)
    box = read.faces[0].box
    assert 350 < box[0] < box[2] < 800
    assert 50 < box[1] < box[3] < 550


def test_the_original_wins_ties_and_without_faces() -> None:
    image = np.zeros((20, 30, 3), np.uint8)

    def detecting(*scores: tuple[float, ...]) -> Callable[[np.ndarray], list[Face]]:
        each = iter(scores)
        return lambda _: [Face(np.array([0, 0, 9, 9], np.float32), score) for score in next(each)]

    for scores, turned in (
        (((0.9,), (0.9,), (0.9,), (0.9,)), 0),
        (((0.9,), (0.91,), (0.92,), (0.5,)), 0),
        (((), (), (), ()), 0),
        (((0.9,), (0.6, 0.6), (), ()), 90),
        (((), (0.5,), (0.7,), (0.6,)), 180),
        (((), (), (), (0.3,)), 270),
    ):
        assert upright(image, detecting(*scores))[0] == turned


def test_off_says_nothing(pipeline: Pipeline, photo: Path, mien: Callable[..., object]) -> None:
    (read,) = pipeline.predict(photo)
    assert read.rotated is None
    row = json.loads(mien("predict", photo, "--rotate", "auto", "--format", "jsonl").out)  # type: ignore[attr-defined]
    assert row["rotated"] == 0


def test_other_words_are_refused() -> None:
    with pytest.raises(UsageError, match="`rotate` on; expected off or auto"):
        Pipeline(rotate="on")
    with pytest.raises(UsageError, match="`max_pixels` 0"):
        Pipeline(max_pixels=0)
