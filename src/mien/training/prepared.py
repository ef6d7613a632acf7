"""A recipe's data and network, read and built once for training, export and the checks before them."""

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from mien.models.own import is_own
from mien.printable import say
from mien.training import prior
from mien.training.batches import Split, read_both, split
from mien.training.graph import exported
from mien.training.held import crops
from mien.training.initial import Started, start
from mien.training.network import build, check
from mien.training.recipe import Recipe
from mien.training.stages import freeze
from mien.training.stored import graph_file
from mien.training.targets import check_select

TRIED = 8
"""Images of val on which the graph of a network of your own is tried, and compared with that of a run."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """The training split, val, and a network with its initial weights, on one device.

    `started` says where those are from; `graph` is the file that the run of a network of your own keeps.
    """

    train: Split
    val: Split
    model: nn.Module
    started: Started | None = None
    graph: bytes | None = None


def prepare(recipe: Recipe, root: Path | None, device: str = "auto", *, fresh: bool = True) -> Prepared:
    """Read a recipe's data and build its network on a device; MienError for anything that cannot be trained.

    The seed of the initial weights is the recipe's.  A run that is resumed is not `fresh`: it has its weights, and the
    file that they came from may be gone.
    """
    check(recipe, fresh=fresh)
    place = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
    train, val = (split(recipe, root, samples.split, place, samples) for samples in read_both(recipe, root))
    prior.check(recipe, train)
    check_select(recipe.select, vars(val))
    torch.manual_seed(recipe.seed)
    model, started = build(recipe, train, place), None
    if recipe.init and fresh:
        started = start(recipe.init, model, train, recipe.heads.link)
        say(str(started))
    if frozen := freeze(model, recipe.freeze):
        say(f"freeze: {', '.join(frozen)}")
    graph = _graph_file(recipe, model, train, val) if is_own(recipe.model.name) else None
    return Prepared(train, val, model, started, graph)


def _graph_file(recipe: Recipe, model: nn.Module, train: Split, val: Split) -> bytes:
    network = deepcopy(model).cpu().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return graph_file(recipe.model.name, exported(recipe, network, train), crops(val.images[:TRIED]))
