"""Sweeps: the grid, its mistakes, and the measures of the runs."""

import csv
import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.errors import MienError  # noqa: E402
from mien.evaluation.metrics import METRICS  # noqa: E402
from mien.experiments import record as rows  # noqa: E402
from mien.experiments import table  # noqa: E402
from mien.experiments.schema import SweepCell, SweepRun  # noqa: E402
from mien.experiments.sweep import MEASURES, grid, line, measures, summary, sweep  # noqa: E402

SMALL = [
    "model.options.depths=[1, 1, 1, 1]", "model.options.stem_stride=2", "batch=32", "refine=null",
    "data.auxiliary=null", "steps=2",
]  # fmt: skip


def test_grid_of_lists_and_seeds() -> None:
    plan = grid("feratt-rep-cls", ["loss.representation.beta=[2,4],[4,2]", "batch=32,64", "data.limit=2000"], 2)
    assert plan.name == "papers/feratt-rep-cls"
    assert plan.keys == ("loss.representation.beta", "batch")
    assert plan.fixed == ("data.limit=2000",)
    assert len(plan.cells) == 4
    first = plan.cells[0].recipes
    assert [recipe.seed for recipe in first] == [0, 1]
    assert first[0].loss.representation is not None
    assert (first[0].loss.representation.beta, first[0].batch, first[0].data.limit) == ((2, 4), 32, 2000)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["optim.lr"], "key=a,b,c"),
        (["=1,2"], "key=a,b,c"),
        (["batch=32,"], "key=a,b,c"),
        (["batch=32"], "nothing varies"),
        (["batch=32,64", "batch=16"], "given twice"),
        (["seed=1,2"], "`runs` N"),
        (["name=a,b"], "over name"),
        (["batch=32,3_2"], "same weights as 32"),
        (["test=true,false"], "false trains the same weights as true"),
        (["batch=0,32"], "batch"),
        (["data.size=48,9999"], "data.size"),
        (["batchsize=1,2"], "unknown key"),
        (["epochs=1,many"], "integer"),
        (["augment.scale=[1,2],[1"], "cannot read"),
        (["model.name=cnn2,cnn9"], "model.name"),
        (["optim.schedule.name=cosine,linear"], "optim.schedule.name"),
        (["augment.crop=40,64", "refine=null"], "augment.crop: 64"),
        (["batch=8,16", "data.train.generated=none.npz"], "none.npz"),
    ],
)
def test_bad_grids_are_one_line(words: list[str], message: str, tiny_fer2013: Path, tmp_path: Path) -> None:
    with pytest.raises(MienError) as caught:
        sweep("mien/fer2013", words, runs=1, root=tiny_fer2013, out=tmp_path / "out", device="cpu")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("recipe.yaml"))


@pytest.mark.parametrize(("runs", "device"), [(0, "cpu"), (1, "tpu")])
def test_bad_options(runs: int, device: str, tmp_path: Path) -> None:
    with pytest.raises(MienError):
        sweep("cnn2", ["batch=8,16"], runs=runs, root=None, out=tmp_path, device=device)


def test_sweep_reads_val_only_and_resumes(tiny_fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mien.training import batches

    seen, real = [], batches.load
    monkeypatch.setattr(batches, "load", lambda n, root, split, **o: seen.append(split) or real(n, root, split, **o))
    out = tmp_path / "results" / "sweeps" / "width"
    words = ["model.options.width=0.25,0.5", *SMALL]
    swept = sweep("mien/fer2013", words, runs=2, root=tiny_fer2013, out=out, device="cpu").to_dict()
    assert set(seen) == {"train", "val"}
    assert [cell["values"] for cell in swept["cells"]] == [["0.25"], ["0.5"]]
    assert len(swept["runs"]) == 4
    cell, runs = swept["cells"][0], swept["runs"][:2]
    assert cell["val_accuracy"]["mean"] == pytest.approx(sum(run["val_accuracy"] for run in runs) / 2)
    with (out / "sweep.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["seed"] for line in lines] == ["0", "1", "0", "1"]
    assert set(MEASURES) < set(lines[0])
    assert (out / "sweep.svg").stat().st_size < 100_000
    stamps = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/best.pt")}
    assert len(stamps) == 4
    again = sweep("mien/fer2013", words, runs=2, root=tiny_fer2013, out=out, device="cpu").to_dict()
    assert json.dumps(again) == json.dumps(swept)
    assert stamps == {path: path.stat().st_mtime_ns for path in out.glob("runs/*/best.pt")}
    text = table.draw(tmp_path / "results").read_text(encoding="utf-8")
    assert "## Sweep of width: mien/fer2013" in text
    assert (tmp_path / "results" / "figures" / "sweep-width.svg").is_file()


def test_damaged_runs_are_reported_before_time_is_spent(tiny_fer2013: Path, tmp_path: Path) -> None:
    words = ["model.options.width=0.25,0.5", *SMALL]
    first, second = (cell.recipes[0] for cell in grid("mien/fer2013", words, 1).cells)
    run = tmp_path / "runs" / rows.digest(second)
    run.mkdir(parents=True)
    (run / "recipe.yaml").write_text("")  # killed as it began
    (run / "last.pt").write_bytes(b"PK")
    with pytest.raises(MienError, match=rf"last\.pt is not a readable checkpoint.*remove {run}"):
        sweep("mien/fer2013", words, runs=1, root=tiny_fer2013, out=tmp_path, device="cpu")
    assert not (tmp_path / "runs" / rows.digest(first)).exists()
    (run / "last.pt").unlink()
    swept = sweep("mien/fer2013", words, runs=1, root=tiny_fer2013, out=tmp_path, device="cpu").to_dict()
    assert [line["val_accuracy"] is not None for line in swept["runs"]] == [True, True]


def test_a_run_that_diverges_costs_only_its_cell(tiny_fer2013: Path, tmp_path: Path) -> None:
    words = ["optim.lr=0.05,1e30", *SMALL, "precision=float32"]
    swept = sweep(
        "mien/fer2013", words, runs=1, root=tiny_fer2013, out=tmp_path / "sweeps" / "lr", device="cpu"
    ).to_dict()
    kept, lost = swept["cells"]
    assert kept["diverged"] == 0
    assert kept["val_accuracy"]["mean"] >= 0
    assert lost["diverged"] == 1
    assert lost["val_accuracy"] == {"mean": None, "std": None}
    assert line(SweepCell(**lost)) == ["1e30", *["diverged"] * len(MEASURES)]
    assert (tmp_path / "sweeps" / "lr" / "sweep.svg").is_file()


@pytest.mark.parametrize("key", METRICS)
def test_the_reported_epoch_is_the_best_by_the_metric(key: str) -> None:
    same = {"loss": 1.0, "val_nll": 1.0, "val_accuracy": 0.5, "val_macro_f1": 0.5}
    log = [{**same, "epoch": epoch, f"val_{key}": value} for epoch, value in enumerate((0.3, 0.1, 0.4, 0.2), 1)]
    assert measures(log, key)["epoch"] == (3 if METRICS[key].higher_is_better else 2)


def test_a_cell_with_one_diverged_seed_reports_it() -> None:
    ran, diverged = SweepRun(values=["8"], seed=0, **dict.fromkeys(MEASURES, 0.5)), SweepRun(values=["8"], seed=1)
    assert line(summary([ran, diverged]))[:2] == ["8", "50.00 (1 diverged)"]
