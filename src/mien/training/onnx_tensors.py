"""The weights inside an exported ONNX file as tensors by the names that the network in torch has, int8 ones in float.

An int8 weight is its whole number minus the zero point, times the scale of its channel: what training starts from is
that float, as near to the float original as rounding to 7 bits left it.  Batch normalisation lies folded in the
convolution before it; its offset comes back as `<convolution>.folded`.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor

from mien.errors import WeightsError
from mien.reading.guard import parsing

INSIDE = "network.model."
"""What the names of an exported network's weights begin with."""

FOLDED = ".folded"


def tensors(path: Path) -> dict[str, Tensor]:
    """Return float32 tensors by name; WeightsError for a file that holds none of a network that mien exported."""
    with parsing(path, "an ONNX file", WeightsError):
        graph = onnx.load(path).graph
        arrays = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
        for node in graph.node:
            if node.op_type == "DequantizeLinear" and set(node.input) <= arrays.keys():
                name = node.output[0].removesuffix("_DequantizeLinear_Output")
                arrays[name] = dequantised(*(arrays[one] for one in node.input))
        scales = {name for node in graph.node if node.op_type.endswith("Linear") for name in node.input[1:]}
    named = {_name(name): array for name, array in arrays.items() if name.startswith(INSIDE) and name not in scales}
    floats = {name: torch.from_numpy(np.array(array)) for name, array in named.items() if array.dtype == np.float32}
    if not floats:
        raise WeightsError(f"{path} holds no weights with names", "an ONNX file that `mien export` wrote")
    return floats


def dequantised(
    whole: NDArray[np.integer], scale: NDArray[np.float32], zero: NDArray[np.integer]
) -> NDArray[np.float32]:
    """Return the floats that whole numbers with a scale and a zero point per channel (the first axis) stand for.

    >>> dequantised(np.array([[1], [3]], np.int8), np.array([0.5, 2], np.float32), np.array([0, 1], np.int8)).tolist()
    [[0.5], [4.0]]
    """
    shape = (-1, *(1 for _ in whole.shape[1:])) if scale.ndim else ()
    level = whole.astype(np.float32) - zero.astype(np.float32).reshape(shape)
    return np.asarray(level * scale.reshape(shape), np.float32)


def _name(name: str) -> str:
    inner = name.removeprefix(INSIDE)
    return inner.removesuffix(".weight_bias") + FOLDED if inner.endswith(".weight_bias") else inner


def folds(name: str) -> str:
    """Return the convolution that a folded normalisation's offset belongs to, or an empty text.

    >>> folds("stem.0.folded"), folds("stem.0.weight")
    ('stem.0', '')
    """
    return name.removesuffix(FOLDED) if name.endswith(FOLDED) else ""


def unfold(state: Mapping[str, Tensor], own: Mapping[str, Tensor], after: Mapping[str, str]) -> dict[str, Tensor]:
    """Return a state with folded normalisations as they are in torch: each passes its input on, plus the offset.

    `own` is the network's state, `after` the normalisation that follows each convolution, by name.
    """
    found = {name: tensor for name, tensor in state.items() if not folds(name)}
    for name, conv in ((name, conv) for name in state if (conv := folds(name))):
        norm = after.get(conv)
        if norm is None:
            found[f"{conv}.bias"] = state[name]
            continue
        found |= {f"{norm}.bias": state[name], f"{norm}.weight": torch.ones_like(state[name])}
        found |= {f"{norm}.running_mean": torch.zeros_like(state[name])}
        found |= {f"{norm}.running_var": torch.ones_like(state[name])}
        if f"{conv}.bias" in own:
            found[f"{conv}.bias"] = torch.zeros_like(state[name])
    return found
