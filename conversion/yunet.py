"""The face detector YuNet as plain float ONNX, for onnxruntime in a browser.

The block-quantised int8 file that OpenCV reads makes a session in onnxruntime and fails when it runs.  Its weights are
dequantised here, once; the result takes images of any size whose sides are multiples of 32.

input float32 (1, 3, H, W) BGR in [0, 255]; per stride s of 8, 16, 32 and cell: cls_s, obj_s (1, cells, 1) in [0, 1],
bbox_s (1, cells, 4), kps_s (1, cells, 10).  Score sqrt(cls obj); centre ((column + x) s, (row + y) s), size exp(w) s,
exp(h) s; landmarks ((column + x) s, (row + y) s); boxes that overlap by more than 0.3 are one face.
"""

import json

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from onnx_model import IR_VERSION, OPSET


def fold(content: bytes, facts: dict[str, str]) -> bytes:
    """Return the bytes of the float file, made of those of the int8 one."""
    source = onnx.load_model_from_string(content)
    arrays = {array.name: numpy_helper.to_array(array) for array in source.graph.initializer}
    nodes = []
    for node in source.graph.node:
        if all(name in arrays for name in node.input):
            arrays[node.output[0]] = FOLDS[node.op_type](node, *(arrays[name] for name in node.input))
        else:
            nodes.append(node)
    needed = {name for node in nodes for name in node.input}
    kept = [numpy_helper.from_array(array, name) for name, array in arrays.items() if name in needed]
    _any_size(source.graph)
    graph = helper.make_graph(nodes, "yunet", source.graph.input, source.graph.output, kept)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    helper.set_model_props(made, {"mien": json.dumps(facts, separators=(",", ":"))})
    onnx.checker.check_model(made, full_check=True)
    return made.SerializeToString(deterministic=True)


def _dequantised(
    node: onnx.NodeProto, weights: NDArray[np.int8], scales: NDArray[np.float32], zeros: NDArray[np.int8]
) -> NDArray[np.float32]:
    options = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    axis, size = options["axis"], options["block_size"]
    steps = (np.repeat(array, size, axis).take(range(weights.shape[axis]), axis) for array in (scales, zeros))
    scale, zero = steps
    return (weights.astype(np.float32) - zero.astype(np.float32)) * scale


FOLDS = {"DequantizeLinear": _dequantised, "Reshape": lambda node, array, shape: array.reshape(shape)}


def _any_size(graph: onnx.GraphProto) -> None:
    for value, names in [(graph.input[0], {2: "height", 3: "width"})] + [
        (output, {1: f"cells_{output.name.rpartition('_')[2]}"}) for output in graph.output
    ]:
        for axis, name in names.items():
            value.type.tensor_type.shape.dim[axis].dim_param = name
