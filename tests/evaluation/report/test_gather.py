"""What is picked up beside a result, where the page goes, and what is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mien import cli
from mien.errors import DataError, MienError, UsageError
from mien.evaluation.report.gather import gather, make
from mien.evaluation.result import Result

Make = Callable[..., Result]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MIEN_DATA", raising=False)


def test_a_run_is_picked_up_whole(run: Path, tiny_fer2013: Path) -> None:
    found = gather([run], tiny_fer2013)
    assert list(found.results) == ["tiny"]
    assert len(found.history["tiny"]) == 8
    assert found.history["tiny"][0] == {"epoch": 1.0, "loss": 1.875, "val_accuracy": 0.111111, "val_nll": 1.788889} | {
        k: pytest.approx(v) for k, v in (("val_accuracy", 1 / 9), ("val_nll", 1.9 - 1 / 9))
    }
    assert len(found.steps["tiny"]) == 499
    assert found.steps["tiny"][0]["val_accuracy"] is None
    assert found.stress["tiny"]["mce"] == 1.1
    assert found.fairness["tiny"]["min_group"] == 30
    assert found.known("tiny", "recipe")["seed"] == 3
    assert found.known("tiny", "environment")["commit"] == "abc123"
    assert found.images["tiny"].name == "fer2013"


def test_a_committed_result_has_its_facts_in_a_file_of_its_own(tmp_path: Path, make_result: Make) -> None:
    make_result().save(tmp_path / "0-test.npz")
    facts = {"recipe": {"seed": 7}, "environment": {"device": "cpu"}, "figures": {"val": {"accuracy": 0.5, "n": 4}}}
    (tmp_path / "0.json").write_text(json.dumps(facts))
    found = gather([tmp_path / "0-test.npz"], None)
    assert found.known("tiny", "recipe") == {"seed": 7}
    assert found.known("tiny", "val")["n"] == 4
    assert found.missing["tiny"].startswith("neither --root nor MIEN_DATA")


def test_a_stale_test_is_not_shown(tmp_path: Path, run: Path, make_result: Make) -> None:
    again = shutil.copytree(run, tmp_path / "again")
    make_result(split="val").save(again / "val.npz")
    assert gather([again], None).results["tiny"].provenance["split"] == "test"
    (again / "metrics.json").write_text(json.dumps({"weights": "others", "val": {}}))
    assert gather([again], None).results["tiny"].provenance["split"] == "val"


@pytest.mark.parametrize(
    ("out", "written"), [(None, "RUN/report.html"), ("o", "o/report.html"), ("a/b.html", "a/b.html")]
)
def test_where_the_page_goes(out: str | None, written: str, tmp_path: Path, run: Path, tiny_fer2013: Path) -> None:
    own = shutil.copytree(run, tmp_path / "RUN")
    path = make([own], tiny_fer2013, None if out is None else Path(out))
    assert path.resolve() == (tmp_path / written).resolve()
    assert "<img" in path.read_text(encoding="utf-8")


def test_pictures_stay_in_folders_that_are_named(tmp_path: Path, run: Path, tiny_fer2013: Path) -> None:
    path = make([run / "test.npz"], tiny_fer2013, None)
    assert path == Path("report.html")
    text = path.read_text(encoding="utf-8")
    assert "<img" not in text
    assert "only into run folders and where --out says" in text


def test_results_of_the_same_weights_are_told_apart(tmp_path: Path, make_result: Make) -> None:
    for folder in ("0-a", "1-b"):
        make_result().save(tmp_path / folder / "test.npz")
    assert list(gather([tmp_path / "0-a", tmp_path / "1-b"], None).results) == ["tiny (0-a/test)", "tiny (1-b/test)"]


def test_changed_data_gives_no_pictures(
    tmp_path: Path, make_result: Make, tiny_fer2013: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_result(fingerprint="other").save(tmp_path / "result.npz")
    with pytest.raises(DataError, match="fingerprint"):
        gather([tmp_path], tiny_fer2013, strict=True)
    monkeypatch.setenv("MIEN_DATA", str(tiny_fer2013))
    found = gather([tmp_path], None)
    assert found.images == {}
    assert "not the one that was measured" in found.missing["tiny"]


def test_an_unknown_data_set_gives_no_pictures(tmp_path: Path, make_result: Make, tiny_fer2013: Path) -> None:
    make_result(dataset="mine").save(tmp_path / "result.npz")
    assert "no reader" in gather([tmp_path], tiny_fer2013).missing["tiny"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("log.csv", "epoch,loss\n1,much\n", "log.csv is no log"),
        ("log.csv", "epoch,loss\n1,2,3\n", "log.csv is no log"),
        ("stress.json", "{", "stress.json cannot be read"),
        ("env.json", "\udcff", "env.json cannot be read"),
        ("test.npz", "no zip", "test.npz is not a result"),
    ],
)
def test_broken_files_are_named(name: str, content: str, message: str, tmp_path: Path, run: Path) -> None:
    broken = shutil.copytree(run, tmp_path / "broken")
    (broken / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(MienError, match=message):
        gather([broken], None)


def test_what_is_no_result_is_refused(tmp_path: Path, run: Path) -> None:
    with pytest.raises(DataError, match="holds no result"):
        gather([tmp_path], None)
    with pytest.raises(DataError, match="no file"):
        gather([tmp_path / "none.npz"], None)
    with pytest.raises(UsageError, match="given twice"):
        gather([run, run], None)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        make([run], None, tmp_path / "file" / "x")


def test_the_command(
    run: Path, make_result: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_result(1, weights="other").save(tmp_path / "other.npz")
    monkeypatch.setattr("sys.argv", ["mien", "report", str(run), "other.npz", "--out", "o"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert not stopped.value.code
    assert capsys.readouterr().out == "o/report.html\n"
    assert "2 results side by side" in Path("o/report.html").read_text(encoding="utf-8")


def test_the_command_refuses_in_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["mien", "report", "nothing"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
