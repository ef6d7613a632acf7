"""Shorten a recipe so that its schedules end within a number of minutes.

The seconds of a step and of scoring val are measured on this machine first.  Then everything that the recipe counts in
epochs or steps shrinks by the same factor, so warm-up, cuts and refinement keep their places.  Without time for one
epoch the recipe stops after some of its steps.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch

from mien.experiments.schema import Shortened
from mien.training.batches import split
from mien.training.optim import SOLVERS
from mien.training.recipe import Recipe
from mien.training.runlog import read_environment
from mien.training.train import Plan, train

TIMED = 8
"""Steps that are timed, after two for warming up."""


@dataclass(frozen=True)
class Pace:
    """The cost of a recipe here: seconds per step and per scoring of val, and the steps of an epoch."""

    step: float
    val: float
    per_epoch: int

    def seconds(self, recipe: Recipe) -> float:
        """Return how long the full recipe takes."""
        steps = Plan(recipe, self.per_epoch).steps
        return steps * self.step + -(-steps // self.per_epoch) * self.val


def measure(recipe: Recipe, root: Path | None, device: str) -> Pace:
    """Train a few steps in a temporary folder, and return the pace."""
    per_epoch = Plan.of(recipe, split(recipe, root, "train", torch.device("cpu"))).per_epoch
    spent = [0.0]
    with tempfile.TemporaryDirectory() as folder:
        for steps in (2, 4, 4 + TIMED):
            train(recipe.model_copy(update={"steps": steps, "probe": None}), root, Path(folder), device=device)
            spent.append(read_environment(Path(folder)).seconds)
    two, many = spent[2] - spent[1], spent[3] - spent[2]  # both score val once
    step = max((many - two) / (TIMED - 2), many / (4 * TIMED))
    return Pace(step, max(0.0, many - TIMED * step), per_epoch)


def fit(recipe: Recipe, minutes: float, pace: Pace) -> tuple[Recipe, Shortened | None]:
    """Return the recipe as it fits into the minutes, and how it was shortened; None when it fits in full."""
    fraction = 60 * minutes / pace.seconds(recipe)
    if fraction >= 1:
        return recipe, None
    short = shorten(recipe, fraction, pace.per_epoch)
    return short, Shortened(
        epochs=short.epochs,
        of=recipe.epochs,
        steps=short.steps,
        of_steps=Plan(recipe, pace.per_epoch).steps,
        seconds_per_step=round(pace.step, 5),
        seconds_per_val=round(pace.val, 3),
    )


def shorten(recipe: Recipe, fraction: float, per_epoch: int) -> Recipe:
    """Return the recipe with a fraction, below one, of its epochs; everything in epochs or steps shrinks with them.

    >>> from mien.training.recipe import load
    >>> short = shorten(load("mien/fer2013", ["epochs=40", "refine.epochs=8"]), 0.26, 224)
    >>> short.epochs, short.refine.epochs, round(short.optim.warmup, 2), short.steps
    (10, 2, 0.5, None)
    >>> shorten(load("papers/cnn2"), 0.01, 224).steps
    67
    """
    steps, refine = recipe.steps, recipe.refine
    if recipe.epochs * fraction < 1:
        whole = recipe.model_copy(update={"refine": None})
        epochs, steps, refine = 1, max(1, int(Plan(whole, per_epoch).steps * fraction)), None
    else:
        epochs = int(recipe.epochs * fraction)
        fraction = epochs / recipe.epochs
        steps = steps and max(1, round(steps * fraction))
        refine = refine and refine.model_copy(update={"epochs": max(1, round(refine.epochs * fraction))})
    old = recipe.optim.schedule
    schedule = old.model_copy(
        update={"every": max(1, round(old.every * fraction)), "patience": max(1, round(old.patience * fraction))}
    )
    optim = recipe.optim.model_copy(update={"warmup": recipe.optim.warmup * fraction, "schedule": schedule})
    return recipe.model_copy(update={"epochs": epochs, "steps": steps, "optim": optim, "refine": refine})


def shortens(recipe: Recipe) -> bool:
    """Return whether the recipe is trained step by step; a solver has nothing to shorten."""
    return recipe.optim.name not in SOLVERS
