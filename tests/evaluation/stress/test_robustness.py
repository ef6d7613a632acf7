"""`mien stress` on drawn faces: its report, its baselines, its errors and its files."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from mien.data import load
from mien.errors import DataError, MienError, UsageError
from mien.evaluation.metrics import accuracy, ece, macro_f1
from mien.evaluation.records.stress import Corruption, SeverityScores, StressReport
from mien.evaluation.stress import CORRUPTIONS, Attack, robustness, stress, to_text
from mien.evaluation.stress.subject import Subject
from mien.evaluation.stress.text import _clearest
from mien.inference.classify import Classifier
from mien.reading.shape import fits

RESULTS = Path(__file__).parents[3] / "results"
SVG = "http://www.w3.org/2000/svg"
CONTRACT = "weights dataset split n clean baseline corruptions mce attacks ranking seconds seed"


def few(root: Path, weights: str = "fer2013-nano", **how: Any) -> tuple[Subject, StressReport]:
    how = {"attacks": lambda labels: [], "images": 10, **how}
    return stress(weights, "fer2013", root, "val", **how)


@pytest.fixture(scope="module")
def measured(tiny_fer2013: Path) -> tuple[Subject, StressReport]:
    return few(tiny_fer2013, attacks=None)


@pytest.fixture
def mien(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    from mien.cli import main

    def go(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mien", *map(str, words)])
        try:
            main()
        except SystemExit as left:
            return int(left.code or 0), *capsys.readouterr()
        return 0, *capsys.readouterr()

    return go


def test_the_report_has_the_shape_that_was_agreed(measured: tuple[Subject, StressReport]) -> None:
    report = measured[1].to_dict()
    assert set(CONTRACT.split()) <= set(report)
    assert set(report["clean"]) >= {"accuracy", "accuracy_interval"}
    assert [row["name"] for row in report["corruptions"]] == list(CORRUPTIONS)
    for row in report["corruptions"]:
        assert [set(score) for score in row["severities"]] == [{"severity", "accuracy", "macro_f1", "ece"}] * 5
        assert row["error"] == pytest.approx(1 - np.mean([score["accuracy"] for score in row["severities"]]))
        assert row["relative"] is None
    drops = [row["drop"] for row in report["ranking"]]
    assert drops == sorted(drops, reverse=True)
    assert {row["name"] for row in report["ranking"]} == set(CORRUPTIONS)
    (attack,) = report["attacks"]
    assert (attack["name"], attack["n"]) == ("square", 10)
    assert attack["accuracy"] <= attack["clean_accuracy"] == report["clean"]["accuracy"]
    assert json.loads(json.dumps(report)) == report
    assert StressReport(**report) == measured[1]


def test_a_severity_is_the_corruption_read_by_the_weights(measured: tuple[Subject, StressReport]) -> None:
    subject, report = measured
    corrupted = CORRUPTIONS["mask"](subject.images, 4, np.random.default_rng([0, list(CORRUPTIONS).index("mask"), 4]))
    probs = Classifier("fer2013-nano")(corrupted)
    scores = report.corruptions[list(CORRUPTIONS).index("mask")].severities[3]
    assert scores.accuracy == accuracy(probs, subject.target)
    assert scores.macro_f1 == macro_f1(probs, subject.target)
    assert scores.ece == pytest.approx(ece(probs, subject.target), abs=1e-6)


def test_repeats_itself_but_not_with_another_seed(measured: Any, tiny_fer2013: Path) -> None:
    again = few(tiny_fer2013, attacks=None)[1]
    assert again.model_copy(update={"seconds": 0}) == measured[1].model_copy(update={"seconds": 0})
    assert few(tiny_fer2013, seed=1)[1].corruptions != again.corruptions


def test_weights_are_exactly_as_bad_as_themselves(tiny_fer2013: Path) -> None:
    report = few(tiny_fer2013, baseline="fer2013-nano")[1]
    assert report.baseline == "fer2013-nano"
    assert report.mce == pytest.approx(1)
    assert [row.relative for row in report.corruptions] == pytest.approx([1] * 15)
    assert "mean corruption error 100.0 % of that of fer2013-nano" in to_text(report)


def test_an_earlier_file_serves_as_its_weights_do(tiny_fer2013: Path, tmp_path: Path) -> None:
    earlier = tmp_path / "stress.json"
    theirs = few(tiny_fer2013, "ferplus-nano")[1]
    earlier.write_text(json.dumps(theirs.to_dict()))
    by_file = few(tiny_fer2013, baseline=earlier)[1]
    by_name = few(tiny_fer2013, baseline="ferplus-nano")[1]
    assert by_file.mce == by_name.mce != 1
    assert by_file.baseline == by_name.baseline == "ferplus-nano"
    ratios = [a.error / b.error for a, b in zip(by_name.corruptions, theirs.corruptions, strict=True)]
    assert by_name.mce == pytest.approx(np.mean(ratios))


def test_a_baseline_of_other_labels_is_measured_on_all_images(tiny_fer2013: Path) -> None:
    subject, report = stress(
        "ferplus-nano", "ferplus", tiny_fer2013, images=10, baseline="fer2013-nano", attacks=lambda labels: []
    )
    assert report.labels is not None
    assert "contempt" in report.labels
    assert subject.target.shape == (10, 8)
    assert subject.target.sum(1) == pytest.approx(np.ones(10))


def test_an_attack_gets_crops_and_labels_and_is_scored(tiny_fer2013: Path) -> None:
    calls: list[tuple[Any, ...]] = []

    def blacken(crops: np.ndarray, label: np.ndarray) -> np.ndarray:
        calls.append((crops.shape, crops.dtype, label.shape))
        return crops * 0

    _, report = few(tiny_fer2013, attacks=lambda labels: [Attack(f"for {len(labels)}", 255, blacken, images=6)])
    assert calls == [((6, 48, 48, 1), np.uint8, (6,))]
    (row,) = report.attacks
    assert (row.name, row.epsilon, row.n, row.queries) == ("for 7", 1.0, 6, None)
    low, high = row.accuracy_interval
    assert low <= row.accuracy <= high


def test_images_are_spread_over_the_split(tiny_fer2013: Path) -> None:
    samples = load("fer2013", tiny_fer2013, "val")
    subject, _ = few(tiny_fer2013, images=4)
    assert np.array_equal(subject.images, np.asarray(samples.images)[[0, 13, 26, 39]])


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ({"images": 0}, UsageError, "`images` 0"),
        ({"baseline": "nowhere.json"}, UsageError, "no file nowhere.json"),
        ({"baseline": "fer2013-nono"}, MienError, "did you mean 'fer2013-nano'"),
        ({"options": {"colour": "red"}}, DataError, "colour"),
    ],
)
def test_refuses_bad_arguments(how: dict[str, Any], error: type[MienError], message: str, tiny_fer2013: Path) -> None:
    with pytest.raises(error, match=message):
        few(tiny_fer2013, **how)


def test_refuses_the_training_split(tiny_fer2013: Path) -> None:
    with pytest.raises(DataError, match="split 'train'"):
        stress("fer2013-nano", "fer2013", tiny_fer2013, "train")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": 11}, "n 11 against 10"),
        ({"seed": 5, "split": "test"}, "split test against val, seed 5 against 0"),
        ({"corruptions": []}, "other corruptions"),
        ({"truth_labels": None}, "labels None against"),
        ({"prior": "uniform"}, "prior uniform against None"),
    ],
)
def test_refuses_a_baseline_measured_differently(
    change: dict[str, Any], message: str, measured: Any, tiny_fer2013: Path, tmp_path: Path
) -> None:
    (tmp_path / "other.json").write_text(json.dumps({**measured[1].to_dict(), **change}))
    with pytest.raises(UsageError, match=message):
        few(tiny_fer2013, baseline=tmp_path / "other.json")


def test_a_prior_is_that_of_the_weights_and_of_their_baseline(tiny_fer2013: Path) -> None:
    subject, report = few(tiny_fer2013, prior="uniform", baseline="fer2013-nano")
    assert report.to_dict()["prior"] == subject.classifier.prior.name == "uniform"
    assert report.mce == pytest.approx(1)  # its own baseline: the same probabilities
    assert "prior uniform" in to_text(report)
    assert "prior" not in few(tiny_fer2013)[1].to_dict()


def test_a_faultless_baseline_does_not_crash() -> None:
    row = Corruption(name="jpeg", family="digital", severities=[SeverityScores(severity=1, accuracy=1)], error=0.0)
    assert robustness.relate([row], {"jpeg": 0.0})[0].relative == 0


def test_corruptions_are_ranked_by_the_accuracy_they_cost() -> None:
    severities = [SeverityScores(severity=1, accuracy=0.5)]
    rows = [
        Corruption(name=name, family="digital", severities=severities, error=error)
        for name, error in (("jpeg", 0.3), ("bars", 0.5))
    ]
    assert [(drop.name, drop.drop) for drop in robustness.rank(rows, 0.75)] == [("bars", 0.25), ("jpeg", 0.05)]
    assert robustness.relate(rows, {"jpeg": 0.6, "bars": 0.5})[0].relative == 0.5


def test_command_prints_json_and_writes_its_files(mien: Any, tiny_fer2013: Path, tmp_path: Path) -> None:
    out = tmp_path / "stress"
    code, out_text, err = mien("stress", "fer2013-nano", "--root", tiny_fer2013, "--images", 5, "--json", "--out", out)
    names = ("stress.json", "stress.svg", "corruptions.png")
    assert (code, err) == (0, "".join(f"wrote {out / name}\n" for name in names))
    report = json.loads(out_text)
    assert json.loads((out / "stress.json").read_text()) == report
    texts = [text.text for text in ElementTree.parse(out / "stress.svg").iter(f"{{{SVG}}}text")]
    assert {name.replace("_", " ") for name in CORRUPTIONS} < set(texts)
    assert len(texts) == 1 + 6 + 15 * 7 + 1
    sheet = Image.open(out / "corruptions.png")
    assert sheet.height == 15 * 100 + 24
    assert np.asarray(sheet).std() > 20


def test_command_prints_a_table_worst_first(mien: Any, tiny_fer2013: Path) -> None:
    code, text, _ = mien("stress", "fer2013-nano", "--root", tiny_fer2013, "--images", 5)
    names = [line.split()[0] for line in text.splitlines() if line and line.split()[0] in CORRUPTIONS]
    assert (code, sorted(names)) == (0, sorted(CORRUPTIONS))
    assert "square" in text
    assert "5 images of fer2013 val" in text


def test_command_refuses_a_file_as_folder(mien: Any, tiny_fer2013: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = mien("stress", "fer2013-nano", "--root", tiny_fer2013, "--images", 1, "--out", tmp_path / "file")
    assert (code, len(err.splitlines())) == (2, 1)


def test_another_weights_file_is_not_written_over(mien: Any, tiny_fer2013: Path, tmp_path: Path) -> None:
    words = ("--root", tiny_fer2013, "--images", 2, "--out", tmp_path)
    assert [mien("stress", "fer2013-nano", *words)[0] for _ in range(2)] == [0, 0]
    before = (tmp_path / "stress.json").read_bytes()
    code, out, err = mien("stress", "fer2013", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "stress.json is of fer2013-nano on fer2013 val; expected another folder" in err
    assert (tmp_path / "stress.json").read_bytes() == before


def test_words_for_a_terminal_are_explained(tiny_fer2013: Path) -> None:
    report = few(tiny_fer2013, baseline="fer2013-nano")[1]
    assert report.groups is None
    assert "(95 % by 7 subjects or clips: " in to_text(report.model_copy(update={"groups": 7}))
    text = to_text(report)
    for part in (
        "accuracy in %",
        "CE: the error at all severities, likewise",
        "lost: points of accuracy",
        "measured in ",
    ):
        assert part in text


def test_the_sheet_shows_an_image_that_is_read_correctly(tiny_fer2013: Path) -> None:
    subject, _ = few(tiny_fer2013)
    probs = subject.read(subject.images)
    right = (probs.argmax(1) == subject.target.argmax(1)).any()
    own = (probs * subject.target).sum(1)
    assert _clearest(subject) == own.argmax()
    assert not right or probs[_clearest(subject)].argmax() == subject.target[_clearest(subject)].argmax()


def test_an_attack_is_scored_by_the_predictions_after_it() -> None:
    """Weights that go by brightness, and an attack that inverts it: all right before, all wrong after."""
    images = np.repeat(np.array([10, 20, 230, 240], np.uint8), 48 * 48).reshape(4, 48, 48, 1)

    class Bright(Subject):
        def classify(self, crops: np.ndarray) -> np.ndarray:
            light = crops.mean((1, 2, 3)) / 255
            return np.stack([1 - light, light], 1)

    subject = Bright(Classifier("fer2013-nano"), images, np.eye(2)[[0, 0, 1, 1]], ("neutral", "happiness"))
    row = robustness._attacked(subject, Attack("turned", 255, lambda crops, label: 255 - crops))
    assert (row.clean_accuracy, row.accuracy) == (1.0, 0.0)
    row = robustness._attacked(
        subject, Attack("half", 255, lambda crops, label: np.concatenate([255 - crops[:1], crops[1:]]))
    )
    assert (row.clean_accuracy, row.accuracy) == (1.0, 0.75)


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*/stress.json")), ids=lambda path: path.parent.name)
def test_committed_reports_are_read_and_written_byte_for_byte(path: Path) -> None:
    text = path.read_text()
    assert f"{json.dumps(fits(StressReport, json.loads(text)).to_dict(), indent=2)}\n" == text
