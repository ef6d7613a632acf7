"""A measured row: the scores of one recipe and one seed, as results/<id>/<seed>.json with its arrays and its log.

    results/cnn4/0.json       scores on val and test (all and clean), recipe, environment, published scores
    results/cnn4/0-val.npz    ids, probabilities, targets; no pixels        (0-test.npz likewise)
    results/cnn4/0-log.csv    the curves: loss and val per epoch            (0-steps.csv per step, where probed)

The table and the figures are drawn from these files and nothing else.
"""

import csv
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mien.errors import RecipeError, UsageError
from mien.evaluation.published import published
from mien.evaluation.result import Result
from mien.experiments.schema import Row, RowFile, Shortened
from mien.outputs import staged
from mien.reading.guard import parsing
from mien.reading.shape import fits
from mien.reading.tables import records
from mien.training import recipe as recipes
from mien.training.finalize import SplitScores
from mien.training.recipe import Recipe
from mien.training.runlog import Environment, read_environment, read_json, write_json

KEPT = ("epoch", "step", "loss", "seconds", "train_accuracy", "val_accuracy", "val_macro_f1", "val_nll")
"""Columns of a run's log that a row keeps."""

POINTS = 400
"""Lines that a row keeps of a log, evenly thinned."""


def identity(name: str) -> str:
    """Return the folder of a recipe's rows: a paper's recipe by its own name, others with where they come from.

    >>> identity("papers/cnn4"), identity("mien/fer2013")
    ('cnn4', 'mien-fer2013')
    """
    return name.removeprefix("papers/").replace("/", "-")


def resolve(names: list[str]) -> list[str]:
    """Return recipe names as `recipes.load` takes them, all packaged ones for none; RecipeError for an unknown one.

    >>> resolve(["cnn4", "papers/svm"])
    ['papers/cnn4', 'papers/svm']
    """
    known = recipes.names()
    if not names:
        return sorted(known, key=lambda name: not name.startswith("papers/"))
    ids = {identity(name): name for name in known}
    full = [ids.get(name, name) for name in names]
    for name in full:
        recipes.load(name)
    if len(set(full)) < len(full):
        raise RecipeError("a recipe is named twice", "each once")
    return full


def apart(names: list[str]) -> None:
    """Refuse recipes that would share their rows with a packaged recipe of other content; RecipeError."""
    packaged = {identity(name): name for name in recipes.names()}
    for name in names:
        recipe = recipes.load(name)
        same_id = packaged.get(identity(recipe.name))
        if same_id and recipe.model_copy(update={"name": same_id}) != recipes.load(same_id):
            raise RecipeError(f"{name}: name: {recipe.name} is taken by a packaged recipe", "a name of its own")


def digest(recipe: Recipe) -> str:
    """Return 16 hex digits that change with anything that changes the weights, but not with new keys' defaults."""
    content = recipe.model_dump(mode="json", exclude_defaults=True, exclude={"probe", "test"})
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def find(results: Path, recipe: Recipe) -> RowFile | None:
    """Return the measured row of this recipe and seed, or None."""
    path = row_path(results, recipe)
    file = read_row(path) if path.is_file() else None
    return file if file and file.row.figures and file.row.digest == digest(recipe) else None


def outdated(row: Row) -> bool:
    """Return whether a row is of an earlier form of its packaged recipe; False where it does not say."""
    if row.digest is None or row.recipe.name not in recipes.names():
        return False
    return row.digest != digest(recipes.load(row.recipe.name, [f"seed={row.recipe.seed}"]))


def form(row: Row) -> str:
    """Return what the seeds of one form of a recipe share, and no other rows: "" is today's form of a packaged recipe.

    The digest has the seed in it, so other forms are their content; those without a digest are apart from all.
    """
    if row.digest and row.recipe.name in recipes.names() and not outdated(row):
        return ""
    content = row.recipe.model_dump(mode="json", exclude={"seed", "probe", "test"})
    return f"{json.dumps(content, sort_keys=True)}{'' if row.digest else ' not recorded'}"


def read_row(path: Path, kind: type[Row] = Row) -> RowFile:
    """Read the file of a row; UsageError when mien did not write it."""
    content = read_json(path)
    with parsing(path, "a row that mien wrote", UsageError, "remove it"):
        return RowFile(fits(kind, content), content)


def row_path(results: Path, recipe: Recipe) -> Path:
    """Return the path of the row of a recipe and seed."""
    return results / identity(recipe.name) / f"{recipe.seed}.json"


def write(
    recipe: Recipe, folder: Path, scores: Mapping[str, SplitScores], environment: Environment | None, **more: Any
) -> Path:
    """Write <seed>.json into a folder and return its path; `more` are other keys, such as the measured file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{recipe.seed}.json"
    content = {
        "name": folder.name,
        **more,
        "figures": scores,
        "environment": environment.public() if environment else {},
    }
    write_json({**content, "published": known(recipe.name), "recipe": recipe.model_dump(mode="json")}, path)
    return path


def known(name: str) -> list[dict[str, Any]]:
    """Return the published scores of a recipe's system as rows have them, without matrices."""
    records = (asdict(record) for record in published(name))
    return [{key: value for key, value in record.items() if key not in ("matrix", "labels")} for record in records]


def keep_run(
    recipe: Recipe, run: Path, results: Path, scores: Mapping[str, SplitScores], shortened: Shortened | None = None
) -> Path:
    """Write a finished run's row: scores, arrays and curves; returns the path of the JSON file.

    `recipe` is the full one; the run's own may be shorter.
    """
    folder = row_path(results, recipe).parent
    for split in ("val", "test"):
        if (run / f"{split}.npz").is_file() and split in scores:
            Result.load(run / f"{split}.npz").save(folder / f"{recipe.seed}-{split}.npz")
    for name in ("log", "steps"):
        if (run / f"{name}.csv").is_file():
            thin(run / f"{name}.csv", folder / f"{recipe.seed}-{name}.csv")
    measured = {split: scores[split] for split in ("val", "test") if split in scores}
    more = {"file": "model", "digest": digest(recipe), "shortened": shortened and shortened.to_dict()}
    return write(recipes.load(run / "recipe.yaml"), folder, measured, read_environment(run), **more)


def thin(source: Path, target: Path) -> None:
    """Write the columns `KEPT` of a log, at most POINTS of its lines and always the last."""
    lines = records(source, "a log that mien wrote")
    every = -(-len(lines) // POINTS) or 1
    kept = [line for k, line in enumerate(lines) if (len(lines) - 1 - k) % every == 0]
    columns = [name for name in (lines[0] if lines else ()) if name in KEPT]
    with staged(target) as scratch, scratch.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)
