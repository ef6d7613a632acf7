"""Write a network read from TensorFlow Lite as ONNX, opset 18.

TRANSLATIONS has a function per operator.  Images become channels first, as onnxruntime is fastest with; the networks
on points keep their layout, and their 1x1 convolutions become matrix products.  Batches of any size go through.

PRELU becomes a x + (1 - a) relu(x), with depthwise 1x1 convolutions as products: onnxruntime keeps its blocked layout
across them, which halves the time of the mesh.  Weights are stored as float16, as in the source, and widened by a Cast
that onnxruntime folds on loading.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tflite_model import Network, Operator

OPSET = 18
IR_VERSION = 8  # what opset 18 came with, so that older runtimes load the file
SAME = 0  # of the schema's Padding
RELU = 1  # of the schema's ActivationFunctionType


@dataclass
class Writer:
    """The ONNX graph that grows: nodes and initializers, and which tensors of the source are which of its values."""

    network: Network
    channels_first: bool
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)

    def add(self, kind: str, inputs: Iterable[str], output: str = "", **attributes: object) -> str:
        """Append a node; return the name of its output."""
        output = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, array: NDArray[np.generic]) -> str:
        """Store an array; return the name of the value, float32 where the array is float16."""
        name = f"constant_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        if array.dtype != np.float16:
            return name
        return self.add("Cast", [name], to=TensorProto.FLOAT)

    def value(self, tensor: int) -> str:
        """Return the name of a tensor of the source, stored first if it is a constant."""
        if tensor not in self.names:
            self.names[tensor] = self.constant(self.network.constants[tensor])
        return self.names[tensor]


def _convolution(w: Writer, op: Operator) -> str:
    kernel = w.network.constants[op.inputs[1]]
    if not w.channels_first:
        product = w.add("MatMul", [w.value(op.inputs[0]), w.constant(kernel[:, 0, 0].T)])
        return _activated(w, op, w.add("Add", [product, w.value(op.inputs[2])]))
    return _convolve(w, op, kernel.transpose(0, 3, 1, 2), group=1)


def _depthwise(w: Writer, op: Operator) -> str:
    kernel = w.network.constants[op.inputs[1]].transpose(3, 0, 1, 2)
    return _convolve(w, op, kernel, group=len(kernel))


def _convolve(w: Writer, op: Operator, kernel: NDArray[np.generic], group: int) -> str:
    strides = [op.options["StrideH"], op.options["StrideW"]]
    size = w.network.shapes[op.inputs[0]][1:3]
    pads = _pads(op, size, kernel.shape[2:], strides)
    inputs = [w.value(op.inputs[0]), w.constant(kernel), w.value(op.inputs[2])]
    return _activated(w, op, w.add("Conv", inputs, strides=strides, pads=pads, group=group))


def _activated(w: Writer, op: Operator, name: str) -> str:
    return w.add("Relu", [name]) if op.options["FusedActivationFunction"] == RELU else name


def _pads(op: Operator, size: tuple[int, ...], kernel: tuple[int, ...], strides: list[int]) -> list[int]:
    if op.options["Padding"] != SAME:
        return [0, 0, 0, 0]
    wanted = [max(0, (-(-n // s) - 1) * s + k - n) for n, k, s in zip(size, kernel, strides, strict=True)]
    return [n // 2 for n in wanted] + [n - n // 2 for n in wanted]


def _max_pool(w: Writer, op: Operator) -> str:
    kernel = [op.options["FilterHeight"], op.options["FilterWidth"]]
    strides = [op.options["StrideH"], op.options["StrideW"]]
    pads = _pads(op, w.network.shapes[op.inputs[0]][1:3], tuple(kernel), strides)
    return w.add("MaxPool", [w.value(op.inputs[0])], kernel_shape=kernel, strides=strides, pads=pads)


def _prelu(w: Writer, op: Operator) -> str:
    x = w.value(op.inputs[0])
    slope = w.network.constants[op.inputs[1]].reshape(-1, 1, 1, 1)
    below = w.constant(slope)
    above = w.add("Sub", [w.constant(np.ones(slope.shape, np.float32)), below])
    scaled = w.add("Conv", [x, below], group=len(slope))
    return w.add("Add", [w.add("Conv", [w.add("Relu", [x]), above], group=len(slope)), scaled])


def _pad(w: Writer, op: Operator) -> str:
    order = [0, 3, 1, 2] if w.channels_first else [0, 1, 2, 3]
    pads = w.network.constants[op.inputs[1]][order].T.reshape(-1).astype(np.int64)
    return w.add("Pad", [w.value(op.inputs[0]), w.constant(pads)])


def _reduce(kind: str) -> Callable[[Writer, Operator], str]:
    def reduce(w: Writer, op: Operator) -> str:
        axes = w.network.constants[op.inputs[1]].reshape(-1).astype(np.int64)
        return w.add(kind, [w.value(op.inputs[0]), w.constant(axes)], keepdims=1)

    return reduce


def _same(kind: str) -> Callable[[Writer, Operator], str]:
    return lambda w, op: w.add(kind, [w.value(tensor) for tensor in op.inputs])


def _square_of_difference(w: Writer, op: Operator) -> str:
    difference = w.add("Sub", [w.value(tensor) for tensor in op.inputs])
    return w.add("Mul", [difference, difference])


def _inverse_root(w: Writer, op: Operator) -> str:
    return w.add("Reciprocal", [w.add("Sqrt", [w.value(op.inputs[0])])])


def _transpose(w: Writer, op: Operator) -> str:
    return w.add("Transpose", [w.value(op.inputs[0])], perm=w.network.constants[op.inputs[1]].tolist())


def _reshape(w: Writer, op: Operator) -> str:
    shape = np.array([0, *w.network.shapes[op.outputs[0]][1:]], np.int64)  # 0 keeps the size of the batch
    return w.add("Reshape", [w.value(op.inputs[0]), w.constant(shape)])


def _concatenate(w: Writer, op: Operator) -> str:
    axis = op.options["Axis"]
    return w.add("Concat", [_for_each(w, tensor, op) for tensor in op.inputs], axis=axis)


def _for_each(w: Writer, tensor: int, op: Operator) -> str:
    """Repeat a constant for every member of the batch, whose size another input of the operator has."""
    if tensor not in w.network.constants:
        return w.value(tensor)
    other = next(one for one in op.inputs if one not in w.network.constants)
    batch = w.add("Shape", [w.value(other)], end=1)
    ones = w.constant(np.ones(len(w.network.shapes[tensor]) - 1, np.int64))
    return w.add("Expand", [w.value(tensor), w.add("Concat", [batch, ones], axis=0)])


def _slice(w: Writer, op: Operator) -> str:
    begin, end, step = (w.network.constants[tensor].astype(np.int64) for tensor in op.inputs[1:])
    if op.options["ShrinkAxisMask"]:  # drops the batch of one: keep all of it instead
        return w.value(op.inputs[0])
    for axis in range(len(begin)):
        begin[axis] *= not op.options["BeginMask"] >> axis & 1
        end[axis] = np.iinfo(np.int64).max if op.options["EndMask"] >> axis & 1 else end[axis]
    axes = np.arange(len(begin), dtype=np.int64)
    return w.add("Slice", [w.value(op.inputs[0]), *map(w.constant, (begin, end, axes, step))])


TRANSLATIONS: dict[str, Callable[[Writer, Operator], str]] = {
    "ADD": _same("Add"),
    "CONCATENATION": _concatenate,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "DIV": _same("Div"),
    "LOGISTIC": _same("Sigmoid"),
    "MAX_POOL_2D": _max_pool,
    "MEAN": _reduce("ReduceMean"),
    "MUL": _same("Mul"),
    "NEG": _same("Neg"),
    "PAD": _pad,
    "PRELU": _prelu,
    "RESHAPE": _reshape,
    "RSQRT": _inverse_root,
    "SQRT": _same("Sqrt"),
    "SQUARED_DIFFERENCE": _square_of_difference,
    "STRIDED_SLICE": _slice,
    "SUB": _same("Sub"),
    "SUM": _reduce("ReduceSum"),
    "TRANSPOSE": _transpose,
}


def translate(w: Writer, wanted: Iterable[int]) -> None:
    """Append what the wanted tensors of the source need; the inputs' names are in `w.names` already."""
    needed, kept = set(wanted), []
    for op in reversed(w.network.operators):
        if needed & set(op.outputs):
            needed |= set(op.inputs)
            kept.append(op)
    for op in reversed(kept):
        w.names[op.outputs[0]] = TRANSLATIONS[op.name](w, op)


def model(
    w: Writer,
    name: str,
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    metadata: dict[str, str],
) -> bytes:
    """Return the bytes of the checked ONNX file."""
    graph = helper.make_graph(w.nodes, name, inputs, outputs, w.initializers)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    helper.set_model_props(made, metadata)
    onnx.checker.check_model(made, full_check=True)
    return made.SerializeToString(deterministic=True)
