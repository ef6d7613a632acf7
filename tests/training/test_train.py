"""The loop: deterministic, exactly resumable, and unable to reach the test split."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.errors import MienError, RecipeError, WeightsError  # noqa: E402
from mien.evaluation.metrics import METRICS  # noqa: E402
from mien.experiments.resume import earlier  # noqa: E402
from mien.training import checkpoint, runlog  # noqa: E402
from mien.training import recipe as recipes  # noqa: E402
from mien.training import train as module  # noqa: E402
from mien.training.finalize import finish  # noqa: E402
from mien.training.run import run_recipe  # noqa: E402
from mien.training.train import Plan, choose_precision, resume_recipe, train  # noqa: E402

SMALL = [
    "model.options.width=0.5",
    "model.options.depths=[1, 1, 1, 1]",
    "model.options.stem_stride=2",
    "batch=32",
    "ema=0.9",
    "refine=null",
]

LINEAR = ["model=svm", "data.auxiliary=null", "distill=null", "refine=null", "batch=32"]


def small(*more: str) -> recipes.Recipe:
    return recipes.load("mien/fer2013", [*SMALL, *more])


def weights(run: Path, name: str = "last.pt") -> dict[str, "torch.Tensor"]:
    content = checkpoint.content(run / name)
    return {**{f"average.{k}": v for k, v in content["average"].items()}, **content.get("model", {})}


def assert_same(one: Path, two: Path) -> None:
    first, second = weights(one), weights(two)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


def test_same_seed_same_weights_other_seed_others(tiny_fer2013: Path, tmp_path: Path) -> None:
    runs = []
    for place, seed in enumerate((1, 1, 2)):
        run = tmp_path / str(place)
        run.mkdir()
        runs.append(train(small("epochs=1", f"seed={seed}"), tiny_fer2013, run, device="cpu"))
    assert_same(runs[0], runs[1])
    first, other = weights(runs[0]), weights(runs[2])
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_it_learns(tiny_fer2013: Path, tmp_path: Path) -> None:
    train(small("epochs=12", "augment={}", "optim.warmup=0"), tiny_fer2013, tmp_path, device="cpu")
    history = checkpoint.content(tmp_path / "last.pt")["history"]
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    assert max(row["val_accuracy"] for row in history) > 0.5


@pytest.mark.parametrize("key", METRICS)
def test_the_epoch_that_is_kept_is_the_best_by_the_metric(
    key: str, tiny_fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = iter([0.3, 0.1, 0.4, 0.2])
    real = module.score
    monkeypatch.setattr(module, "score", lambda *a, **o: {**real(*a, **o), f"val_{key}": next(given)})
    recipe = recipes.load("mien/fer2013", [*LINEAR, "epochs=4", "data.limit=32", f"select={key}"])
    train(recipe, tiny_fer2013, tmp_path, device="cpu")
    kept = checkpoint.content(tmp_path / "best.pt")["epoch"]
    assert kept == (3 if METRICS[key].higher_is_better else 2)


def start(root: Path, out: Path, *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "mien.cli", "train", *words, "--root", str(root), "--device", "cpu"]
    command += [] if "--resume" in words else ["--out", str(out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def folder(out: Path) -> Path:
    return next(path.parent for path in out.rglob("recipe.yaml"))


RANDOM = [
    "augment.mixup=0.4",
    "augment.cutmix=1",
    "augment.degrade=0.5",
    "augment.fill=edge",
    "loss.logit_adjustment=0.5",
]
RANDOM += ["optim.sharpness=0.05", "model.options.drop_path=0.2", "model.options.squeeze=true"]


@pytest.mark.parametrize(("kind", "more"), [(signal.SIGKILL, RANDOM), (signal.SIGINT, [])])
def test_stopped_and_resumed_ends_the_same(
    kind: signal.Signals, more: list[str], tiny_fer2013: Path, tmp_path: Path
) -> None:
    words = ["mien/fer2013", *SMALL, *more, "epochs=6", "test=false"]
    process = start(tiny_fer2013, tmp_path / "cut", *words)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "cut").rglob("log.csv")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, kind)
    _, message = process.communicate(timeout=60)
    run = folder(tmp_path / "cut")
    last = checkpoint.content(run / "last.pt")
    assert 1 <= last["epoch"] <= 6
    if kind == signal.SIGINT and process.returncode:
        assert process.returncode == 130
        assert f"mien train --resume {run}" in message
        resumed = start(tiny_fer2013, tmp_path, "--resume", str(run))
        out, message = resumed.communicate(timeout=120)
        assert resumed.returncode == 0, message
        assert out.strip().endswith(str(run))
        assert message.startswith(f"resumed after epoch {last['epoch']:3d}  loss ")
    else:
        train(resume_recipe(run), tiny_fer2013, run, device="cpu")
    torch.set_num_threads(last["threads"])
    (whole := tmp_path / "whole").mkdir()
    train(resume_recipe(run), tiny_fer2013, whole, device="cpu")
    assert_same(whole, run)
    logs = [np.genfromtxt(place / "log.csv", delimiter=",", names=True) for place in (whole, run)]
    assert logs[0]["epoch"].tolist() == logs[1]["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_array_equal(logs[0]["loss"], logs[1]["loss"])


def test_training_never_reads_test(tiny_fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mien.training import batches as module

    seen = []
    real = module.load
    monkeypatch.setattr(
        module, "load", lambda name, root, split, **o: seen.append(split) or real(name, root, split, **o)
    )
    train(small("steps=1"), tiny_fer2013, tmp_path, device="cpu")
    assert set(seen) == {"train", "val"}


def test_record_is_complete(tiny_fer2013: Path, tmp_path: Path) -> None:
    recipe = small("steps=1")
    run = runlog.create(recipe, tmp_path)
    train(recipe, tiny_fer2013, run, device="cpu")
    environment = json.loads((run / "env.json").read_text())
    assert environment["versions"]["torch"] == torch.__version__
    assert environment["data"]["fingerprint"]
    assert environment["seconds"] > 0
    assert recipes.load(run / "recipe.yaml") == recipe


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model.name=resnet5"], ["model.name", "mienet"]),
        (["select=beauty"], ["select", "accuracy"]),
        (["model.options.colour=3"], ["model.options", "colour"]),
        (["data.auxiliary.options.labels=guess"], ["guess"]),
        (["data.name=fer2014"], ["fer2014", "fer2013"]),
        (["data.framing=tight"], ["data.framing", "fer2013"]),
        (["model.options.depths=[1, 1]"], ["model.options", "four stages"]),
        (["model.options.dropout=2"], ["model.options", "dropout"]),
        (["model.options.dropout=much"], ["model.options", "'dropout': 'much'"]),
        (["distill={weights: nobody}"], ["nobody", "ferplus"]),
        (["distill={weights: [ferplus, nobody]}"], ["nobody", "ferplus"]),
        (["distill={weights: []}"], ["distill.weights"]),
        (["data.keep=nowhere.txt"], ["data.keep", "nowhere.txt"]),
        (["model.options.drop_path=1"], ["drop_path"]),
    ],
)
def test_impossible_recipes_are_refused_early(
    overrides: list[str], words: list[str], tiny_fer2013: Path, tmp_path: Path
) -> None:
    with pytest.raises(MienError) as caught:
        train(small(*overrides), tiny_fer2013, tmp_path, device="cpu")
    assert all(word in str(caught.value) for word in words)
    assert not (tmp_path / "log.csv").exists()


def test_diverging_run_says_so(tiny_fer2013: Path, tmp_path: Path) -> None:
    with pytest.raises(MienError, match=r"diverged: loss not finite at epoch 1; .* lower optim\.lr"):
        train(small("optim.lr=1e30", "optim.warmup=0", "epochs=2"), tiny_fer2013, tmp_path, device="cpu")


def test_other_data_is_refused_on_resume(tiny_fer2013: Path, tmp_path: Path) -> None:
    train(small("steps=1"), tiny_fer2013, tmp_path, device="cpu")
    with pytest.raises(WeightsError, match="other data or targets"):
        train(small("steps=2", "data.auxiliary=null"), tiny_fer2013, tmp_path, device="cpu")


@pytest.mark.parametrize("word", ["test=true", pytest.param("test=false", marks=pytest.mark.slow)])
def test_the_command_opens_test_only_with_the_option(word: str, tiny_fer2013: Path, tmp_path: Path) -> None:
    """Whatever the recipe says; afterwards, too, and then once."""
    done = start(tiny_fer2013, tmp_path, "papers/svm", word)
    out, message = done.communicate(timeout=120)
    run = folder(tmp_path)
    assert (done.returncode, "test" in json.loads((run / "metrics.json").read_text())) == (0, False)
    assert not (run / "test.npz").exists()
    assert "test " not in out
    assert f"--resume {run} --test" in message
    again = start(tiny_fer2013, tmp_path, "--resume", str(run), "--test")
    out, message = again.communicate(timeout=120)
    assert again.returncode == 0, message
    assert "\ntest n " in out
    assert json.loads((run / "metrics.json").read_text())["test"]["n"] == 40
    assert "stays closed" not in message


@pytest.mark.parametrize("name", ["env.json", "metrics.json"])
def test_records_that_cannot_be_read_are_reported_in_one_line(name: str, tiny_fer2013: Path, tmp_path: Path) -> None:
    run = run_recipe("mien/fer2013", [*LINEAR, "epochs=1"], root=tiny_fer2013, out=tmp_path, resume=None, device="cpu")
    (run / name).write_text('{"cut": [1, ', encoding="utf-8")
    with pytest.raises(MienError, match=rf"{name} cannot be read.*(repair it|remove it)"):
        run_recipe(None, [], root=None if name == "env.json" else tiny_fer2013, out=tmp_path, resume=run, device="cpu")


def test_resumed_run_keeps_its_first_record(tiny_fer2013: Path, tmp_path: Path) -> None:
    train(small("steps=1"), tiny_fer2013, tmp_path, device="cpu")
    first = json.loads((tmp_path / "env.json").read_text())
    assert first["data"]["root"] == str(tiny_fer2013.resolve())
    (tmp_path / "log.csv").unlink()
    train(small("steps=3"), tiny_fer2013, tmp_path, device="cpu")
    second = json.loads((tmp_path / "env.json").read_text())
    assert second["commit"] == first["commit"]
    assert len(second["resumed"]) == 1
    assert second["seconds"] > first["seconds"]
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 1 + len(
        checkpoint.content(tmp_path / "last.pt")["history"]
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("recipe", r"recipe\.yaml was edited since the run began; .*; undo it, or start a new run with the changes$"),
        ("val", r"was scored on other val images or labels; .*; give its `root`, or train again$"),
        ("train", r"was trained on other data"),
        ("older", None),
        ("nothing", None),
    ],
)
def test_a_run_keeps_its_recipe_and_its_data(
    change: str, message: str | None, tiny_fer2013: Path, tmp_path: Path
) -> None:
    """Resumed, exported, and reproduced: `last.pt` of earlier versions does not say what they were."""
    recipe = recipes.load("mien/fer2013", [*LINEAR, "data.limit=32"])
    run = runlog.create(recipe, tmp_path)
    train(recipe, tiny_fer2013, run, device="cpu")
    last = checkpoint.content(run / "last.pt")
    if change in ("recipe", "older"):
        text = (run / "recipe.yaml").read_text()
        (run / "recipe.yaml").write_text(text.replace("max_iter: 1000", "max_iter: 900") + "# edited\n")
    if change == "older":
        last = {key: value for key, value in last.items() if key not in ("recipe_digest", "val_fingerprint")}
    last |= {"val_fingerprint": "0"} if change == "val" else {"learnt": "0"} if change == "train" else {}
    checkpoint.save(last, run / "last.pt")
    if change == "train":
        environment = json.loads((run / "env.json").read_text())
        runlog.write_json(environment | {"data": environment["data"] | {"fingerprint": "0"}}, run / "env.json")
    steps = (
        lambda: train(resume_recipe(run), tiny_fer2013, run, device="cpu"),
        lambda: finish(resume_recipe(run), tiny_fer2013, run),
    )
    for step in steps:
        if message is None:
            step()
        else:
            with pytest.raises(WeightsError, match=message):
                step()
    found = earlier(resume_recipe(run), tiny_fer2013, tmp_path, None)
    assert found == (None if message else run)


def test_refinement_has_its_own_rate_and_augmentation() -> None:
    refine = "refine={epochs: 2, lr: 0.5, augment: {flip: 0}}"
    plan = Plan(small("epochs=3", "optim.lr=0.1", "optim.warmup=0", refine), per_epoch=10)
    assert plan.steps == 50
    assert plan.rate(0) == pytest.approx(0.1)
    assert plan.rate(30) == pytest.approx(0.5)
    assert plan.augment(29) == plan.recipe.augment
    assert plan.augment(30).flip == 0


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\x80\x04K\x01."])
def test_broken_checkpoints(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"last\.pt"):
        checkpoint.content(path)


def test_checkpoint_is_never_executed(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {tmp_path / 'owned'}",)

    torch.save({"average": Evil()}, tmp_path / "last.pt")
    with pytest.raises(WeightsError):
        checkpoint.content(tmp_path / "last.pt")
    assert not (tmp_path / "owned").exists()


def test_precision_follows_the_hardware_or_the_recipe() -> None:
    cpu = torch.device("cpu")
    assert choose_precision("float32", cpu) == torch.float32
    assert choose_precision("bfloat16", cpu) == torch.bfloat16
    assert choose_precision("auto", cpu) in (torch.float32, torch.bfloat16)


def test_unwritable_output_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MienError, match="cannot write runs"):
        runlog.create(small(), tmp_path / "file")


def test_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no recipe given"):
        run_recipe(None, [], root=None, out=tmp_path, resume=None, device="cpu")


def test_patience_ends_a_run_that_no_longer_improves(
    tiny_fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = iter([0.3, 0.5, 0.4, 0.5, 0.6, 0.7])  # equal is no improvement
    real = module.score
    monkeypatch.setattr(module, "score", lambda *a, **o: {**real(*a, **o), "val_accuracy": next(given)})
    recipe = small("epochs=6", "patience=2", "data.limit=32", "data.auxiliary=null")
    train(recipe, tiny_fer2013, tmp_path, device="cpu")
    assert checkpoint.content(tmp_path / "last.pt")["epoch"] == 4
    train(recipe, tiny_fer2013, tmp_path, device="cpu")  # resumed: it has ended
    assert checkpoint.content(tmp_path / "last.pt")["epoch"] == 4
    assert checkpoint.content(tmp_path / "best.pt")["epoch"] == 2
    assert module.waited(recipe, checkpoint.load(tmp_path / "last.pt", checkpoint.Last).history)


def test_clipping_bounds_a_step(tiny_fer2013: Path, tmp_path: Path) -> None:
    """Plain SGD moves the weights by the rate times the gradient, so by the rate times its largest norm at most."""
    base = ["steps=1", "optim={lr: 1, momentum: 0, weight_decay: 0, warmup: 0, schedule: {name: constant}}"]
    moved = []
    for number, clip in enumerate(("null", "0.01")):
        run = tmp_path / str(number)
        run.mkdir()
        recipe = small(*base, "data.auxiliary=null", f"optim.clip={clip}")
        prepared = module.prepare(recipe, tiny_fer2013, "cpu")
        before = torch.cat([p.detach().flatten().clone() for p in prepared.model.parameters()])
        train(recipe, tiny_fer2013, run, prepared=prepared)
        after = torch.cat([p.detach().flatten() for p in prepared.model.parameters()])
        moved.append((after - before).norm().item())
    assert moved[0] > 0.1
    assert moved[1] == pytest.approx(0.01, rel=1e-3)
