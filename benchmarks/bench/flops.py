"""How many operations a graph does for one crop: two per multiplication in its convolutions and matrix products.

Counted from the shapes that onnx infers, so quantised graphs (the same nodes between QuantizeLinear and
DequantizeLinear) count as what they stand for.  Additions, activations, pooling and scaling are left out, as usual.
"""

from math import prod
from pathlib import Path

import onnx
from onnx import shape_inference
from onnx.tools.update_model_dims import update_inputs_outputs_dims


def count(path: Path) -> int:
    """Return the operations of an ONNX file for a batch of one."""
    return count_in(onnx.load(path))


def count_in(model: onnx.ModelProto) -> int:
    """Return the operations of a model whose input has a free batch dimension, for a batch of one.

    Raises:
        ValueError: a convolution or matrix product whose shapes cannot be inferred.
    """
    shapes = _shapes(_single(model))
    return sum(COUNTED[node.op_type](node, shapes) for node in model.graph.node if node.op_type in COUNTED)


def _conv(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]]) -> int:
    kernel = _shape(shapes, node.input[1])  # (out, in / groups, height, width)
    return 2 * prod(_shape(shapes, node.output[0])) * prod(kernel[1:])


def _matrix(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]]) -> int:
    inner = _shape(shapes, node.input[0])[0 if _flag(node, "transA") else -1]
    return 2 * prod(_shape(shapes, node.output[0])) * inner


COUNTED = {"Conv": _conv, "Gemm": _matrix, "MatMul": _matrix}


def _flag(node: onnx.NodeProto, name: str) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == name), 0)


def _single(model: onnx.ModelProto) -> onnx.ModelProto:
    one = onnx.ModelProto()
    one.CopyFrom(model)

    def dims(values: object) -> dict[str, list[int]]:
        return {
            value.name: [1, *(d.dim_value for d in value.type.tensor_type.shape.dim[1:])]
            for value in values  # type: ignore[attr-defined]
        }

    del one.graph.value_info[:]
    return update_inputs_outputs_dims(one, dims(one.graph.input), dims(one.graph.output))


def _shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    graph = shape_inference.infer_shapes(model, data_prop=True).graph
    known = {item.name: tuple(item.dims) for item in graph.initializer}
    for value in (*graph.input, *graph.output, *graph.value_info):
        known[value.name] = tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
    return known


def _shape(shapes: dict[str, tuple[int, ...]], name: str) -> tuple[int, ...]:
    shape = shapes.get(name, ())
    if not shape or 0 in shape:
        raise ValueError(f"the shape of {name} is not known: {shape}")
    return shape
