"""From images to faces: the output and its order; one bad image costs only itself."""

import gc
import shutil
import threading
import tracemalloc
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from mien.card import Card
from mien.errors import UsageError
from mien.face import CORRECTED, Face
from mien.inference.align import Framing, crops
from mien.inference.classify import Classifier, locate
from mien.inference.heads import with_heads
from mien.inference.measures import files
from mien.inference.media.image import ORIENTATION, DecodedImage, read_image
from mien.inference.output.rows import rows
from mien.inference.pipeline import Pipeline
from mien.inference.prediction import Prediction, of_image
from mien.prior import Adjustment

COLLINS = (178.0, 62.5, 268.5, 176.5)  # where the astronaut's face is, as YuNet draws it


def test_a_photo(pipeline: Pipeline, astronaut: np.ndarray) -> None:
    (face,) = pipeline(astronaut)
    assert face.box == pytest.approx(COLLINS, abs=2)
    assert face.score > 0.9
    assert face.expression == "happiness"
    assert face.probs is not None
    assert face.probs.sum() == pytest.approx(1, abs=1e-5)
    assert face.landmarks is not None
    right_eye, left_eye, nose, right_mouth, left_mouth = face.landmarks  # the subject's right is on the left
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_mouth[0] < left_mouth[0]
    assert right_eye[1] < nose[1] < right_mouth[1]
    assert face.track_id is face.valence is face.arousal is face.action_units is None


def test_faces_come_left_to_right(pipeline: Pipeline, astronaut: np.ndarray) -> None:
    faces = pipeline(np.concatenate([astronaut[:300], astronaut[:300, ::-1], astronaut[:300]], axis=1))
    assert len(faces) == 3
    assert all(a.box[0] < b.box[0] for a, b in pairwise(faces))


def test_without_a_face(pipeline: Pipeline, coffee: np.ndarray) -> None:
    assert pipeline(coffee) == []


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (1, 500), (20, 400), (640, 2)])
@pytest.mark.parametrize("detector", ["yunet", "haar", "whole"])
def test_tiny_images(astronaut: np.ndarray, shape: tuple[int, int], detector: str) -> None:
    read = Pipeline(detector=detector)
    image = np.asarray(Image.fromarray(astronaut).resize(shape[::-1]))
    for _ in range(3):
        faces = read(image)
        assert len(faces) == (1 if detector == "whole" else 0)


@pytest.mark.parametrize(
    "image",
    [np.zeros((9, 9)), np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8), np.zeros((0, 9, 3), np.uint8)],
)
def test_what_is_no_image(pipeline: Pipeline, image: np.ndarray) -> None:
    with pytest.raises(UsageError, match="expected uint8 RGB"):
        pipeline(image)


def test_face_at_the_edge_is_clipped_but_cut_whole(pipeline: Pipeline, astronaut: np.ndarray) -> None:
    cut = np.ascontiguousarray(astronaut[:400, 205:])
    (face,) = pipeline(cut)
    assert face.box[0] == 0
    (raw,) = pipeline.detect(cut)
    assert raw.box[0] < 0
    assert face.expression == "happiness"


def test_whole_is_the_image(astronaut: np.ndarray) -> None:
    read = Pipeline(detector="whole")
    (face,) = read(np.ascontiguousarray(astronaut[50:190, 150:300]))
    assert face.box.tolist() == [0, 0, 150, 140]
    assert face.crop is None  # all of the image, stretched to a square
    assert face.score == 1
    assert face.expression == "happiness"


def cut_again(pipeline: Pipeline, image: np.ndarray, square: np.ndarray) -> np.ndarray:
    """Return the probabilities of the square x, y, side cut from an image."""
    x, y, side = (float(v) for v in square)
    box = np.array([x, y, x + side, y + side], np.float32)
    return pipeline.classifier(crops(image, [box], Framing(), pipeline.card.size, pipeline.card.channels))[0]


@pytest.mark.parametrize("detector", ["yunet", "haar", "whole"])
@pytest.mark.parametrize("first", [0, 100, 200, 210])
def test_the_reported_square_is_the_one_that_was_read(astronaut: np.ndarray, detector: str, first: int) -> None:
    pipeline = Pipeline(detector=detector)
    image = np.ascontiguousarray(astronaut[: 512 - first, first:])
    faces = pipeline(image)
    assert faces or detector == "haar"
    for face in faces:
        assert face.crop is not None
        assert face.probs is not None
        assert cut_again(pipeline, image, face.crop) == pytest.approx(face.probs, abs=0.02)
    if first == 210 and detector == "yunet":
        assert faces[0].crop is not None
        assert faces[0].crop[0] < 0 == faces[0].box[0]


def test_the_squares_of_a_video_are_those_of_its_frames(pipeline: Pipeline, video: Path) -> None:
    seen = list(pipeline.stream([video], keep=True))
    assert len(seen) == 12
    for one in seen:
        (face,) = one.prediction.faces
        assert one.image is not None
        assert face.crop is not None
        assert cut_again(pipeline, one.image, face.crop) == pytest.approx(face.probs, abs=0.02)


def test_numbers_of_faces_count_from_the_left(pipeline: Pipeline, album: list[str]) -> None:
    rows = [p.to_dict()["faces"] for p in pipeline.predict(album)]
    assert [[face["face"] for face in faces] for faces in rows] == [[1], [], [], [], [1, 2], [1]]
    left, right = rows[4]
    assert left["box"][0] < right["box"][0]
    assert right["crop"][0] - left["crop"][0] == pytest.approx(right["box"][0] - left["box"][0], abs=5)


def test_turned_photos_are_read_upright(pipeline: Pipeline, tmp_path: Path, astronaut: np.ndarray) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    upright = Image.fromarray(astronaut[:400])
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "a.jpg", exif=exif, quality=95)
    (prediction,) = pipeline.predict([tmp_path / "a.jpg"])
    assert (prediction.width, prediction.height) == (512, 400)
    assert prediction.faces[0].box == pytest.approx(COLLINS, abs=3)


@pytest.fixture
def album(tmp_path: Path, astronaut: np.ndarray, coffee: np.ndarray, hopper: Path) -> list[str]:
    """A photo, no face, a broken file, a missing one, two faces, and a photo again."""
    Image.fromarray(astronaut).save(tmp_path / "one.jpg", quality=95)
    Image.fromarray(coffee).save(tmp_path / "none.png")
    (tmp_path / "broken.jpg").write_bytes(hopper.read_bytes()[:5000])
    Image.fromarray(np.concatenate([astronaut, astronaut[:, ::-1]], axis=1)).save(tmp_path / "two.png")
    return [str(tmp_path / name) for name in ("one.jpg", "none.png", "broken.jpg", "missing.jpg", "two.png")] + [
        str(hopper)
    ]


def test_one_bad_image_costs_only_itself(pipeline: Pipeline, album: list[str]) -> None:
    predictions = list(pipeline.predict(album))
    assert [p.source for p in predictions] == album
    assert [len(p.faces) for p in predictions] == [1, 0, 0, 0, 2, 1]
    assert [p.error is None for p in predictions] == [True, True, False, False, True, True]
    assert [(p.width, p.height) for p in predictions] == [
        (512, 512),
        (600, 400),
        (None, None),
        (None, None),
        (1024, 512),
        (512, 600),
    ]


def test_batches_change_nothing(pipeline: Pipeline, album: list[str]) -> None:
    together = [p.to_dict() for p in pipeline.predict(album * 6)]
    alone = [p.to_dict() for source in album for p in pipeline.predict([source])]
    for got, expected in zip(together, alone * 6, strict=True):
        faces, others = got.pop("faces"), {k: v for k, v in expected.items() if k != "faces"}
        assert got == others
        for a, b in zip(faces, expected["faces"], strict=True):
            assert a["box"] == b["box"]
            assert list(a["probs"].values()) == pytest.approx(list(b["probs"].values()), abs=1e-4)


def decoded_sizes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Return a list to which the size of every decoded image is added; small images are large enough to be reduced."""
    from mien.inference import readers
    from mien.inference.media import image

    sizes, load = [], readers.load_image

    def loaded(*given: object) -> object:
        decoded = load(*given)
        sizes.append(decoded.image.shape[1::-1])
        return decoded

    monkeypatch.setattr(image, "QUICK_PIXELS", 480_000)
    monkeypatch.setattr(readers, "load_image", loaded)
    return sizes


@pytest.mark.parametrize(
    ("side", "quarters", "rotate", "sizes"),
    [
        (1000, 0, "off", [(800, 600)]),
        (280, 0, "off", [(800, 600), (1600, 1200)]),
        (220, 0, "off", [(800, 600), (1600, 1200)]),
        (280, 1, "auto", [(600, 800), (1200, 1600)]),
    ],
)
def test_a_large_jpeg_is_decoded_as_large_as_its_smallest_face_needs(
    tmp_path: Path,
    astronaut: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    side: int,
    quarters: int,
    rotate: str,
    sizes: list[tuple[int, int]],
) -> None:
    scene = cv2.resize(skimage.data.coffee(), (3200, 2400))
    scene[100 : 100 + side, 300 : 300 + side] = cv2.resize(astronaut[20:220, 120:320], (side, side))
    Image.fromarray(np.rot90(scene, quarters)).save(tmp_path / "a.jpg", quality=95)
    reader = Pipeline("fer2013-nano", rotate=rotate)
    with monkeypatch.context() as patched:
        patched.setattr("mien.inference.media.image.MIN_QUICK_FACTOR", 99)
        (whole,) = reader.stream([tmp_path / "a.jpg"])
    decoded = decoded_sizes(monkeypatch)
    (quick,) = reader.stream([tmp_path / "a.jpg"])
    assert decoded == sizes
    (drawn,) = reader.stream([tmp_path / "a.jpg"], keep=True)
    assert drawn.prediction.to_dict() == quick.prediction.to_dict()
    assert drawn.image.shape == (2400, 3200, 3)
    got, expected = quick.prediction.to_dict(), whole.prediction.to_dict()
    (face,), (same,) = got.pop("faces"), expected.pop("faces")
    assert got == expected
    assert face["box"] == pytest.approx(same["box"], abs=0.06 * side)
    assert face["expression"] == same["expression"]
    sharp, sharpest = (cv2.Laplacian(seen.crops[0], cv2.CV_32F).var() for seen in (quick, whole))
    assert sharp > (0.6 if side == 220 else 0.7) * sharpest  # 220 pixels of the full size are 110 of this one


@pytest.mark.parametrize(
    ("full", "decoded", "box"),
    [
        ((7500, 1001), (938, 126), (800, 1600, 1001, 7500)),  # a decoder rounds up: 126 x 8 is more than 1,001
        ((3000, 4001), (750, 1001), (400, 800, 504, 3000)),
    ],
)
def test_boxes_of_an_image_whose_sides_are_no_multiples(
    full: tuple[int, int], decoded: tuple[int, int], box: tuple[float, ...]
) -> None:
    seen = DecodedImage(np.zeros((*decoded, 3), np.uint8), full[1], full[0])
    face = Face(np.array([100, 200, 126, 938], np.float32), 1.0)
    (placed,) = of_image("a.jpg", seen, [face]).faces
    assert placed.box.tolist() == list(box)


@pytest.mark.parametrize(("suffix", "keep", "measures"), [("png", True, False), ("jpg", True, True)])
def test_other_images_are_decoded_whole(
    tmp_path: Path,
    astronaut: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    suffix: str,
    keep: bool,
    measures: bool,
) -> None:
    if measures and not (files.FOLDER / files.MESH).is_file():
        pytest.skip("`make measures` was not run")
    Image.fromarray(astronaut).resize((3200, 3200)).save(tmp_path / f"a.{suffix}")
    decoded = decoded_sizes(monkeypatch)
    (seen,) = Pipeline("fer2013-nano", measures=measures).stream([tmp_path / f"a.{suffix}"], keep=keep)
    assert decoded == [(3200, 3200)]
    assert len(seen.prediction.faces) == 1


def test_large_images_keep_their_pixels(
    tmp_path: Path, pipeline: Pipeline, astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mien.inference import readers

    Image.fromarray(astronaut).resize((1537, 1536)).save(tmp_path / "a.jpg", quality=95)
    monkeypatch.setattr(readers, "FULL_SIZE_PIXELS", 600_000)
    (seen,) = pipeline.stream([tmp_path / "a.jpg"], keep=True)
    assert (seen.prediction.width, seen.prediction.height) == (1537, 1536)
    assert seen.image is not None
    assert seen.image.shape == (768, 769, 3)
    assert seen.prediction.faces[0].box / 3 == pytest.approx(COLLINS, abs=5)
    assert seen.drawn().faces[0].box == pytest.approx(seen.prediction.faces[0].box / 2, abs=1)
    full, half = seen.prediction.faces[0].crop, seen.drawn().faces[0].crop
    assert full is not None
    assert half is not None
    assert cut_again(pipeline, np.asarray(Image.open(tmp_path / "a.jpg")), full) == pytest.approx(
        seen.prediction.faces[0].probs, abs=0.05
    )
    assert cut_again(pipeline, seen.image, half) == pytest.approx(seen.prediction.faces[0].probs, abs=0.02)


def test_prediction_to_dict(pipeline: Pipeline, photo: Path) -> None:
    (prediction,) = pipeline.predict([photo])
    item = prediction.to_dict()
    assert list(item) == ["source", "frame", "seconds", "width", "height", "error", "note", "rotated", "faces"]
    assert list(item["faces"][0]) == [
        "face", "box", "crop", "score", "track_id", "expression", "confidence", "abstained", "reliability", "probs",
        "valence", "arousal", "valence_estimate", "arousal_estimate", "action_units", "action_units_source", "measures",
        "measures_reason", "compound", "group", "group_confidence", "group_probs",
        *(f"{name}_corrected" for name in CORRECTED),
    ]  # fmt: skip
    assert list(item["faces"][0]["probs"]) == list(pipeline.card.labels)


def test_video(pipeline: Pipeline, video: Path) -> None:
    predictions = list(pipeline.predict([video]))
    assert [p.frame for p in predictions] == list(range(12))
    assert [p.seconds for p in predictions] == pytest.approx(np.arange(12) / 20)
    assert {(p.width, p.height) for p in predictions} == {(256, 320)}
    assert {face.track_id for p in predictions for face in p.faces} == {1}
    lefts = [p.faces[0].box[0] for p in predictions]
    assert np.diff(lefts) == pytest.approx(np.full(11, -4.0), abs=3)


def test_each_video_starts_anew_and_every_skips(pipeline: Pipeline, video: Path, photo: Path) -> None:
    predictions = list(pipeline.predict([video, photo, video], every=5))
    assert [p.frame for p in predictions] == [0, 5, 10, None, 0, 5, 10]
    assert [face.track_id for p in predictions for face in p.faces] == [1, 1, 1, None, 1, 1, 1]


def test_cut_video_ends_with_its_error(pipeline: Pipeline, video: Path, photo: Path) -> None:
    video.write_bytes(video.read_bytes()[: video.stat().st_size * 9 // 10])
    *frames, broken, last = pipeline.predict([video, photo])
    assert [p.frame for p in frames] == list(range(len(frames)))
    assert len(frames) >= 2
    assert broken.error is not None
    assert (broken.source, broken.frame, broken.faces) == (str(video), None, ())
    assert last.error is None


@pytest.mark.parametrize("every", [0, -3])
def test_every_must_be_positive(pipeline: Pipeline, photo: Path, every: int) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        list(pipeline.predict([photo], every))


def test_abstaining(astronaut: np.ndarray, hopper: Path) -> None:
    read = Pipeline(abstain=0.99)
    assert [face.abstained for face in read(astronaut)] == [False]
    assert [face.abstained for face in Pipeline(abstain=1.0)(read_image(hopper))] == [True]
    assert not Pipeline()(read_image(hopper))[0].abstained


def test_abstain_auto_takes_the_cards_threshold(tmp_path: Path, pipeline: Pipeline) -> None:
    own = weights_with(tmp_path, pipeline.card.model_copy(update={"threshold": 0.61}))
    assert Pipeline(own, abstain="auto").min_confidence == 0.61
    own = weights_with(tmp_path, pipeline.card.model_copy(update={"threshold": None}))
    with pytest.raises(UsageError, match="no threshold"):
        Pipeline(own, abstain="auto")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_score": 1.5}, "`min_score` 1.5"),
        ({"min_score": -0.1}, "`min_score` -0.1"),
        ({"abstain": 2.0}, "`abstain` 2.0"),
        ({"abstain": float("nan")}, "`abstain` nan"),
    ],
)
def test_shares_outside_their_range(options: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Pipeline(**options)


def test_min_score(astronaut: np.ndarray) -> None:
    (face,) = Pipeline(min_score=0.1)(astronaut)[:1]
    assert Pipeline(min_score=face.score + 0.01)(astronaut) == []
    assert Pipeline(detector="haar", min_score=0.99)(astronaut) == []


def test_heads_reach_the_face(pipeline: Pipeline, astronaut: np.ndarray) -> None:
    (face,) = pipeline.detect(astronaut)
    card = pipeline.card.model_copy(update={"action_units": ("au04", "au12")})
    heads = {
        "probs": np.full((1, 8), 0.125, np.float32),
        "valence_arousal": np.array([[0.5, -0.25]], np.float32),
        "action_units": np.array([[0.1, 0.9]], np.float32),
    }
    values = with_heads(face, heads, 0, card, 0.0).to_dict()
    assert (values["valence"], values["arousal"], values["action_units"]) == (0.5, -0.25, {"au04": 0.1, "au12": 0.9})


def test_a_folder_streams_in_constant_memory(pipeline: Pipeline, tmp_path: Path, astronaut: np.ndarray) -> None:
    content = tmp_path / "seed.jpg"
    Image.fromarray(astronaut).resize((160, 160)).save(content)
    folder = tmp_path / "many"
    folder.mkdir()
    for k in range(256):
        shutil.copyfile(content, folder / f"{k:04}.jpg")  # links would be one file, read once
    stream = pipeline.predict([folder])
    heights = []
    tracemalloc.start()
    for k, prediction in enumerate(stream):
        assert prediction.source.endswith(f"{k:04}.jpg")
        if k % 64 == 63:
            heights.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert k == 255
    assert heights[-1] < heights[0] + 1_000_000


def test_a_stream_may_be_left_early(pipeline: Pipeline, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    stream = pipeline.predict([tmp_path / "a.png"] * 500)
    assert isinstance(next(stream), Prediction)
    stream.close()


def test_predictions_are_values(pipeline: Pipeline, photo: Path) -> None:
    (prediction,) = pipeline.predict([photo])
    assert replace(prediction, source="x").source == "x"
    with pytest.raises(AttributeError):
        prediction.source = "y"  # type: ignore[misc]


def test_one_source_is_not_its_letters(pipeline: Pipeline, photo: Path) -> None:
    for source in (photo, str(photo)):
        (prediction,) = pipeline.predict(source)
        assert prediction.source == str(photo)
        assert prediction.faces


@pytest.mark.parametrize("sources", [[np.zeros((8, 8, 3), np.uint8)], np.zeros((8, 8, 3), np.uint8), [None]])
def test_arrays_are_refused_with_a_hint(pipeline: Pipeline, sources: object) -> None:
    with pytest.raises(UsageError, match=r"pipeline\(image\)"):
        list(pipeline.predict(sources))  # type: ignore[arg-type]


def test_leaving_a_video_early_ends_all_its_threads(pipeline, tmp_path, moved, film):
    path = film(tmp_path / "long.mp4", moved * 20)
    before = set(threading.enumerate())
    gc.disable()  # what only the collector ends stays for as long as it pleases
    try:
        for _ in range(5):
            stream = pipeline.predict([path])
            next(stream)
            stream.close()
        assert set(threading.enumerate()) == before
    finally:
        gc.enable()


@pytest.mark.parametrize("given", ["photos/a.png", Path("a.png"), [[1, 2], [3, 4]], None])
def test_what_is_not_an_image_is_refused_in_one_line(given: object, pipeline: Pipeline) -> None:
    with pytest.raises(UsageError, match=r"expected uint8 RGB \(H, W, 3\); use predict\(\) for files"):
        pipeline(given)  # type: ignore[arg-type]


def test_a_pipeline_and_its_predictions_print_on_one_line(pipeline: Pipeline) -> None:
    assert repr(pipeline) == f"Pipeline({pipeline.card.name!r}, detector='yunet', prior='natural')"
    assert repr(pipeline.predict([])) == f"Predictions(weights={pipeline.card.name!r})"


def test_the_prior_is_one_for_all_sources(tmp_path: Path, astronaut: np.ndarray) -> None:
    card = Classifier("ferplus-nano").card
    adjustment = Adjustment(training=dict.fromkeys(card.labels, 1 / 8), strength=1, temperature=1, threshold=0.25)
    path = weights_with(tmp_path, card.model_copy(update={"prior": adjustment}))
    given = dict.fromkeys(card.labels, 0.05) | {"happiness": 0.65}
    natural, skewed = Pipeline(path, abstain="auto"), Pipeline(path, abstain="auto", prior=given)
    (before,), (after,) = natural(astronaut), skewed(astronaut)
    expected = before.probs * np.array([given[label] for label in card.labels])
    np.testing.assert_allclose(after.probs, expected / expected.sum(), atol=1e-5)
    assert (natural.min_confidence, skewed.min_confidence) == (card.threshold, 0.25)
    with pytest.raises(UsageError, match="`prior`: no fraction for"):
        Pipeline(path, prior={"happiness": 1.0})


def weights_with(folder: Path, card: Card) -> Path:
    """Write a copy of shipped weights with another card."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(locate(card.name)))
    onnx.helper.set_model_props(model, {"mien": card.model_dump_json()})
    onnx.save(model, str(folder / "own.onnx"))
    return folder / "own.onnx"


def test_notebooks_show_a_prediction(pipeline: Pipeline, photo: Path, tmp_path: Path) -> None:
    (prediction,) = pipeline.predict([photo])
    html = prediction._repr_html_()
    assert html.startswith(f"<p>{photo}</p>")
    assert html.count("<tr>") == 1 + len(prediction.faces)
    (missing,) = pipeline.predict([tmp_path / "<b>.jpg"])
    assert missing._repr_html_().startswith("<p>")
    assert "<b>" not in missing._repr_html_()
    assert "no such file" in missing._repr_html_()
    assert "no face" in Prediction("frame.mp4", 3, 0.12, 64, 48)._repr_html_()


def test_the_level_of_groups(photo: Path, astronaut: np.ndarray) -> None:
    pipeline = Pipeline(level="group", abstain=0.5)
    (face,) = pipeline(astronaut)
    assert (face.expression, face.group, face.abstained) == ("happiness", "positive", False)
    row = rows(next(pipeline.predict(photo)))[0]
    assert {"group", "group_prob_negative", "prob_fear"} <= set(row) <= set(pipeline.columns)
    assert pipeline.shown_card.labels == ("neutral", "positive", "negative", "surprise")
    with pytest.raises(UsageError, match=r"^`level` two; expected one of expression, group$"):
        Pipeline(level="two")
