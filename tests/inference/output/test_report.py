"""report.html of predictions: right counts, hostile names harmless, bounded however many images there are."""

import re
import tracemalloc
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.card import Card
from mien.face import Face
from mien.inference.classify import Classifier
from mien.inference.output import report as module
from mien.inference.output.image_card import FACES, OPEN
from mien.inference.output.report import CALIBRATED, FAILED, ROWS, SHOWN, PredictionReport
from mien.inference.prediction import Prediction
from mien.labels import EXPRESSIONS
from mien.measures import Measures
from mien.outputs import Outputs
from mien.prior import Adjustment

HOSTILE = "<script>alert('x')</script>\"><img src=http://evil.example/x onerror=alert(1)>\n\u202e.jpg"
IMAGE = np.full((60, 80, 3), 90, np.uint8)
CARD = Card(name="ferplus", labels=EXPRESSIONS, temperature=1.25, notes="Reads <frontal> faces.")


def face(expression: str = "happiness", share: float = 0.8, least: float = 0.0, left: float = 10) -> Face:
    probs = np.full(8, (1 - share) / 7, np.float32)
    probs[EXPRESSIONS.index(expression)] = share
    return Face(np.array([left, 10, left + 30, 40], np.float32), 0.93).read(EXPRESSIONS, probs, least)


def seen(source: str = "a.jpg", *faces: Face, **more: Any) -> Prediction:
    return Prediction(source, width=80, height=60, faces=faces, **more)


def written(
    out: Path,
    predictions: list[Prediction],
    card: Card = CARD,
    image: np.ndarray | None = IMAGE,
    prior: str = "natural",
) -> str:
    with PredictionReport(Outputs(out), card, "predictions.csv", prior) as report:
        for prediction in predictions:
            report.add(prediction, None if prediction.error else image)
    return (out / "report.html").read_text(encoding="utf-8")


def tile(text: str, words: str) -> tuple[str, str]:
    """Return the figure and the note of a headline tile."""
    match = re.search(rf'<div class="tile"><b>([^<]*)</b><span>{words}</span>(?:<span>([^<]*)</span>)?', text)
    assert match, words
    return match[1], match[2] or ""


@pytest.mark.parametrize(
    ("images", "frames", "words"),
    [
        (1, 0, "image"),
        (2, 0, "images"),
        (0, 1, "frame"),
        (0, 2, "frames"),
        (1, 1, "images and frames"),
    ],
)
def test_images_and_frames_are_told_apart(tmp_path: Path, images: int, frames: int, words: str) -> None:
    predictions = [seen(f"{k}.jpg", face("happiness", 0.9)) for k in range(images)]
    video = [replace(seen("v.mp4", face("happiness", 0.9)), frame=k, seconds=k / 25) for k in range(frames)]
    text, number = written(tmp_path, [*predictions, *video]), str(images + frames)
    assert tile(text, f"{words} read")[0] == number
    assert tile(text, f"{'face' if number == '1' else 'faces'} in {number} {words}")[0] == number


@pytest.mark.parametrize("measured", [False, True])
def test_pose_has_its_assumption_beside_it(tmp_path: Path, measured: bool) -> None:
    pose = Measures(0, -17, 0, 60, 0.5, 0.5, 0, 80, 100) if measured else None
    text = written(tmp_path, [seen("a.jpg", replace(face(), measures=pose))])
    assert ("pitch -17" in text, module.ASSUMED in text) == (measured, measured)


def test_counts_what_was_seen(tmp_path: Path) -> None:
    text = written(
        tmp_path,
        [
            seen("a.jpg", face("happiness", 0.9), face("anger", 0.7, left=45)),
            seen("b.jpg", face("fear", 0.2, least=0.5)),
            seen("c.jpg"),
            Prediction("d.jpg", error="d.jpg: cannot be decoded"),
        ],
    )
    assert tile(text, "images read") == ("3", "1 without a face")
    assert tile(text, "faces in 3 images") == ("3", "1 abstained")
    assert "mean confidence" not in text  # of neighbouring frames of a few people, and too high on posed faces
    assert tile(text, "could not be read")[0] == "1"
    assert re.search(r">d\.jpg</th><td[^>]*>cannot be decoded<", text)
    assert text.count('<article class="shot">') == 3
    assert "No face was detected." in text
    assert "not sure" in text
    rows = re.findall(r'<tr><th scope="row">([abc]\.jpg)</th>', text)
    assert rows == ["a.jpg", "a.jpg", "b.jpg", "c.jpg"]


def test_what_holds_for_the_natural_prior_only_says_so(tmp_path: Path) -> None:
    test = {"accuracy": 0.73, "n": 90, "dataset": "ferplus", "accuracy_interval": [0.7, 0.76], "ece": 0.02}
    adjustment = Adjustment(training=dict.fromkeys(EXPRESSIONS, 1 / 8), strength=0.9, temperature=1.1)
    metrics = {"test": {**test, "clean": {"accuracy": 0.72, "n": 80}}}
    card = CARD.model_copy(update={"metrics": metrics, "prior": adjustment})
    natural = written(tmp_path / "natural", [seen("a.jpg", face())], card)
    uniform = written(tmp_path / "uniform", [seen("a.jpg", face())], card, prior="uniform")
    assert CALIBRATED in natural
    assert CALIBRATED not in written(tmp_path / "unmeasured", [seen("a.jpg", face())])
    assert "with the natural prior" not in natural
    assert "<dt>prior</dt><dd>natural</dd>" in natural
    assert "Probabilities are under the prior uniform, for which they were not compared with accuracy." in uniform
    assert CALIBRATED not in uniform
    assert uniform.count(", with the natural prior</dd>") == 5
    assert "<dt>test accuracy</dt><dd>73.0 % of 90 images of ferplus, with the natural prior</dd>" in uniform
    assert "<dt>prior</dt><dd>uniform (strength 0.90, temperature 1.10)</dd>" in uniform


def test_names_and_errors_are_text_whatever_they_hold(tmp_path: Path) -> None:
    card = CARD.model_copy(update={"name": HOSTILE, "notes": HOSTILE, "weights_licence": HOSTILE})
    text = written(tmp_path, [seen(HOSTILE, face()), Prediction(HOSTILE, error=HOSTILE)], card)
    assert "<script" not in text
    assert "<img src=http" not in text
    assert "\u202e" not in text
    assert set(re.findall(r'(?:src|href)="(\w+):', text)) == {"data"}
    assert unescape(text).count("evil.example") >= 5


def test_a_name_that_is_no_unicode_is_written(tmp_path: Path) -> None:
    assert r"a\xff.jpg" in written(tmp_path, [seen("a\udcff.jpg", face())])


@pytest.mark.parametrize("predictions", [[], [seen("a.jpg")], [Prediction("a.jpg", error="no")]])
def test_little_to_say_is_a_page_too(tmp_path: Path, predictions: list[Prediction]) -> None:
    text = written(tmp_path / "deep" / "out", predictions)
    assert tile(text, "faces") == ("0", "")
    assert "Faces by expression" not in text
    assert "Art. 5(1)(f)" in text


def test_thousands_of_images_make_a_page_that_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "shot", lambda prediction, image: '<article class="shot"></article>')
    many = [seen(f"{k}.jpg", face(), face(left=45)) for k in range(3000)]
    broken = [Prediction(f"{k}.png", error="no image") for k in range(FAILED + 50)]
    text = written(tmp_path, [*many, *broken])
    assert text.count('<article class="shot">') == SHOWN
    assert f"{SHOWN} of 3,000 are shown" in text
    assert len(re.findall(r'<th scope="row">\d+\.jpg', text)) == ROWS
    assert f"The first {ROWS:,} of 6,000 rows" in text
    assert len(re.findall(r'<th scope="row">\d+\.png', text)) == FAILED
    assert f"The first {FAILED} of {FAILED + 50}" in text
    assert tile(text, "faces in 3,000 images")[0] == "6,000"


def test_memory_stays_flat(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (400, 600, 3), np.uint8)
    with PredictionReport(Outputs(tmp_path), CARD, "predictions.csv") as report:
        for k in range(SHOWN):
            report.add(seen(f"{k}.jpg", face()), image)
        report._rows *= 1 + ROWS // len(report._rows)
        tracemalloc.start()
        for k in range(2000):
            report.add(seen(f"more{k}.jpg", face()), image)
        grown = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
    assert grown < 100_000
    assert (tmp_path / "report.html").stat().st_size < 40_000_000  # noise is the worst that JPEG can meet


def test_of_a_video_frames_a_second_apart_are_shown(tmp_path: Path) -> None:
    film = [seen("film.mp4", face(), frame=k, seconds=k / 25) for k in range(100)]
    other = [seen("other.mp4", face(), frame=0, seconds=0.0)]
    text = written(tmp_path, film + other)
    assert re.findall(r"<h3>(\w+\.mp4, [\d.]+ s)", text) == [
        *(f"film.mp4, {k:.2f} s" for k in range(4)),
        "other.mp4, 0.00 s",
    ]


def test_the_same_video_twice_is_shown_twice(tmp_path: Path) -> None:
    film = [seen("v.mp4", face(), frame=k, seconds=k / 2) for k in range(6)]
    text = written(tmp_path, film + film)
    assert text.count("v.mp4, 0.00 s</h3>") == 2


def test_a_crowd_is_folded_and_cut(tmp_path: Path) -> None:
    text = written(tmp_path, [seen("a.jpg", *(face(left=2 * k) for k in range(30)))])
    assert text.count('<div class="face">') == FACES
    assert f"<summary>{30 - OPEN} more</summary>" in text
    assert f"and {30 - FACES} more in the table" in text


def test_a_page_is_written_even_when_the_work_breaks_off(tmp_path: Path) -> None:
    def broken_off() -> None:
        with PredictionReport(Outputs(tmp_path), CARD, "predictions.csv") as report:
            report.add(seen("a.jpg", face()), IMAGE)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert "a.jpg" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_card_says_how_good_the_weights_are(tmp_path: Path) -> None:
    scores = {"dataset": "ferplus", "n": 3153, "accuracy": 0.8651, "accuracy_interval": [0.852, 0.877], "ece": 0.021}
    card = CARD.model_copy(update={"metrics": {"test": {**scores, "clean": {"n": 2890, "accuracy": 0.861}}}})
    text = written(tmp_path, [seen("a.jpg", face())], card)
    for words in (
        "86.5 % of 3153 images of ferplus",
        "85.2 % to 87.7 %",
        "86.1 % of 2890",
        "2.1 %",
        "temperature 1.25",
    ):
        assert words in text
    assert "Reads &lt;frontal&gt; faces." in text
    assert "not in the card" in written(tmp_path / "other", [], CARD)


def test_the_shipped_weights_have_a_box(tmp_path: Path) -> None:
    text = written(tmp_path, [seen("a.jpg", face())], Classifier("ferplus").card)
    assert "<dt>name</dt><dd>ferplus</dd>" in text


def test_thumbnails_are_small_images(tmp_path: Path, astronaut: np.ndarray) -> None:
    import base64
    import io

    from PIL import Image

    big = np.asarray(Image.fromarray(astronaut).resize((2000, 2000)))
    prediction = Prediction("a.jpg", width=2000, height=2000, faces=(face(),))
    text = written(tmp_path, [prediction], image=big)
    images = [Image.open(io.BytesIO(base64.b64decode(data))) for data in re.findall(r"base64,([^\"]+)", text)]
    assert [image.size for image in images] == [(480, 480), (96, 96)]
