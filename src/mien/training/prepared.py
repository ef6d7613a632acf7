"""A recipe's data and network, read and built once for training, export and the checks before them."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from mien.training.batches import Split, split
from mien.training.network import build, check
from mien.training.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Prepared:
    """The training split, val, and a network with its initial weights, on one device."""

    train: Split
    val: Split
    model: nn.Module


def prepare(recipe: Recipe, root: Path | None, device: str = "auto") -> Prepared:
    """Read a recipe's data and build its network on a device; MienError for anything that cannot be trained.

    The seed of the initial weights is the recipe's.
    """
    check(recipe)
    place = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
    train, val = split(recipe, root, "train", place), split(recipe, root, "val", place)
    torch.manual_seed(recipe.seed)
    return Prepared(train, val, build(recipe, train, place))
