"""Every packaged recipe is valid, says its own name, and trains for two steps into weights that run."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.data.gated import GATED  # noqa: E402
from mien.inference.classify import Classifier  # noqa: E402
from mien.training import recipe as recipes  # noqa: E402
from mien.training.generate import Settings, generate  # noqa: E402
from mien.training.run import run_recipe, show_recipe  # noqa: E402

Write = Callable[[str, Path], None]

HEAVY = {"resnet18", "resnet34", "googlenet", "feratt", "preact_resnet18"}
"""Networks whose two steps and export take many seconds."""

COVERED = {
    *(f"papers/nsl-{variant}" for variant in ("a", "b", "c", "d", "final")),
    *(f"papers/alexnet-{arm}" for arm in ("up", "down", "imbalanced")),
    "papers/generated-before",
    *("mien/ferplus-flat", "mien/fer2013-flat", "mien/fer2013-tree", "mien/ferplus-mixed"),
    *("papers/alexnet-regression", "papers/units-ckplus"),
}
"""Recipes whose every setting another recipe of the quick tests covers."""

SMALL = {"synthetic": ["data.options.count=24", "data.train.count=48"]}
"""Options that make a data set as small as the drawn files of the others."""


def by_weight(name: str) -> object:
    heavy = name in COVERED or recipes.load(name).model.name in HEAVY
    return pytest.param(name, marks=pytest.mark.slow if heavy else ())


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


@pytest.mark.parametrize("name", [by_weight(name) for name in recipes.names()])
def test_recipe_trains(
    name: str,
    tiny_fer2013: Path,
    gated_writer: Callable[[str, Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root, data = tiny_fer2013, recipes.load(name).data
    monkeypatch.chdir(tmp_path)
    if data.name in GATED:
        gated_writer(data.name, root := tmp_path / "drawn")
    if "generated" in data.train:
        generate(data.name, root, tmp_path / "generator", {}, Settings(steps=2), per_class=2)
    overrides = ["steps=2", "batch=16", *SMALL.get(data.name, [])]
    run = run_recipe(name, overrides, root=root, out=tmp_path, resume=None, device="cpu", test=True)
    promised = "recipe.yaml env.json log.csv last.pt best.pt val.npz test.npz metrics.json report.html model.onnx"
    assert {path.name for path in run.iterdir()} >= set(promised.split())
    weights = Classifier(run / "model.onnx")
    probs = weights(np.zeros((3, weights.card.size, weights.card.size, weights.card.channels), np.uint8))
    np.testing.assert_allclose(probs.sum(1), 1, atol=1e-5)
    assert weights.card.metrics["test"]["n"] > 0
