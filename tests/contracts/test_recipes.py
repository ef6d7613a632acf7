"""Every packaged recipe is valid, says its own name and trains; one of each network becomes weights that run."""

from collections.abc import Callable, Iterable
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.data.gated import GATED  # noqa: E402
from mien.inference.classify import Classifier  # noqa: E402
from mien.training import checkpoint  # noqa: E402
from mien.training import recipe as recipes  # noqa: E402
from mien.training.generate import Settings, generate  # noqa: E402
from mien.training.prepared import prepare  # noqa: E402
from mien.training.run import run_recipe, show_recipe  # noqa: E402
from mien.training.train import train  # noqa: E402

HEAVY = {"alexnet", "resnet18", "resnet34", "googlenet", "feratt", "preact_resnet18"}
"""Networks whose two steps and export take many seconds."""

EXPORTED = {
    *("mien/three-groups", "mien/ferplus-tree", "papers/svm"),
    *("papers/cnn2", "papers/cnn4", "papers/nsl-three-class"),
}
"""One recipe of each network that is not heavy, and one of each link that only a graph has: the quick whole runs."""

SMALL = {
    "synthetic": ["data.options.count=24", "data.train.count=48"],
    "affectnet": ["data.limit=64"],
    "ckplus": ["data.limit=10"],
}
"""Options that make a data set as small as the drawn files of the others; the few drawn in val lack some labels."""


DRAWN_SLOWLY = {"papers/alexnet-regression", "papers/units-ckplus"}
"""Recipes of light networks on large drawn images."""


def network(name: str) -> str:
    return recipes.load(name).model.name


def but(slow: Iterable[str]) -> list[object]:
    """Return the names of all recipes for parametrize, these among them marked slow."""
    names = set(slow)
    return [pytest.param(name, marks=pytest.mark.slow if name in names else ()) for name in recipes.names()]


@pytest.mark.parametrize("name", recipes.names())
def test_recipe_reads_back(name: str, tmp_path: Path) -> None:
    recipe = recipes.load(name)
    assert recipe.name == name
    (tmp_path / "full.yaml").write_text(show_recipe(name, []))
    assert recipes.load(tmp_path / "full.yaml") == recipe


def test_shown_recipes_say_what_their_keys_mean() -> None:
    lines = show_recipe("mien/fer2013", ["loss.adversarial={}"]).splitlines()
    assert lines[lines.index("  imbalance: none") - 1] == "  # one of none, down, up, weighted"
    assert lines[lines.index("  adversarial:") - 1].startswith("  # Adversarial regularisation")
    assert "`mien train` does so only with --test" in lines[lines.index("test: true") - 1]
    assert (
        sum("degrade:" in line for line in lines if line.lstrip().startswith("#")) == 1
    )  # not again for refine.augment
    assert max(map(len, lines)) <= 120


@pytest.fixture
def drawn(
    request: pytest.FixtureRequest,
    tiny_fer2013: Path,
    gated_writer: Callable[[str, Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The folder with the drawn data of the recipe that the test is about; what it generates is in the current one."""
    root, data = tiny_fer2013, recipes.load(request.getfixturevalue("name")).data
    monkeypatch.chdir(tmp_path)
    if data.name in GATED:
        gated_writer(data.name, root := tmp_path / "drawn")
    if "generated" in data.train:
        generate(data.name, root, tmp_path / "generator", {}, Settings(steps=2), per_class=2)
    return root


def two_steps(name: str) -> list[str]:
    return ["steps=2", "batch=16", *SMALL.get(recipes.load(name).data.name, [])]


@pytest.mark.parametrize("name", but({name for name in recipes.names() if network(name) in HEAVY} | DRAWN_SLOWLY))
def test_recipe_learns(name: str, drawn: Path, tmp_path: Path) -> None:
    recipe = recipes.load(name, two_steps(name))
    prepared = prepare(recipe, drawn, "cpu")
    before = deepcopy(dict(prepared.model.named_parameters()))
    (run := tmp_path / "run").mkdir()
    train(recipe, drawn, run, prepared=prepared)
    row = checkpoint.content(run / "last.pt")["history"][-1]
    assert np.isfinite([row["loss"], row["val_nll"]]).all()
    after = checkpoint.content(run / "last.pt")["model"]
    moved = {key for key, value in before.items() if not torch.equal(value, after[key])}
    assert moved == {key for key, value in before.items() if value.requires_grad}


def test_every_light_network_is_exported() -> None:
    assert {network(name) for name in EXPORTED} == {network(name) for name in recipes.names()} - HEAVY


@pytest.mark.parametrize("name", but(set(recipes.names()) - EXPORTED))
def test_recipe_trains(name: str, drawn: Path, tmp_path: Path) -> None:
    run = run_recipe(name, two_steps(name), root=drawn, out=tmp_path, resume=None, device="cpu", test=True)
    promised = "recipe.yaml env.json log.csv last.pt best.pt val.npz test.npz metrics.json report.html model.onnx"
    assert {path.name for path in run.iterdir()} >= set(promised.split())
    weights = Classifier(run / "model.onnx")
    probs = weights(np.zeros((3, weights.card.size, weights.card.size, weights.card.channels), np.uint8))
    np.testing.assert_allclose(probs.sum(1), 1, atol=1e-5)
    assert weights.card.metrics["test"]["n"] > 0
