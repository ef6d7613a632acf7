"""A run that an earlier mien wrote (commit d4fadbe, one epoch of two) is read, resumed, exported and scored."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.experiments import record  # noqa: E402
from mien.inference.classify import Classifier  # noqa: E402
from mien.training import checkpoint, runlog  # noqa: E402
from mien.training import recipe as recipes  # noqa: E402
from mien.training.run import run_recipe  # noqa: E402
from mien.training.train import train  # noqa: E402

WRITTEN = Path(__file__).parent / "older_run"
BEST = {"average", "epoch", "labels", "aux_labels", "size", "channels", "learnt", "threads", "precision"}
NEW = {
    "processes",
    "select_prior",
    "action_units",
    "recipe_digest",
    "val_fingerprint",
}  # keys that checkpoints got since
LAST = BEST | {"model", "optimizer", "step", "seconds", "best", "history"}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return Path(shutil.copytree(WRITTEN, tmp_path / "run"))


def test_its_keys_are_those_of_today(run: Path, tiny_fer2013: Path) -> None:
    assert (checkpoint.content(run / "best.pt").keys(), checkpoint.content(run / "last.pt").keys()) == (BEST, LAST)
    recipe = recipes.load(run / "recipe.yaml")
    assert set((run / "recipe.yaml").read_text().splitlines()) <= set(recipes.dump(recipe).splitlines())
    assert record.digest(recipe) == "cae69993793472e6"
    text = (run / "env.json").read_text()
    assert json.dumps(runlog.read_environment(run).to_dict(), indent=2) + "\n" == text
    fresh = train(recipe, tiny_fer2013, run.parent, device="cpu")
    best, last = (checkpoint.content(fresh / name).keys() for name in ("best.pt", "last.pt"))
    assert (best - BEST, last - LAST) == (NEW, NEW)
    assert (BEST - best, LAST - last) == (set(), set())
    assert list(json.loads((fresh / "env.json").read_text())) == list(json.loads(text))


def test_it_is_resumed_and_ends_as_an_unbroken_run(run: Path, tiny_fer2013: Path, tmp_path: Path) -> None:
    run_recipe(None, [], root=tiny_fer2013, out=tmp_path, resume=run, device="cpu", test=True)
    whole = tmp_path / "whole"
    whole.mkdir()
    train(recipes.load(run / "recipe.yaml"), tiny_fer2013, whole, device="cpu")
    resumed, unbroken = (checkpoint.load(folder / "last.pt", checkpoint.Last) for folder in (run, whole))
    assert (resumed.epoch, resumed.training_digest) == (2, unbroken.training_digest)
    for name, weights in unbroken.average.items():
        torch.testing.assert_close(resumed.average[name], weights, rtol=1e-4, atol=1e-5)  # written on another CPU
    log = np.genfromtxt(run / "log.csv", delimiter=",", names=True)
    assert log["epoch"].tolist() == [1, 2]
    assert (run / "log.csv").read_text().splitlines()[:2] == (WRITTEN / "log.csv").read_text().splitlines()
    assert Classifier(run / "model.onnx").card.provenance["commit"] == "d4fadbe920b5"
    assert json.loads((run / "metrics.json").read_text())["test"]["n"] == 40
