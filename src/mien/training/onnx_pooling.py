"""Average pools of an int8 file as depthwise convolutions: identical outputs, faster.

onnxruntime's quantised average pool takes a quarter of a small network's time; its quantised depthwise convolution with
equal weights computes the same sums several times faster (`benchmarks/LOG.md`).
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from mien.outputs import staged

WEIGHT = 63  # 7 bits, as all weights here: two products with 8-bit activations stay within 16 bits


def pools_as_convolutions(path: Path) -> int:
    """Rewrite an int8 file's average pools whose windows tile the image; return how many there were."""
    model = onnx.load(path)
    graph = model.graph
    makers = {name: node for node in graph.node for name in node.output}
    takers = {name: [node for node in graph.node if name in node.input] for name in makers}
    shapes = _shapes(model)
    nodes: list[NodeProto] = []
    count = 0
    for node in graph.node:
        if _tiles(node, shapes) and _between_int8(node, makers, takers):
            constants, own = _convolution(node, shapes[node.input[0]][1], f"pool_{count}")
            graph.initializer.extend(constants)
            nodes += own
            count += 1
        else:
            nodes.append(node)
    if count:
        del graph.node[:]
        graph.node.extend(nodes)
        onnx.checker.check_model(model)
        with staged(path) as partial:
            onnx.save(model, partial)
    return count


def _convolution(pool: NodeProto, channels: int, name: str) -> tuple[list[TensorProto], list[NodeProto]]:
    """Return the constants and nodes of the depthwise convolution that does what a pool does."""
    kernel = _attributes(pool)["kernel_shape"]
    weight = np.full((channels, 1, *kernel), WEIGHT, np.int8)
    values = {"weight": weight, "scale": np.float32(1 / (WEIGHT * np.prod(kernel))), "zero": np.int8(0)}
    constants = [numpy_helper.from_array(np.asarray(value), f"{name}_{part}") for part, value in values.items()]
    attributes = {"kernel_shape": kernel, "strides": kernel, "group": channels}
    return constants, [
        helper.make_node("DequantizeLinear", [constant.name for constant in constants], [f"{name}_mean"]),
        helper.make_node("Conv", [pool.input[0], f"{name}_mean"], pool.output, pool.name, **attributes),
    ]


def _attributes(node: NodeProto) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _tiles(node: NodeProto, shapes: dict[str, list[int]]) -> bool:
    """Return whether a node is an average pool whose windows tile the image: no padding, overlap or remainder."""
    if node.op_type != "AveragePool" or len(shapes.get(node.input[0], ())) != 4:
        return False
    attributes, sides = _attributes(node), shapes[node.input[0]][2:]
    kernel, strides = attributes["kernel_shape"], attributes.get("strides", [1, 1])
    padded = any(attributes.get("pads", ())) or attributes.get("auto_pad", b"NOTSET") != b"NOTSET"
    spread = any(step != 1 for step in attributes.get("dilations", ()))
    return (
        kernel == strides
        and not padded
        and not spread
        and all(n and n % k == 0 for n, k in zip(sides, kernel, strict=True))
    )


def _between_int8(node: NodeProto, makers: dict[str, NodeProto], takers: dict[str, list[NodeProto]]) -> bool:
    before, after = makers.get(node.input[0]), takers[node.output[0]]
    quantised = bool(after) and all(taker.op_type == "QuantizeLinear" for taker in after)
    return quantised and before is not None and before.op_type == "DequantizeLinear"


def _shapes(model: onnx.ModelProto) -> dict[str, list[int]]:
    graph = onnx.shape_inference.infer_shapes(model).graph
    return {
        value.name: [d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*graph.value_info, *graph.input, *graph.output)
    }
