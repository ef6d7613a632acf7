"""Faces beside the person's own neutral face: what is corrected, by which frames, and that what was read stays."""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.errors import MienError, UsageError
from mien.evaluation.result import Result
from mien.face import Face
from mien.inference.classify import Classifier, names
from mien.inference.media.sources import Source
from mien.inference.pipeline import Pipeline
from mien.inference.prediction import FrameResult, Prediction
from mien.inference.video.baseline import (
    FLOOR,
    TYPICAL,
    Baseline,
    NeutralFaces,
    floored,
    neutral,
    neutral_face,
    typical,
)
from mien.labels import EXPRESSIONS
from mien.measures import RELATIVE, Measures

from ..conftest import Ran

LOGS = dict(zip(EXPRESSIONS, floored(typical(EXPRESSIONS))[0].tolist(), strict=True))
SAD = np.array([0.4, 0.01, 0.5, 0.01, 0.02, 0.02, 0.02, 0.02], np.float32)
HAPPY = np.array([0.2, 0.7, 0.04, 0.02, 0.01, 0.01, 0.01, 0.01], np.float32)
POSED = Measures(10, -5, 2, 60, 0.5, 0.4, 0.1, 80, 30)


def face(probs: np.ndarray, track: int | None = 1, **values: object) -> Face:
    blank = Face(np.array([0, 0, 9, 9], np.float32), 1.0, track_id=track)
    return replace(blank.read(EXPRESSIONS, probs), **values)  # type: ignore[arg-type]


def frames(*shown: tuple[float, list[Face]], live: bool = False) -> list[FrameResult]:
    name = "camera:0" if live else "a.mp4"
    source = Source(name, Path(name), Path(name))
    crops = np.empty((0, 1, 1, 1), np.uint8)
    return [
        FrameResult(Prediction(source.name, k, at, 9, 9, faces=tuple(faces)), source, False, crops)
        for k, (at, faces) in enumerate(shown)
    ]


def corrections(baseline: Baseline, results: list[FrameResult]) -> list[list[str | None]]:
    def label(one: Face) -> str | None:
        return None if one.correction is None else one.shown().expression

    return [[label(one) for one in r.prediction.faces] for r in baseline.applied(results, lambda _: iter(results))]


def test_a_neutral_face_reads_as_neutral_faces_do() -> None:
    baseline = Baseline("median", LOGS)
    sad = face(SAD)
    corrected = baseline.corrected(sad, neutral(sad))
    assert corrected.correction is not None
    usual = np.maximum(list(TYPICAL.values()), FLOOR)
    np.testing.assert_allclose(corrected.correction.probs, usual / usual.sum(), atol=2e-3)
    assert (corrected.expression, corrected.shown().expression) == ("sadness", "neutral")
    np.testing.assert_array_equal(corrected.probs, SAD)  # as read
    same = baseline.corrected(sad, LOGS).correction
    assert same is not None
    np.testing.assert_allclose(same.probs, SAD, atol=1e-6)  # whose neutral face is typical is read as before


def test_the_typical_face_is_the_one_in_results() -> None:
    kept = np.load(Path(__file__).parents[3] / "results" / "ferplus" / "0-val.npz")
    assert tuple(kept["labels"]) == tuple(TYPICAL)
    neutral_ones = kept["probs"][kept["target"].argmax(1) == 0].astype(np.float64)
    means = np.exp(np.log(neutral_ones + 1e-4).mean(0))
    assert len(neutral_ones) == 1182
    np.testing.assert_allclose(means / means.sum(), list(TYPICAL.values()), atol=6e-5)


@pytest.mark.parametrize("name", names())
def test_each_card_has_the_neutral_face_of_its_weights(name: str) -> None:
    kept = Result.load(Path(__file__).parents[3] / "results" / name / "0-val.npz")
    card = Classifier(name).card
    assert card.neutral_face == neutral_face(kept.labels, kept.probs, kept.target)
    pipeline = Pipeline(name, baseline="median")
    assert pipeline.baseline is not None
    logs = floored(typical(card.labels, card.neutral_face))[0]
    assert list(pipeline.baseline.typical.values()) == pytest.approx(logs.tolist())


def test_too_few_neutral_faces_state_none() -> None:
    assert neutral_face(("neutral", "fear"), np.full((99, 2), 0.5), np.full((99, 2), 0.5)) == {}
    assert neutral_face(("anger", "fear"), np.full((99, 2), 0.5), np.eye(2)[[0] * 99]) == {}
    assert neutral_face(("neutral", "fear"), np.full((19, 2), 0.5), np.eye(2)[[0] * 19]) == {}


def test_measures_and_movements_are_differences() -> None:
    units = {"au04": 0.5, "au12": 0.125}
    own = neutral(face(SAD, action_units=units, measures=POSED))
    moved = face(SAD, action_units={"au04": 0.75, "au12": 0.0}, measures=replace(POSED, yaw=4, mouth_openness=0.6))
    facts = Baseline("median", LOGS).corrected(moved, own).to_dict()
    assert facts["action_units_corrected"] == {"au04": 0.25, "au12": -0.125}
    assert set(facts["measures_corrected"]) == set(RELATIVE)
    assert (facts["measures_corrected"]["yaw"], facts["measures_corrected"]["mouth_openness"]) == (-6, 0.5)
    assert (facts["measures"]["yaw"], facts["action_units"]["au04"]) == (4, 0.75)
    bare = Baseline("median", LOGS).corrected(moved, neutral(face(SAD))).to_dict()
    assert bare["action_units_corrected"] == {}


def test_each_track_has_its_first_seconds() -> None:
    shown = frames(
        (0.0, [face(SAD), face(HAPPY, 2)]), (1.0, [face(SAD), face(HAPPY, 2)]), (3.5, [face(HAPPY), face(HAPPY, 2)])
    )
    assert corrections(Baseline("3s", LOGS), shown) == [["neutral"] * 2, ["neutral"] * 2, ["happiness", "neutral"]]
    assert corrections(Baseline("9s", LOGS), shown)[0] != [None, None]


def test_the_median_ignores_what_is_rare() -> None:
    shown = frames(*((float(k), [face(HAPPY if k == 2 else SAD)]) for k in range(7)))
    assert corrections(Baseline("median", LOGS), shown) == [["happiness"] if k == 2 else ["neutral"] for k in range(7)]


def test_a_neutral_face_is_worked_out_once_and_again_when_there_is_more() -> None:
    tracks = NeutralFaces(None)
    first, second = (result.prediction for result in frames((0.0, [face(SAD)]), (1.0, [face(HAPPY)])))
    tracks.add(first)
    before = tracks.of(1)
    assert before is not None
    assert tracks.of(1) is before
    tracks.add(second)
    assert tracks.of(1) != before


def test_a_camera_is_corrected_when_its_seconds_are_over() -> None:
    shown = frames((0.0, [face(SAD)]), (3.0, [face(SAD)]), (3.1, [face(SAD)]), (4.0, [face(HAPPY)]), live=True)

    def never(_: Source) -> Iterator[FrameResult]:
        raise AssertionError("a camera was read twice")

    corrected = list(Baseline("3s", LOGS).applied(shown, never))
    known = [one.prediction.faces[0].correction is not None for one in corrected]
    assert known == [False, False, True, True]
    with pytest.raises(UsageError, match=r"^`baseline` median with camera:0, which does not end; expected 3s, or an"):
        list(Baseline("median", LOGS).applied(shown, never))


def test_abstaining_is_decided_again() -> None:
    sad = replace(face(SAD), abstained=True)
    corrected = Baseline("median", LOGS, 0.9).corrected(sad, neutral(sad)).to_dict()
    assert (corrected["abstained"], corrected["abstained_corrected"]) == (True, False)


def test_only_numbers_of_the_neutral_frames_are_kept() -> None:
    faces = NeutralFaces(3.0)
    for k in range(100):
        faces.add(frames((float(k), [face(SAD)]))[0].prediction)
    assert {len(values) for values in faces._values[1].values()} == {4}


def test_the_command(mien: Callable[..., Ran], video: Path, photo: Path, tmp_path: Path) -> None:
    ran = mien("predict", video, "--baseline", photo, "--format", "csv", "--level", "group")
    rows = list(csv.DictReader(io.StringIO(ran.out.decode())))
    assert len(rows) == 12
    assert {row["expression"] for row in rows} == {"happiness"}  # as read
    for name in ("prob_neutral", "group_prob_neutral"):  # this smile was given as her neutral face
        assert all(float(row[f"{name}_corrected"]) > 50 * float(row[name]) for row in rows)
    ran = mien("predict", video, "--baseline", "0.2s", "--out", tmp_path / "out")
    assert ran.code == 0
    assert "mien: Corrected by the baseline 0.2s.\n" in ran.err
    assert "Corrected by the baseline 0.2s." in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    people = next(csv.DictReader((tmp_path / "out" / "people.csv").open()))
    assert float(people["mean_neutral"]) == pytest.approx(
        np.mean([float(row["prob_neutral"]) for row in rows]), rel=0.02
    )
    assert float(people["mean_neutral_corrected"]) > 50 * float(people["mean_neutral"])
    events = list(csv.DictReader((tmp_path / "out" / "events.csv").open()))
    assert [(row["expression"], row["corrected"]) for row in events][:1] == [("happiness", "false")]
    ran = mien("predict", video, "--baseline", photo, "--out", tmp_path, "--force")  # would write over no input
    assert ran.code == 0
    assert Image.open(photo).size == (512, 512)
    ran = mien("predict", photo, video, "--baseline", "median", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(ran.out.decode())))
    assert ran.code == 2
    assert rows[0]["error"].endswith(
        "collins.png: an image, and --baseline median needs a video; give an image of the neutral face"
    )
    assert all(row["expression_corrected"] for row in rows[1:])


def test_images_alone_are_refused_before_they_are_read(
    mien: Callable[..., Ran], photo: Path, video: Path, tmp_path: Path
) -> None:
    for name, got in {"0.5s": "an image", "median": "2 images"}.items():
        sources = [photo] if name == "0.5s" else [photo, photo]
        ran = mien("predict", *sources, "--baseline", name, "--out", tmp_path / "out")
        assert (ran.code, ran.out) == (2, b"")
        assert ran.err == (
            f"mien: --baseline {name} with {got} and no video; expected an image of the neutral face as --baseline\n"
        )
        assert not (tmp_path / "out").exists()
    assert "no such file or folder" in mien("predict", tmp_path / "nope.png", "--baseline", "1s").err
    assert mien("predict", photo, "--baseline", photo).code == 0
    Image.open(photo).save(tmp_path / "moves.gif", save_all=True, append_images=[Image.open(photo).rotate(5)])
    assert mien("predict", tmp_path / "moves.gif", "--baseline", "1s").code == 0


def test_a_missing_baseline_says_so(mien: Callable[..., Ran], photo: Path, tmp_path: Path) -> None:
    for name, why in {tmp_path / "nope.jpg": "no such file", tmp_path: "not a file"}.items():
        ran = mien("predict", photo, "--baseline", name)
        assert (ran.code, ran.err.split("; ")[0]) == (2, f"mien: --baseline {name}: {why}")


@pytest.mark.parametrize("name", ["nope.jpg", "3 s", "0", "", "coffee.png", "two.png"])
def test_what_is_no_baseline_is_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, astronaut: np.ndarray, coffee: np.ndarray
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(coffee).save("coffee.png")
    Image.fromarray(np.concatenate([astronaut, astronaut], 1)).save("two.png")
    with pytest.raises(MienError) as caught:
        Pipeline("ferplus-nano", baseline=name)
    assert "`baseline`" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_array_needs_an_image_as_its_baseline(astronaut: np.ndarray, photo: Path) -> None:
    (one,) = Pipeline(baseline=photo)(astronaut)
    assert one.probs is not None
    assert one.correction is not None
    assert one.expression == "happiness"
    assert one.correction.probs[0] > 50 * one.probs[0]
    with pytest.raises(
        UsageError, match=r"^`baseline` 3s with an image; expected a video; give an image as `baseline`$"
    ):
        Pipeline(baseline="3s")(astronaut)
