"""`mien calibrate`: what is fitted on one result and measured on another, and which pairs are refused."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.errors import DataError
from mien.evaluation.calibration import conformal, recalibrate
from mien.evaluation.calibration.temperature import fit_temperature, fit_temperatures, fit_threshold, logs, softmax
from mien.evaluation.metrics import METRICS, ece
from mien.evaluation.result import Provenance, Result, load

LABELS = ("neutral", "happiness", "sadness", "anger")
Run = Callable[..., tuple[int, str, str]]


def drawn(split: str, n: int = 3000, sharp: float = 2.0, seed: int = 0) -> Result:
    """Return predictions that are too confident by `sharp`, on labels drawn from calibrated probabilities."""
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


def test_finds_the_factor_of_overconfidence_and_corrects_the_other_result() -> None:
    report = recalibrate(drawn("val"), drawn("test"))
    assert report.temperature == pytest.approx(2.0, rel=0.05)
    assert list(report.temperatures.values()) == pytest.approx([2.0] * 4, rel=0.1)
    assert report.calibration["as_is"]["ece"] == pytest.approx(ece(drawn("test").probs, drawn("test").target))
    for kind in ("temperature", "temperatures"):
        assert report.calibration[kind]["ece"] < report.calibration["as_is"]["ece"] / 3
        assert report.calibration[kind]["nll"] < report.calibration["as_is"]["nll"]
    assert report.calibration["temperature"]["accuracy"] == report.calibration["as_is"]["accuracy"]


def test_sets_and_threshold_keep_on_the_other_result_what_they_promise() -> None:
    report = recalibrate(drawn("val"), drawn("test"), coverage=0.8)
    assert set(report.conformal) == set(conformal.SCORES)
    for row in report.conformal.values():
        assert row.coverage == pytest.approx(0.8, abs=0.02)
        assert row.coverage_interval[0] < row.coverage < row.coverage_interval[1]
    assert report.abstention.accuracy == pytest.approx(0.9, abs=0.06)


def test_command(mien: Run, tmp_path: Path) -> None:
    drawn("val").save(tmp_path / "val.npz")
    drawn("test").save(tmp_path / "tested" / "result.npz")
    code, out, err = mien("calibrate", tmp_path / "val.npz", tmp_path / "tested", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads(json.dumps(recalibrate(drawn("val"), drawn("test")).to_dict()))
    code, out, _ = mien("calibrate", tmp_path / "val.npz", tmp_path / "tested", "--coverage", "0.85")
    assert code == 0
    assert "fitted on dice val (3,000), measured on dice test (3,000)" in out
    assert "85 % (lac)" in out


def test_text_of_predictions_too_poor_for_any_threshold() -> None:
    worst = replace(drawn("val", 50), target=np.eye(4, dtype=np.float32)[drawn("val", 50).probs.argmin(1)])
    report = recalibrate(worst, drawn("test", 50))
    assert report.abstention is None
    assert "no confidence reaches 90 % accuracy" in str(report)
    json.dumps(report.to_dict(), allow_nan=False)


def test_one_image_to_measure_on() -> None:
    report = recalibrate(drawn("val", 50), drawn("test", 1))
    assert report.conformal["lac"].size_interval == [None, None]
    json.dumps(report.to_dict(), allow_nan=False)
    assert "nan" not in str(report)


def test_refuses_predictions_of_two_files_of_one_name() -> None:
    """Two seeds of a recipe are called the same."""
    first, second = (
        replace(result, provenance=result.provenance.updated(weights_sha256=sha))
        for result, sha in ((drawn("val", 9), "a"), (drawn("test", 9), "b"))
    )
    with pytest.raises(DataError, match="results of two files called drawn"):
        recalibrate(first, second)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (
            drawn("test", 9),
            drawn("val", 9),
            r"first result is of dice test \(9\), and nothing is fitted on test; expected VAL, then TEST; .* swapped",
        ),
        *(
            (drawn(first, 9), drawn(second, 9), rf"dice {first} \(9\) and dice {second} \(9\): weights are surer")
            for first, second in (("train", "val"), ("val", "train"))
        ),
        (drawn("test", 9), drawn("test", 9, seed=1), "nothing is fitted on test; expected VAL, then TEST$"),
        (
            drawn("val", 9),
            replace(drawn("test", 9), provenance=Provenance(table="api.csv")),
            "results of drawn and of the table api.csv",
        ),
        (
            drawn("val", 9),
            replace(drawn("test", 9), provenance=drawn("test", 9).provenance.updated(prior="uniform")),
            "results under the priors natural and uniform; expected one prior",
        ),
        (drawn("val", 9), drawn("val", 9, seed=1), r"9 samples in both results \(val-0, val-1, val-2, ...\)"),
        (drawn("val", 9).take(np.zeros(9, bool)), drawn("test", 9), "results of 0 and 9 samples"),
        (
            drawn("val", 9),
            replace(drawn("test", 9), provenance=Provenance(weights="others")),
            "results of drawn and of others",
        ),
        (
            drawn("val", 9),
            Result(np.full((1, 2), 0.5), np.eye(2)[:1], ("fear", "anger"), np.array(["a"])),
            "results with the labels neutral, happiness, sadness, anger and fear, anger",
        ),
    ],
)
def test_refuses_results_that_cannot_measure_each_other(first: Result, second: Result, message: str) -> None:
    with pytest.raises(DataError, match=message):
        recalibrate(first, second)


def test_tables_that_became_results_are_called_by_their_file() -> None:
    first, second = (
        replace(drawn(split, 90), provenance=Provenance(table=f"{split}.csv", split=split)) for split in ("val", "test")
    )
    assert str(recalibrate(first, second)).startswith("val.csv: fitted on val (90), measured on test (90)")


@pytest.mark.parametrize(
    ("words", "message"), [(["--coverage", "1.5"], "--coverage 1.5"), (["--coverage", "nan"], "--coverage nan")]
)
def test_command_refuses_in_one_line(words: list[str], message: str, mien: Run, tmp_path: Path) -> None:
    drawn("val", 20).save(tmp_path / "val.npz")
    drawn("test", 20).save(tmp_path / "test.npz")
    code, out, err = mien("calibrate", tmp_path / "val.npz", tmp_path / "test.npz", *words)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert message in err


def test_refuses_a_folder_without_a_result(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file"):
        load(tmp_path)


def test_the_scores_of_sets_are_explained() -> None:
    assert set(conformal.MEANINGS) == set(conformal.SCORES)


def test_everything_is_fitted_on_the_first_result_alone() -> None:
    """The second is overconfident by another factor, so that anything fitted on it would differ."""
    first, second = drawn("val"), drawn("test", sharp=0.7)
    report = recalibrate(first, second, coverage=0.8)
    assert report.temperature == pytest.approx(fit_temperature(logs(first.probs), first.target))
    assert list(report.temperatures.values()) == pytest.approx(fit_temperatures(first.probs, first.target).tolist())
    assert report.abstention.threshold == fit_threshold(first.probs, first.target, 0.9)
    for name, score in conformal.SCORES.items():
        assert report.conformal[name].quantile == conformal.fit_quantile(first.probs, first.target, 0.8, score)
    assert report.calibration["as_is"]["nll"] == METRICS["nll"](second.probs, second.target)


def test_the_text_says_what_intervals_are_by() -> None:
    first, second = drawn("val", 300), drawn("test", 300)
    grouped = replace(second, group=np.repeat(np.arange(60).astype(np.str_), 5))
    assert "intervals by 60 subjects or clips" in str(recalibrate(first, grouped)).splitlines()
    assert "subjects" not in str(recalibrate(first, second))
    both = recalibrate(replace(first, group=np.repeat(np.arange(50, 80).astype(np.str_), 10)), grouped)
    assert "10 of the 60 subjects or clips are in both: on others the fit may do worse" in str(both).splitlines()
    assert both.to_dict()["groups_in_both"] == 10
