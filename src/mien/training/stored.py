"""The graph of a network of your own, kept in its run: `mien export RUN` needs the run folder and none of your code.

    content = graph_file(graph, 48, 1, crops)          # bytes of run/network.onnx, before training
    StoredGraph(run / "network.onnx", best.average)    # later: the same graph with the weights of best.pt

The file holds no weights.  Making it refuses a network that cannot be exported before time is spent.
"""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import ModelProto, numpy_helper
from torch import Tensor

from mien.errors import RecipeError, WeightsError
from mien.inference.onnx import onnxruntime
from mien.reading.guard import parsing
from mien.training.diverged import DO, finite_weights
from mien.training.graph import Graph, program
from mien.training.onnx_tensors import INSIDE

NAME = "network.onnx"
TEMPERATURE = "network.temperature"
"""Name of the temperature in the graph."""
SOFT = 16.0
"""Temperature at which logits are read from probabilities: none of those becomes 0."""
CHANGED = 0.9
"""Factor on the weights with which a new file is tried: weights that the graph holds as constants would stay."""
PARITY = 1e-5
"""Largest difference between the ONNX file and torch, in a probability or the embedding, for crops of 48 pixels."""

ROUNDED = 10
"""How many times the difference that is accepted in a probability is accepted in a logit, relative to the largest."""


def parity(side: int) -> float:
    """Return the largest difference that is accepted for crops of a side in pixels.

    Sums over more pixels are rounded more often: at 160 pixels 2.5e-5 was seen.

    >>> parity(40), parity(48), parity(96)
    (1e-05, 1e-05, 4e-05)
    """
    return PARITY * max(1.0, (side / 48) ** 2)


class StoredGraph:
    """A graph without code: what `mien.training.graph.Graph` gives, from an ONNX file and the weights of a checkpoint.

    WeightsError unless the weights are those of the graph.
    """

    def __init__(self, source: Path | bytes, weights: Mapping[str, Tensor]) -> None:
        finite_weights(weights, " in best.pt", DO)
        with parsing(NAME, "the graph that a run keeps", WeightsError):
            self.graph = _filled(
                onnx.load(source) if isinstance(source, Path) else ModelProto.FromString(source), weights
            )
            softly = _with_temperature(self.graph, SOFT).SerializeToString()
            self.session = onnxruntime.InferenceSession(softly, providers=["CPUExecutionProvider"])
        self.temperature: float | Tensor = 1.0

    def outputs(self, crops: Tensor) -> dict[str, Tensor]:
        """Return `logits` (N, K), up to a constant for each crop, and the other outputs as the file has them."""
        names = [output.name for output in self.session.get_outputs()]
        values = map(torch.from_numpy, self.session.run(names, {"crops": crops.numpy()}))
        outputs = dict(zip(names, values, strict=True))
        return {"logits": SOFT * outputs.pop("probs").log(), **outputs}

    def named(self, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the outputs of the file by name from those of `outputs`."""
        others = {name: output for name, output in outputs.items() if name != "logits"}
        return {"probs": (outputs["logits"] / self.temperature).softmax(1), **others}

    def write(self, size: int, channels: int, path: Path) -> None:
        """Write the graph as ONNX; the shape of its crops is that with which it was stored."""
        onnx.save(_with_temperature(self.graph, float(self.temperature)), path)


def same_network(kept: Path, graph: bytes, weights: Mapping[str, Tensor], crops: Tensor) -> bool:
    """Return whether two graphs give the same for crops uint8 (N, S, S, C), with the same weights.

    Their bytes differ also where a comment moved in the code, or with another version of torch.  Dropout and whatever
    else counts in training alone is in neither.  WeightsError for a kept file that cannot be read.
    """
    own = StoredGraph(kept, weights).outputs(crops)
    try:
        new = StoredGraph(graph, weights).outputs(crops)
    except WeightsError:  # the weights have other shapes
        return False
    if {name: one.shape for name, one in own.items()} != {name: one.shape for name, one in new.items()}:
        return False
    for outputs in (own, new):
        outputs["logits"] = outputs["logits"] - outputs["logits"].mean(1, keepdim=True)
    most = ROUNDED * parity(crops.shape[1])
    return all(float((new[name] - one).abs().max()) <= most * (1 + float(one.abs().max())) for name, one in own.items())


def graph_file(name: str, graph: Graph, crops: Tensor) -> bytes:
    """Return the graph of the model called `name` as ONNX without weights; RecipeError where it cannot be exported.

    It is tried on crops uint8 (N, S, S, C), with other weights than it was made with.
    """
    graph = deepcopy(graph).eval()
    graph.temperature = torch.tensor(1.0)
    do = "use operations of torch that torch.onnx.export can write"
    with parsing(f"model.name: {name}", kind=RecipeError, do=do, says="cannot be exported as ONNX"):
        model = _program(graph, crops).model_proto
        weights = graph.model.state_dict()
        for each in model.graph.initializer:
            if each.name.removeprefix(INSIDE) in weights:
                each.ClearField("raw_data")
        content: bytes = model.SerializeToString()
        weights = {key: CHANGED * one if one.is_floating_point() else one for key, one in weights.items()}
        graph.model.load_state_dict(weights)
        stored = StoredGraph(content, weights)
        with torch.no_grad():
            expected = graph.named(graph.outputs(crops))
        actual = stored.named(stored.outputs(crops))
        worst = max(float((actual[key] - one).abs().max()) for key, one in expected.items())
        if not worst <= parity(crops.shape[1]):
            raise ValueError(f"its graph differs from it by {worst:.1e}")
    return content


def _program(graph: Graph, crops: Tensor) -> torch.onnx.ONNXProgram:
    """Return the graph as ONNX; of an exception its cause, which says what of the network it is about."""
    try:
        return program(graph, crops.shape[1], crops.shape[3], optimize=False)
    except Exception as error:
        raise (error.__cause__ or error) from None


def _filled(model: ModelProto, weights: Mapping[str, Tensor]) -> ModelProto:
    """Return the graph with its weights."""
    for each in model.graph.initializer:
        name = each.name.removeprefix(INSIDE)
        if name not in weights:
            continue
        if tuple(each.dims) != tuple(weights[name].shape):
            raise WeightsError(f"best.pt does not fit {NAME}: {name} is {tuple(weights[name].shape)}", do="train again")
        each.CopyFrom(numpy_helper.from_array(weights[name].contiguous().numpy(), each.name))
    return model


def _with_temperature(model: ModelProto, temperature: float) -> ModelProto:
    """Return a copy with this temperature."""
    copy = ModelProto()
    copy.CopyFrom(model)
    (place,) = (each for each in copy.graph.initializer if each.name == TEMPERATURE)
    place.CopyFrom(numpy_helper.from_array(np.array(temperature, np.float32), TEMPERATURE))
    return copy
