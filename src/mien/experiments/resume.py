"""Earlier runs that a recipe can resume.

A run is resumed when it was started for the same recipe, seed and budget, on the data that is here; a finished one only
gives its scores.  A run of other data or of an edited recipe is left alone, and a line says so.  A damaged run is an
error that names what to remove, because it may hold days of training.
"""

from dataclasses import dataclass
from pathlib import Path

from mien.errors import RecipeError, UsageError, WeightsError
from mien.experiments.record import digest
from mien.experiments.schema import Shortened
from mien.printable import say
from mien.reading.guard import parsing
from mien.reading.shape import fits
from mien.training import checkpoint
from mien.training import recipe as recipes
from mien.training.batches import read
from mien.training.recipe import Recipe
from mien.training.runlog import read_environment, read_json, recipe_digest
from mien.training.train import refuse_changes

MARK = "shortened.json"
"""In the folder of a run with a budget: its minutes and recipe, and `epochs` where the recipe was shortened."""


@dataclass(frozen=True)
class Part:
    """Minutes of a row: its part of the budget, and how many are left for it now."""

    minutes: float
    left: float


def earlier(recipe: Recipe, root: Path | None, out: Path, part: Part | None) -> Path | None:
    """Return the newest run that was started for this recipe, seed and budget on the data that is here, or None."""
    runs = [path.parent for path in (out / recipe.name).glob(f"{recipe.seed}-*/recipe.yaml")]
    for run in sorted(runs, reverse=True):
        if matches(run, recipe, part) and same_data(run, recipe, root):
            last = check(run)
            if last is None or unchanged(run, last, recipe, root):
                return run
    return None


def matches(run: Path, recipe: Recipe, part: Part | None) -> bool:
    """Return whether a run was started for this recipe and budget."""
    try:
        own = recipes.load(run / "recipe.yaml")
    except RecipeError as error:  # of another version of mien, or killed as it started
        say(f"{run} is left alone: {error}")
        return False
    if mark := shortened(run):
        return bool(part and mark.digest == digest(recipe) and mark.minutes >= 0.99 * part.minutes)
    if part is not None or own.test != recipe.test:  # a run that keeps test closed gives no row
        return False
    return digest(own) == digest(recipe)


def same_data(run: Path, recipe: Recipe, root: Path | None) -> bool:
    """Return whether a run was, or is yet to be, trained on the data that is here; a line on stderr says if not."""
    if not (run / "env.json").is_file():
        return True
    environment = read_environment(run, f"remove {run} to train again")
    own, here = environment.data.fingerprint, read(recipe, root, "train").fingerprint
    if own == here:
        return True
    say(f"{run} is left alone: it was trained on other data ({own}) than is here ({here})")
    return False


def unchanged(run: Path, last: checkpoint.Last, recipe: Recipe, root: Path | None) -> bool:
    """Return whether a run's recipe.yaml and val are those that it began with; a line on stderr says if not."""
    try:
        refuse_changes(run, last, recipe_digest(run), read(recipe, root, "val").fingerprint)
    except WeightsError as error:
        say(f"{run} is left alone: {str(error).partition(';')[0]}")
        return False
    return True


def check(run: Path) -> checkpoint.Last | None:
    """Return the checkpoint of a run, None without one; WeightsError or UsageError says which file to remove."""
    if (run / "metrics.json").is_file():
        read_json(run / "metrics.json", f"remove {run} to train again")
    if (run / "last.pt").is_file():
        try:
            return checkpoint.load(run / "last.pt", checkpoint.Last)
        except WeightsError as error:
            got = str(error).partition(";")[0]
            raise WeightsError(got, do=f"remove {run} to train again") from None
    return None


def shortened(run: Path) -> Shortened | None:
    """Return the budget that a run was started with, or None; UsageError when its file cannot be read."""
    path, do = run / MARK, f"remove {run} to train again"
    if not path.is_file():
        return None
    content = read_json(path, do)
    with parsing(path, "what mien wrote", UsageError, do):
        return fits(Shortened, content)
