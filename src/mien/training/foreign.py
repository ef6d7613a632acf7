"""A network of others as ONNX gets a card and a front, in a new file that mien takes like its own weights.

The front makes what the network was trained on out of uint8 crops: the range of its pixels, mean and deviation, and the
order of the axes.  Behind the network come the temperature, the softmax and the order of the vocabulary.  All of it is
part of the graph, so that nobody who reads with the file can get it wrong.  The file is run before it is kept: its
probabilities must be those that the network itself gives for crops that were prepared outside the graph.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mien.card import KEY, Card
from mien.errors import UsageError, WeightsError
from mien.inference.align import FRAMINGS
from mien.inference.classify import Classifier
from mien.inference.onnx import onnxruntime
from mien.labels import canonical, is_label, ordered
from mien.outputs import staged
from mien.reading.digest import sha256_of
from mien.reading.guard import parsing
from mien.version import __version__

GIVES = ("logits", "probs")
PARITY: dict[int, float] = {TensorProto.FLOAT: 1e-4, TensorProto.FLOAT16: 5e-3}
"""Largest difference of a probability between the new file and the network with crops prepared outside."""
Step = tuple[str, list[str], dict[str, Any]]
"""The kind of a node, its inputs and its attributes."""

MIN_SIZE, MAX_SIZE = 16, 512
"""Side in pixels of the crops that a card can ask for."""

INSIDE = "network/"
"""What the names inside the foreign graph begin with in the new file."""
NOTES = (
    "A network that mien did not train, with a card from its user. Reads apparent facial expressions, not what a "
    "person feels. Not for decisions about people, and not at work or in education, where EU law prohibits it "
    "(Regulation 2024/1689, Art. 5(1)(f))."
)


@dataclass(frozen=True)
class Front:
    """What a network expects, as its user describes it.

    Attributes:
        labels: of its outputs, in their order, in any of their names.
        mean, std: per channel or for all, in the range of its pixels; pixels: the largest value of a pixel.
        size: side of its images, where the file does not say; temperature: what logits are divided by.
        gives: "logits" or "probs"; empty to see by what it gives.
    """

    labels: tuple[str, ...]
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    pixels: float = 1.0
    size: int | None = None
    framing: str = "fer2013"
    temperature: float = 1.0
    gives: str = ""
    name: str = ""


@dataclass(frozen=True)
class Interface:
    """The one input and the output of a network, as its file has them."""

    input: str
    dtype: int
    channels_first: bool
    channels: int
    size: int
    output: str


def with_card(source: Path, target: Path, front: Front) -> Card:
    """Write `target`, the network of `source` with front and card, and return the card.

    Raises WeightsError for a file that is not a network of images, UsageError for a description that does not fit it.
    """
    labels = vocabulary(front.labels)
    _check(front)
    with parsing(source, "an ONNX file", WeightsError):
        model = onnx.load(source)
        onnx.checker.check_model(model)
    interface = inspect(model, source, front, len(labels))
    card = Card(
        name=front.name or source.stem,
        labels=ordered(labels),
        size=interface.size,
        channels=interface.channels,
        framing=front.framing,
        alignment={name: asdict(square) for name, square in FRAMINGS[front.framing].items()},
        temperature=front.temperature,
        provenance={"mien": __version__, "foreign": {**asdict(front), "sha256": sha256_of(source)}},
        notes=NOTES,
    )
    crops = np.random.default_rng(0).integers(0, 256, (3, card.size, card.size, card.channels), np.uint8)
    raw = _raw(model, source, interface, _prepared(crops, front, interface))
    gives = front.gives or ("probs" if _are_probs(raw) else "logits")
    if gives == "probs" and not _are_probs(raw):
        shown = ", ".join(f"{value:.3g}" for value in raw[0][:4])
        raise WeightsError(
            f"{source} gives no probabilities: {shown}, ...", do="leave `gives` out, or set it to logits"
        )
    wrapped = _wrapped(model, front, interface, labels, gives)
    helper.set_model_props(wrapped, {KEY: card.model_dump_json()})
    with staged(target) as scratch:
        onnx.save(wrapped, scratch)
        expected = _expected(raw, gives, front.temperature)[:, _order(labels)]
        _confirm(scratch, source, crops, expected, PARITY[interface.dtype])
    return card


def vocabulary(words: Sequence[str]) -> tuple[str, ...]:
    """Return labels by the names that mien has for them; UsageError for words that are none, or twice the same.

    >>> vocabulary(["Happy", "angry", "bored"])
    ('happiness', 'anger', 'bored')
    """
    labels = tuple(canonical(word) or word.strip() for word in words)
    odd = next((label for label in labels if not is_label(label)), None)
    if odd is not None or len(labels) < 2:
        raise UsageError(f"`labels` {','.join(words)[:80]!r}", "two or more, in the order of the network's outputs")
    if twice := next((label for label in labels if labels.count(label) > 1), None):
        raise UsageError(f"`labels` name {twice} twice", "each once, in the order of the network's outputs")
    return labels


def inspect(model: onnx.ModelProto, source: Path, front: Front, classes: int) -> Interface:
    """Return a network's input and output; WeightsError unless it is one image tensor to one row of numbers a face."""
    stored = {each.name for each in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in stored]
    shapes = [_shape(each) for each in inputs]
    wanted = "one input of images, (N, C, H, W) or (N, H, W, C) with 1 or 3 channels"
    if len(inputs) != 1 or len(shapes[0]) != 4 or not {shapes[0][1], shapes[0][3]} & {1, 3}:
        raise WeightsError(f"{source} takes {', '.join(map(str, shapes)) or 'nothing'}", wanted)
    shape, dtype = shapes[0], inputs[0].type.tensor_type.elem_type
    if dtype not in (TensorProto.FLOAT, TensorProto.FLOAT16):
        raise WeightsError(f"{source} takes {TensorProto.DataType.Name(dtype)}", "FLOAT or FLOAT16")
    first = shape[1] in (1, 3)
    sides = {side for side in (shape[2:] if first else shape[1:3]) if isinstance(side, int) and side > 0}
    if len(sides | ({front.size} if front.size else set())) != 1:
        got = f"{source} takes images {shape}" + (f", `size` {front.size}" if front.size else "")
        raise UsageError(got, "one side of square images", "give it with `size`" if not sides else "")
    size = front.size or int(next(iter(sides)))
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise WeightsError(f"{source} takes images of {size} pixels", f"{MIN_SIZE} to {MAX_SIZE}")
    outputs = [each.name for each in model.graph.output if _shape(each)[1:] in ([classes], ["?"])]
    if not outputs:
        got = f"{source} gives {', '.join(str(_shape(each)) for each in model.graph.output)}"
        raise UsageError(got, f"(N, {classes}), one number for each of the {classes} labels given")
    channels = shape[1] if first else shape[3]
    return Interface(inputs[0].name, dtype, first, int(channels), size, outputs[0])


def _check(front: Front) -> None:
    if front.framing not in FRAMINGS:
        raise UsageError(f"`framing` {front.framing!r}", f"one of {', '.join(FRAMINGS)}")
    if front.gives not in ("", *GIVES):
        raise UsageError(f"`gives` {front.gives!r}", " or ".join(GIVES))
    if not (all(np.isfinite(front.mean)) and all(np.isfinite(front.std)) and min(front.std) > 0):
        raise UsageError(f"`mean` {front.mean}, `std` {front.std}", "finite numbers, deviations above 0")
    if front.pixels == 255 and (front.mean, front.std) != (Front.mean, Front.std) and _of_unit(front):
        got = f"`pixels` 255 with `mean` {front.mean}, `std` {front.std}"
        raise UsageError(got, "numbers for pixels from 0 to 255", "leave `pixels` out for those from 0 to 1")
    for name, value in (("pixels", front.pixels), ("temperature", front.temperature)):
        if not (np.isfinite(value) and value > 0):
            raise UsageError(f"`{name}` {value}", "a number above 0")


def _of_unit(front: Front) -> bool:
    """Return whether mean and deviation are those of pixels from 0 to 1."""
    return max(map(abs, (*front.mean, *front.std))) <= 1


def _shape(value: Any) -> list[int | str]:
    """Return a shape; a dimension without a number or a name is "?"."""
    dims = value.type.tensor_type.shape.dim
    return [dim.dim_value if dim.HasField("dim_value") else dim.dim_param or "?" for dim in dims]


def _constants(front: Front, interface: Interface) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the factor and the offset, float32 (C,), that make a grey level 0 to 255 what the network takes."""
    for name, values in (("mean", front.mean), ("std", front.std)):
        if len(values) not in (1, interface.channels):
            raise UsageError(f"`{name}` has {len(values)} numbers", f"1 or {interface.channels}, one for each channel")
    mean, std = (np.broadcast_to(np.asarray(one, np.float64), interface.channels) for one in (front.mean, front.std))
    return (front.pixels / 255 / std).astype(np.float32), (mean / std).astype(np.float32)


def _prepared(crops: NDArray[np.uint8], front: Front, interface: Interface) -> NDArray[Any]:
    factor, offset = _constants(front, interface)
    x = crops.astype(np.float32) * factor - offset
    x = x.transpose(0, 3, 1, 2) if interface.channels_first else x
    return x.astype(helper.tensor_dtype_to_np_dtype(interface.dtype))


def _raw(model: onnx.ModelProto, source: Path, interface: Interface, x: NDArray[Any]) -> NDArray[np.float64]:
    """Return what the network itself gives, float64 (N, K), crop by crop: its batch may be fixed."""
    with parsing(source, kind=WeightsError, says="cannot be run"):
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        rows = [session.run([interface.output], {interface.input: each[None]})[0] for each in x]
    raw = np.concatenate(rows).astype(np.float64)
    if raw.ndim != 2 or not np.isfinite(raw).all():
        raise WeightsError(f"{source} gives {raw.shape} for {len(x)} crops, or numbers that are not finite")
    return raw


def _are_probs(raw: NDArray[np.float64]) -> bool:
    return bool((raw >= -1e-6).all() and np.abs(raw.sum(1) - 1).max() < 1e-3)


def _expected(raw: NDArray[np.float64], gives: str, temperature: float) -> NDArray[np.float64]:
    logits = (np.log(np.maximum(raw, 1e-12)) if gives == "probs" else raw) / temperature
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def _order(labels: Sequence[str]) -> list[int]:
    return [labels.index(label) for label in ordered(tuple(labels))]


def _wrapped(
    model: onnx.ModelProto, front: Front, interface: Interface, labels: Sequence[str], gives: str
) -> onnx.ModelProto:
    """Return the graph from crops to probabilities."""
    inner = onnx.compose.add_prefix(model, INSIDE)
    graph, factor_offset = inner.graph, _constants(front, interface)
    arrays = {"factor": factor_offset[0], "offset": factor_offset[1], "order": np.array(_order(labels), np.int64)}
    arrays |= {"temperature": np.float32(front.temperature), "least": np.float32(1e-12)}
    steps: list[Step] = [
        ("Cast", ["crops"], {"to": TensorProto.FLOAT}),
        ("Mul", ["", "factor"], {}),
        ("Sub", ["", "offset"], {}),
        *([("Transpose", [""], {"perm": [0, 3, 1, 2]})] if interface.channels_first else []),
        ("Cast", [""], {"to": interface.dtype}),
    ]
    after: list[Step] = [("Cast", [f"{INSIDE}{interface.output}"], {"to": TensorProto.FLOAT})]
    after += [("Max", ["", "least"], {}), ("Log", [""], {})] if gives == "probs" else []
    after += [("Div", ["", "temperature"], {}), ("Softmax", [""], {"axis": 1}), ("Gather", ["", "order"], {"axis": 1})]
    before = _nodes(steps, "front", f"{INSIDE}{interface.input}")
    nodes = [*before, *graph.node, *_nodes(after, "end", "probs")]
    size = [interface.size, interface.size, interface.channels]
    stored = [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()]
    made = helper.make_graph(
        nodes,
        graph.name or "network",
        [helper.make_tensor_value_info("crops", TensorProto.UINT8, ["faces", *size])],
        [helper.make_tensor_value_info("probs", TensorProto.FLOAT, ["faces", len(labels)])],
        [*graph.initializer, *stored],
    )
    made.sparse_initializer.extend(graph.sparse_initializer)
    wrapped = helper.make_model(made, opset_imports=inner.opset_import, functions=inner.functions)
    wrapped.ir_version = inner.ir_version
    return wrapped


def _nodes(steps: Sequence[Step], place: str, last: str) -> list[onnx.NodeProto]:
    """Return nodes in a row; an empty input is the output of the node before."""
    nodes, before = [], ""
    for number, (kind, inputs, attributes) in enumerate(steps, 1):
        output = last if number == len(steps) else f"{place}_{number}"
        nodes.append(helper.make_node(kind, [name or before for name in inputs], [output], **attributes))
        before = output
    return nodes


def _confirm(path: Path, source: Path, crops: NDArray[np.uint8], expected: NDArray[np.float64], most: float) -> None:
    try:
        probs = Classifier(path)(crops)
    except WeightsError as error:
        why = str(error).replace(str(path), str(source))
        raise WeightsError(f"{why}", do="export the network with a free batch dimension and another opset") from None
    worst = float(np.abs(probs - expected).max())
    if not worst <= most:
        raise WeightsError(f"{source} with a front differs from itself by {worst:.1e}", f"at most {most:.0e}")
