"""Older weights get the output `embedding` from their graph alone, and their probabilities stay."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="training needs mien[train]")

from mien.errors import WeightsError  # noqa: E402
from mien.inference.classify import WEIGHTS, Classifier  # noqa: E402

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def embed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import embed

    return embed.embed


def stripped(source: Path, target: Path) -> Path:
    """A file as it was exported before it gave an embedding."""
    model = onnx.load(source)
    last = next(node for node in model.graph.node if "probs" in node.output)
    kept, wanted = [], set(last.input) | {"probs"}
    for node in reversed(model.graph.node):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= set(node.input)
    del model.graph.node[:]
    model.graph.node.extend(reversed(kept))
    del model.graph.output[1:]
    onnx.save(model, target)
    return target


@pytest.mark.parametrize("name", ["fer2013", "fer2013-nano"])
def test_an_older_file_gets_the_embedding(name: str, tmp_path: Path, embed: Callable[[Path], None]) -> None:
    path = stripped(WEIGHTS / f"{name}.onnx", tmp_path / "old.onnx")
    assert Classifier(path).outputs == ("probs",)
    embed(path)
    shipped, made = Classifier(name), Classifier(path)
    crops = np.random.default_rng(0).integers(0, 256, (5, shipped.card.size, shipped.card.size, 1), np.uint8)
    old, new = shipped.heads(crops), made.heads(crops)
    assert made.card == shipped.card
    np.testing.assert_array_equal(old["probs"], new["probs"])
    np.testing.assert_allclose(old["embedding"], new["embedding"], atol=1e-2)  # export rounds it to int8
    with pytest.raises(WeightsError, match="expected probs alone"):
        embed(path)


def test_a_graph_that_ends_otherwise(tmp_path: Path, embed: Callable[[Path], None]) -> None:
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [helper.make_node("Sigmoid", ["x"], ["y"]), helper.make_node("Softmax", ["y"], ["probs"])]
    ends = [helper.make_tensor_value_info(name, kind, ["n", 2]) for name in ("x", "probs")]
    onnx.save(helper.make_model(helper.make_graph(nodes, "other", ends[:1], ends[1:])), tmp_path / "other.onnx")
    with pytest.raises(WeightsError, match="ends in a Sigmoid; expected Gemm"):
        embed(tmp_path / "other.onnx")
