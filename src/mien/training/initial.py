"""Weights to start from: those that ship, a run, an ONNX file that mien exported, or a .pt file of tensors.

Every weight of the network must be there and fit, except its last layers: where the labels are others, they start from
random weights.  Weights from ONNX lack the statistics of batch normalisation, which is folded into the convolutions:
they are measured on the training images, so that the network computes what the file does and is trained as usual.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mien.errors import RecipeError, WeightsError
from mien.inference.classify import Classifier, locate, names
from mien.models.mirror import MirrorConv2d, MirrorNorm2d
from mien.reading.digest import sha256_of
from mien.reading.guard import parsing
from mien.reading.shape import fits
from mien.training import checkpoint, onnx_tensors
from mien.training import recipe as recipes
from mien.training.batches import Split

MEASURED = 1024
"""At most this many training images, evenly spaced, give the statistics of folded normalisations."""

INSIDE = ("state_dict", "model_state_dict", "model", "average")
"""Keys under which files of others hold their tensors."""

COUNTER = "num_batches_tracked"
"""A count that batch normalisation keeps and nothing here reads."""

ADDED = "added_heads."
"""What the names of heads begin with that a recipe adds to its network."""

WRAPPERS = ("module.", "network.", "model.")
"""What names begin with where a network was wrapped; left out on both sides."""


@dataclass(frozen=True)
class Started:
    """Where a network's weights came from.

    Attributes:
        weights, sha256: what the recipe names, and the file behind it.
        loaded: how many tensors were loaded; reset: those of the last layers, which start from random weights;
            unused: how many tensors of the file the network does not have.
    """

    weights: str
    sha256: str
    loaded: int
    reset: tuple[str, ...]
    unused: int

    def __str__(self) -> str:
        tail = f"; {self.unused} of its tensors are not used" if self.unused else ""
        again = f"; random again, as the labels differ: {', '.join(self.reset)}" if self.reset else ""
        return f"init: {self.loaded} tensors of {self.weights}{again}{tail}"

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as env.json has them."""
        return asdict(self)


@dataclass(frozen=True)
class Source:
    """Tensors by name, and what each output's numbers mean: its link and labels; absent where the file does not say."""

    tensors: Mapping[str, Tensor]
    labels: Mapping[str, Sequence[str]]
    network: str = ""


def find(init: str) -> Path:
    """Return the file that `init` names: of a shipped name, in a run folder, or a path; WeightsError."""
    if init not in names() and (Path(init) / "recipe.yaml").is_file():
        if not (path := Path(init) / "best.pt").is_file():
            raise WeightsError(f"init: {init} has no best.pt", "a run with at least one finished epoch")
        return path
    return locate(init)


def start(init: str, network: nn.Module, data: Split, link: str = "softmax") -> Started:
    """Load weights into a network that fits its data; WeightsError names the tensor that is missing or does not fit.

    `link` is how the network's numbers become logits.
    """
    path = find(init)
    source = read(path)
    given = bare(source.tensors)
    own = {name: tensor for name, tensor in bare(network.state_dict()).items() if not name.endswith(COUNTER)}
    follows = norms_after(network)
    state = first_halves(onnx_tensors.unfold(given, own, follows), own, network)
    meant = {"logits": (link, *data.labels), "aux": data.aux_labels, "action_units": data.unit_names}
    reset = set(_reset(last_layers(network, data), meant, source, state, own))
    kept = own.keys() - reset
    for name in sorted(kept):
        _refuse(init, name, own[name], state.get(name), source.network)
    with torch.no_grad():
        for name in kept:
            own[name].copy_(state[name])
    folded = {follows[conv] for name in given if (conv := onnx_tensors.folds(name)) in follows}
    measure_statistics(network, folded, data)
    unused = sum(name not in own and not name.endswith(COUNTER) for name in state)
    return Started(init, sha256_of(path), len(kept), tuple(sorted(reset)), unused)


def read(path: Path) -> Source:
    """Return the tensors of a file; WeightsError when it is neither ONNX from mien nor a file of tensors."""
    if path.suffix.lower() == ".onnx":
        card = Classifier(path).card
        labels = {"logits": (_link(card.recipe), *card.labels), "action_units": tuple(card.action_units or ())}
        return Source(onnx_tensors.tensors(path), labels, _network(card.recipe))
    content = checkpoint.content(path, "torch.save(net.state_dict(), FILE) writes one, or take another run")
    if "average" in content and "labels" in content:
        with parsing(path, "a checkpoint that mien wrote", WeightsError):
            best = fits(checkpoint.Weights, content)
        run = path.parent / "recipe.yaml"
        recipe = recipes.load(run).model_dump() if run.is_file() else {}
        labels = {"logits": (_link(recipe), *best.labels), "aux": tuple(best.aux_labels)}
        labels["action_units"] = tuple(best.action_units)
        return Source(_floats(best.average, path), labels, _network(recipe))
    inner = next((content[key] for key in INSIDE if isinstance(content.get(key), dict)), content)
    return Source(_floats(inner, path), {})


def last_layers(network: nn.Module, data: Split) -> dict[str, str]:
    """Return the layer whose output is each of the outputs `logits` and `aux`, by its bare name."""
    made: dict[str, Tensor] = {}

    def note(name: str) -> Callable[..., None]:
        return lambda _module, _inputs, output: made.update({name: output})

    layers = [(name, each) for name, each in network.named_modules() if isinstance(each, nn.Linear | nn.Conv2d)]
    hooks = [each.register_forward_hook(note(name)) for name, each in layers]
    with torch.no_grad():
        outputs = network.eval()(data.images[:2].float() / 255)
    for hook in hooks:
        hook.remove()
    found = {
        key: _bare(name)
        for key in ("logits", "aux")
        for name, output in made.items()
        if key in outputs and output.data_ptr() == outputs[key].data_ptr()
    }
    ends = [name for name in map(_bare, made) if not name.startswith(ADDED) and name != found.get("aux")]
    if not ends:
        raise RecipeError("init: the network has no linear and no convolutional layer", "one that gives the logits")
    return {"logits": ends[-1], **found}  # what follows the last layer may compute the logits from its numbers


def norms_after(network: nn.Module) -> dict[str, str]:
    """Return the batch normalisation that follows each layer that one can be folded into, by bare names."""
    leaves = [(_bare(name), each) for name, each in network.named_modules() if not list(each.children())]
    return {
        name: after
        for (name, layer), (after, norm) in pairwise(leaves)
        if isinstance(norm, _BatchNorm) and len(getattr(layer, "weight", ())) == norm.num_features
    }


@torch.no_grad()
def measure_statistics(network: nn.Module, norms: Collection[str], data: Split) -> None:
    """Give normalisations, by bare names, the mean and variance of their inputs on training images.

    Their scale and offset change so that each computes what it did.
    """
    modules = [each for name, each in network.named_modules() if _bare(name) in norms]
    sums = {norm: torch.zeros(3, norm.num_features, dtype=torch.float64) for norm in modules}

    def add(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0].double().transpose(0, 1).flatten(1).cpu()
        x = x.reshape(-1, sums[norm].shape[1], x.shape[1]).transpose(0, 1).flatten(1)  # pairs of channels as one
        sums[norm] += torch.stack([torch.full((len(x),), x.shape[1]), x.sum(1), x.square().sum(1)])

    if not modules:
        return
    hooks = [norm.register_forward_pre_hook(add) for norm in modules]
    network.eval()
    for chunk in data.images[:: -(-len(data.images) // MEASURED)].split(128):  # type: ignore[no-untyped-call]
        network(chunk.float() / 255)
    for hook in hooks:
        hook.remove()
    for norm, (count, total, squares) in sums.items():
        mean = total / count
        variance = (squares / count - mean.square()).clamp(min=1e-8)
        scale = norm.weight.double().cpu() / (norm.running_var.double().cpu() + norm.eps).sqrt()
        offset = norm.bias.double().cpu() - scale * norm.running_mean.double().cpu()
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_(scale * (variance + norm.eps).sqrt())
        norm.bias.copy_(offset + scale * mean)


def first_halves(state: Mapping[str, Tensor], own: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Return a state in which layers of pairs that an export wrote out have their first half, which makes the other."""
    kinds = MirrorConv2d | MirrorNorm2d
    pairs = {_bare(name) for name, each in network.named_modules() if isinstance(each, kinds)}
    whole = {name for name in own.keys() & state.keys() if name.rpartition(".")[0] in pairs}
    whole = {name for name in whole if len(state[name]) == 2 * len(own[name])}
    return {name: one[: len(one) // 2] if name in whole else one for name, one in state.items()}


def bare(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors by their names without wrappers.

    >>> list(bare({"module.network.stem.weight": torch.ones(1)}))
    ['stem.weight']
    """
    return {_bare(name): tensor for name, tensor in state.items()}


def _bare(name: str) -> str:
    while prefix := next((one for one in WRAPPERS if name.startswith(one)), ""):
        name = name.removeprefix(prefix)
    return name


def _reset(
    layers: Mapping[str, str],
    meant: Mapping[str, Sequence[str]],
    source: Source,
    state: Mapping[str, Tensor],
    own: Mapping[str, Tensor],
) -> Iterator[str]:
    """Yield the tensors of the last layers whose numbers mean something else in the source, or that it lacks."""
    for output, layer in layers.items():
        if source.labels.get(output) != meant[output] or f"{layer}.weight" not in state:
            yield from (name for name in (f"{layer}.weight", f"{layer}.bias") if name in own)
    for name in own:
        fitting = name in state and state[name].shape == own[name].shape
        others = name.startswith(f"{ADDED}action_units.") and source.labels.get("action_units") != meant["action_units"]
        if name.startswith(ADDED) and (others or not fitting):
            yield name


def _refuse(init: str, name: str, own: Tensor, given: Tensor | None, network: str) -> None:
    """Refuse a source without a tensor of the network, or with one of another shape; WeightsError."""
    if given is not None and given.shape == own.shape:
        return
    got = f"init: {init} has no {name}" if given is None else f"init: {name} of {init} is {_shape(given)}"
    do = "set init=null freeze=0 to start from random weights" + (network and f", or {network}")
    raise WeightsError(got, f"{_shape(own)}, as the network of the recipe has it", do)


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a number"


def _link(recipe: Mapping[str, Any]) -> str:
    return str((recipe.get("heads") or {}).get("link", "softmax"))


def _network(recipe: Mapping[str, Any]) -> str:
    """Return the recipe's words for its network, for messages."""
    model = recipe.get("model")
    if not model:
        return ""
    options = yaml.safe_dump(model.get("options", {}), default_flow_style=True, width=1000).strip()
    return f"model.name={model.get('name')} 'model.options={options}'"


def _floats(content: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    found = {name: one for name, one in content.items() if isinstance(name, str) and isinstance(one, Tensor)}
    if not found:
        raise WeightsError(f"{path} holds no tensors by name", "a state_dict that torch.save wrote")
    return found
