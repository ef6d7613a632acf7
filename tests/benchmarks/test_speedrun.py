"""The speed run on drawn faces: the race, its one look at test, the loops that take turns, and what the page says."""

import json
import statistics
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
import torch

from mien.errors import RecipeError
from mien.training import recipe as recipes
from mien.training.recipe import Augment

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SMALL = ["epochs=2", "refine=null", "batch=40", "model.options.width=0.25", "model.options.stem_stride=2"]


@pytest.fixture(autouse=True)
def _place(monkeypatch: pytest.MonkeyPatch, tiny_fer2013: Path) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setenv("MIEN_DATA", str(tiny_fer2013))


def _race(out: Path, runs: int = 2) -> dict[str, Any]:
    import speedrun

    return speedrun.race(recipes.load(speedrun.RECIPE, SMALL), "cpu", runs, True, out)


def test_recipe_is_valid_and_refuses_what_it_does_not_know() -> None:
    import speedrun

    recipe = recipes.load(speedrun.RECIPE)
    assert recipe.distill is None
    with pytest.raises(RecipeError, match=r"optim\.rate"):
        recipes.load(speedrun.RECIPE, ["optim.rate=1"])


def test_race_keeps_runs_that_can_be_repeated_and_no_test(tmp_path: Path) -> None:
    report = _race(tmp_path / "a")
    written = json.loads((tmp_path / "a" / "race.json").read_text())
    assert [row["seed"] for row in written["runs"]] == [0, 1]
    assert all("test" not in row for row in written["runs"])
    seconds = [row["seconds"] for row in report["runs"]]
    assert report["summary"]["seconds"]["mean"] == pytest.approx(statistics.mean(seconds))
    assert report["summary"]["together"] == pytest.approx(statistics.mean(seconds) + report["warm_seconds"])
    assert report["summary"]["share_stated"] is None  # no ceiling is stated for this device
    assert [row["steps"] for row in report["runs"]] == [8, 8]
    again = _race(tmp_path / "b", 1)
    assert again["runs"][0]["val"] == report["runs"][0]["val"]  # an earlier run leaves nothing behind
    one, two = (torch.load(tmp_path / folder / "0.pt", weights_only=True)["average"] for folder in "ab")
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not all(torch.equal(one[n], v) for n, v in torch.load(tmp_path / "a" / "1.pt")["average"].items())


def test_operations_of_a_run_are_those_counted_by_hand() -> None:
    import speedrun

    from mien.training.batches import split

    recipe = recipes.load(
        speedrun.RECIPE, ["model={name: svm}", "data.auxiliary=null", "batch=40", "epochs=3", "refine=null"]
    )
    data, val = (split(recipe, None, name, torch.device("cpu")) for name in ("train", "val"))
    layer = 2 * 48 * 48 * 7
    steps = 3 * (160 // 40)
    learning = 2 * layer * 40 * steps  # forwards, and backwards to the weights: the images need no gradient
    assert speedrun.operations(recipe, data, val) == learning + layer * 2 * 3 * 40
    assert speedrun.operations(recipe, replace(data, rows=data.rows[:80]), val) < learning


def test_score_opens_test_once_for_the_weights_of_the_race(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import speedrun

    _race(tmp_path)
    with pytest.raises(SystemExit, match="holds 2 runs; test stays closed until there are 10"):
        speedrun.score_race(tmp_path)
    monkeypatch.setattr(speedrun, "LEAST", 2)
    report = speedrun.score_race(tmp_path)
    assert capsys.readouterr().err.count(": test ") == 2
    figures = [row["test"]["full"] for row in report["runs"]]
    assert all(part["n"] == 40 and part["interval"][0] <= part["accuracy"] <= part["interval"][1] for part in figures)
    assert report["summary"]["holds"] == (report["summary"]["test"]["mean"] >= 0.705)
    assert speedrun.score_race(tmp_path)["runs"] == report["runs"]
    assert ": test " not in capsys.readouterr().err
    (tmp_path / "1.pt").write_bytes(b"other")
    with pytest.raises(SystemExit, match="not what the race wrote"):
        speedrun.score_race(tmp_path)


@pytest.mark.parametrize(("device", "share"), [("NVIDIA H200", 0.1), ("NVIDIA A100", None)])
def test_share_of_the_ceiling_that_is_stated(device: str, share: float | None) -> None:
    import speedrun

    runs = [{"seconds": 10.0, "val": 0.7}, {"seconds": 10.0, "val": 0.71}]
    report = {"device": device, "operations": 989e12, "product_tflops": 200.0, "warm_seconds": 5.0, "runs": runs}
    figures = speedrun.summary(report)["summary"]
    assert figures["tflops"] == pytest.approx(98.9)
    assert figures["share_of_product"] == pytest.approx(98.9 / 200)
    assert figures["share_stated"] == (pytest.approx(share) if share else None)
    assert "holds" not in figures  # nobody has opened test


def test_plain_loop_changes_images_as_the_recipe_says() -> None:
    from bench.loops import moved, shaded

    image = np.random.default_rng(0).integers(0, 256, (48, 48), np.uint8)
    assert (moved(image, Augment(flip=0)) == image).all()
    assert (moved(image, Augment(flip=1)) == image[:, ::-1]).all()
    assert moved(image, Augment(flip=0, crop=40)).shape == (40, 40)
    far = moved(np.full((48, 48), 255, np.uint8), Augment(flip=0, shift=0.3, rotate=30, scale=(0.8, 1.2)))
    assert 0 < (far > 0).mean() < 1
    assert shaded(image, Augment()) == pytest.approx(image / 255)
    far = moved(np.full((48, 48), 255, np.uint8), Augment(flip=0, shift=0.3, rotate=30, scale=(0.5, 0.9), fill="edge"))
    assert (far == 255).all()
    for _ in range(20):
        worse = shaded(image, Augment(degrade=1))
        assert worse.shape == (48, 48)
        assert worse.dtype == np.float32
        assert 0 <= worse.min() < worse.max() <= 1
        assert (worse != np.float32(image) / 255).any()
    covered = (shaded(image, Augment(erase=1)) != np.float32(image) / 255).mean()
    assert 0 < covered < 0.25


@pytest.mark.parametrize("key", ["augment.cutmix=0.5", "augment.mixup=0.2", "optim.sharpness=0.1"])
def test_plain_loop_refuses_what_it_does_not_do(key: str) -> None:
    from bench.loops import refuse

    with pytest.raises(ValueError, match="the plain loop"):
        refuse(recipes.load("mien/fer2013", [key]))


@pytest.mark.parametrize(
    "words", [("mien", "float32"), ("plain", "2"), pytest.param(("plain", "0"), marks=pytest.mark.slow)]
)
def test_loops_serve_an_epoch(words: tuple[str, str]) -> None:
    from bench.interleave import Worker

    which, how = words
    script = BENCHMARKS / "bench" / "loops.py"
    keys = ["distill=null", "batch=40", "model.options.width=0.25", "data.limit=120"]
    with Worker([sys.executable, script, which, "mien/fer2013-nano", how, *keys], threads=1) as worker:
        for part in ("epoch", "feed", "network", "epoch"):
            report = worker.ask(do=part)
            assert report["images"] == 120
            assert report["wall"] > 0 < report["cpu"]


def test_ratio_is_taken_round_by_round_with_the_best_plain_loop() -> None:
    from bench.cpu import PARTS, compared

    def rows(*walls: float) -> dict[str, list[dict[str, float]]]:
        return {part: [{"images": 10, "wall": wall, "cpu": 2 * wall} for wall in walls] for part in PARTS}

    report = compared(
        {"mien float32": rows(1, 2, 4), "plain, 0 workers": rows(2, 8, 8), "plain, 2 workers": rows(9, 9, 9)}
    )
    first = report["ratios"][0]
    assert (first["against"], first["median"], first["least"], first["most"]) == ("plain, 0 workers", 2, 2, 4)
    assert [row["images_per_second"] for row in report["rows"]] == pytest.approx([5, 1.25, 10 / 9])


def test_page_and_promises_tell_what_was_measured_and_what_was_not() -> None:
    from bench.page import page
    from bench.targets import bars

    place = {"processor": "none", "cores": 2, "python": "3", "versions": {"torch": "2"}}
    common = {**place, "recipe": "r", "overrides": ["a=1"], "threads": 1, "load": [0.1, 0.2]}
    between = {"system": "mien float32", "against": "plain, 0 workers", "median": 1.4, "least": 1.2, "most": 1.5}
    row = {"system": "plain", "images_per_second": 9.0, "epoch_cpu_ms": 2.0, "feed_cpu_ms": 1.0, "network_cpu_ms": 1.0}
    ratio = {**common, "images": 1280, "rounds": 3, "rows": [row], "ratios": [{**between, "by": "wall"}]}
    text = page({"speedrun": {"quick": False, "ratio": ratio}})
    assert "not measured yet" in text
    assert "- mien float32: 1.40 times plain, 0 workers in images per second (1.20 to 1.50)" in text
    assert [bar.met for bar in bars({"speedrun": {"ratio": ratio}})] == [False]
    assert bars({"speedrun": {"quick": False}}) == []
    figures = {
        "n": 10, "seconds": {"mean": 25.0, "std": 0.1}, "together": 60.0, "tflops": 50.0, "share_of_product": 0.06,
        "share_stated": 0.05, "reaching": 8, "holds": True,
        **{key: {"mean": 0.71, "std": 0.002} for key in ("val", "test", "clean")},
    }  # fmt: skip
    race = {**place, "summary": figures, "warm_seconds": 35.0, "device": "a device", "operations": 1e15}
    minutes = {**common, "minutes": None, "best": 0.66, "goal": 0.68, "precision": "float32"}
    parts = {"speedrun": {"quick": False, "race": race, "minutes": minutes}}
    text = page(parts)
    assert "| 10 | 25.00 +- 0.10 | 35.0 | 60.0 | 71.00 +- 0.20 |" in text
    assert "not reached; the best is 66.0 %" in text
    assert [bar.met for bar in bars(parts)] == [True]
