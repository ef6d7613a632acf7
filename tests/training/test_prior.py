"""Val is scored under the prior that the weights are for; a run from before `select_prior` goes on as it was scored."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.errors import RecipeError  # noqa: E402
from mien.evaluation.metrics import METRICS  # noqa: E402
from mien.inference.classify import Classifier  # noqa: E402
from mien.training import checkpoint, export, runlog  # noqa: E402
from mien.training import recipe as recipes  # noqa: E402
from mien.training.batches import split  # noqa: E402
from mien.training.network import make  # noqa: E402
from mien.training.prepared import prepare  # noqa: E402
from mien.training.progress import Progress  # noqa: E402
from mien.training.train import train  # noqa: E402

CPU = torch.device("cpu")
SMALL = ["model.name=svm", "data.size=16", "batch=32", "epochs=3", "precision=float32", "ema=0.5", "test=false"]


def small(*more: str) -> recipes.Recipe:
    return recipes.load("papers/cnn2", [*SMALL, "data.imbalance=none", *more])


def scored(recipe: recipes.Recipe, root: Path, state: dict[str, Any], exponent: float) -> dict[str, float]:
    """The metrics on val of a network's softmax times the training fractions to a power."""
    val, train_split = (split(recipe, root, name, CPU) for name in ("val", "train"))
    model = make(recipe, val.labels, 1, 16)
    model.load_state_dict(state)
    with torch.no_grad():
        probs = model.eval()(val.images / 255)["logits"].softmax(1).double().numpy()
    weighted = probs * train_split.shares.double().numpy() ** exponent
    weighted /= weighted.sum(1, keepdims=True)
    return {f"val_{key}": float(METRICS[key](weighted, val.target.double().numpy())) for key in ("nll", "ece", "brier")}


@pytest.mark.parametrize(
    ("adjustment", "prior", "exponent"),
    [
        (1, "natural", 1), (1, "uniform", 0), (1, "none", 0), (0, "natural", 0), (0, "uniform", -1),
        (0.5, "natural", 0.5), (0.5, "uniform", -0.5),
    ],
)  # fmt: skip
def test_each_epoch_is_scored_under_its_prior(
    adjustment: float, prior: str, exponent: float, tiny_fer2013: Path, tmp_path: Path
) -> None:
    recipe = small(f"loss.logit_adjustment={adjustment}", f"select_prior={prior}", "epochs=1", "probe=1")
    train(recipe, tiny_fer2013, tmp_path, device="cpu")
    last = checkpoint.load(tmp_path / "last.pt", checkpoint.Last)
    expected = scored(recipe, tiny_fer2013, last.average, exponent)
    assert {key: last.history[-1][key] for key in expected} == pytest.approx(expected, abs=1e-5)
    probed = np.genfromtxt(tmp_path / "steps.csv", delimiter=",", names=True)
    assert probed["val_nll"][-1] == pytest.approx(expected["val_nll"], abs=1e-5)


def test_the_exported_file_scores_on_val_as_its_epoch_did(tiny_fer2013: Path, tmp_path: Path) -> None:
    recipe = small("loss.logit_adjustment=1", "select=balanced_accuracy", "views.flip=false")
    run = runlog.create(recipe, tmp_path)
    train(recipe, tiny_fer2013, run, device="cpu")
    parts = [split(recipe, tiny_fer2013, name, CPU) for name in ("train", "val")]
    (path, *_) = export.export(recipe, run, *parts, runlog.read_environment(run).public())
    best, weights = checkpoint.load(run / "best.pt", checkpoint.Best), Classifier(path)
    row = checkpoint.load(run / "last.pt", checkpoint.Last).history[best.epoch - 1]
    probs = weights(parts[1].images.permute(0, 2, 3, 1).numpy())
    bare = probs.astype(float) ** weights.card.temperature
    bare /= bare.sum(1, keepdims=True)
    assert METRICS["nll"](bare, parts[1].target.numpy()) == pytest.approx(row["val_nll"], abs=1e-4)
    assert weights.card.recipe["select_prior"] == "natural"


@pytest.mark.parametrize(("adjustment", "kept"), [(1, "none"), (0.5, "none"), (0, "natural")])
def test_an_older_run_goes_on_as_it_was_scored(
    adjustment: float, kept: str, tiny_fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (f"loss.logit_adjustment={adjustment}", "select=nll")
    older = train(small(*words, "select_prior=none"), tiny_fer2013, _folder(tmp_path, "whole"), device="cpu")
    run = _folder(tmp_path, "cut")
    stopped(small(*words, "select_prior=none"), tiny_fer2013, run, monkeypatch)
    for name in ("last.pt", "best.pt"):  # as mien wrote them before
        content = checkpoint.content(run / name)
        checkpoint.save({key: value for key, value in content.items() if key != "select_prior"}, run / name)
    train(small(*words), tiny_fer2013, run, device="cpu")
    whole, resumed = (checkpoint.load(folder / "best.pt", checkpoint.Best) for folder in (older, run))
    assert resumed.epoch == whole.epoch
    assert resumed.select_prior == kept
    rows = [checkpoint.load(folder / "last.pt", checkpoint.Last).history for folder in (older, run)]
    assert [row["val_nll"] for row in rows[0]] == [row["val_nll"] for row in rows[1]]


def test_a_resumed_run_keeps_the_prior_of_its_checkpoint(
    tiny_fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(small("select_prior=uniform"), tiny_fer2013, tmp_path, monkeypatch)
    train(small(), tiny_fer2013, tmp_path, device="cpu")
    assert checkpoint.load(tmp_path / "last.pt", checkpoint.Last).select_prior == "uniform"


def test_what_cannot_be_is_one_line(tiny_fer2013: Path) -> None:
    with pytest.raises(RecipeError, match="select_prior: 'posed'; expected 'natural'"):
        small("select_prior=posed")
    recipe = small("select_prior=uniform", "data.limit=2")
    with pytest.raises(RecipeError, match=r"select_prior: uniform, but no training image shows .*; expected"):
        prepare(recipe, tiny_fer2013, "cpu")
    prepare(small("data.limit=2"), tiny_fer2013, "cpu")


def stopped(recipe: recipes.Recipe, root: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train for one epoch, then stop as Ctrl-C does."""

    def stop(self: Progress, row: checkpoint.Row, best: float | None) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "epoch", stop)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, root, run, device="cpu")


def _folder(where: Path, name: str) -> Path:
    (where / name).mkdir()
    return where / name
