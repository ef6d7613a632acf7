"""`mien reproduce`: rows are measured, kept, resumed; one that fails or lacks its data does not stop the others."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.cli import app  # noqa: E402
from mien.errors import MienError  # noqa: E402
from mien.evaluation.result import Result  # noqa: E402
from mien.experiments import budget  # noqa: E402
from mien.experiments import record as rows  # noqa: E402
from mien.experiments import text as show  # noqa: E402
from mien.experiments.reproduce import Outcome, Place, reproduce  # noqa: E402
from mien.experiments.resume import MARK, earlier  # noqa: E402
from mien.training import recipe as recipes  # noqa: E402
from mien.training import runlog  # noqa: E402

SMALL = """
name: {name}
data: {{name: {data}}}
model: {{name: svm}}
optim: {{lr: {lr}, warmup: 0}}
epochs: {epochs}
batch: 16
views: {{flip: false}}
"""


def write(folder: Path, name: str, data: str = "fer2013", lr: float = 0.05, epochs: int = 1) -> str:
    path = folder / f"{name}.yaml"
    path.write_text(SMALL.format(name=name, data=data, lr=lr, epochs=epochs))
    return str(path)


def reproduced(names: list[str], place: Place, **options: Any) -> list[dict[str, Any]]:
    """The rows as JSON has them."""
    return [outcome.to_dict() for outcome in reproduce(names, place, **options)]


@pytest.fixture
def place(tiny_fer2013: Path, tmp_path: Path) -> Place:
    return Place(tiny_fer2013, tmp_path / "runs", tmp_path / "results", "cpu")


def test_measured_then_kept(place: Place, tmp_path: Path) -> None:
    name = write(tmp_path, "small")
    begun = runlog.create(recipes.load(name), place.out)  # as a run that was stopped before its first epoch
    (row,) = reproduced([name], place)
    assert row["status"] == "measured"
    assert row["run"] == str(begun)
    folder = place.results / "small"
    assert {path.name for path in folder.iterdir()} >= {"0.json", "0-val.npz", "0-test.npz", "0-log.csv"}
    assert "root" not in json.loads((folder / "0.json").read_text())["environment"]["data"]
    result = Result.load(folder / "0-test.npz")
    assert len(result) == row["figures"]["test"]["n"] == 40
    assert row["figures"]["test"]["clean"]["n"] == 35
    assert (begun / "photos.png").stat().st_size > 10_000
    assert not list(place.results.rglob("*.png"))
    table = (place.results / "TABLE.md").read_text(encoding="utf-8")
    (again,) = reproduced([name], place)
    assert again["status"] == "kept"
    assert (place.results / "TABLE.md").read_text(encoding="utf-8") == table
    (other,) = reproduced([write(tmp_path, "small", lr=0.01)], Place(place.root, place.out, place.results, "cpu"))
    assert other["status"] == "measured"
    assert other["run"] != row["run"]


@pytest.mark.slow
def test_a_run_on_other_data_is_left_alone(
    place: Place, tmp_path: Path, fer2013_writer: Callable[..., object], capsys: pytest.CaptureFixture[str]
) -> None:
    name = write(tmp_path, "small")
    fer2013_writer(tmp_path / "other", seed=1)

    def rows_from(root: Path | None, results: str) -> dict:
        (row,) = reproduced([name], Place(root, place.out, tmp_path / results, "cpu"))
        assert row["status"] == "measured"
        return row

    first, second = rows_from(place.root, "one"), rows_from(tmp_path / "other", "two")
    assert second["run"] != first["run"]
    lines = [line for line in capsys.readouterr().err.splitlines() if "other data" in line]
    assert len(lines) == 1
    assert lines[0].startswith(f"{first['run']} is left alone")
    stamp = (Path(first["run"]) / "last.pt").stat().st_mtime_ns
    again = rows_from(place.root, "three")
    assert (again["run"], again["figures"]) == (first["run"], first["figures"])
    assert (Path(first["run"]) / "last.pt").stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("env.json", b'{"data": {"finge', ["env.json", "remove"]),
        ("env.json", b"[]", ["env.json", "a list instead of a mapping", "remove"]),
        ("metrics.json", b"", ["metrics.json", "remove"]),
        ("last.pt", b"PK\x03\x04 and then nothing", ["last.pt", "not a readable checkpoint", "remove"]),
        (MARK, b"\xff", [MARK, "remove"]),
    ],
)
def test_a_damaged_run_says_what_to_remove(
    file: str, content: bytes, words: list[str], place: Place, tmp_path: Path
) -> None:
    name = write(tmp_path, "small")
    begun = runlog.create(recipes.load(name), place.out)
    (begun / file).write_bytes(content)
    (row,) = reproduced([name], place)
    assert (row["status"], row["crashed"]) == ("failed", False)
    assert all(word in row["error"] for word in words)
    assert "\n" not in row["error"]
    assert (begun / file).read_bytes() == content


@pytest.mark.parametrize("content", ["", "name: small\nlayers: 3\n"])
def test_a_run_that_cannot_be_understood_is_left_alone(
    content: str, place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = recipes.load(write(tmp_path, "small"))
    begun = runlog.create(wanted, place.out)
    (begun / "recipe.yaml").write_text(content)  # killed as it began; begun by another version
    assert earlier(wanted, place.root, place.out, None) is None
    assert capsys.readouterr().err.startswith(f"{begun} is left alone: ")
    assert (begun / "recipe.yaml").read_text() == content


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("old/0.json", '{"figures": {"val"', ["0.json cannot be read", "remove it"]),
        ("old/0.json", "[]", ["a list instead of a mapping", "remove it"]),
        ("old/0.json", '{"name": "old", "recipe": {}}', ["old", "recipe.name", "remove it"]),
        ("sweeps/lr/sweep.json", '{"title"', ["sweep.json cannot be read", "remove it"]),
    ],
)
def test_a_damaged_row_is_reported_before_time_is_spent(
    file: str, content: str, words: list[str], place: Place, tmp_path: Path
) -> None:
    (place.results / file).parent.mkdir(parents=True)
    (place.results / file).write_text(content)
    with pytest.raises(MienError) as caught:
        reproduced([write(tmp_path, "small")], place)
    assert all(word in str(caught.value) for word in words)
    assert not place.out.exists()


def test_budget_shortens_and_says_so(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = write(tmp_path, "long", epochs=500)
    monkeypatch.setattr(budget, "measure", lambda *_: budget.Pace(step=0.5, val=1.0, per_epoch=10))
    (row,) = reproduced([name], place, minutes=0.25)
    assert (row["shortened"]["epochs"], row["shortened"]["of"]) == (2, 500)
    assert row["recipe"]["epochs"] == 2
    assert "shortened to 2 of 500 epochs" in (place.results / "TABLE.md").read_text(encoding="utf-8")
    assert reproduced([name], place, minutes=0.25)[0]["status"] == "kept"
    assert reproduced([name], place, minutes=0.1)[0]["status"] == "kept"


def test_a_run_that_fits_its_budget_is_resumed(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = write(tmp_path, "short")
    monkeypatch.setattr(budget, "measure", lambda *_: budget.Pace(step=0.01, val=0.1, per_epoch=10))
    with monkeypatch.context() as patch:
        patch.setattr("mien.experiments.reproduce.train", lambda *_, **__: 1 / 0)
        assert reproduced([name], place, minutes=1)[0]["crashed"]
    (begun,) = (place.out / "short").iterdir()
    (row,) = reproduced([name], place, minutes=1)
    assert (row["run"], row["shortened"], row["recipe"]["epochs"]) == (str(begun), None, 1)
    assert "shortened" not in (place.results / "TABLE.md").read_text(encoding="utf-8")


def test_a_run_without_test_gives_no_row(place: Place, tmp_path: Path) -> None:
    name = write(tmp_path, "small")
    closed = runlog.create(recipes.load(name, ["test=false"]), place.out)
    (row,) = reproduced([name], place)
    assert row["run"] != str(closed)
    assert "test" in row["figures"]


def test_a_file_cannot_take_a_packaged_recipes_row(place: Place, tmp_path: Path) -> None:
    for name in ("papers/cnn4", "cnn4"):
        (tmp_path / "mine.yaml").write_text(recipes.dump(recipes.load("papers/cnn4", ["epochs=1", f"name={name}"])))
        with pytest.raises(MienError, match="taken by a packaged recipe"):
            reproduced([str(tmp_path / "mine.yaml")], place)


def test_command_goes_on_after_a_failure(tiny_fer2013: Path, tmp_path: Path) -> None:
    names = [
        write(tmp_path, "wild", lr=1e30, epochs=2),
        write(tmp_path, "lost", data="nowhere"),
        write(tmp_path, "tame"),
    ]
    places = ["--root", str(tiny_fer2013), "--out", str(tmp_path / "runs"), "--results", str(tmp_path / "results")]
    done = CliRunner().invoke(app, ["reproduce", *names, *places, "--device", "cpu", "--json"])
    assert done.exit_code == 2
    rows = json.loads(done.stdout)
    assert [row["status"] for row in rows] == ["failed", "failed", "measured"]
    assert "lower optim.lr" in rows[0]["error"]
    assert "nowhere" in rows[1]["error"]
    assert "1 of 3 rows" in done.stderr


def test_a_recipe_without_its_data_says_what_it_needs(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = write(tmp_path, "gated", data="ckplus")
    (row,) = reproduced([name], place)
    assert "expected the folders cohn-kanade-images/ and Emotion/" in capsys.readouterr().err
    assert (row["status"], row["figures"]) == ("needs data", {})
    assert "jeffcohn" in row["needs"]
    table = (place.results / "TABLE.md").read_text(encoding="utf-8")
    assert "needs the data set" in table
    assert "nan" not in table
    assert not list(place.out.rglob("recipe.yaml"))
    stamp = (place.results / "gated" / "0.json").stat().st_mtime_ns
    assert reproduced([name], place)[0]["status"] == "needs data"
    assert (place.results / "gated" / "0.json").stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        (["cnn5"], {}, ["cnn5", "cnn4"]),
        (["cnn4", "papers/cnn4"], {}, ["twice"]),
        (["cnn4"], {"minutes": 0}, ["`budget`"]),
        (["cnn4"], {"minutes": float("nan")}, ["`budget`"]),
        (["cnn4"], {"minutes": float("inf")}, ["`budget`"]),
        (["cnn4"], {"seeds": 0}, ["`seeds`"]),
    ],
)
def test_mistakes_are_reported_first(names: list[str], options: dict, words: list[str], place: Place) -> None:
    with pytest.raises(MienError) as caught:
        reproduced(names, place, **options)
    assert all(word in str(caught.value) for word in words)
    assert not place.out.exists()


def test_a_root_that_is_not_there_is_no_data_set_to_ask_for(place: Place, tmp_path: Path) -> None:
    with pytest.raises(MienError, match="does not exist"):
        reproduced(["resnet18"], Place(tmp_path / "lots", place.out, place.results, "cpu"))
    assert not place.results.exists()


def test_unwritable_results(place: Place, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", Path("/proc")):  # the second is there, and nobody may write to it
        with pytest.raises(MienError, match="cannot write"):
            reproduced(["cnn4"], Place(place.root, place.out, folder, "cpu"))


def test_unwritable_runs_are_reported_before_the_pace_is_measured(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(budget, "measure", lambda *_: pytest.fail("trained"))
    (row,) = reproduced(
        [write(tmp_path, "small")], Place(place.root, tmp_path / "file", place.results, "cpu"), minutes=1
    )
    assert (row["status"], row["crashed"]) == ("failed", False)
    assert "cannot write" in row["error"]


def test_a_published_metric_other_than_accuracy_has_ours_in_the_same_cell() -> None:
    row = rows.read_row(Path(__file__).parents[2] / "results" / "alexnet-down" / "0.json")
    cells = dict(zip(show.HEAD, show.cells(Outcome("kept", row.row, row.content)), strict=True))
    assert cells["published, %"].startswith("macro-F1 ")
    macro = row.row.figures["test"].macro_f1
    assert macro is not None
    assert cells["test, %"].endswith(f"\nmacro-F1 {100 * macro:.2f}")
    assert "published on affectnet, ours on ferplus" in cells[""]


def test_list(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["reproduce", "--list", "--json", "--results", str(tmp_path)])
    assert done.exit_code == 0
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert {"svm", "cnn2", "cnn4", "nsl-final", "mien-ferplus"} <= set(rows)
    assert rows["cnn4"]["seeds"] == []
    assert rows["cnn4"]["sources"]


def test_list_shows_what_is_measured_and_what_data_is_missing(tmp_path: Path) -> None:
    here = Place(tmp_path, tmp_path, tmp_path / "results", "cpu")
    for folder, name, short, digest in (
        ("fer2013", "mien/fer2013", None, None),
        ("nsl-final", "papers/nsl-final", {"epochs": 5}, rows.digest(recipes.load("papers/nsl-final", ["seed=3"]))),
        ("cnn2", "papers/cnn2", {"epochs": 5}, "of an earlier recipe"),
    ):
        recipe = recipes.load(name, ["seed=3"])
        figures = {"val": {"accuracy": 0.5, "n": 9, "confusion": [[1]], "labels": ["fear"], "clean": {}}}
        rows.write(recipe, here.results / folder, figures, None, shortened=short, digest=digest)
    listings = show.listed(here)
    by_id = {row["name"]: row for row in (each.to_dict() for each in listings)}
    assert (by_id["mien-fer2013"]["seeds"], by_id["mien-fer2013"]["shortened"]) == ([3], False)
    assert (by_id["nsl-final"]["seeds"], by_id["nsl-final"]["shortened"]) == ([3], True)
    assert by_id["cnn4"]["seeds"] == []
    assert [by_id[id]["other"] for id in ("mien-fer2013", "nsl-final", "cnn2", "cnn4")] == [True, False, True, False]
    assert by_id["cnn4"]["needs"] is None
    assert "affectnet" in by_id["googlenet"]["needs"].lower()
    console = Console(width=200, file=io.StringIO())
    console.print(show.to_list(listings))
    text = console.file.getvalue()
    assert "(affectnet)" in text
    assert "seed 3, shortened " in text
    assert "seed 3, shortened*" in text
