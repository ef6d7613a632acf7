"""Heads on any network: the expression's link, and linear layers for valence, arousal and action units.

They are hooked onto the network that a family made, so that no family knows of them and the names of its weights stay
as they are.  A linear layer reads the network's `embedding`, or what its last linear layer reads.  A network that gives
`valence_arousal` (N, 2) in [-1, 1] or `action_units` (N, A), logits, by itself keeps its own.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mien.errors import RecipeError
from mien.training.links import LINKS
from mien.training.recipe import Heads

Outputs = dict[str, Tensor]


def add_heads(network: nn.Module, spec: Heads, labels: Sequence[str], units: int, x: Tensor) -> nn.Module:
    """Return the network with the recipe's heads; it ends in as many numbers as their link needs for the labels.

    `units` is how many action units the data has, `x` (1, C, H, W) an image that the network takes.
    """
    widths = {"valence_arousal": 2, "action_units": units}
    if wanted := {name: widths[name] for name in spec.more}:
        _add_layers(network, wanted, LINKS[spec.link].width(labels), x)
    if spec.link != "softmax":
        network.register_forward_hook(_Linked(spec.link, tuple(labels)))
    return network


class _Linked:
    """A hook that turns the numbers of the expression's heads into logits."""

    def __init__(self, link: str, labels: tuple[str, ...]) -> None:
        self.link = link
        self.labels = labels

    def __call__(self, network: nn.Module, inputs: Any, outputs: Outputs) -> Outputs:
        known = {name: outputs[name] for name in ("logits", "side") if name in outputs}
        return outputs | {name: LINKS[self.link].logits(one, self.labels) for name, one in known.items()}


class _Layers:
    """A hook that reads heads from the embedding, or from what the last linear layer read in the same pass."""

    def __init__(self) -> None:
        self.read: Tensor | None = None

    def listen(self, layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self.read = inputs[0]

    def __call__(self, network: nn.Module, inputs: Any, outputs: Outputs) -> Outputs:
        features = outputs.get("embedding", self.read)
        self.read = None
        assert features is not None
        with torch.autocast(features.device.type, enabled=False):  # half precision is too coarse for small targets
            read: dict[str, Tensor] = {name: layer(features.float()) for name, layer in network.added_heads.items()}  # type: ignore[operator, union-attr]
        if "valence_arousal" in read:
            read["valence_arousal"] = read["valence_arousal"].tanh()
        return outputs | read


def _add_layers(network: nn.Module, wanted: dict[str, int], numbers: int, x: Tensor) -> None:
    training = network.training
    with torch.no_grad():
        outputs = network.eval()(x)
    network.train(training)
    for name, width in wanted.items():
        if name in outputs and outputs[name].shape[1:] != (width,):
            shape = tuple(outputs[name].shape[1:])
            raise RecipeError(f"model.name: a network that gives {name} of shape {shape} per image", f"({width},)")
    missing = {name: width for name, width in wanted.items() if name not in outputs}
    if not missing:
        return
    layers = _Layers()
    if "embedding" in outputs:
        width = outputs["embedding"].shape[1]
    else:
        ends = [part for part in network.modules() if isinstance(part, nn.Linear) and part.out_features == numbers]
        if not ends:
            raise RecipeError("heads: the network gives no 'embedding'", do=f"leave out {', '.join(missing)}")
        ends[-1].register_forward_pre_hook(layers.listen)
        width = ends[-1].in_features
    network.added_heads = nn.ModuleDict({name: nn.Linear(width, count) for name, count in missing.items()})
    network.register_forward_hook(layers)
