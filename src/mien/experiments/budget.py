"""Shorten a recipe so that its schedules come to their end within so many minutes.

The seconds of a step and of a look at val are measured on this machine first; then everything that the recipe counts
in epochs or steps shrinks by the same share, so warm-up, cuts and refinement keep their places.  A recipe that has not
time for one epoch stops after some steps of it.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mien.training.batches import split
from mien.training.optim import SOLVERS
from mien.training.recipe import Recipe
from mien.training.runlog import read_json
from mien.training.train import Plan, train

TRIED = 8
"""Steps that are timed, after two that warm up."""


@dataclass(frozen=True)
class Pace:
    """What a recipe costs here: seconds per step and per look at val, and the steps of an epoch."""

    step: float
    val: float
    per_epoch: int

    def seconds(self, recipe: Recipe) -> float:
        """Return how long the recipe takes in full."""
        steps = Plan(recipe, self.per_epoch).steps
        return steps * self.step + -(-steps // self.per_epoch) * self.val


def measure(recipe: Recipe, root: Path | None, device: str) -> Pace:
    """Train a few steps in a folder that is thrown away, and return the pace."""
    per_epoch = Plan.of(recipe, split(recipe, root, "train", torch.device("cpu"))).per_epoch
    spent = [0.0]
    with tempfile.TemporaryDirectory() as folder:
        for steps in (2, 4, 4 + TRIED):
            train(recipe.model_copy(update={"steps": steps, "probe": None}), root, Path(folder), device=device)
            spent.append(read_json(Path(folder) / "env.json")["seconds"])
    two, many = spent[2] - spent[1], spent[3] - spent[2]  # both with one look at val
    step = max((many - two) / (TRIED - 2), many / (4 * TRIED))
    return Pace(step, max(0.0, many - TRIED * step), per_epoch)


def fit(recipe: Recipe, minutes: float, pace: Pace) -> tuple[Recipe, dict[str, Any] | None]:
    """Return the recipe as it fits into the minutes, and what was shortened; None when it fits as it is."""
    share = 60 * minutes / pace.seconds(recipe)
    if share >= 1:
        return recipe, None
    short = shorten(recipe, share, pace.per_epoch)
    whole = Plan(recipe, pace.per_epoch).steps
    told = {"epochs": short.epochs, "of": recipe.epochs, "steps": short.steps, "of_steps": whole}
    return short, {**told, "seconds_per_step": round(pace.step, 5), "seconds_per_val": round(pace.val, 3)}


def shorten(recipe: Recipe, share: float, per_epoch: int) -> Recipe:
    """Return the recipe with a share, below one, of its epochs; what counts epochs or steps shrinks with them.

    >>> from mien.training.recipe import load
    >>> short = shorten(load("mien/fer2013", ["epochs=40", "refine.epochs=8"]), 0.26, 224)
    >>> short.epochs, short.refine.epochs, round(short.optim.warmup, 2), short.steps
    (10, 2, 0.5, None)
    >>> shorten(load("papers/cnn2"), 0.01, 224).steps
    67
    """
    steps, refine = recipe.steps, recipe.refine
    if recipe.epochs * share < 1:
        whole = recipe.model_copy(update={"refine": None})
        epochs, steps, refine = 1, max(1, int(Plan(whole, per_epoch).steps * share)), None
    else:
        epochs = int(recipe.epochs * share)
        share = epochs / recipe.epochs
        steps = steps and max(1, round(steps * share))
        refine = refine and refine.model_copy(update={"epochs": max(1, round(refine.epochs * share))})
    old = recipe.optim.schedule
    schedule = old.model_copy(
        update={"every": max(1, round(old.every * share)), "patience": max(1, round(old.patience * share))}
    )
    optim = recipe.optim.model_copy(update={"warmup": recipe.optim.warmup * share, "schedule": schedule})
    return recipe.model_copy(update={"epochs": epochs, "steps": steps, "optim": optim, "refine": refine})


def shortens(recipe: Recipe) -> bool:
    """Return whether the recipe learns step by step; one that is solved at once has nothing to shorten."""
    return recipe.optim.name not in SOLVERS
