"""Weights files: shipped, foreign, glued together, damaged; and what goes through them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.card import KEY
from mien.errors import UsageError, WeightsError
from mien.inference.classify import BATCH, WEIGHTS, Classifier, locate, names
from mien.inference.onnx import onnxruntime

onnx = pytest.importorskip("onnx", reason="the package onnx (mien[train]) builds the test's weights")
CARD: dict[str, Any] = {"name": "test", "labels": ["neutral", "happiness"], "size": 48, "channels": 1}


def write(path: Path, card: dict[str, Any] | None = None, **change: Any) -> Path:
    """Write a graph that answers by the mean brightness; `change` spoils one thing about it."""
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
            helper.make_tensor("unit", TensorProto.FLOAT, [], [1.0]),
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
    assert classify.gives == ("probs", "embedding")
    assert classify.heads(np.zeros((3, 48, 48, 1), np.uint8))["embedding"].shape == (3, 2)


@pytest.mark.parametrize("name", names())
def test_shipped_weights_give_an_embedding(name: str) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (70, 48, 48, 1), np.uint8)
    heads = Classifier(name).heads(crops)
    assert heads["embedding"].shape == (70, 192 if name.endswith("nano") else 256)
    np.testing.assert_allclose(np.linalg.norm(heads["embedding"], axis=1), 1, atol=1e-5)
    if Classifier(name).card.recipe["views"]["flip"]:  # the mean over a face and its mirror image is that of either
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
    ("card", "change", "told"),
    [
        (None, {}, "carries no mien card"),
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
def test_files_that_do_not_fit(tmp_path: Path, card: dict[str, Any] | None, change: dict[str, Any], told: str) -> None:
    path = write(tmp_path / "own.onnx", card, **change)
    with pytest.raises(WeightsError, match=told) as caught:
        Classifier(path)
    assert "own.onnx" in str(caught.value)
    assert "\n" not in str(caught.value)


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


def test_a_name_that_is_too_long() -> None:
    with pytest.raises(WeightsError, match="no weights are called 'xxx"):
        Classifier("x" * 300)


def test_devices() -> None:
    with pytest.raises(UsageError, match="one of cpu, cuda"):
        Classifier(device="tpu")
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        with pytest.raises(UsageError, match="use --device cpu"):
            Classifier(device="cuda")
