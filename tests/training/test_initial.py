"""Weights to start from: what is loaded, what is reset, and what does not fit."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.errors import MienError  # noqa: E402
from mien.inference.classify import WEIGHTS, Classifier  # noqa: E402
from mien.training import checkpoint  # noqa: E402
from mien.training import recipe as recipes  # noqa: E402
from mien.training.initial import norms_after, start  # noqa: E402
from mien.training.prepared import prepare  # noqa: E402
from mien.training.run import run_recipe  # noqa: E402
from mien.training.train import train  # noqa: E402

NANO = ["init=ferplus-nano", "distill=null", "data.auxiliary=null", "refine=null", "batch=32", "ema=0.9"]
THREE = "data.classes={neutral: [neutral], happiness: [happiness], sadness: [sadness, anger, fear, disgust]}"
NET = "model={name: mienet, options: {width: 0.5, depths: [1, 1, 1, 1], stem_stride: 2}}"


def nano(*words: str) -> recipes.Recipe:
    return recipes.load("mien/ferplus-nano", [*NANO, *words])


@pytest.mark.parametrize("name", ["ferplus-nano", pytest.param("fer2013-nano", marks=pytest.mark.slow)])
def test_shipped_weights_start_as_what_they_predict(name: str, tiny_fer2013: Path) -> None:
    """In evaluation mode the float network and the int8 file agree; in training mode nearly."""
    recipe = recipes.load(f"mien/{name}", [*NANO[1:], f"init={name}"])
    prepared = prepare(recipe, tiny_fer2013, "cpu")
    assert prepared.started is not None
    assert (prepared.started.loaded, prepared.started.reset, prepared.started.unused) == (67, (), 0)
    classifier = Classifier(name)
    images = prepared.train.images
    expected = classifier(images.permute(0, 2, 3, 1).numpy())
    with torch.no_grad():
        logits = prepared.model.eval()(images.float() / 255)["logits"] / classifier.card.temperature
        trained = prepared.model.train()(images.float() / 255)["logits"] / classifier.card.temperature
    assert np.abs(logits.softmax(1).numpy() - expected).mean() < 0.02
    assert np.abs(trained.softmax(1).numpy() - expected).mean() < 0.05
    norms = set(norms_after(prepared.model).values())
    assert len(norms) == 13
    assert not any(torch.equal(prepared.model.get_submodule(norm).running_var, torch.ones(1)) for norm in norms)


@pytest.mark.slow
def test_a_symmetric_file_starts_as_what_it_predicts(tiny_fer2013: Path, tmp_path: Path) -> None:
    """The file has both halves of the kernels, a network in training the first."""
    symmetric = f"{NET[:-2]}, symmetric: true}}}}"
    words = [*NANO[1:], symmetric, "steps=4"]
    run = run_recipe("mien/ferplus-nano", words, root=tiny_fer2013, out=tmp_path, resume=None, device="cpu")
    path = run / "model.onnx"
    prepared = prepare(nano(symmetric, f"init={path}"), tiny_fer2013, "cpu")
    assert prepared.started is not None
    assert prepared.started.reset == ()
    images, classifier = prepared.train.images, Classifier(path)
    with torch.no_grad():
        logits = prepared.model.eval()(images.float() / 255)["logits"] / classifier.card.temperature
    expected = classifier(images.permute(0, 2, 3, 1).numpy())
    np.testing.assert_allclose(logits.softmax(1).numpy(), expected, atol=1e-4)
    with pytest.raises(MienError, match=r"first\.0\.weight of ferplus-nano is .* x 3 x 4; expected .* x 3 x 3"):
        prepare(nano("model.options.symmetric=false"), tiny_fer2013, "cpu")  # an ordinary network has other kernels


def test_other_labels_reset_the_last_layer_alone(tiny_fer2013: Path, tmp_path: Path) -> None:
    recipe = nano(THREE, "steps=2", "freeze=[stem, blocks.0]", "optim={name: adamw, lr: 0.01, warmup: 0, clip: 1}")
    prepared = prepare(recipe, tiny_fer2013, "cpu")
    assert prepared.started is not None
    assert prepared.started.reset == ("head.1.bias", "head.1.weight")
    assert prepared.started.loaded == 65
    begun = {name: value.clone() for name, value in prepared.model.state_dict().items()}
    train(recipe, tiny_fer2013, tmp_path, prepared=prepared)
    init = json.loads((tmp_path / "env.json").read_text())["init"]
    assert init["weights"] == "ferplus-nano"
    assert init["reset"] == ["head.1.bias", "head.1.weight"]
    last = checkpoint.content(tmp_path / "last.pt")["model"]
    same = {name for name, value in last.items() if torch.equal(value, begun[name])}
    frozen = {name for name in last if name.startswith(("stem.", "blocks.0."))}
    assert frozen <= same
    assert "blocks.1.first.0.weight" not in same


def test_labels_decide_not_their_number(tiny_fer2013: Path) -> None:
    six = "[neutral, happiness, sadness, surprise, fear, disgust]"
    other = "[neutral, happiness, sadness, surprise, fear, anger]"
    words = ["init=null", "data.name=fer2013", "data.train={}", NET]
    network = prepare(nano(*words, f"data.classes={six}"), tiny_fer2013, "cpu")
    content = {"average": network.model.state_dict(), "labels": list(network.train.labels), "aux_labels": []}
    path = tiny_fer2013.parent / "best.pt"
    torch.save({**content, "size": 48, "channels": 1}, path)
    for classes, reset in ((six, ()), (other, ("head.1.bias", "head.1.weight"))):
        begun = prepare(nano(*words[1:], f"data.classes={classes}", f"init={path}"), tiny_fer2013, "cpu")
        assert begun.started is not None
        assert begun.started.reset == reset
    tree = prepare(nano(*words[1:], f"data.classes={six}", f"init={path}", "heads.link=tree"), tiny_fer2013, "cpu")
    assert tree.started is not None
    assert tree.started.reset == ("head.1.bias", "head.1.weight")  # other numbers for the same labels


@pytest.mark.slow
def test_a_run_starts_another_that_outlives_it(tiny_fer2013: Path, tmp_path: Path) -> None:
    words = [NET, "init=null", "epochs=1", "data.limit=32", "batch=16"]
    run_one = run_recipe(
        "mien/ferplus-nano", [*NANO, *words], root=tiny_fer2013, out=tmp_path, resume=None, device="cpu"
    )
    recipe = nano(NET, "data.limit=32", "batch=16", f"init={run_one}", "epochs=2", "steps=3")
    begun = prepare(recipe, tiny_fer2013, "cpu")
    best = checkpoint.content(run_one / "best.pt")["average"]
    assert all(torch.equal(value, best[name]) for name, value in begun.model.state_dict().items() if value.ndim)
    folder = tmp_path / "second"
    folder.mkdir()
    train(recipe, tiny_fer2013, folder, prepared=begun)
    (run_one / "best.pt").unlink()
    with pytest.raises(MienError, match=r"init: .* has no best\.pt"):
        prepare(recipe, tiny_fer2013, "cpu")
    train(recipe.model_copy(update={"steps": 4}), tiny_fer2013, folder, device="cpu")  # resumed
    env = json.loads((folder / "env.json").read_text())
    assert (env["init"]["weights"], len(env["resumed"])) == (str(run_one), 1)
    begun = prepare(nano(NET, "data.limit=32", "batch=16", f"init={run_one / 'model.onnx'}"), tiny_fer2013, "cpu")
    model, crops = Classifier(run_one / "model.onnx"), begun.val.images.permute(0, 2, 3, 1).numpy()
    with torch.no_grad():
        probs = (begun.model.eval()(begun.val.images.float() / 255)["logits"] / model.card.temperature).softmax(1)
    np.testing.assert_allclose(probs.numpy(), model(crops), atol=1e-4)


def test_a_file_of_tensors_may_lack_the_last_layer(tiny_fer2013: Path, tmp_path: Path) -> None:
    words = [NET, "init=null"]
    state = prepare(nano(*words), tiny_fer2013, "cpu").model.state_dict()
    kept = {f"module.{name}": value for name, value in state.items() if not name.startswith("head.")}
    torch.save({"state_dict": kept, "epoch": 3}, tmp_path / "backbone.pth")
    begun = prepare(nano(NET, f"init={tmp_path / 'backbone.pth'}"), tiny_fer2013, "cpu")
    assert begun.started is not None
    assert begun.started.reset == ("head.1.bias", "head.1.weight")
    assert torch.equal(begun.model.state_dict()["stem.0.weight"], state["stem.0.weight"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["model.options.width=0.5"],
            r"init: \S+ of ferplus-nano is 24 x 16 x 3 x 3; expected 8 x 8 x 3 x 3.*symmetric: true, width: 0.75",
        ),
        (["model={name: cnn2}"], r"init: ferplus-nano has no features\.0\.\w+; expected 32.*init=null freeze=0"),
        (["init=nobody"], "no weights are called 'nobody'"),
        (["init=plain.pt"], "holds no tensors by name"),
        (["init=text.pt"], "not a readable checkpoint"),
        (["init=whole.pt"], r"not a readable checkpoint.*torch\.save\(net\.state_dict\(\), FILE\)"),
        (["init=empty"], "is a folder"),
        (["init=null", "freeze=2"], "freeze: random weights would stay"),
        (["freeze=6"], "freeze: 6 leaves nothing to train; expected at most 5 of stem"),
        (["freeze=[body]"], "no stage is called 'body'; expected some of stem, blocks.0"),
        (["freeze=-1"], "freeze"),
        (["optim.layer_decay=0"], "optim.layer_decay"),
        (["optim.clip=0"], "optim.clip"),
        (["patience=0"], "patience"),
    ],
)
def test_what_does_not_fit_is_one_line(
    words: list[str], message: str, tiny_fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"epoch": 3}, "plain.pt")
    torch.save(torch.nn.Linear(2, 2), "whole.pt")
    Path("text.pt").write_text("hello")
    Path("empty").mkdir()
    with pytest.raises(MienError, match=message) as caught:
        run_recipe("mien/ferplus-nano", [*NANO, *words], root=tiny_fer2013, out=Path("o"), resume=None, device="cpu")
    assert "\n" not in str(caught.value)
    assert not Path("o").exists()


@pytest.mark.slow
def test_every_tensor_of_a_shipped_file_is_found(tiny_fer2013: Path) -> None:
    begun = prepare(
        recipes.load("mien/ferplus", ["init=null", "distill=null", "data.auxiliary=null"]), tiny_fer2013, "cpu"
    )
    for name in ("ferplus", str(WEIGHTS / "ferplus.onnx")):
        assert start(name, begun.model, begun.train).reset == ()
