"""An ONNX file of others gets a card and a front: the same probabilities, from uint8 crops, in a new file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="a card for a foreign file needs mien[train]")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from mien.errors import MienError, OutputError  # noqa: E402
from mien.inference.classify import WEIGHTS, Classifier  # noqa: E402
from mien.training.foreign import Front, with_card  # noqa: E402

WORDS = ("Angry", "Disgust", "Fear", "Happy", "Sad", "Surprise", "Neutral")
ORDERED = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger")
RNG = np.random.default_rng(3)


def network(
    path: Path,
    channels: int = 3,
    side: int | str = 24,
    *,
    last: bool = False,
    softmax: bool = False,
    dtype: int = TensorProto.FLOAT,
    batch: int | str = "n",
    classes: int = 7,
    opset: int = 17,
    name: str = "crops",
) -> Callable[[Any], Any]:
    """Write a small network: the mean of each channel times a matrix; its tensors are named as mien names its own."""
    matrix = RNG.normal(size=(channels, classes)).astype(np.float32) * 4
    axes = [1, 2] if last else [2, 3]
    shape = [batch, side, side, channels] if last else [batch, channels, side, side]
    nodes = [
        helper.make_node("ReduceMean", [name], ["factor"], axes=axes, keepdims=0),
        helper.make_node("MatMul", ["factor", "offset"], ["x" if softmax else "probs"]),
        *([helper.make_node("Softmax", ["x"], ["probs"], axis=1)] if softmax else []),
    ]
    stored = numpy_helper.from_array(matrix.astype(helper.tensor_dtype_to_np_dtype(dtype)), "offset")
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, dtype, shape)],
        [helper.make_tensor_value_info("probs", dtype, [batch, classes])],
        [stored],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)

    def logits(x: Any) -> Any:  # of pixels (N, H, W, C) as the network takes them
        return x.mean((1, 2)) @ matrix

    return logits


def softmax(x: Any) -> Any:
    powers = np.exp(x - x.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.mark.parametrize(
    ("options", "front", "prepare"),
    [
        ({}, {"mean": MEAN, "std": STD}, lambda x: (x / 255 - MEAN) / STD),
        ({"last": True, "channels": 1}, {"mean": (0.5,), "std": (0.5,)}, lambda x: (x / 255 - 0.5) / 0.5),
        ({"last": True}, {"pixels": 255.0, "mean": (127.5,), "std": (128.0,)}, lambda x: (x - 127.5) / 128),
        ({"softmax": True, "side": "s"}, {"size": 32}, lambda x: x / 255),
        ({"batch": 1}, {"temperature": 2.0}, lambda x: x / 255),
        ({"softmax": True}, {"temperature": 2.0}, lambda x: x / 255),
        ({"dtype": TensorProto.FLOAT16}, {}, lambda x: x / 255),
        ({"opset": 11, "name": "images"}, {}, lambda x: x / 255),
    ],
)
def test_probabilities_are_those_of_the_network(
    options: dict[str, Any], front: dict[str, Any], prepare: Callable[[Any], Any], tmp_path: Path
) -> None:
    logits = network(tmp_path / "theirs.onnx", **options)
    before = (tmp_path / "theirs.onnx").read_bytes()
    card = with_card(tmp_path / "theirs.onnx", tmp_path / "ours.onnx", Front(WORDS, **front))
    assert (tmp_path / "theirs.onnx").read_bytes() == before
    assert card.labels == ORDERED
    classifier = Classifier(tmp_path / "ours.onnx")
    assert classifier.card.model_dump_json() == card.model_dump_json()
    crops = np.random.default_rng(1).integers(0, 256, (5, card.size, card.size, card.channels), np.uint8)
    own = softmax(logits(prepare(crops.astype(np.float64))) / front.get("temperature", 1))
    order = [("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral").index(one) for one in ORDERED]
    half = options.get("dtype") == TensorProto.FLOAT16
    np.testing.assert_allclose(classifier(crops), own[:, order], atol=5e-3 if half else 1e-5)


@pytest.fixture
def mien(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run the command line; returns stdout, or stderr of a mistake."""
    from mien.cli import main

    def run(*words: object, code: int = 0) -> str:
        monkeypatch.setattr("sys.argv", ["mien", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        assert (left.value.code or 0) == code, err
        return err if code else out

    return run


def several(path: Path) -> None:
    network(path)
    model = onnx.load(path)
    model.graph.input.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1]))
    onnx.save(model, path)


def infinite(path: Path) -> None:
    network(path)
    model = onnx.load(path)
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.full((3, 7), np.inf, np.float32), "offset"))
    onnx.save(model, path)


@pytest.mark.parametrize(
    ("make", "front", "words"),
    [
        (network, {"labels": WORDS[:6]}, ["(N, 6)", "6 labels"]),
        (network, {"labels": ("happy", "joy", *WORDS[:5])}, ["name happiness twice"]),
        (network, {"labels": ("", *WORDS[:6])}, ["labels", "two or more"]),
        (network, {"mean": (0.5, 0.5)}, ["`mean` has 2 numbers", "1 or 3"]),
        (network, {"std": (0.0,)}, ["deviations above 0"]),
        (network, {"mean": (float("nan"),)}, ["finite"]),
        (network, {"pixels": 255.0, "mean": (0.485,), "std": (0.229,)}, ["`pixels` 255", "leave `pixels` out"]),
        (network, {"size": 32}, ["`size` 32", "24"]),
        (network, {"gives": "probs"}, ["gives no probabilities"]),
        (network, {"gives": "scores"}, ["`gives` 'scores'"]),
        (network, {"framing": "tight"}, ["`framing` 'tight'"]),
        (network, {"temperature": -1.0}, ["`temperature` -1.0"]),
        (lambda path: network(path, side="s"), {}, ["give it with `size`"]),
        (lambda path: network(path, channels=5), {}, ["one input of images"]),
        (lambda path: network(path, side=8), {}, ["8 pixels", "16 to 512"]),
        (lambda path: path.write_bytes(b"not onnx"), {}, ["theirs.onnx cannot be read"]),
        (lambda path: None, {}, ["no file"]),
        (several, {}, ["takes [", "one input"]),
        (infinite, {}, ["not finite"]),
    ],
)
def test_what_cannot_be_wrapped_is_one_line_and_leaves_nothing(
    make: Callable[[Path], Any], front: dict[str, Any], words: list[str], tmp_path: Path
) -> None:
    make(tmp_path / "theirs.onnx")
    with pytest.raises(MienError) as caught:
        with_card(tmp_path / "theirs.onnx", tmp_path / "ours.onnx", Front(**{"labels": WORDS, **front}))
    assert all(word in str(caught.value) for word in words), caught.value
    assert "\n" not in str(caught.value)
    assert {path.name for path in tmp_path.iterdir()} <= {"theirs.onnx"}


def test_the_command(mien: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    network(tmp_path / "net.onnx", side=48)
    words = ["card", "net.onnx", "--labels", ",".join(WORDS), "--mean", "0.5", "--std", "0.25"]
    out = mien(*words)
    assert "neutral, happiness" in out
    assert mien(*words[:2], "--out", "net.onnx", *words[2:], code=2)
    assert "net-mien.onnx is there already" in mien(*words, code=2)
    assert "is the file that is read" in mien(*words, "--out", "net.onnx", "--force", code=2)
    assert json.loads(mien(*words, "--force", "--json"))["size"] == 48
    assert "--labels 'happy'" in mien(*words[:2], "--labels", "happy", "--out", "b.onnx", code=2)
    assert "numbers, such as" in mien(*words[:4], "--mean", "half", "--out", "b.onnx", code=2)
    assert not Path("b.onnx").exists()
    shown = mien("card", "net-mien.onnx")
    assert "# Model card: net" in shown
    assert "does not state what it was trained on" in shown
    assert "carries no mien card" in mien("card", "net.onnx", code=2)


def test_the_model_card_of_what_ships(mien: Any, tmp_path: Path) -> None:
    shown = mien("card", "ferplus-nano", "--out", tmp_path / "card.md")
    text = (tmp_path / "card.md").read_text()
    assert "# Model card: ferplus-nano" in text
    assert "annotators of web photographs" in text
    assert shown == "" or "card.md" in shown
    held = json.loads(mien("card", "ferplus-nano", "--json"))
    assert held == json.loads(Classifier(WEIGHTS / "ferplus-nano.onnx").card.model_dump_json())


def test_a_link_to_the_source_is_the_source(tmp_path: Path) -> None:
    from mien.outputs.files import check_new

    network(tmp_path / "net.onnx")
    (tmp_path / "link.onnx").symlink_to(tmp_path / "net.onnx")
    with pytest.raises(OutputError, match="is the file that is read"):
        check_new(tmp_path / "link.onnx", True, tmp_path / "net.onnx")
