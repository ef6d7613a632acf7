"""Weights files: shipped, foreign, glued together, damaged; and what goes through them."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.card import KEY, Card
from mien.errors import UsageError, WeightsError
from mien.inference import classify as classify_module
from mien.inference import heads, shipped
from mien.inference.classify import BATCH, WEIGHTS, Classifier, locate, names
from mien.inference.onnx import onnxruntime

onnx = pytest.importorskip("onnx", reason="the package onnx (mien[train]) builds the test's weights")
CARD: dict[str, Any] = {"name": "test", "labels": ["neutral", "happiness"], "size": 48, "channels": 1}


def write(path: Path, card: dict[str, Any] | None = None, **change: Any) -> Path:
    """Write a graph that predicts by mean brightness; `change` breaks one part of it."""
    from onnx import TensorProto, helper

    channels, size = (card or CARD).get("channels", 1), 48
    n = change.get("n", "n")
    kind = change.get("kind", TensorProto.UINT8)
    nodes = [
        helper.make_node("Cast", [change.get("input", "crops")], ["x"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["x", "axes"], ["mean"], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "one"], ["column"]),
        helper.make_node("Div", ["column", "full"], ["bright"]),
        helper.make_node("Sub", ["unit", "bright"], ["dark"]),
        helper.make_node("Concat", ["dark", "bright"], ["probs"], axis=1),
    ]
    if change.get("white") == "nan":  # the rest of the way to white, by itself: 1, and 0 / 0 for a white crop
        nodes[3] = helper.make_node("Div", ["column", "full"], ["plain"])
        nodes[4:4] = [
            helper.make_node("Sub", ["full", "column"], ["rest"]),
            helper.make_node("Div", ["rest", "rest"], ["alone"]),
            helper.make_node("Mul", ["plain", "alone"], ["bright"]),
        ]
    outputs = [helper.make_tensor_value_info("probs", TensorProto.FLOAT, [n, 2])]
    if change.get("heads"):
        nodes += [
            helper.make_node("Identity", ["probs"], ["valence_arousal"]),
            helper.make_node("Identity", ["probs"], ["action_units"]),
        ]
        outputs += [
            helper.make_tensor_value_info(k, TensorProto.FLOAT, [n, 2]) for k in ("valence_arousal", "action_units")
        ]
    if change.get("embedding"):
        flat = len(change["embedding"]) == 2
        nodes.append(helper.make_node("Identity" if flat else "Unsqueeze", ["probs", "one"][: 2 - flat], ["embedding"]))
        outputs.append(helper.make_tensor_value_info("embedding", TensorProto.FLOAT, change["embedding"]))
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(change.get("input", "crops"), kind, [n, size, size, channels])],
        outputs,
        [
            helper.make_tensor("axes", TensorProto.INT64, [3], [1, 2, 3]),
            helper.make_tensor("one", TensorProto.INT64, [1], [1]),
            helper.make_tensor("full", TensorProto.FLOAT, [], [255.0]),
            helper.make_tensor("unit", TensorProto.FLOAT, [], [change.get("unit", 1.0)]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    if card is not None:
        onnx.helper.set_model_props(model, {KEY: json.dumps(card)})
    onnx.save(model, path)
    return path


def test_a_file_of_your_own(tmp_path: Path) -> None:
    classify = Classifier(write(tmp_path / "own.onnx", CARD))
    crops = np.zeros((3, 48, 48, 1), np.uint8)
    crops[1] = 255
    probs = classify(crops)
    assert probs.dtype == np.float32
    assert np.allclose(probs, [[1, 0], [0, 1], [1, 0]])
    assert classify.card.labels == ("neutral", "happiness")


def test_further_heads(tmp_path: Path) -> None:
    card = {**CARD, "channels": 3, "valence_arousal": True, "action_units": ["au04", "au12"]}
    heads = Classifier(write(tmp_path / "own.onnx", card, heads=True)).heads(np.full((2, 48, 48, 3), 51, np.uint8))
    assert {name: out.shape for name, out in heads.items()} == {
        "probs": (2, 2),
        "valence_arousal": (2, 2),
        "action_units": (2, 2),
    }
    assert np.allclose(heads["action_units"], [[0.8, 0.2]] * 2)


def test_an_embedding_needs_no_word_of_the_card(tmp_path: Path) -> None:
    classify = Classifier(write(tmp_path / "own.onnx", CARD, embedding=["n", 2]))
    assert classify.outputs == ("probs", "embedding")
    assert classify.heads(np.zeros((3, 48, 48, 1), np.uint8))["embedding"].shape == (3, 2)


@pytest.mark.parametrize("name", names())
def test_shipped_weights_give_an_embedding(name: str) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (70, 48, 48, 1), np.uint8)
    heads = Classifier(name).heads(crops)
    assert heads["embedding"].shape == (70, 96 if name.endswith("nano") else 256)
    np.testing.assert_allclose(np.linalg.norm(heads["embedding"], axis=1), 1, atol=1e-5)
    recipe = Classifier(name).card.recipe
    if recipe["views"]["flip"] or recipe["model"]["options"].get("symmetric"):  # the same for a mirror image
        mirrored = Classifier(name).heads(np.ascontiguousarray(crops[:, :, ::-1]))
        assert (mirrored["embedding"] * heads["embedding"]).sum(1).min() > 0.999  # int8 rounds
    assert Classifier(name).heads(crops[:0])["embedding"].shape == (0, heads["embedding"].shape[1])


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("count", [0, 1, BATCH - 1, BATCH, 2 * BATCH + 3])
def test_any_number_of_crops(name: str, count: int) -> None:
    classify = Classifier(name)
    crops = np.random.default_rng(0).integers(0, 256, (count, 48, 48, 1), np.uint8)
    probs = classify(crops)
    assert probs.shape == (count, len(classify.card.labels))
    assert np.allclose(probs.sum(1), 1, atol=1e-5)
    if count:
        assert np.allclose(probs[-1], classify(crops[-1:])[0], atol=1e-5)


@pytest.mark.parametrize("name", names())
def test_shipped_weights(name: str) -> None:
    classify = Classifier(name)
    assert classify.path == WEIGHTS / f"{name}.onnx"
    assert classify.card.framing == "fer2013"
    assert names()[0] == "ferplus"


def test_a_shipped_name_wins_over_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ferplus").write_text("not weights")
    assert locate("ferplus") == WEIGHTS / "ferplus.onnx"
    assert locate(Path("./ferplus").absolute()) == tmp_path / "ferplus"


@pytest.mark.parametrize(
    ("crops", "got"),
    [
        (np.zeros((2, 48, 48, 1), np.float32), "float32"),
        (np.zeros((2, 48, 48), np.uint8), r"\(2, 48, 48\)"),
        (np.zeros((2, 48, 48, 3), np.uint8), r"\(2, 48, 48, 3\)"),
        (np.zeros((2, 64, 64, 1), np.uint8), r"\(2, 64, 64, 1\)"),
    ],
)
def test_wrong_crops(crops: np.ndarray, got: str) -> None:
    with pytest.raises(WeightsError, match=f"{got}.*expected uint8"):
        Classifier()(crops)


@pytest.mark.parametrize(
    ("card", "change", "message"),
    [
        (None, {}, r"carries no mien card.*`mien card \S+own.onnx --labels \.\.\.` gives it one"),
        ({**CARD, "labels": ["bored", "happiness"]}, {}, "card field 'labels'"),
        ({**CARD, "labels": ["neutral", "happiness", "anger"]}, {}, "as its card says"),
        ({**CARD, "size": 64}, {}, "expected crops uint8"),
        ({**CARD, "valence_arousal": True}, {}, "as its card says"),
        (CARD, {"input": "image"}, "expected crops uint8"),
        (CARD, {"kind": 1}, "expected crops uint8"),
        (CARD, {"n": 4}, "fixed number of crops"),
        (CARD, {"heads": True}, "as its card says"),
        (CARD, {"embedding": ["n", 1, 2]}, "one row of numbers per face"),
    ],
)
def test_files_that_do_not_fit(
    tmp_path: Path, card: dict[str, Any] | None, change: dict[str, Any], message: str
) -> None:
    path = write(tmp_path / "own.onnx", card, **change)
    with pytest.raises(WeightsError, match=message) as caught:
        Classifier(path)
    assert "own.onnx" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("beside", "do"),
    [("model.onnx", r"; take \S+model\.onnx$"), ("recipe.yaml", "; mien export "), ("", "a run folder$")],
)
def test_a_checkpoint_names_the_file_that_was_exported(tmp_path: Path, beside: str, do: str) -> None:
    for name in ("best.pt", beside):
        (tmp_path / (name or "other")).touch()
    with pytest.raises(WeightsError, match=f"best.pt is a checkpoint of training; expected an ONNX file.*{do}"):
        Classifier(tmp_path / "best.pt")


@pytest.mark.parametrize(
    ("unit", "shown"), [(float("nan"), "nan, 0.502"), (float("inf"), "inf"), (0.25, "-0.252, 0.502"), (1.01, "0.508")]
)
def test_weights_that_give_no_probabilities_are_refused_at_load(tmp_path: Path, unit: float, shown: str) -> None:
    message = f"own.onnx: the weights give no probabilities: {shown}.*expected numbers from 0 to 1 that sum to one"
    with pytest.raises(WeightsError, match=message):
        Classifier(write(tmp_path / "own.onnx", CARD, unit=unit))


def test_weights_that_give_none_for_some_crop_are_refused_there(tmp_path: Path) -> None:
    classify = Classifier(write(tmp_path / "own.onnx", CARD, white="nan"))
    crops = np.full((3, 48, 48, 1), 200, np.uint8)
    assert np.allclose(classify(crops).sum(1), 1)
    crops[2] = 255
    with pytest.raises(WeightsError, match=r"own\.onnx: the weights give no probabilities: nan, nan"):
        classify(crops)


HEADED = Card(name="own", labels=("neutral", "happiness"), valence_arousal=True, action_units=("au04", "au12"))
GOOD = {
    "probs": [[0.25, 0.75]],
    "valence_arousal": [[-1.0, 1.0]],
    "action_units": [[0.0, 1.0]],
    "embedding": [[0.6, -0.8]],
}


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("probs", [[0.5, 0.4999]], None),
        ("probs", [[0.5, 0.45]], "give no probabilities: 0.5, 0.45"),
        ("probs", [[1.5, -0.5]], "give no probabilities: 1.5, -0.5"),
        ("probs", [[1.0, 0.0, 0.0]], r"gives probs of shape \(1, 3\)"),
        ("probs", [[0.5, 0.5], [0.5, 0.5]], r"gives probs of shape \(2, 2\) for 1 crops"),
        ("valence_arousal", [[2.0, 0.0]], "give no valence and arousal: 2, 0"),
        ("action_units", [[0.5, float("nan")]], "give no action units: 0.5, nan"),
        ("embedding", [[float("inf"), 0.0]], "give no embedding: inf, 0"),
    ],
)
def test_what_heads_may_give(name: str, rows: list[list[float]], message: str | None) -> None:
    outputs = {key: np.array(value, np.float32) for key, value in {**GOOD, name: rows}.items()}
    if message is None:
        return heads.check(outputs, HEADED, Path("own.onnx"), 1)
    with pytest.raises(WeightsError, match=message):
        heads.check(outputs, HEADED, Path("own.onnx"), 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ["neutral", "neutral"]}, "'labels'"),
        ({"labels": ["happiness", "neutral"]}, "'labels'"),
        ({"labels": []}, "'labels'"),
        ({"labels": ["", "neutral"]}, "'labels'"),
        ({"labels": [1, 2]}, "'labels.0'"),
        ({"labels": "neutral"}, "'labels'"),
        ({"size": 0}, "'size'"),
        ({"size": 10**9}, "'size'"),
        ({"size": 10**30}, "'size'"),
        ({"channels": 2.5}, "'channels'"),
        ({"threshold": 1.5}, "'threshold'"),
        ({"threshold": float("nan")}, "'threshold'"),
        ({"temperature": float("inf")}, "'temperature'"),
        ({"action_units": ["source", "au12"]}, "'action_units'"),
        ({"action_units": ["score"]}, "'action_units'"),
        ({"action_units": ["prob_happiness"]}, "'action_units'"),
        ({"action_units": ["au12", "au12"]}, "'action_units'"),
        ({"metrics": []}, "'metrics'"),
        ({"metrics": {"test": 3}}, "'metrics'"),
        ({"metrics": {"test": {"accuracy_interval": [1]}}}, "'metrics'"),
        ({"recipe": {"data": [1]}}, "'recipe'"),
        ({"recipe": {"data": {"options": 1}}}, "'recipe'"),
        ({"data": {"name": {}}}, "'data'"),
        ({"provenance": {"seconds": "long"}}, "'provenance'"),
        ({"notes": None}, "'notes'"),
        ({"more": 1}, "'more'"),
    ],
    ids=str,
)
def test_cards_that_are_wrong(change: dict[str, Any], message: str) -> None:
    with pytest.raises(WeightsError, match=rf"own\.onnx: card field {message}") as caught:
        Card.from_metadata({KEY: json.dumps({**CARD, **change})}, "own.onnx")
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"name": ' + "[" * 100_000, '{"size": 1e999}'])
def test_cards_that_are_no_json(text: str) -> None:
    with pytest.raises(WeightsError, match=r"own\.onnx: card field"):
        Card.from_metadata({KEY: text}, "own.onnx")


def test_a_card_that_is_no_text(tmp_path: Path) -> None:
    path = write(tmp_path / "own.onnx", {**CARD, "notes": "????"})
    path.write_bytes(path.read_bytes().replace(b"????", b"\xff\xfe\xff\xfe"))
    with pytest.raises(WeightsError, match=r"own\.onnx"):
        Classifier(path)


@pytest.mark.parametrize("name", names())
def test_shipped_weights_are_those_that_were_released(name: str) -> None:
    content = (WEIGHTS / f"{name}.onnx").read_bytes()
    assert shipped.sums(WEIGHTS)[f"{name}.onnx"] == hashlib.sha256(content).hexdigest()


def test_shipped_weights_that_were_altered_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in WEIGHTS.iterdir():
        shutil.copy(path, tmp_path)
    monkeypatch.setattr(classify_module, "WEIGHTS", tmp_path)
    assert Classifier("ferplus").path.parent == tmp_path
    content = bytearray((tmp_path / "ferplus.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "ferplus.onnx").write_bytes(content)
    with pytest.raises(WeightsError, match=r"ferplus\.onnx was altered or cut.*as released; install mien again"):
        Classifier("ferplus")
    shipped.record(tmp_path)
    assert Classifier("ferplus").card.name == "ferplus"
    (tmp_path / shipped.TABLE).unlink()
    with pytest.raises(WeightsError, match="is not in SHA256SUMS"):
        Classifier("ferplus")


@pytest.mark.parametrize("kind", ["empty", "noise", "cut"])
def test_damaged_files(tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    whole = (WEIGHTS / "ferplus.onnx").read_bytes()
    content = {"empty": b"", "noise": b"\x01\x02" * 500, "cut": whole[: len(whole) // 2]}[kind]
    (tmp_path / "own.onnx").write_bytes(content)
    with pytest.raises(WeightsError, match=r"own\.onnx") as caught:
        Classifier(tmp_path / "own.onnx")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"one of ferplus.*did you mean 'ferplus'\?"):
        Classifier("ferpuls")
    with pytest.raises(WeightsError, match="is a folder"):
        Classifier(tmp_path)


def test_a_run_folder_is_its_exported_weights(tmp_path: Path) -> None:
    tmp_path = tmp_path / "mine" / "0-now"
    tmp_path.mkdir(parents=True)
    (tmp_path / "recipe.yaml").write_text("name: mine\n")
    with pytest.raises(WeightsError, match=rf"{tmp_path} has no model\.onnx; .*mien export {tmp_path}"):
        Classifier(tmp_path)
    (tmp_path / "model.onnx").write_bytes((WEIGHTS / "ferplus-nano.onnx").read_bytes())
    assert Classifier(tmp_path).path == tmp_path / "model.onnx"
    assert Classifier(tmp_path.parent).path == tmp_path / "model.onnx"  # the one run in a folder
    (tmp_path.parent / "second").mkdir()
    (tmp_path.parent / "second" / "recipe.yaml").write_text("name: mine\n")
    with pytest.raises(WeightsError, match=r"holds 2 runs; expected one of them; the newest is .*second"):
        Classifier(tmp_path.parent)


def test_a_name_that_is_too_long() -> None:
    with pytest.raises(WeightsError, match="no weights are called 'xxx"):
        Classifier("x" * 300)


def test_devices() -> None:
    with pytest.raises(UsageError, match="one of cpu, cuda"):
        Classifier(device="tpu")
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        with pytest.raises(UsageError, match="use `device` cpu"):
            Classifier(device="cuda")
