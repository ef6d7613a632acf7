"""Runs that were begun before: which of them a recipe goes on with.

A run is gone on with when it was begun for the same recipe, seed and budget on the data that is here; a finished one
gives its figures at once.  One that learnt from other data is left alone, with a line that says so; a damaged one is
an error that says what to remove, because days of training may lie in it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mien.errors import RecipeError, WeightsError
from mien.experiments import record as rows
from mien.printable import say
from mien.training import checkpoint
from mien.training import recipe as recipes
from mien.training.batches import read
from mien.training.recipe import Recipe
from mien.training.runlog import read_environment, read_json

MARK = "shortened.json"
"""In a run folder: what was asked for, when it was begun under a budget; `epochs` when its own recipe is shorter."""


@dataclass(frozen=True)
class Part:
    """Minutes that a row may take: as asked for, and what is left for it now."""

    asked: float
    left: float


def earlier(recipe: Recipe, root: Path | None, out: Path, part: Part | None) -> Path | None:
    """Return the newest run folder that was begun for this recipe, seed and budget on the data that is here."""
    found = [path.parent for path in (out / recipe.name).glob(f"{recipe.seed}-*/recipe.yaml")]
    for run in sorted(found, reverse=True):
        if asked_for(run, recipe, part) and learnt_here(run, recipe, root):
            check(run)
            return run
    return None


def asked_for(run: Path, recipe: Recipe, part: Part | None) -> bool:
    """Return whether a run was begun for this recipe and budget."""
    try:
        own = recipes.load(run / "recipe.yaml")
    except RecipeError as error:  # begun by another version of mien, or killed as it began
        say(f"{run} is left alone: {error}")
        return False
    if mark := facts(run, MARK):
        asked, minutes = mark.get("digest"), mark.get("minutes", 0)
        return bool(part and asked == rows.digest(recipe) and minutes >= 0.99 * part.asked)
    if part is not None or own.test != recipe.test:  # one that keeps test closed is no row
        return False
    return rows.digest(own) == rows.digest(recipe)


def learnt_here(run: Path, recipe: Recipe, root: Path | None) -> bool:
    """Return whether a run learnt, or has yet to learn, from the data that is here, and say so where it did not."""
    if not (run / "env.json").is_file():
        return True
    environment = read_environment(run, f"remove {run} to start anew")
    learnt, here = environment.data.fingerprint, read(recipe, root, "train").fingerprint
    if learnt == here:
        return True
    say(f"{run} is left alone: it learnt from other data ({learnt}) than is here ({here})")
    return False


def check(run: Path) -> None:
    """Refuse a run with a file that cannot be read; WeightsError or UsageError, with what to remove."""
    facts(run, "metrics.json")
    if (run / "last.pt").is_file():
        try:
            checkpoint.load(run / "last.pt", checkpoint.Last)
        except WeightsError as error:
            got = str(error).partition(";")[0]
            raise WeightsError(got, do=f"remove {run} to start anew") from None


def facts(run: Path, name: str) -> dict[str, Any]:
    """Return what a file of a run holds, nothing where there is none; UsageError when it cannot be read."""
    path = run / name
    return read_json(path, f"remove {run} to start anew") if path.is_file() else {}
