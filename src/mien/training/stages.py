"""The stages of a network, from the image to the logits: what can be frozen, and what has a learning rate of its own.

Stages follow from how a network is put together, so they need no list per family: the parts of the network in the order
in which it defines them, the blocks of a sequence each by itself, and in a plain sequence of layers every layer with
weights together with the normalisation after it.  A mienet has `stem`, `blocks.0` to its last block, `head`.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from mien.errors import RecipeError

Stages = dict[str, list[nn.Module]]
"""Modules of each stage, by name."""


def stages(network: nn.Module) -> Stages:
    """Return the stages of a network, first to last.

    >>> plain = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Conv2d(2, 2, 3))
    >>> list(stages(nn.ModuleDict({"stem": plain, "head": nn.Linear(2, 2)})))
    ['stem.0', 'stem.3', 'head']
    """
    inner = getattr(network, "network", None)
    if isinstance(inner, nn.Module):  # of a wrapper that crops, adapts or adds heads
        added = {name: [child] for name, child in network.named_children() if child is not inner and _weighted(child)}
        return stages(inner) | added
    found: Stages = {}
    _collect(network, "", found)
    return found


def _collect(module: nn.Module, prefix: str, found: Stages) -> None:
    parts = [(name, child) for name, child in module.named_children() if _weighted(child)]
    for name, child in parts:
        blocks = any(_weighted(part) and list(part.children()) for part in child.children())
        if isinstance(child, nn.ModuleList) or (blocks and (isinstance(child, nn.Sequential) or len(parts) == 1)):
            _collect(child, f"{prefix}{name}.", found)
        elif isinstance(child, nn.Sequential):
            found |= _layers(child, prefix + name)
        else:
            found[prefix + name] = [child]


def _layers(sequence: nn.Sequential, name: str) -> Stages:
    """Return each layer with a matrix of weights, and the layers after it that have vectors only."""
    groups: Stages = {}
    for key, layer in sequence.named_children():
        if not groups or any(p.ndim > 1 for p in layer.parameters()):
            groups[f"{name}.{key}"] = []
        groups[list(groups)[-1]].append(layer)
    weighted = {key: layers for key, layers in groups.items() if any(map(_weighted, layers))}
    return {name: list(sequence)} if len(weighted) == 1 else weighted


def _weighted(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None


def freeze(network: nn.Module, wanted: int | Sequence[str]) -> list[str]:
    """Let stages keep their weights and statistics, and return their names; RecipeError for one that is not there.

    `wanted` is how many stages from the start, or the names of stages; `blocks` is every stage `blocks.N`.
    """
    known = stages(network)
    names = list(known)
    if isinstance(wanted, int):
        chosen = names[:wanted]
    else:
        for name in wanted:
            if not any(_within(one, name) for one in names):
                raise RecipeError(f"freeze: no stage is called {name!r}", f"some of {', '.join(names)}")
        chosen = [one for one in names if any(_within(one, name) for name in wanted)]
    if chosen and len(chosen) >= len(names):
        expected = f"at most {len(names) - 1} of {', '.join(names)}"
        raise RecipeError(f"freeze: {wanted} leaves nothing to train", expected)
    for name in chosen:
        for module in known[name]:
            module.requires_grad_(False)
    return chosen


def _within(stage: str, name: str) -> bool:
    return stage == name or stage.startswith(f"{name}.")


def train_mode(network: nn.Module) -> None:
    """Put a network into training mode, except what is frozen: its statistics and dropout stay as in evaluation."""
    network.train()
    for module in network.modules():
        weights = list(module.parameters())
        if weights and not any(weight.requires_grad for weight in weights):
            module.eval()


def rate_factors(network: nn.Module, decay: float) -> Mapping[Tensor, float]:
    """Return the factor of each weight's learning rate: `decay` to the power of how far its stage is from the end.

    The fully connected layers at the end count as one stage.  Weights outside all stages belong to the first.
    """
    known = list(stages(network).values())
    depth = len(known) - 1
    while depth > 0 and _connected(known[depth]) and _connected(known[depth - 1]):
        depth -= 1
    factors: dict[Tensor, float] = dict.fromkeys(network.parameters(), decay**depth if known else 1.0)
    for place, modules in enumerate(known):
        factors |= {p: decay ** max(0, depth - place) for module in modules for p in module.parameters()}
    return factors


def _connected(modules: Sequence[nn.Module]) -> bool:
    inner = [part for module in modules for part in module.modules() if next(part.parameters(False), None) is not None]
    return all(isinstance(part, nn.Linear | nn.BatchNorm1d | nn.LayerNorm) for part in inner)
