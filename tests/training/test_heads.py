"""Heads beside the expression: they learn real numbers, missing targets do not count, and every family takes them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien import Pipeline  # noqa: E402
from mien.data.samples import Samples  # noqa: E402
from mien.errors import MienError, RecipeError  # noqa: E402
from mien.evaluation.evaluate import common_units, evaluate  # noqa: E402
from mien.evaluation.metrics import REGRESSION  # noqa: E402
from mien.inference.classify import Classifier  # noqa: E402
from mien.labels import EXPRESSIONS  # noqa: E402
from mien.models import MODELS  # noqa: E402
from mien.training import recipe as recipes  # noqa: E402
from mien.training.graph import Graph  # noqa: E402
from mien.training.initial import start  # noqa: E402
from mien.training.losses import affect, units  # noqa: E402
from mien.training.network import check, make  # noqa: E402
from mien.training.objective import objective  # noqa: E402
from mien.training.prepared import prepare  # noqa: E402
from mien.training.recipe import Heads, Loss, TestTimeAugmentation  # noqa: E402
from mien.training.run import run_recipe  # noqa: E402
from mien.training.targets import check_select, head_targets  # noqa: E402

from .drawn import UNITS, write_faces  # noqa: E402

RECIPE = """
name: drawn
data: {name: table}
model: {name: mienet, options: {width: 0.5, depths: [1, 1, 1, 1], dropout: 0.0}}
heads: {valence_arousal: 1.0, action_units: 1.0}
optim: {lr: 0.03, warmup: 1}
epochs: 5
batch: 32
ema: 0.95
select: valence_ccc
views: {flip: false}
"""
LIGHT = ("cnn2", "svm")
BOTH = Heads(valence_arousal=1, action_units=1)


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces")
    write_faces(folder, 600, 200)
    return folder


@pytest.fixture(scope="module")
def run(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs")
    (out / "drawn.yaml").write_text(RECIPE)
    return run_recipe(str(out / "drawn.yaml"), [], root=faces, out=out, resume=None, device="cpu", test=False)


def test_heads_learn_the_geometry_of_faces(run: Path, faces: Path) -> None:
    result, scores = evaluate(run, "table", faces, "val")
    further = scores.to_dict()
    assert further["valence"]["ccc"] > 0.9
    assert further["arousal"]["ccc"] > 0.9
    assert further["units"]["labels"] == ["au2", "au4", "au26"]
    assert min(further["units"]["f1"]) > 0.9
    assert min(further["units"]["auc"]) > 0.95
    assert result.regression_target is not None
    assert result.units_target is not None
    shuffled = np.random.default_rng(0).permutation(len(result))
    assert abs(REGRESSION["ccc"](result.regression[shuffled, 0], result.regression_target[:, 0])) < 0.3
    log = (run / "log.csv").read_text().splitlines()
    assert {"val_valence_ccc", "val_arousal_ccc", "val_units_f1"} <= set(log[0].split(","))


@pytest.mark.parametrize(
    ("select", "heads", "words"),
    [("valence_ccc", "", "select: 'valence_ccc'"), ("units_f1", "heads={valence_arousal: 1}", "select: 'units_f1'")],
)
def test_an_epoch_is_selected_by_a_head_that_is_there(select: str, heads: str, words: str) -> None:
    given = [f"select={select}", "data.auxiliary=null", *filter(None, [heads])]
    with pytest.raises(RecipeError, match=words):
        check(recipes.load("mien/ferplus-flat", given))
    check(
        recipes.load("mien/ferplus-flat", ["select=valence_ccc", "heads={valence_arousal: 1}", "data.auxiliary=null"])
    )
    with pytest.raises(RecipeError, match="select: valence_ccc, but val has no valence arousal"):
        check_select("valence_ccc", {"valence_arousal": None})


def test_the_weight_of_an_image_counts_in_every_head() -> None:
    target, predicted = torch.rand(20, 2) * 2 - 1, torch.rand(20, 2) * 2 - 1
    twice = torch.cat([torch.arange(20), torch.arange(5)])
    importance = torch.ones(20)
    importance[:5] = 2
    torch.testing.assert_close(affect(predicted, target, importance), affect(predicted[twice], target[twice]))
    there = (target > 0).float()
    torch.testing.assert_close(units(predicted, there, importance), units(predicted[twice], there[twice]))
    batch = {"target": torch.eye(2)[torch.zeros(20, dtype=torch.long)], "valence_arousal": target}
    outputs = {"logits": torch.zeros(20, 2), "valence_arousal": predicted}
    plain = objective(outputs, batch, Loss(), heads=Heads(valence_arousal=1))
    assert objective(outputs, batch | {"importance": importance}, Loss(), heads=Heads(valence_arousal=1)) != plain


def test_predictions_have_the_heads(run: Path, faces: Path) -> None:
    card = Classifier(run / "model.onnx").card
    assert (card.valence_arousal, card.action_units) == (True, ("au2", "au4", "au26"))
    assert not (run / "model-int8.onnx").exists()
    (prediction,) = Pipeline(run / "model.onnx", detector="whole").predict([faces / "00700.png"])
    face = prediction.faces[0].to_dict()
    assert face["expression"] in card.labels
    assert -1 <= face["valence"] <= 1
    assert -1 <= face["arousal"] <= 1
    assert set(face["action_units"]) == {"au2", "au4", "au26"}


def test_heads_are_of_full_precision() -> None:
    recipe = recipes.load("mien/ferplus-flat", ["heads={valence_arousal: 1}", "data.auxiliary=null"])
    model = make(recipe, ("happiness", "sadness"), 1, 48)
    with torch.autocast("cpu", torch.bfloat16):
        read = model.eval()(torch.rand(4, 1, 48, 48))["valence_arousal"]
    assert not torch.equal(read, read.bfloat16().float())


def test_a_head_of_other_units_starts_from_random_weights(run: Path, faces: Path) -> None:
    prepared = prepare(recipes.load(str(run / "recipe.yaml")), faces, "cpu")
    others = replace(prepared.val, unit_names=("au1", "au4", "au26"))
    for init in (run, run / "model.onnx"):
        assert start(str(init), prepared.model, prepared.val).reset == ()
        reset = start(str(init), prepared.model, others).reset
        assert reset == ("added_heads.action_units.bias", "added_heads.action_units.weight")


def test_what_is_unknown_changes_nothing() -> None:
    torch.manual_seed(0)
    predicted, target = torch.rand(20, 2, requires_grad=True), torch.rand(20, 2) * 2 - 1
    target[3:9, 0] = target[5:, 1] = torch.nan
    loss = affect(predicted, target)
    loss.backward()
    assert loss.isfinite()
    assert ((predicted.grad == 0) == target.isnan()).all()
    known = ~target[:, 0].isnan()
    expected = 0.0
    for k in range(2):
        known = ~target[:, k].isnan()
        p, t = predicted.detach()[known, k], target[known, k]
        expected += (1 - REGRESSION["ccc"](p.numpy(), t.numpy())) + (p - t).square().mean().item()
    assert loss.item() == pytest.approx(expected / 2, abs=1e-5)
    none = torch.full((20, 2), torch.nan)
    assert affect(predicted, none).item() == 0
    assert units(predicted, none).item() == 0
    assert affect(predicted[:1], target[:1]).isfinite()


def test_the_objective_weighs_the_heads() -> None:
    torch.manual_seed(0)
    outputs = {"logits": torch.randn(6, 3), "valence_arousal": torch.randn(6, 2), "action_units": torch.randn(6, 4)}
    batch = {"target": torch.eye(3)[[0, 1, 2, 0, 1, 2]], "valence_arousal": torch.rand(6, 2)}
    batch["action_units"] = torch.ones(6, 4)
    parts = [objective(outputs, batch, Loss(), heads=Heads(expression=w)) for w in (1, 2)]
    assert parts[1] == pytest.approx(2 * parts[0])
    whole = objective(outputs, batch, Loss(), heads=Heads(expression=2, valence_arousal=3, action_units=0.5))
    more = 3 * affect(outputs["valence_arousal"], batch["valence_arousal"])
    more += 0.5 * torch.nn.functional.binary_cross_entropy_with_logits(outputs["action_units"], batch["action_units"])
    torch.testing.assert_close(whole, parts[1] + more)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in LIGHT else pytest.mark.slow) for name in MODELS]
)
def test_every_family_takes_heads(name: str) -> None:
    plain = recipes.load("mien/fer2013", [f"model.name={name}", "model.options={}"])
    recipe = plain.model_copy(update={"heads": BOTH})
    torch.manual_seed(0)
    first = make(plain, EXPRESSIONS[:7], 1, 48).state_dict()
    torch.manual_seed(0)
    network = make(recipe, EXPRESSIONS[:7], 1, 48, units=3).train()
    assert all(torch.equal(value, network.state_dict()[key]) for key, value in first.items())
    outputs = network(torch.rand(3, 1, 48, 48))
    assert outputs["valence_arousal"].shape == (3, 2)
    assert outputs["action_units"].shape == (3, 3)
    assert outputs["valence_arousal"].abs().max() <= 1
    (outputs["valence_arousal"].sum() + outputs["action_units"].sum()).backward()
    assert sum(p.grad is not None and bool(p.grad.any()) for p in network.parameters()) > len(first) / 4


@pytest.mark.slow
@pytest.mark.parametrize("name", ["svm", "cnn4"])
def test_features_of_the_last_layer_export(name: str, tmp_path: Path) -> None:
    from mien.inference.onnx import onnxruntime

    recipe = recipes.load("mien/fer2013", [f"model.name={name}", "model.options={}"])
    recipe = recipe.model_copy(update={"heads": BOTH})
    network = make(recipe, EXPRESSIONS[:7], 1, 48, units=3).eval()
    graph = Graph(network, TestTimeAugmentation(), heads=recipe.heads.more).eval()
    graph.write(48, 1, tmp_path / "x.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "x.onnx")
    assert [output.name for output in session.get_outputs()] == ["probs", "valence_arousal", "action_units"]
    crops = np.random.default_rng(0).integers(0, 256, (5, 48, 48, 1), np.uint8)
    actual = session.run(None, {"crops": crops})
    with torch.no_grad():
        expected = graph.outputs(torch.from_numpy(crops))
    np.testing.assert_allclose(actual[1], expected["valence_arousal"], atol=1e-5)
    np.testing.assert_allclose(actual[2], expected["action_units"].sigmoid(), atol=1e-5)


class Own(torch.nn.Module):
    """A network that has one head of its own, of a given width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.head = torch.nn.Linear(16, 7)
        self.affect = torch.nn.Linear(16, width)

    def forward(self, x: Any) -> dict[str, Any]:
        x = x[:, :, :4, :4].flatten(1)
        return {"logits": self.head(x), "valence_arousal": self.affect(x).tanh()}


def test_a_head_of_the_network_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipes.load("mien/fer2013", ["model.name=own", "model.options={}"]).model_copy(update={"heads": BOTH})
    monkeypatch.setitem(MODELS, "own", lambda classes, channels: Own(2))
    network = make(recipe, EXPRESSIONS[:7], 1, 48, units=3)
    assert [key for key in network.state_dict() if "added" in key] == [
        "added_heads.action_units.weight", "added_heads.action_units.bias",
    ]  # fmt: skip
    x = torch.rand(2, 1, 48, 48)
    torch.testing.assert_close(network(x)["valence_arousal"], network.affect(x[:, :, :4, :4].flatten(1)).tanh())
    monkeypatch.setitem(MODELS, "own", lambda classes, channels: Own(3))
    with pytest.raises(RecipeError, match=r"gives valence_arousal of shape \(3,\) per image; expected \(2,\)"):
        make(recipe, EXPRESSIONS[:7], 1, 48, units=3)


def samples(**more: Any) -> Samples:
    images, ids = np.zeros((2, 4, 4, 1), np.uint8), np.array(["a", "b"])
    labels = ("neutral", "anger")
    return Samples(images, np.eye(2, dtype=np.float32), labels, ids, name="mine", split="train", **more)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({}, "heads.valence_arousal: mine has no valence and arousal to train on"),
        ({"regression": np.full((2, 2), np.nan)}, "mine has no valence and arousal to train on"),
        ({"regression": np.array([[0, 1], [-2, np.nan]])}, "valence and arousal of -2 in mine; expected -1 to 1"),
        ({"regression": np.zeros((2, 2))}, "mine has no action units to train on; .*set heads.action_units=0"),
        (
            {"regression": np.zeros((2, 2)), "units": np.array([[3.0], [0]]), "unit_names": ("au1",)},
            "action units of 3 in mine; expected 0 to 1",
        ),
        (
            {"regression": np.zeros((2, 2)), "units": np.zeros((2, 1)), "unit_names": ("smile",)},
            "unit 'smile'; expected names such as au12",
        ),
    ],
)
def test_targets_that_cannot_be_trained_on(more: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        head_targets(BOTH, samples(**more))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["heads.link=trees"], "heads.link: 'trees'; expected one of softmax, tree, sigmoids"),
        (["heads.expression=0"], "heads.expression: 0"),
        (["heads.valence_arousal=-1"], "heads.valence_arousal: -1"),
        (["heads.link=sigmoids", "loss.logit_adjustment=1"], "loss.logit_adjustment: sigmoids have no prior"),
        (["heads.valence_arousal=1"], "fer2013 has no valence and arousal to train on"),
    ],
)
def test_recipes_that_cannot_be_trained(overrides: list[str], message: str, tiny_fer2013: Path, tmp_path: Path) -> None:
    with pytest.raises(MienError, match=message):
        run_recipe("mien/fer2013", overrides, root=tiny_fer2013, out=tmp_path, resume=None, device="cpu", test=False)


def test_a_solver_has_no_heads(tiny_fer2013: Path, tmp_path: Path) -> None:
    where = {"root": tiny_fer2013, "out": tmp_path, "resume": None, "device": "cpu", "test": False}
    with pytest.raises(RecipeError, match=r"heads, with optim\.name=linear_svc"):
        run_recipe("papers/svm", ["heads.link=tree"], **where)


def test_units_are_matched_by_number() -> None:
    assert common_units(("au1", "au12"), ("au12", "au04", "au01", "nose")) == {0: 1, 2: 0}
    assert len(UNITS) == 3
