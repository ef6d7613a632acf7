"""`mien train --runs`: a run for each seed, and mean and deviation of their scores."""

import json
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.cli import main  # noqa: E402
from mien.errors import UsageError  # noqa: E402
from mien.experiments import seeds  # noqa: E402
from mien.training.finalize import RunScores  # noqa: E402


def scores(accuracy: float, test: bool) -> RunScores:
    split: Any = {"accuracy": accuracy, "macro_f1": accuracy / 2, "ece": None, "n": 40}
    return RunScores("w", {"val": split, **({"test": split} if test else {})})


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Replaces training; seed 1 has no test scores."""
    made: list[tuple[Any, ...]] = []

    def train_run(name: str, overrides: list[str], **place: Any) -> tuple[Path, RunScores]:
        made.append((name, overrides, place))
        return Path(f"runs/{len(made) - 1}"), scores((0.5, 0.6, 0.9)[len(made) - 1], len(made) != 2)

    monkeypatch.setattr(seeds, "train_run", train_run)
    return made


def test_mean_and_deviation(calls: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    for words in (["--json"], []):
        monkeypatch.setattr("sys.argv", ["mien", "train", "mine.yaml", "epochs=1", "--runs", "3", *words])
        calls.clear()
        with pytest.raises(SystemExit) as left:
            main()
        assert not left.value.code
        out = capsys.readouterr().out
        assert [overrides for _, overrides, _ in calls] == [["epochs=1", f"seed={seed}"] for seed in range(3)]
        if words:
            content = json.loads(out)
            assert content["val"]["accuracy"]["mean"] == pytest.approx(mean((0.5, 0.6, 0.9)))
            assert content["val"]["accuracy"]["std"] == pytest.approx(stdev((0.5, 0.6, 0.9)))
            assert content["val"]["ece"]["mean"] is None
            assert [run["seed"] for run in content["runs"]] == [0, 1, 2]
            assert "test" not in content  # not all runs have it
        else:
            assert "mean +- deviation" in out
            assert "66.67 +- 20.82" in out
            assert out.split()[-1] == "runs/2"


@pytest.mark.parametrize(
    ("count", "more", "words"),
    [
        (0, {}, "`runs` 0; expected 1 or more"),
        (2, {"resume": Path("r")}, "`runs` together with `resume`"),
        (2, {"overrides": ["seed=3"]}, "together with seed="),
    ],
)
def test_what_does_not_go_together(count: int, more: dict[str, Any], words: str, calls: list[Any]) -> None:
    with pytest.raises(UsageError, match=words):
        seeds.train_seeds("mine", more.pop("overrides", []), count, **more)
    assert calls == []


def test_ctrl_c_says_what_ended_and_what_was_not_begun(
    calls: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = seeds.train_run

    def train_run(name: str, overrides: list[str], **place: Any) -> Any:
        if overrides[-1] == "seed=1":
            raise KeyboardInterrupt
        return trained(name, overrides, **place)

    monkeypatch.setattr(seeds, "train_run", train_run)
    with pytest.raises(KeyboardInterrupt):
        seeds.train_seeds("my faces.yaml", ["epochs=2"], 4, root=Path("faces"), out=None, device="cpu", test=True)
    said = capsys.readouterr().err
    assert "ended: seed 0, runs/0" in said
    assert [line for line in said.splitlines() if line.startswith("not begun")] == [
        f"not begun: mien train 'my faces.yaml' epochs=2 --root faces --device cpu --test seed={seed}"
        for seed in (2, 3)
    ]
