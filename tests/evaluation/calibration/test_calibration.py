"""`mien calibrate`: fitted on one result, measured on another, and refused where that would be no measurement."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.errors import DataError
from mien.evaluation.calibration import conformal, load, recalibrate, to_text
from mien.evaluation.calibration.temperature import fit_temperature, fit_temperatures, fit_threshold, logs, softmax
from mien.evaluation.metrics import METRICS, ece
from mien.evaluation.result import Provenance, Result

LABELS = ("neutral", "happiness", "sadness", "anger")
Run = Callable[..., tuple[int, str, str]]


def answered(split: str, n: int = 3000, sharp: float = 2.0, seed: int = 0) -> Result:
    """Return answers that are too sure by `sharp`, on labels drawn from honest probabilities."""
    rng = np.random.default_rng([seed, len(split)])
    logits = 1.5 * rng.normal(size=(n, 4))
    label = (softmax(logits).cumsum(1) > rng.random((n, 1))).argmax(1)
    ids = np.array([f"{split}-{row}" for row in range(n)])
    facts = {"weights": "drawn", "dataset": "dice", "split": split}
    probs = softmax(logits * sharp).astype(np.float32)
    return Result(probs, np.eye(4, dtype=np.float32)[label], LABELS, ids, provenance=Provenance(**facts))


@pytest.fixture
def mien(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    from mien.cli import main

    def go(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mien", *map(str, words)])
        try:
            main()
        except SystemExit as left:
            return int(left.code or 0), *capsys.readouterr()
        return 0, *capsys.readouterr()

    return go


def test_finds_what_the_answers_were_corrupted_by_and_mends_the_other_result() -> None:
    found = recalibrate(answered("val"), answered("test"))
    assert found["temperature"] == pytest.approx(2.0, rel=0.05)
    assert list(found["temperatures"].values()) == pytest.approx([2.0] * 4, rel=0.1)
    assert found["calibration"]["as_is"]["ece"] == pytest.approx(ece(answered("test").probs, answered("test").target))
    for mended in ("temperature", "temperatures"):
        assert found["calibration"][mended]["ece"] < found["calibration"]["as_is"]["ece"] / 3
        assert found["calibration"][mended]["nll"] < found["calibration"]["as_is"]["nll"]
    assert found["calibration"]["temperature"]["accuracy"] == found["calibration"]["as_is"]["accuracy"]


def test_sets_and_threshold_keep_on_the_other_result_what_they_promise() -> None:
    found = recalibrate(answered("val"), answered("test"), coverage=0.8)
    assert set(found["conformal"]) == set(conformal.SCORES)
    for row in found["conformal"].values():
        assert row["coverage"] == pytest.approx(0.8, abs=0.02)
        assert row["coverage_interval"][0] < row["coverage"] < row["coverage_interval"][1]
    assert found["abstention"]["accuracy"] == pytest.approx(0.9, abs=0.06)


def test_command(mien: Run, tmp_path: Path) -> None:
    answered("val").save(tmp_path / "val.npz")
    answered("test").save(tmp_path / "tested" / "result.npz")
    code, out, err = mien("calibrate", tmp_path / "val.npz", tmp_path / "tested", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads(json.dumps(recalibrate(answered("val"), answered("test"))))
    code, out, _ = mien("calibrate", tmp_path / "val.npz", tmp_path / "tested", "--coverage", "0.85")
    assert code == 0
    assert "fitted on dice val (3,000), measured on dice test (3,000)" in out
    assert "85 % (lac)" in out


def test_text_of_answers_too_poor_to_answer() -> None:
    worst = replace(answered("val", 50), target=np.eye(4, dtype=np.float32)[answered("val", 50).probs.argmin(1)])
    found = recalibrate(worst, answered("test", 50))
    assert found["abstention"] is None
    assert "no confidence reaches 90 % accuracy" in to_text(found)
    json.dumps(found, allow_nan=False)


def test_one_image_to_measure_on() -> None:
    found = recalibrate(answered("val", 50), answered("test", 1))
    assert found["conformal"]["lac"]["size_interval"] == [None, None]
    json.dumps(found, allow_nan=False)
    assert "nan" not in to_text(found)


def test_refuses_answers_of_two_files_of_one_name() -> None:
    """Two seeds of a recipe are called the same."""
    first, second = (
        replace(result, provenance=result.provenance.updated(weights_sha256=sha))
        for result, sha in ((answered("val", 9), "a"), (answered("test", 9), "b"))
    )
    with pytest.raises(DataError, match="results of two files called drawn"):
        recalibrate(first, second)


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (
            answered("test", 9),
            answered("val", 9),
            r"first result is of dice test \(9\), and nothing is fitted on test; expected VAL, then TEST; .* swapped",
        ),
        (answered("test", 9), answered("test", 9, seed=1), "nothing is fitted on test; expected VAL, then TEST$"),
        (
            answered("val", 9),
            replace(answered("test", 9), provenance=Provenance(table="api.csv")),
            "results of drawn and of the table api.csv",
        ),
        (answered("val", 9), answered("val", 9, seed=1), r"9 samples in both results \(val-0, val-1, val-2, ...\)"),
        (answered("val", 9).take(np.zeros(9, bool)), answered("test", 9), "results of 0 and 9 samples"),
        (
            answered("val", 9),
            replace(answered("test", 9), provenance=Provenance(weights="others")),
            "results of drawn and of others",
        ),
        (
            answered("val", 9),
            Result(np.full((1, 2), 0.5), np.eye(2)[:1], ("fear", "anger"), np.array(["a"])),
            "results with the labels neutral, happiness, sadness, anger and fear, anger",
        ),
    ],
)
def test_refuses_what_would_be_no_measurement(first: Result, second: Result, told: str) -> None:
    with pytest.raises(DataError, match=told):
        recalibrate(first, second)


def test_tables_that_became_results_are_called_by_their_file() -> None:
    first, second = (
        replace(answered(split, 90), provenance=Provenance(table=f"{split}.csv", split=split))
        for split in ("val", "test")
    )
    assert to_text(recalibrate(first, second)).startswith("val.csv: fitted on val (90), measured on test (90)")


@pytest.mark.parametrize(
    ("words", "told"), [(["--coverage", "1.5"], "--coverage 1.5"), (["--coverage", "nan"], "--coverage nan")]
)
def test_command_refuses_in_one_line(words: list[str], told: str, mien: Run, tmp_path: Path) -> None:
    answered("val", 20).save(tmp_path / "val.npz")
    answered("test", 20).save(tmp_path / "test.npz")
    code, out, err = mien("calibrate", tmp_path / "val.npz", tmp_path / "test.npz", *words)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert told in err


def test_refuses_a_folder_without_a_result(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file"):
        load(tmp_path)


def test_the_scores_of_sets_are_explained() -> None:
    assert set(conformal.MEANINGS) == set(conformal.SCORES)


def test_everything_is_fitted_on_the_first_result_alone() -> None:
    """The second is corrupted by another factor, so that whatever was fitted on it would be another figure."""
    first, second = answered("val"), answered("test", sharp=0.7)
    found = recalibrate(first, second, coverage=0.8)
    assert found["temperature"] == pytest.approx(fit_temperature(logs(first.probs), first.target))
    assert list(found["temperatures"].values()) == pytest.approx(fit_temperatures(first.probs, first.target).tolist())
    assert found["abstention"]["threshold"] == fit_threshold(first.probs, first.target, 0.9)
    for name, score in conformal.SCORES.items():
        assert found["conformal"][name]["quantile"] == conformal.fit_quantile(first.probs, first.target, 0.8, score)
    assert found["calibration"]["as_is"]["nll"] == METRICS["nll"](second.probs, second.target)


def test_the_text_says_what_intervals_are_by() -> None:
    first, second = answered("val", 300), answered("test", 300)
    grouped = replace(second, group=np.repeat(np.arange(60).astype(np.str_), 5))
    assert "intervals by 60 subjects or clips" in to_text(recalibrate(first, grouped)).splitlines()
    assert "subjects" not in to_text(recalibrate(first, second))
