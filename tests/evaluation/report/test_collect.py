"""The files that a report collects beside a result, where the page goes, and what is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mien import cli
from mien.errors import DataError, MienError, OutputError, UsageError
from mien.evaluation.report.collect import gather, make
from mien.evaluation.result import Result
from mien.html.markup import escape
from mien.outputs.record import RECORD

Make = Callable[..., Result]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MIEN_DATA", raising=False)


def test_everything_in_a_run_is_collected(run: Path, tiny_fer2013: Path) -> None:
    report = gather([run], tiny_fer2013)
    assert list(report.results) == ["tiny"]
    assert len(report.history["tiny"]) == 8
    assert report.history["tiny"][0] == {"epoch": 1.0, "loss": 1.875, "val_accuracy": 0.111111, "val_nll": 1.788889} | {
        k: pytest.approx(v) for k, v in (("val_accuracy", 1 / 9), ("val_nll", 1.9 - 1 / 9))
    }
    assert len(report.steps["tiny"]) == 499
    assert report.steps["tiny"][0]["val_accuracy"] is None
    assert report.stress["tiny"].mce == 1.1
    assert report.fairness["tiny"].min_group == 30
    assert report.facts["tiny"].recipe.seed == 3
    assert report.facts["tiny"].environment.commit == "abc123"
    assert report.images["tiny"].name == "fer2013"


def test_a_committed_result_has_its_facts_in_a_file_of_its_own(tmp_path: Path, make_result: Make) -> None:
    make_result().save(tmp_path / "0-test.npz")
    facts = {"recipe": {"seed": 7}, "environment": {"device": "cpu"}, "figures": {"val": {"accuracy": 0.5, "n": 4}}}
    (tmp_path / "0.json").write_text(json.dumps(facts))
    report = gather([tmp_path / "0-test.npz"], None)
    assert report.facts["tiny"].full_recipe == {"seed": 7}
    assert report.facts["tiny"].val.n == 4
    assert report.no_images["tiny"].startswith("neither `root` nor MIEN_DATA")


def test_a_stale_test_is_not_shown(tmp_path: Path, run: Path, make_result: Make) -> None:
    again = shutil.copytree(run, tmp_path / "again")
    make_result(split="val").save(again / "val.npz")
    assert gather([again], None).results["tiny"].provenance.split == "test"
    (again / "metrics.json").write_text(json.dumps({"weights": "others", "val": {}}))
    assert gather([again], None).results["tiny"].provenance.split == "val"


@pytest.mark.parametrize(
    ("out", "written"), [(None, "RUN/report.html"), ("o", "o/report.html"), ("a/b.html", "a/b.html")]
)
def test_where_the_page_goes(out: str | None, written: str, tmp_path: Path, run: Path, tiny_fer2013: Path) -> None:
    own = shutil.copytree(run, tmp_path / "RUN")
    path, left_out = make([own], tiny_fer2013, None if out is None else Path(out))
    assert left_out == []
    assert path.resolve() == (tmp_path / written).resolve()
    assert "<img" in path.read_text(encoding="utf-8")


def test_images_stay_in_folders_that_are_named(tmp_path: Path, run: Path, tiny_fer2013: Path) -> None:
    path, _ = make([run / "test.npz"], tiny_fer2013, None)
    assert path == Path("report.html")
    text = path.read_text(encoding="utf-8")
    assert "<img" not in text
    assert "only into run folders and where `out` says" in text


def test_results_of_the_same_weights_have_names_of_their_own(tmp_path: Path, make_result: Make) -> None:
    for folder in ("0-a", "1-b"):
        make_result().save(tmp_path / folder / "test.npz")
    assert list(gather([tmp_path / "0-a", tmp_path / "1-b"], None).results) == ["tiny (0-a/test)", "tiny (1-b/test)"]


def test_changed_data_gives_no_images(
    tmp_path: Path, make_result: Make, tiny_fer2013: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_result(fingerprint="other").save(tmp_path / "result.npz")
    with pytest.raises(DataError, match="fingerprint"):
        gather([tmp_path], tiny_fer2013, strict=True)
    monkeypatch.setenv("MIEN_DATA", str(tiny_fer2013))
    report = gather([tmp_path], None)
    assert report.images == {}
    assert "not the one that was measured" in report.no_images["tiny"]


def test_an_unknown_data_set_gives_no_images(tmp_path: Path, make_result: Make, tiny_fer2013: Path) -> None:
    make_result(dataset="mine").save(tmp_path / "result.npz")
    assert "no reader" in gather([tmp_path], tiny_fer2013).no_images["tiny"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("log.csv", "epoch,loss\n1,much\n", "log.csv is not a log"),
        ("log.csv", "epoch,loss\n1,2,3\n", "log.csv: row 1 with a different number of cells"),
        ("stress.json", "{", "stress.json cannot be read"),
        ("fairness.json", "[]", "fairness.json cannot be read"),
        ("env.json", "\udcff", "env.json cannot be read"),
        ("test.npz", "no zip", "test.npz is not a result"),
    ],
)
def test_broken_files_are_named(name: str, content: str, message: str, tmp_path: Path, run: Path) -> None:
    broken = shutil.copytree(run, tmp_path / "broken")
    (broken / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(MienError, match=message):
        gather([broken], None)


def test_anything_but_a_result_is_refused(tmp_path: Path, run: Path) -> None:
    with pytest.raises(DataError, match="holds no result"):
        gather([tmp_path], None)
    with pytest.raises(DataError, match="no file"):
        gather([tmp_path / "none.npz"], None)
    with pytest.raises(UsageError, match="given twice"):
        gather([run, run], None)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        make([run], None, tmp_path / "file" / "x")


def test_the_command(
    run: Path, make_result: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_result(1, weights="other").save(tmp_path / "other.npz")
    monkeypatch.setattr("sys.argv", ["mien", "report", str(run), "other.npz", "--out", "o"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert not stopped.value.code
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("o/report.html\n", "")
    assert "2 results side by side" in Path("o/report.html").read_text(encoding="utf-8")


def test_the_command_refuses_in_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["mien", "report", "nothing"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def figures_in(folder: Path, kind: str, **changed: object) -> Path:
    """Write a folder's measurement again with other facts and return its path."""
    path = folder / f"{kind}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))
    return path


@pytest.mark.parametrize(
    ("kind", "changed", "why"),
    [
        ("stress", {"weights": "other", "weights_sha256": "1" * 64}, "measured on other weights (other, sha256 111111"),
        ("stress", {"weights_sha256": None}, "it does not record on which weights it was measured"),
        ("stress", {"split": "test"}, ""),
        ("fairness", {"weights_sha256": "1" * 64, "answers": "f"}, "measured on other weights (tiny, sha256 11111"),
        ("fairness", {"split": "val", "answers": "f"}, "measured on other predictions (fer2013 val)"),
        (
            "fairness",
            {"answers": "f", "dataset": None, "split": None},
            "measured on other predictions (of unknown data)",
        ),
    ],
)
def test_measurements_of_something_else_are_left_out_and_reported(
    kind: str, changed: dict[str, object], why: str, run: Path, tmp_path: Path, tiny_fer2013: Path
) -> None:
    again = shutil.copytree(run, tmp_path / "again")
    path = figures_in(again, kind, **changed)
    report = gather([again], tiny_fer2013)
    assert ("tiny" in getattr(report, kind)) == (not why)
    lines = report.left_out[kind]
    assert len(lines) == bool(why)
    assert all(line.startswith(f"{path} is left out: {why}") for line in lines)
    page, printed = make([again], tiny_fer2013, tmp_path / "page.html")
    assert printed == lines
    assert all(escape(line) in page.read_text(encoding="utf-8") for line in lines)


def test_a_measurement_without_a_digest_is_left_out(run: Path, tmp_path: Path) -> None:
    again = shutil.copytree(run, tmp_path / "again")
    old = {key: value for key, value in json.loads((again / "fairness.json").read_text()).items() if key != "answers"}
    (again / "fairness.json").write_text(json.dumps({**old, "weights_sha256": None}))
    assert "does not record on which weights" in gather([again], None).left_out["fairness"][0]


def test_a_folder_of_measurements_joins_the_result_it_is_of(run: Path, make_result: Make, tmp_path: Path) -> None:
    for name, sha in (("a", "0"), ("b", "1")):
        made = make_result(int(sha), weights=name, weights_sha256=sha * 64)
        made.save(tmp_path / name / "result.npz")
    (tmp_path / "stress").mkdir()
    shutil.copy(run / "stress.json", tmp_path / "stress")
    paths = [tmp_path / "b", tmp_path / "stress", tmp_path / "a"]
    assert list(gather(paths, None).stress) == ["a"]
    assert list(gather([*paths[:1], tmp_path / "stress" / "stress.json", paths[2]], None).stress) == ["a"]
    with pytest.raises(UsageError, match=r"stress.json: measured on other weights \(tiny"):
        gather(paths[:2], None)
    with pytest.raises(UsageError, match=r"no result in .*stress; .*mien report RESULT .*stress"):
        gather(paths[1:2], None)
    (tmp_path / "stress" / "stress.json").write_text("{}")
    with pytest.raises(DataError, match="neither of stress nor fairness"):
        gather(paths, None)


def test_a_page_is_not_a_pdf(run: Path) -> None:
    with pytest.raises(UsageError, match=r"x.pdf; expected a folder or a file.html"):
        make([run], None, Path("x.pdf"))
    assert not Path("x.pdf").exists()


def test_the_page_of_one_folder_goes_into_it(tmp_path: Path, make_result: Make) -> None:
    make_result().save(tmp_path / "full" / "result.npz")
    assert make([tmp_path / "full"], None, None)[0] == tmp_path / "full" / "report.html"


def test_a_folder_of_a_page_is_marked(tiny_fer2013: Path, tmp_path: Path, run: Path) -> None:
    for _ in range(2):
        path, _ = make([run], tiny_fer2013, tmp_path / "page")
        assert [entry["file"] for entry in json.loads((path.parent / RECORD).read_text())["files"]] == ["report.html"]
    make([run], tiny_fer2013, tmp_path / "one.html")
    assert not (tmp_path / RECORD).exists()
