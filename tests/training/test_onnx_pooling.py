"""Average pools become convolutions where that changes nothing, and stay where it would."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

pytest.importorskip("torch", reason="training needs mien[train]")

from onnx import TensorProto, helper

from mien.inference.classify import locate, names
from mien.inference.onnx import onnxruntime
from mien.training.onnx_pooling import WEIGHT, pools_as_convolutions


def run_graph(path: Path, x: np.ndarray, name: str = "x") -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"]).run(None, {name: x})


def write(path: Path, side: int = 8, quantised: bool = True, **attributes: object) -> Path:
    """Write x -> int8 and back -> average pool -> int8 and back -> y, or the pool alone."""
    settings = {"kernel_shape": [2, 2], "strides": [2, 2], **attributes}
    scale = helper.make_tensor("scale", TensorProto.FLOAT, [], [0.05])
    finer = helper.make_tensor("finer", TensorProto.FLOAT, [], [0.0371])  # so that means seldom fall on a half
    zero = helper.make_tensor("zero", TensorProto.UINT8, [], [7])
    if quantised:
        nodes = [
            helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["a"]),
            helper.make_node("DequantizeLinear", ["a", "scale", "zero"], ["b"]),
            helper.make_node("AveragePool", ["b"], ["c"], **settings),
            helper.make_node("QuantizeLinear", ["c", "finer", "zero"], ["d"]),
            helper.make_node("DequantizeLinear", ["d", "finer", "zero"], ["y"]),
        ]
    else:
        nodes = [helper.make_node("AveragePool", ["x"], ["y"], **settings)]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, side, side])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3, None, None])
    graph = helper.make_graph(nodes, "pool", [x], [y], [scale, finer, zero] if quantised else [])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


@pytest.mark.parametrize("kernel", [[2, 2], [4, 4], [2, 4]])
def test_a_pool_between_int8_tensors_is_replaced_with_the_same_outputs(tmp_path: Path, kernel: list[int]) -> None:
    path = write(tmp_path / "pool.onnx", kernel_shape=kernel, strides=kernel, ceil_mode=1, count_include_pad=1)
    x = np.random.default_rng(0).uniform(-0.3, 12, (5, 3, 8, 8)).astype(np.float32)
    before = run_graph(path, x)[0]
    assert pools_as_convolutions(path) == 1
    assert [node.op_type for node in onnx.load(path).graph.node if node.op_type in ("Conv", "AveragePool")] == ["Conv"]
    assert np.abs(run_graph(path, x)[0] - before).max() <= 0.0371 + 1e-6  # one step, where a half is rounded otherwise
    assert (run_graph(path, x)[0] == before).mean() > 0.99


@pytest.mark.parametrize(
    "settings",
    [
        {"strides": [1, 1]},
        {"pads": [1, 1, 1, 1]},
        {"auto_pad": "SAME_UPPER"},
        {"dilations": [2, 2]},
        {"side": 9, "ceil_mode": 1},
        {"quantised": False},
    ],
)
def test_other_pools_stay(tmp_path: Path, settings: dict[str, object]) -> None:
    path = write(tmp_path / "pool.onnx", **settings)  # type: ignore[arg-type]
    before = path.read_bytes()
    assert pools_as_convolutions(path) == 0
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", names())
def test_shipped_weights_have_no_pool_left(tmp_path: Path, name: str) -> None:
    path = Path(shutil.copy(locate(name), tmp_path))
    assert pools_as_convolutions(path) == 0
    assert not any(node.op_type == "AveragePool" for node in onnx.load(path).graph.node)


def test_products_fit_16_bits() -> None:
    assert 2 * 255 * WEIGHT < 2**15
