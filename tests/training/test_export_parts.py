"""Export, step by step on a linear network: what it is calibrated on, checks, keeps and computes."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from torch import Tensor, nn  # noqa: E402

from mien.errors import MienError  # noqa: E402
from mien.evaluation.calibration.temperature import COLDEST, HOTTEST, fit_temperature, fit_threshold  # noqa: E402
from mien.inference.classify import Classifier  # noqa: E402
from mien.training import checkpoint, export  # noqa: E402
from mien.training import graph as graphs  # noqa: E402
from mien.training import recipe as recipes  # noqa: E402
from mien.training.batches import Split, split  # noqa: E402
from mien.training.recipe import TestTimeAugmentation  # noqa: E402
from mien.training.stored import parity  # noqa: E402
from mien.training.train import train  # noqa: E402

CPU = torch.device("cpu")
SMALL = ["model.name=svm", "data.size=16", "batch=32", "epochs=4", "precision=float32", "optim.lr=0.002"]


@pytest.fixture(scope="module")
def trained(tiny_fer2013: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[recipes.Recipe, Path, Split, Split]:
    recipe = recipes.load("papers/cnn2", SMALL)
    run = train(recipe, tiny_fer2013, tmp_path_factory.mktemp("run"), device="cpu")
    return recipe, run, split(recipe, tiny_fer2013, "train", CPU), split(recipe, tiny_fer2013, "val", CPU)


def exported(trained: tuple[recipes.Recipe, Path, Split, Split]) -> list[Path]:
    recipe, run, train, val = trained
    return export.export(recipe, run, train, val, {"data": {}})


def crops(data: Split) -> np.ndarray:
    return data.images.permute(0, 2, 3, 1).contiguous().numpy()


def raw(trained: tuple[recipes.Recipe, Path, Split, Split], images: np.ndarray) -> np.ndarray:
    """The logits of the best weights, by plain arithmetic on pixels from 0 to 1."""
    state = checkpoint.content(trained[1] / "best.pt")["average"]
    flat = images.transpose(0, 3, 1, 2).reshape(len(images), -1) / 255
    return np.asarray(flat @ state["linear.weight"].numpy().T + state["linear.bias"].numpy())


def test_temperature_and_threshold_are_those_of_val(trained: tuple[recipes.Recipe, Path, Split, Split]) -> None:
    (path,) = exported(trained)  # a linear network gains nothing by int8
    weights, val = Classifier(path), trained[3]
    target = val.target.double().numpy()
    temperature = fit_temperature(raw(trained, crops(val)), target)
    assert weights.card.temperature == pytest.approx(temperature, rel=1e-4)
    of_training = fit_temperature(raw(trained, crops(trained[2])), trained[2].target.double().numpy())
    assert COLDEST < temperature < HOTTEST, "a temperature at a bound would prove nothing"
    assert temperature != pytest.approx(of_training, rel=0.01)
    scaled = np.exp(raw(trained, crops(val)) / temperature)
    np.testing.assert_allclose(weights(crops(val)), scaled / scaled.sum(1, keepdims=True), atol=1e-5)
    assert weights.card.threshold == fit_threshold(weights(crops(val)), target, export.PREDICTED_ACCURACY)


def test_int8_is_calibrated_on_training_images_and_has_a_threshold_of_its_own(
    trained: tuple[recipes.Recipe, Path, Split, Split], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Tensor] = []

    def quantise(path: Path, small: Path, images: Tensor) -> bool:
        given.append(images)
        small.write_bytes(path.read_bytes())
        return True

    fitted: list[tuple[np.ndarray, float]] = []

    def threshold(probs: np.ndarray, target: np.ndarray, least: float) -> float:
        fitted.append((probs, least))
        return 0.1 * len(fitted)

    heads = Classifier.heads

    def predict(self: Classifier, images: np.ndarray) -> dict[str, np.ndarray]:
        given = heads(self, images)
        rounded = {"probs": given["probs"] ** 1.001}  # as if rounded: none the worse
        return given if self.path.name == "model.onnx" else given | rounded

    monkeypatch.setattr(export, "quantise", quantise)
    monkeypatch.setattr(export, "fit_threshold", threshold)
    monkeypatch.setattr(Classifier, "heads", predict)
    path, small = exported(trained)
    np.testing.assert_array_equal(given[0].numpy(), trained[2].images.numpy())
    assert [Classifier(one).card.threshold for one in (path, small)] == pytest.approx([0.1, 0.2])
    assert [accuracy for _, accuracy in fitted] == [export.PREDICTED_ACCURACY] * 2
    np.testing.assert_allclose(fitted[1][0], fitted[0][0] ** 1.001, rtol=1e-6)
    assert Classifier(small).card.name == f"{trained[0].name}-int8"


@pytest.mark.parametrize(("lost", "kept"), [(0.002, True), (0.01, False)])
def test_int8_is_kept_where_it_costs_three_in_a_thousand_at_most(
    lost: float, kept: bool, trained: tuple[recipes.Recipe, Path, Split, Split], monkeypatch: pytest.MonkeyPatch
) -> None:
    def quantise(path: Path, small: Path, images: Tensor) -> bool:
        small.write_bytes(path.read_bytes())
        return True

    figures = iter([0.7 - lost, 0.7])  # of int8, then of the float file
    monkeypatch.setattr(export, "quantise", quantise)
    monkeypatch.setattr(export, "accuracy", lambda probs, target: next(figures))
    assert [path.name for path in exported(trained)] == ["model.onnx", "model-int8.onnx"][: 1 + kept]
    assert (trained[1] / "model-int8.onnx").exists() == kept


@pytest.mark.parametrize(
    ("side", "error", "kept"), [(48, 9e-6, True), (48, 1.2e-5, False), (160, 3e-5, True), (160, 2e-4, False)]
)
def test_what_differs_from_torch_is_not_exported(side: int, error: float, kept: bool) -> None:
    actual = np.full((3, 2), 0.5, np.float32)
    expected = torch.full((3, 2), 0.5)
    expected[1, 1] += error
    with (
        nullcontext() if kept else pytest.raises(MienError, match="output probs of the ONNX file differs from torch by")
    ):
        export._check("probs", actual, expected, parity(side))


class Embedding(nn.Module):
    """Two logits and what they are made of."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(16 * 16, 2)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"logits": self.linear(x.flatten(1)), "embedding": x.flatten(1)[:, :5] + 0.1}


@pytest.fixture
def embedding(trained: tuple[recipes.Recipe, Path, Split, Split], monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = Embedding().eval()
    monkeypatch.setattr(export, "restored", lambda recipe, best, trained: network)
    load = checkpoint.load
    monkeypatch.setattr(
        checkpoint, "load", lambda *words: load(*words).model_copy(update={"labels": ["neutral", "happiness"]})
    )


@pytest.mark.parametrize("head", ["probs", "embedding"])
def test_every_output_is_compared_with_torch(
    head: str,
    embedding: None,
    trained: tuple[recipes.Recipe, Path, Split, Split],
    monkeypatch: pytest.MonkeyPatch,
    tiny_fer2013: Path,
) -> None:
    recipe, run, *_ = trained
    two = recipes.load("papers/cnn2", [*SMALL, "data.classes=[neutral, happiness]"])
    train, val = (split(two, tiny_fer2013, name, CPU) for name in ("train", "val"))
    heads = Classifier.heads
    export.export(recipe, run, train, val, {"data": {}})

    def changed(self: Classifier, images: np.ndarray) -> dict[str, Any]:
        outputs = heads(self, images)
        return {**outputs, head: outputs[head] + np.float32(1e-4)}

    monkeypatch.setattr(Classifier, "heads", changed)
    with pytest.raises(MienError, match="differs from torch"):
        export.export(recipe, run, train, val, {"data": {}})


class Left(nn.Module):
    """Outputs the means of the left half, of the upper half, and of the rim."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        half = x.shape[3] // 2
        rim = torch.cat([x[:, :, 0], x[:, :, -1]], 2)
        return {"logits": torch.stack([part.mean((1, 2)) for part in (x[:, 0, :, :half], x[:, 0, :half])], 1) * 5
                + rim.mean((1, 2))[:, None] * torch.tensor([0.0, 1.0])}  # fmt: skip


@pytest.mark.parametrize("flip", [False, True])
def test_the_graph_reads_pixels_from_0_to_1_and_mirrors_only_with_flip(flip: bool) -> None:
    images = torch.zeros((2, 16, 16, 1), dtype=torch.uint8)
    images[:, :, :8], images[:, :8] = 100, 255
    graph = graphs.Graph(Left(), TestTimeAugmentation(flip=flip))
    x = images.permute(0, 3, 1, 2) / 255
    views = [x, x.flip(3)] if flip else [x]
    expected = torch.stack([Left()(view)["logits"] for view in views]).mean(0)
    torch.testing.assert_close(graph.logits(images), expected)
    graph.temperature = 2.5
    torch.testing.assert_close(graph(images), (expected / 2.5).softmax(1))
    (probs,) = graphs.Outputs(graph)(images)
    torch.testing.assert_close(probs, (expected / 2.5).softmax(1))


def test_zooms_above_one_show_more() -> None:
    x = torch.ones(1, 1, 40, 40)
    assert graphs.zoom(x, 1.2, "black")[0, 0, 0, 0] == 0
    inner = torch.zeros(1, 1, 40, 40)
    inner[:, :, 4:36, 4:36] = 1
    torch.testing.assert_close(graphs.zoom(inner, 0.8), torch.ones(1, 1, 40, 40))


def test_the_card_in_the_file_is_the_one_that_is_read(trained: tuple[recipes.Recipe, Path, Split, Split]) -> None:
    (path,) = exported(trained)
    assert len([entry for entry in onnx.load(path).metadata_props if entry.key == export.KEY]) == 1
    assert Classifier(path).card.provenance["epoch"] == checkpoint.content(trained[1] / "best.pt")["epoch"]
