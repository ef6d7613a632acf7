"""Every packaged recipe is valid, says its own name, and trains for two steps into weights that run."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.data import asked  # noqa: E402
from mien.inference.classify import Classifier  # noqa: E402
from mien.training import recipe as recipes  # noqa: E402
from mien.training.session import run_recipe, show_recipe  # noqa: E402


@pytest.mark.parametrize("name", recipes.names())
def test_recipe_reads_back(name: str, tmp_path: Path) -> None:
    recipe = recipes.load(name)
    assert recipe.name == name
    (tmp_path / "full.yaml").write_text(show_recipe(name, []))
    assert recipes.load(tmp_path / "full.yaml") == recipe


@pytest.mark.parametrize("name", recipes.names())
def test_recipe_trains(name: str, tiny_fer2013: Path, tmp_path: Path) -> None:
    root, data = tiny_fer2013, recipes.load(name).data.name
    if data in asked.ASKED:
        asked.write(data, root := tmp_path / "drawn")
    run = run_recipe(name, ["steps=2", "batch=16"], root=root, out=tmp_path, resume=None, device="cpu")
    promised = "recipe.yaml env.json log.csv last.pt best.pt val.npz test.npz metrics.json report.html model.onnx"
    assert {path.name for path in run.iterdir()} >= set(promised.split())
    weights = Classifier(run / "model.onnx")
    probs = weights(np.zeros((3, weights.card.size, weights.card.size, weights.card.channels), np.uint8))
    np.testing.assert_allclose(probs.sum(1), 1, atol=1e-5)
    assert weights.card.metrics["test"]["n"] > 0
