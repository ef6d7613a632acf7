"""Read a TensorFlow Lite file: its operators in order, its constants as numpy arrays.

Float16 constants that the file widens with DEQUANTIZE stay float16 here, so nothing is lost or grown on the way.
Source: the schema in the package `tflite`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import flatbuffers
import numpy as np
import tflite
from numpy.typing import NDArray

OPERATORS = {value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)}
DTYPES = {
    tflite.TensorType.FLOAT32: np.dtype("<f4"),
    tflite.TensorType.FLOAT16: np.dtype("<f2"),
    tflite.TensorType.INT32: np.dtype("<i4"),
}
OPTIONS = {
    "CONV_2D": tflite.Conv2DOptions,
    "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions,
    "MAX_POOL_2D": tflite.Pool2DOptions,
    "CONCATENATION": tflite.ConcatenationOptions,
    "STRIDED_SLICE": tflite.StridedSliceOptions,
}


@dataclass(frozen=True)
class Operator:
    """One operator: its name, the numbers of its tensors and its options, such as StrideH."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, int]


@dataclass(frozen=True)
class Network:
    """A network: operators in order, constants and shapes by tensor number, the numbers of its inputs and outputs."""

    operators: tuple[Operator, ...]
    constants: Mapping[int, NDArray[np.generic]]
    shapes: Mapping[int, tuple[int, ...]]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read(content: bytes) -> Network:
    """Return the network in the bytes of a .tflite file."""
    model = tflite.Model.GetRootAsModel(content, 0)
    graph = model.Subgraphs(0)
    tensors = [graph.Tensors(i) for i in range(graph.TensorsLength())]
    shapes = {i: tuple(tensor.Shape(d) for d in range(tensor.ShapeLength())) for i, tensor in enumerate(tensors)}
    constants: dict[int, NDArray[np.generic]] = {}
    for i, tensor in enumerate(tensors):
        buffer = model.Buffers(tensor.Buffer())
        if buffer.DataLength():
            constants[i] = np.frombuffer(buffer.DataAsNumpy(), DTYPES[tensor.Type()]).reshape(shapes[i])
    operators = []
    for operator in (_operator(model, graph.Operators(i)) for i in range(graph.OperatorsLength())):
        if operator.name == "DEQUANTIZE":
            constants[operator.outputs[0]] = constants[operator.inputs[0]]
        else:
            operators.append(operator)
    return Network(
        tuple(operators),
        constants,
        shapes,
        tuple(graph.Inputs(i) for i in range(graph.InputsLength())),
        tuple(graph.Outputs(i) for i in range(graph.OutputsLength())),
    )


def _operator(model: tflite.Model, operator: tflite.Operator) -> Operator:
    code = model.OperatorCodes(operator.OpcodeIndex())
    name = OPERATORS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
    return Operator(
        name,
        tuple(operator.Inputs(i) for i in range(operator.InputsLength())),
        tuple(operator.Outputs(i) for i in range(operator.OutputsLength())),
        _options(OPTIONS[name], operator.BuiltinOptions()) if name in OPTIONS else {},
    )


def _options(kind: type, table: flatbuffers.table.Table) -> dict[str, int]:
    options = kind()
    options.Init(table.Bytes, table.Pos)
    names = [name for name in vars(kind) if name[0].isupper() and not name.startswith(("GetRoot", "Init"))]
    return {name: int(getattr(options, name)()) for name in names if not name.endswith("BufferHasIdentifier")}
