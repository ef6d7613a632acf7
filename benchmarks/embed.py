"""Add the output `embedding`, the input of the last layer, to a file that was exported without it.

`mien export` writes the output itself, from the network in torch.  Weights whose run is gone, or that must not change
by a bit, get it here from the graph alone.  It ends: features -> Gemm -> mean over the views -> / temperature ->
softmax -> probs, perhaps with conversions to int8 and back.  The features are averaged over the views and scaled to
unit length.  The nodes that compute the probabilities stay as they are.
"""

from pathlib import Path

import onnx
from onnx import TensorProto, helper, numpy_helper

from mien.errors import WeightsError
from mien.outputs import staged

PASSED = {"QuantizeLinear", "DequantizeLinear", "Dropout", "Identity"}
"""Nodes that may come between the features and the last layer, because they keep the features."""


def embed(path: Path) -> None:
    """Rewrite an exported file with the output `embedding`, float32 (N, D); WeightsError when its end is another."""
    model = onnx.load(path)
    graph = model.graph
    if [output.name for output in graph.output] != ["probs"]:
        raise WeightsError(f"{path} gives {[output.name for output in graph.output]}", "probs alone")
    features, width, views = _ending(graph, path)
    shape = helper.make_tensor("embedding_shape", TensorProto.INT64, [3], [views, -1, width])
    axes = helper.make_tensor("embedding_axes", TensorProto.INT64, [1], [0])
    graph.initializer.extend([shape, axes])
    graph.node.extend(
        [
            helper.make_node("Reshape", [features, "embedding_shape"], ["embedding_views"]),
            helper.make_node("ReduceMean", ["embedding_views", "embedding_axes"], ["embedding_mean"], keepdims=0),
            helper.make_node("LpNormalization", ["embedding_mean"], ["embedding"], axis=1, p=2),
        ]
    )
    faces = graph.output[0].type.tensor_type.shape.dim[0].dim_param
    graph.output.append(helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [faces, width]))
    onnx.checker.check_model(model)
    with staged(path) as partial:
        onnx.save(model, partial)


def _ending(graph: onnx.GraphProto, path: Path) -> tuple[str, int, int]:
    """Return the name and the width of the features, and over how many views the logits are averaged."""
    makers = {name: node for node in graph.node for name in node.output}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    node, views = makers["probs"], 1
    while node.op_type != "Gemm":
        if node.op_type == "Reshape":
            views = int(numpy_helper.to_array(constants[node.input[1]])[0])
        if node.op_type not in PASSED | {"Softmax", "Div", "ReduceMean", "Reshape"} or node.input[0] not in makers:
            raise WeightsError(f"{path} ends in a {node.op_type}", "Gemm, mean over the views, Div, Softmax")
        node = makers[node.input[0]]
    weight, name = node.input[1], node.input[0]
    while weight not in constants:
        weight = makers[weight].input[0]
    turned = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    while makers[name].op_type in PASSED:
        name = makers[name].input[0]
    return name, int(constants[weight].dims[1 if turned else 0]), views
