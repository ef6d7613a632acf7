"""Runs that diverge: one line, nothing selected, nothing exported, and what comes after goes on."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.errors import DivergedError, MienError  # noqa: E402
from mien.experiments import sweep  # noqa: E402
from mien.training import checkpoint, export, generate  # noqa: E402
from mien.training import recipe as recipes  # noqa: E402
from mien.training import train as loop  # noqa: E402
from mien.training.run import export_run, run_recipe  # noqa: E402

WORDS = ["epochs=2", "batch=32", "data.limit=64", "augment={}"]
TOO_FAST = [*WORDS, "optim.lr=1e9"]


def started(root: Path, out: Path, words: list[str]) -> Path:
    """Run the recipe, which must not come to its end, and return its folder."""
    with pytest.raises(DivergedError, match=r"^diverged: .* not finite at epoch 1; train again with a lower optim\.lr"):
        run_recipe("papers/cnn4", words, root=root, out=out, resume=None, device="cpu")
    (run,) = (out / "papers" / "cnn4").iterdir()
    return run


def files(run: Path) -> set[str]:
    return {path.name for path in run.iterdir()}


def test_a_run_that_diverges_leaves_no_weights(tiny_fer2013: Path, tmp_path: Path) -> None:
    run = started(tiny_fer2013, tmp_path, TOO_FAST)
    assert files(run) == {"recipe.yaml", "env.json", "last.pt", "mien-run.json"}
    assert json.loads((run / "env.json").read_text())["diverged"].endswith("not finite at epoch 1")
    assert all(value.isfinite().all() for value in checkpoint.content(run / "last.pt")["model"].values())
    with pytest.raises(DivergedError, match=r"diverged: .* at epoch 1"):  # at once, not after the epoch
        run_recipe(None, [], root=tiny_fer2013, out=tmp_path, resume=run, device="cpu")
    with pytest.raises(MienError, match=r"has no best\.pt"):
        export_run(run, root=tiny_fer2013)


@pytest.mark.parametrize("what", ["loss", "logits", "score"])
def test_whatever_is_no_number_stops_the_run(
    what: str, tiny_fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if what == "loss":
        real = loop._epoch
        monkeypatch.setattr(loop, "_epoch", lambda *words: [{**row, "loss": float("inf")} for row in real(*words)])
    elif what == "logits":
        real_outputs = loop.predict
        broken = {"logits": torch.tensor(float("nan"))}
        monkeypatch.setattr(loop, "predict", lambda *words, **more: real_outputs(*words, **more) | broken)
    else:
        metrics = loop.score
        monkeypatch.setattr(loop, "score", lambda *a, **k: {**metrics(*a, **k), "val_accuracy": float("nan")})
    run = started(tiny_fer2013, tmp_path, WORDS)
    assert not {"best.pt", "log.csv", "model.onnx", "metrics.json"} & files(run)


def test_the_command_says_it_in_one_line(
    tiny_fer2013: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mien.cli import main

    words = ["mien", "train", "papers/cnn4", *TOO_FAST, "--root", str(tiny_fer2013), "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err
    assert printed.err.strip().splitlines()[-1].startswith("mien: diverged: ")


def test_a_sweep_records_it_and_goes_on(tiny_fer2013: Path, tmp_path: Path) -> None:
    words = ["optim.lr=1e9,1e-3", "epochs=1", "batch=32", "data.limit=64"]
    for _ in range(2):  # the second time from the folder
        swept = sweep.sweep("papers/cnn4", words, runs=1, root=tiny_fer2013, out=tmp_path / "sweep", device="cpu")
        assert [cell.diverged for cell in swept.cells] == [1, 0]
        assert swept.cells[1].val_accuracy.mean is not None


def nothing_finite(run: Path) -> None:
    content = checkpoint.content(run / "best.pt")
    name = next(name for name, value in content["average"].items() if value.is_floating_point())
    content["average"][name] = content["average"][name] * float("nan")
    checkpoint.save(content, run / "best.pt")


def other_shapes(run: Path) -> None:
    content = checkpoint.content(run / "best.pt")
    content["average"] = {name: value[..., :1] for name, value in content["average"].items() if value.ndim}
    checkpoint.save(content, run / "best.pt")


@pytest.mark.parametrize(
    ("corrupt", "message"),
    [(nothing_finite, "weights in best.pt not finite"), (other_shapes, "does not fit its recipe")],
)
def test_checkpoints_that_are_not_exported(
    corrupt: Callable[[Path], None], message: str, tiny_fer2013: Path, tmp_path: Path
) -> None:
    recipe = recipes.load("papers/cnn4", ["epochs=1", "batch=32", "data.limit=64"])
    run = loop.train(recipe, tiny_fer2013, tmp_path, device="cpu")
    (run / "recipe.yaml").write_text(recipes.dump(recipe), encoding="utf-8")
    (run / "model.onnx").write_bytes(b"of an earlier export")
    corrupt(run)
    with pytest.raises(MienError, match=message):
        export_run(run, root=tiny_fer2013)
    assert (run / "model.onnx").read_bytes() == b"of an earlier export"
    assert not [name for name in files(run) if name.startswith(".")]


def test_parity_with_nothing_is_none() -> None:
    outputs = torch.full((1, 2), float("nan"))
    with pytest.raises(MienError, match="differs from torch by nan"):
        export._check("probs", outputs.numpy(), torch.ones(1, 2), 1e-5)


def test_a_generator_that_diverges_draws_nothing(
    tiny_fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: Any = generate.Settings(steps=3, batch=8, rate=1e30)
    with pytest.raises(DivergedError, match="diverged: loss not finite between step 1 and 3"):
        generate.generate("fer2013", tiny_fer2013, tmp_path, {}, settings, per_class=1, device="cpu")
    assert not (tmp_path / "generated.npz").exists()
    assert not (tmp_path / "last.pt").exists()
