"""Folders that are written for hours carry our record, spare the files of others and survive a full disk."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.errors import OutputError  # noqa: E402
from mien.experiments import reproduce as reproducing  # noqa: E402
from mien.experiments import sweep as sweeping  # noqa: E402
from mien.experiments.reproduce import Place, reproduce  # noqa: E402
from mien.experiments.sweep import sweep  # noqa: E402
from mien.inference.media.sources import expand  # noqa: E402
from mien.outputs.lock import locked  # noqa: E402
from mien.outputs.record import RECORD, OwnFiles, read  # noqa: E402
from mien.outputs.run_folder import recorded  # noqa: E402
from mien.training import checkpoint, runlog  # noqa: E402
from mien.training import recipe as recipes  # noqa: E402
from mien.training.run import export_run, run_recipe  # noqa: E402
from mien.training.train import train  # noqa: E402

OTHERS = "somebody else's\n"
TINY = """
name: tiny
data: {name: fer2013}
model: {name: mienet, options: {width: 0.25, depths: [1, 1, 1, 1], stem_stride: 2}}
optim: {lr: 0.05, warmup: 0}
epochs: 2
batch: 16
views: {flip: false}
"""


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    (tmp_path / "tiny.yaml").write_text(TINY)
    return str(tmp_path / "tiny.yaml")


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def record(folder: Path) -> dict[str, Any]:
    return json.loads((folder / RECORD).read_text())


def no_halves(folder: Path) -> None:
    assert not [path for path in folder.rglob("*") if ".part" in path.name or path.name.startswith(".export-")]


@pytest.mark.parametrize(
    ("fails", "status"), [(None, "finished"), (ValueError, "failed"), (KeyboardInterrupt, "stopped")]
)
def test_the_record_says_how_it_ended(fails: Any, status: str, tmp_path: Path) -> None:
    (tmp_path / "own.jpg").write_text(OTHERS)
    (tmp_path / ".mien-0.part").write_text("of a killed run")
    try:
        with locked(tmp_path), recorded(tmp_path, "train", ("a.csv", "b.csv"), {"seed": 1, "force": True}):
            assert record(tmp_path)["status"] == "running"
            assert read(tmp_path).owns("b.csv")  # a killed run's files are known
            (tmp_path / "a.csv").write_text("1")
            if fails:
                raise fails
    except (ValueError, KeyboardInterrupt):
        pass
    content = record(tmp_path)
    assert (content["status"], content["by"], content["settings"]) == (status, "train", {"seed": 1})
    assert [entry["file"] for entry in content["files"]] == ["a.csv"]
    assert content["files"][0]["bytes"] == 1
    assert content["start"] <= content["end"]
    no_halves(tmp_path)


def test_what_other_commands_left_stays_listed(tmp_path: Path) -> None:
    for command, name in (("train", "a.csv"), ("stress", "b.csv"), ("train", "a.csv")):
        with recorded(tmp_path, command, (name,), {}):
            (tmp_path / name).write_text(command)
    content = record(tmp_path)
    assert {entry["file"]: entry["by"] for entry in content["files"]} == {"a.csv": "train", "b.csv": "stress"}
    assert [run["by"] for run in content["earlier"]] == ["stress"]


def test_a_run_is_marked_and_goes_on_after_a_full_disk(
    tiny: str, tiny_fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, runs = runlog.append_steps, tmp_path / "runs"
    limits = iter([None, 60])

    def append_steps(rows: Any, path: Path) -> None:
        if (size := next(limits)) is None:
            return append(rows, path)
        with full_disk(size):
            return append(rows, path)

    with monkeypatch.context() as patch:
        patch.setattr(runlog, "append_steps", append_steps)
        with pytest.raises(OutputError, match=r"steps\.csv cannot be written: File too large"):
            run_recipe(tiny, [], root=tiny_fer2013, out=runs, resume=None, device="cpu")
    (run,) = (runs / "tiny").iterdir()
    assert (record(run)["status"], checkpoint.load(run / "last.pt", checkpoint.Last).epoch) == ("failed", 1)
    assert (run / "steps.csv").read_text().endswith("\n")
    with full_disk(3000), pytest.raises(OutputError, match="cannot be written"):  # no room for a checkpoint
        train(recipes.load(tiny), tiny_fer2013, run, device="cpu")
    assert checkpoint.load(run / "last.pt", checkpoint.Last).epoch == 1
    no_halves(run)
    train(recipes.load(tiny), tiny_fer2013, run, device="cpu")
    with full_disk(20_000), pytest.raises(OutputError, match=r"model\.onnx cannot be written"):
        run_recipe(None, [], root=tiny_fer2013, out=runs, resume=run, device="cpu")
    assert checkpoint.load(run / "last.pt", checkpoint.Last).epoch == 2
    assert not (run / "model.onnx").exists()
    no_halves(run)
    export_run(run, root=tiny_fer2013)
    content = record(run)
    assert (content["status"], content["by"]) == ("finished", "export")
    assert {entry["file"] for entry in content["files"]} >= {
        "recipe.yaml",
        "last.pt",
        "best.pt",
        "model.onnx",
        "report.html",
    }
    assert {path.name for path in run.iterdir()} == {RECORD, *(entry["file"] for entry in content["files"])}

    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(run / "mine.png")
    (run / "photos.png").write_bytes((run / "mine.png").read_bytes())
    assert not OwnFiles(tmp_path)(run / "mine.png")
    assert [Path(str(each)).name for each in run.glob("*.onnx") if not OwnFiles(tmp_path)(each)] == []


def test_nobody_elses_log_is_written_over(tiny: str, tiny_fer2013: Path, tmp_path: Path) -> None:
    run = tmp_path / "own"
    run.mkdir()
    (run / "recipe.yaml").write_text(TINY)
    (run / "log.csv").write_text(OTHERS)
    with pytest.raises(OutputError, match=r"log\.csv was not written by mien"):
        run_recipe(None, [], root=tiny_fer2013, out=tmp_path, resume=run, device="cpu")
    assert (run / "log.csv").read_text() == OTHERS
    assert not (run / RECORD).exists()


@pytest.mark.parametrize("name", sweeping.FILES)
def test_nobody_elses_table_is_swept_away(name: str, tiny: str, tiny_fer2013: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text(OTHERS)
    with pytest.raises(OutputError, match="was not written by a sweep"):
        sweep(tiny, ["batch=16,32"], runs=1, root=tiny_fer2013, out=out, device="cpu")
    assert (out / name).read_text() == OTHERS


def test_a_sweep_is_marked_and_goes_on(
    tiny: str, tiny_fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, words = tmp_path / "out", ["batch=16,32", "steps=2"]
    with monkeypatch.context() as patch:
        real = sweeping.write

        def write(*given: Any) -> Any:
            with full_disk(500):
                return real(*given)

        patch.setattr(sweeping, "write", write)
        with pytest.raises(OutputError, match="cannot be written"):
            sweep(tiny, words, runs=1, root=tiny_fer2013, out=out, device="cpu")
    assert not [name for name in sweeping.FILES if (out / name).exists()]
    no_halves(out)
    sweep(tiny, words, runs=1, root=tiny_fer2013, out=out, device="cpu")
    content = record(out)
    assert (content["by"], content["status"]) == ("sweep", "finished")
    assert [entry["file"] for entry in content["files"]] == list(sweeping.FILES)
    assert all(record(run)["by"] == "sweep" for run in (out / "runs").iterdir())
    (out / RECORD).unlink()  # as an earlier version left it
    sweep(tiny, words, runs=1, root=tiny_fer2013, out=out, device="cpu")
    (out / "sweep.csv").write_text(OTHERS)
    with pytest.raises(OutputError, match="changed since"):
        sweep(tiny, words, runs=1, root=tiny_fer2013, out=out, device="cpu")


@pytest.mark.parametrize("name", ["TABLE.md", "tiny/0.json", "tiny/0-log.csv", "figures/tiny-curves.svg"])
def test_nobody_elses_results_are_written_over(name: str, tiny: str, tiny_fer2013: Path, tmp_path: Path) -> None:
    path = tmp_path / "results" / name
    path.parent.mkdir(parents=True)
    path.write_text("{}" if name.endswith("json") else OTHERS)
    with pytest.raises(OutputError, match="was not written by mien"):
        reproduce([tiny], Place(tiny_fer2013, tmp_path / "runs", tmp_path / "results", "cpu"))
    assert path.read_text() == ("{}" if name.endswith("json") else OTHERS)
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_results_and_their_runs_are_marked(
    tiny: str, tiny_fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tiny_fer2013, tmp_path / "runs", tmp_path / "results", "cpu")

    def no_room(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(reproducing, "train", no_room)
        (row,) = reproduce([tiny], place)
    assert (row.status, row.crashed, row.error) == (
        "failed",
        False,
        "a file cannot be written: No space left on device",
    )
    (row,) = reproduce([tiny], place)
    assert row.status == "measured"
    listed = {entry["file"] for entry in record(place.results)["files"]}
    assert listed >= {"TABLE.md", "tiny/0.json", "tiny/0-test.npz", "figures/tiny-confusion.svg"}
    assert "photos.png" in {entry["file"] for entry in record(Path(row.content["run"]))["files"]}
    assert not [source for source in expand([str(place.out)]) if "photos.png" in str(source)]
    assert reproduce([tiny], place)[0].status == "kept"
