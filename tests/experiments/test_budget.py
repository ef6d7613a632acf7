"""Budgets: schedules keep their shape, and the pace is measured by training."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.experiments.budget import Pace, fit, measure, shorten  # noqa: E402
from mien.training import recipe as recipes  # noqa: E402


def test_what_counts_epochs_shrinks_together() -> None:
    plateau = recipes.load("papers/nsl-a", ["epochs=40", "optim.schedule.patience=8", "optim.warmup=2"])
    short = shorten(plateau, 0.251, 100)
    assert (short.epochs, short.optim.schedule.patience, short.optim.warmup, short.steps) == (10, 2, 0.5, None)
    stepwise = shorten(recipes.load("papers/alexnet-down"), 0.5, 50)
    assert (stepwise.epochs, stepwise.optim.schedule.every) == (10, 5000)
    assert short.data == plateau.data


def test_what_counts_steps_shrinks_too() -> None:
    recipe = recipes.load("papers/generated-after")
    pace = Pace(step=0.1, val=1.0, per_epoch=251)
    assert pace.seconds(recipe) == pytest.approx(224 + 9)
    half = shorten(recipe, 0.5, 251)
    assert (half.epochs, half.steps) == (5, 1120)
    shortest, cut = fit(recipe, 233.1 / 60 / 20, pace)
    assert cut is not None
    assert (shortest.epochs, shortest.steps, cut.of_steps) == (1, 112, 2240)
    assert shortest.optim.warmup == pytest.approx(recipe.optim.warmup / 20, rel=1e-3)


def test_fit_says_what_it_cut() -> None:
    recipe = recipes.load("papers/cnn2")
    pace = Pace(step=0.1, val=4.0, per_epoch=100)
    assert pace.seconds(recipe) == pytest.approx(30 * 14)
    assert fit(recipe, 7.0, pace) == (recipe, None)
    short, cut = fit(recipe, 3.5, pace)
    assert cut is not None
    assert (short.epochs, cut.epochs, cut.of, cut.of_steps) == (15, 15, 30, 3000)
    shortest, cut = fit(recipe, 0.1, pace)
    assert cut is not None
    assert (shortest.epochs, shortest.steps, cut.steps) == (1, 42, 42)


def test_pace_is_measured(tiny_fer2013: Path) -> None:
    words = ["batch=16", "model.options.width=0.25", "model.options.depths=[1, 1, 1, 1]", "refine=null"]
    pace = measure(recipes.load("mien/fer2013", [*words, "data.auxiliary=null"]), tiny_fer2013, "cpu")
    assert pace.per_epoch == 10
    assert 0 < pace.step < 30
    assert pace.val >= 0
