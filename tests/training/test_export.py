"""The exported file computes what torch computes, carries its card, and tells nothing about its machine."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.card import Card  # noqa: E402
from mien.errors import UsageError, WeightsError  # noqa: E402
from mien.evaluation.calibration.temperature import softmax  # noqa: E402
from mien.evaluation.metrics import accuracy, nll  # noqa: E402
from mien.evaluation.result import Result  # noqa: E402
from mien.inference.align import FRAMINGS  # noqa: E402
from mien.inference.classify import Classifier  # noqa: E402
from mien.training import checkpoint, export, runlog  # noqa: E402
from mien.training import graph as graphs  # noqa: E402
from mien.training import recipe as recipes  # noqa: E402
from mien.training.batches import split  # noqa: E402
from mien.training.network import restored  # noqa: E402
from mien.training.run import export_run, run_recipe  # noqa: E402
from mien.training.stored import PARITY  # noqa: E402
from mien.training.train import train  # noqa: E402

WORDS = [
    "model.options.width=0.5", "model.options.stem_stride=2", "model.options.depths=[1,1,1,1]", "batch=32", "epochs=6",
    "refine=null", "ema=0.9", "views.zooms=[1.0, 1.08]", "augment.fill=black",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tiny_fer2013: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs")
    return run_recipe("mien/fer2013", WORDS, root=tiny_fer2013, out=out, resume=None, device="cpu", test=True)


def graph(run: Path) -> graphs.Graph:
    """The run's best network in torch, with the recipe's views, without a temperature."""
    recipe = recipes.load(run / "recipe.yaml")
    return graphs.Graph(restored(recipe, checkpoint.load(run / "best.pt", checkpoint.Best)), recipe.views).eval()


def logits(run: Path, crops: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return graph(run).logits(torch.from_numpy(crops)).numpy()


@pytest.mark.parametrize("count", [1, 2, 7, 130])
def test_onnx_equals_torch(count: int, run: Path) -> None:
    crops = np.random.default_rng(count).integers(0, 256, (count, 48, 48, 1), np.uint8)
    weights = Classifier(run / "model.onnx")
    np.testing.assert_allclose(weights(crops), softmax(logits(run, crops), weights.card.temperature), atol=PARITY)


def test_views_are_averaged(run: Path) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 1), np.uint8)
    seen = graph(run)
    x = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
    zoomed = [graphs.zoom(x, factor) for factor in seen.views.zooms]
    assert len(zoomed) == 2
    with torch.no_grad():
        passes = [seen.model(view)["logits"] for one in zoomed for view in (one, one.flip(3))]
    np.testing.assert_allclose(logits(run, crops), torch.stack(passes).mean(0).numpy(), atol=1e-5)


def test_embedding_is_that_of_torch(run: Path) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (5, 48, 48, 1), np.uint8)
    with torch.no_grad():
        outputs = graph(run).outputs(torch.from_numpy(crops))
    weights = Classifier(run / "model.onnx")
    assert weights.outputs == ("probs", "embedding")
    expected = torch.nn.functional.normalize(outputs["embedding"]).numpy()
    np.testing.assert_allclose(weights.heads(crops)["embedding"], expected, atol=PARITY)


ZOOMS = [(1.0, "black", 1.0), (1.25, "black", 0.0), (0.75, "black", 1.0), (1.25, "edge", 1.0), (0.75, "edge", 1.0)]


@pytest.mark.parametrize(("factor", "fill", "corner"), ZOOMS)
def test_zoom_keeps_size_and_shows_beyond_what_training_showed(factor: float, fill: str, corner: float) -> None:
    out = graphs.zoom(torch.ones(1, 1, 48, 48), factor, fill)
    assert out.shape == (1, 1, 48, 48)
    assert (out[0, 0, 0, 0].item(), out[0, 0, 24, 24].item()) == (corner, 1.0)


def test_exported_zooms_are_filled_as_in_training(run: Path, tmp_path: Path, tiny_fer2013: Path) -> None:
    other = tmp_path / "run"
    shutil.copytree(run, other)
    text = (other / "recipe.yaml").read_text().replace("fill: black", "fill: edge")
    assert "fill: edge" in text
    (other / "recipe.yaml").write_text(text)
    recipe = recipes.load(other / "recipe.yaml")
    train = split(recipe, tiny_fer2013, "train", torch.device("cpu"))
    network = restored(recipe, checkpoint.load(other / "best.pt", checkpoint.Best))
    graphs.exported(recipe, network, train).write(48, 1, other / "model.onnx")
    export.stamp(other / "model.onnx", Classifier(run / "model.onnx").card.model_copy(update={"temperature": 1.0}))
    crops = np.random.default_rng(0).integers(0, 256, (4, 48, 48, 1), np.uint8)
    seen = graphs.Graph(network, recipe.views, "edge").eval()
    with torch.no_grad():
        expected = seen.logits(torch.from_numpy(crops)).numpy()
    weights = Classifier(other / "model.onnx")
    np.testing.assert_allclose(weights(crops), softmax(expected, weights.card.temperature), atol=PARITY)
    assert np.abs(logits(run, crops) - expected).max() > 10 * PARITY


def test_temperature_is_the_best_on_val(run: Path, tiny_fer2013: Path) -> None:
    recipe = recipes.load(run / "recipe.yaml")
    val = split(recipe, tiny_fer2013, "val", torch.device("cpu"))
    scores, target = logits(run, val.images.permute(0, 2, 3, 1).contiguous().numpy()), val.target.numpy()
    fitted = Classifier(run / "model.onnx").card.temperature
    best = nll(softmax(scores, fitted), target)
    assert best <= min(nll(softmax(scores, fitted * factor), target) for factor in (0.5, 0.9, 1, 1.1, 2)) + 1e-9


def test_card_tells_the_whole_story(run: Path) -> None:
    card = Classifier(run / "model.onnx").card
    assert card.labels == ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger")
    assert recipes.parse(card.recipe, "card") == recipes.load(run / "recipe.yaml")
    assert card.data["fingerprint"]
    assert card.alignment["yunet"] == vars(FRAMINGS["fer2013"]["yunet"])
    assert {"val", "test"} == card.metrics.keys()
    assert {"n", "accuracy", "accuracy_interval", "clean"} <= card.metrics["test"].keys()
    assert card.provenance["versions"]["torch"] == torch.__version__
    assert "Art. 5" in card.notes


def test_file_names_no_path_of_this_machine(run: Path, tiny_fer2013: Path) -> None:
    content = (run / "model.onnx").read_bytes()
    for path in (tiny_fer2013, run.parent, Path(export.__file__).parents[3], Path(torch.__file__).parents[1]):
        assert str(path).encode() not in content


def test_int8_variant_is_kept_only_when_it_costs_little(run: Path, tiny_fer2013: Path) -> None:
    small = run / "model-int8.onnx"
    if not small.exists():
        pytest.skip("int8 cost more than it may on this data")
    val = split(recipes.load(run / "recipe.yaml"), tiny_fer2013, "val", torch.device("cpu"))
    crops, target = val.images.permute(0, 2, 3, 1).contiguous().numpy(), val.target.numpy()
    full, quantised = (accuracy(Classifier(path)(crops), target) for path in (run / "model.onnx", small))
    assert quantised >= full - export.INT8_COST
    assert small.stat().st_size < 0.6 * (run / "model.onnx").stat().st_size
    assert any(node.op_type == "QuantizeLinear" for node in onnx.load(small).graph.node)


def test_results_name_the_file_they_are_about(run: Path) -> None:
    sha = hashlib.sha256((run / "model.onnx").read_bytes()).hexdigest()
    assert Result.load(run / "test.npz").provenance.weights_sha256 == sha
    assert json.loads((run / "metrics.json").read_text())["test"]["weights_sha256"] == sha


def test_export_again_keeps_the_one_test_score(run: Path, tiny_fer2013: Path) -> None:
    before = Classifier(run / "model.onnx").card
    measured = Result.load(run / "test.npz")
    assert export_run(run, root=tiny_fer2013) == run / "model.onnx"
    assert Classifier(run / "model.onnx").card.metrics == before.metrics
    again = Result.load(run / "test.npz")
    np.testing.assert_array_equal(again.probs, measured.probs)
    sha = hashlib.sha256((run / "model.onnx").read_bytes()).hexdigest()
    named = [Result.load(run / f"{name}.npz").provenance.weights_sha256 for name in ("val", "test")]
    assert named == [sha, sha]  # so that the two can be calibrated together


def test_unfinished_run_is_exported_without_opening_test(tiny_fer2013: Path, tmp_path: Path) -> None:
    recipe = recipes.load("mien/fer2013", [*WORDS, "epochs=1"])
    place = runlog.create(recipes.load("mien/fer2013", WORDS), tmp_path)
    train(recipe, tiny_fer2013, place, device="cpu")
    export_run(place, root=tiny_fer2013)
    figures = json.loads((place / "metrics.json").read_text())
    assert "val" in figures
    assert "test" not in figures
    assert not (place / "test.npz").exists()
    assert "test" not in Classifier(place / "model.onnx").card.metrics


def test_the_card_keeps_code_weights_and_data_apart(run: Path) -> None:
    card = Classifier(run / "model.onnx").card
    assert card.code_licence == "Apache-2.0"
    assert card.weights_licence == "set by the person who trained them, within the terms of the data"
    assert "research only" in card.data_terms["fer2013"]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ([], ["fer2013", "ferplus"]),
        (["data.name=synthetic", "data.auxiliary=null"], ["synthetic", "ferplus"]),
        (["data.name=synthetic", "data.options.faces=fer2013:x=1", "data.auxiliary=null"], ["synthetic", "fer2013"]),
    ],
)
def test_what_a_recipe_trains_on(changes: list[str], named: list[str]) -> None:
    assert export.trained_on(recipes.load("mien/fer2013", changes)) == named


def test_export_without_weights(tmp_path: Path) -> None:
    (tmp_path / "recipe" / "0-1").mkdir(parents=True)
    (tmp_path / "recipe" / "0-1" / "recipe.yaml").touch()
    with pytest.raises(WeightsError, match=r"not a run folder.*the newest run in it is .*0-1"):
        export_run(tmp_path / "recipe", root=None)
    with pytest.raises(WeightsError, match="not a run folder"):
        export_run(tmp_path, root=None)
    (tmp_path / "recipe.yaml").write_text(recipes.dump(recipes.load("mien/fer2013")))
    with pytest.raises(UsageError, match=r"best\.pt.*mien train --resume"):
        export_run(tmp_path, root=None)


def test_stamp_replaces_the_card_only(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "copy.onnx"
    path.write_bytes((run / "model.onnx").read_bytes())
    card = Card(name="other", labels=Classifier(path).card.labels)
    export.stamp(path, card)
    crops = np.zeros((2, 48, 48, 1), np.uint8)
    assert Classifier(path).card == card
    np.testing.assert_array_equal(Classifier(path)(crops), Classifier(run / "model.onnx")(crops))
