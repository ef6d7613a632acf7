"""Run a recipe over a grid of its keys, several seeds each; a table and a plot of what val says.

    mien sweep feratt-cls model.options.filters=8,16,32 data.limit=2000 --runs 3

Each cell is trained like any run and kept in a folder that its values name, so the same command goes on where it was
stopped; a run whose loss diverges is told as such, and the others go on.  Only val is read; test stays closed.  Given
are val figures of the selected epoch, and the least training loss and its epoch, each as mean +- standard deviation
over the seeds.
"""

import csv
import itertools
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from mien import outputs
from mien.errors import DivergedError, OutputError, RecipeError, UsageError
from mien.evaluation.metrics import METRICS
from mien.experiments import figures, resume
from mien.experiments import record as rows
from mien.outputs import staged
from mien.outputs.lock import locked
from mien.outputs.record import read as read_record
from mien.outputs.run_folder import recorded
from mien.printable import say
from mien.training import recipe as recipes
from mien.training import runlog
from mien.training.network import check
from mien.training.recipe import Recipe
from mien.training.run import check_device, try_out
from mien.training.runlog import read_json, write_json
from mien.training.train import train

FILES = ("sweep.json", "sweep.csv", "sweep.svg")
"""What a sweep writes into its folder, beside its runs."""

MEASURES = {  # key: heading, factor
    "val_accuracy": ("val accuracy, %", 100),
    "val_macro_f1": ("val macro-F1, %", 100),
    "val_nll": ("val NLL", 1),
    "epoch": ("epoch selected", 1),
    "loss_least": ("least loss", 1),
    "loss_epoch": ("its epoch", 1),
    "val_nll_least": ("least val NLL", 1),
    "val_nll_epoch": ("its epoch", 1),
}
"""What is told of a run, in this order."""


@dataclass(frozen=True)
class Cell:
    """One setting of the swept keys, as written, and its recipe for each seed."""

    values: tuple[str, ...]
    recipes: tuple[Recipe, ...]


@dataclass(frozen=True)
class Grid:
    """The keys that vary and the cells; `fixed` are the key=value words that do not."""

    name: str
    keys: tuple[str, ...]
    fixed: tuple[str, ...]
    cells: tuple[Cell, ...]


def sweep(
    name: str, words: Sequence[str], *, runs: int, root: Path | None, out: Path | None, device: str
) -> dict[str, Any]:
    """Train what is not there yet, write sweep.json, sweep.csv and sweep.svg, and return sweep.json's content."""
    check_device(device)
    found = grid(name, words, runs)
    folder = out or Path("sweeps") / "-".join(
        (rows.identity(found.name), *(key.rpartition(".")[2] for key in found.keys))
    )
    runlog.make(folder)
    asked = {"recipe": name, "grid": list(words), "runs": runs, "root": root, "out": out, "device": device}
    with locked(folder):
        refuse_others(folder)
        tried = [cell.recipes[0] for cell in found.cells]
        for recipe in tried:
            check(recipe)
        for recipe in tried:  # the last cell may be the one that cannot be
            try_out(recipe, root)
        for run in (folder / "runs").glob("*"):
            resume.check(run)
        with recorded(folder, "sweep", FILES, asked):
            return write(found, train_all(found, root, folder, device), folder)


def refuse_others(folder: Path) -> None:
    """Refuse a folder with a table or a plot that no sweep wrote, or that was changed since; OutputError.

    A sweep of an earlier version has no record, and is known by what its sweep.json holds.
    """
    mark = read_record(folder)
    for name in (name for name in FILES if os.path.lexists(folder / name)):
        ours = mark.untouched(folder, name, "sweep") if mark else known(folder)
        if not ours:
            got = f"{folder / name} was not written by a sweep, or was changed since"
            raise OutputError(got, do="choose another folder with `out`, or remove that file")


def known(folder: Path) -> bool:
    """Whether the sweep.json of a folder is one."""
    with suppress(UsageError):
        return {"title", "keys", "cells", "runs"} <= read_json(folder / "sweep.json").keys()
    return False


def train_all(found: Grid, root: Path | None, folder: Path, device: str) -> list[dict[str, Any]]:
    """Train every cell and seed, and return a line for each: its values, its seed and `MEASURES`."""
    total, lines = sum(len(cell.recipes) for cell in found.cells), []
    for number, (cell, recipe) in enumerate(((c, r) for c in found.cells for r in c.recipes), 1):
        told = " ".join(f"{key}={value}" for key, value in zip(found.keys, cell.values, strict=True))
        say(f"[{number}/{total}] {told or found.name}, seed {recipe.seed}")
        found_there = outcome(recipe, root, folder / "runs" / rows.digest(recipe), device)
        lines.append({"values": list(cell.values), "seed": recipe.seed, **found_there})
    return lines


def grid(name: str, words: Sequence[str], runs: int) -> Grid:
    """Return the grid that key=a,b,c words span; RecipeError for a word or a cell that makes no recipe.

    >>> [cell.values for cell in grid("cnn2", ["batch=32,64", "epochs=2"], 1).cells]
    [('32',), ('64',)]
    """
    if runs < 1:
        raise UsageError(f"`runs` {runs}", "1 or more")
    (full,) = rows.resolve([name])
    axes = [(key, split_values(value)) for key, _, value in (word.partition("=") for word in words)]
    for word in words:
        if not all((word.partition("=")[0], *split_values(word.partition("=")[2]))):
            raise RecipeError(f"argument {word!r}", "key=a,b,c, for instance optim.lr=0.1,0.01")
    keys = [key for key, _ in axes]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise RecipeError(f"{twice[0]} is given twice", "all its values at once, such as batch=32,64")
    if "name" in keys:
        raise RecipeError("a sweep over name", "keys that change what is trained")
    if "seed" in keys:
        raise RecipeError("a sweep over seed", do="`runs` N runs seeds 0 to N-1 of every cell")
    if not any(len(values) > 1 for _, values in axes):
        raise RecipeError("nothing varies", "a key with several values, such as optim.lr=0.1,0.01")
    varied = [k for k, (_, values) in enumerate(axes) if len(values) > 1]
    cells = []
    for values in itertools.product(*(values for _, values in axes)):
        given = [f"{key}={value}" for key, value in zip(keys, values, strict=True)]
        made = tuple(recipes.load(full, [*given, f"seed={seed}"]) for seed in range(runs))
        cells.append(Cell(tuple(values[k] for k in varied), made))
    fixed = tuple(word for k, word in enumerate(words) if k not in varied)
    distinct(cells)
    return Grid(full, tuple(keys[k] for k in varied), fixed, tuple(cells))


def distinct(cells: Sequence[Cell]) -> None:
    """Refuse two cells that would train the same weights; RecipeError."""
    seen: dict[str, Cell] = {}
    for cell in cells:
        other = seen.setdefault(rows.digest(cell.recipes[0]), cell)
        if other is not cell:
            got = f"{', '.join(cell.values)} trains the same weights as {', '.join(other.values)}"
            raise RecipeError(got, "values that differ, of keys that change what is trained")


def split_values(text: str) -> list[str]:
    """Return the values that commas separate, except those inside brackets.

    >>> split_values("[2, 4],[4, 2]"), split_values("8,16"), split_values("{a: [1, 2]}")
    (['[2, 4]', '[4, 2]'], ['8', '16'], ['{a: [1, 2]}'])
    """
    values, depth = [""], 0
    for letter in text:
        depth += (letter in "[{") - (letter in "]}")
        if letter == "," and depth == 0:
            values.append("")
        else:
            values[-1] += letter
    return [value.strip() for value in values]


def trained(recipe: Recipe, root: Path | None, run: Path, device: str) -> Path:
    """Return the run folder of a recipe, trained to its end."""
    runlog.make(run)
    with locked(run):
        runlog.refuse_others(run)
        with recorded(run, "sweep", runlog.FILES, {"device": device, "root": root}):
            if not (run / "last.pt").is_file():  # new, or killed as it began
                outputs.write(run / "recipe.yaml", recipes.dump(recipe).encode())
            return train(recipes.load(run / "recipe.yaml"), root, run, device=device)


def outcome(recipe: Recipe, root: Path | None, run: Path, device: str) -> dict[str, float | None]:
    """Return `MEASURES` of a run, trained to its end; each is None where the loss diverged."""
    try:
        return {**told_of(figures.read(trained(recipe, root, run, device) / "log.csv"), recipe.select)}
    except DivergedError as error:
        say(f"mien: {error}")
        return dict.fromkeys(MEASURES)


def told_of(log: Sequence[dict[str, float]], select: str) -> dict[str, float]:
    """Return `MEASURES` of a run's log.

    >>> log = [{"epoch": 1, "loss": 2, "val_nll": 1, "val_accuracy": 0.5, "val_macro_f1": 0.4},
    ...        {"epoch": 2, "loss": 1, "val_nll": 3, "val_accuracy": 0.4, "val_macro_f1": 0.3}]
    >>> told = told_of(log, "accuracy")
    >>> told["epoch"], told["loss_least"], told["loss_epoch"], told["val_nll_least"]
    (1, 1, 2, 1)
    """
    best = log[METRICS[select].best([row[f"val_{select}"] for row in log])]
    told = {key: best[key] for key in ("val_accuracy", "val_macro_f1", "val_nll", "epoch")}
    for key in ("loss", "val_nll"):
        least = min(log, key=lambda row: row[key])
        told |= {f"{key}_least": least[key], f"{key}_epoch": least["epoch"]}
    return told


def write(found: Grid, lines: Sequence[dict[str, Any]], folder: Path) -> dict[str, Any]:
    """Write sweep.json, sweep.csv and sweep.svg, and return what the first holds."""
    by_cell = [[line for line in lines if tuple(line["values"]) == cell.values] for cell in found.cells]
    content = {
        "title": " ".join((found.name, *found.fixed)),
        "recipe": found.name,
        "keys": list(found.keys),
        "fixed": list(found.fixed),
        "seeds": len(found.cells[0].recipes),
        "cells": [{"values": cell[0]["values"], **summary(cell)} for cell in by_cell],
        "runs": list(lines),
    }
    write_json(content, folder / "sweep.json")
    with staged(folder / "sweep.csv") as scratch, scratch.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*found.keys, "seed", *MEASURES])
        writer.writerows([*line["values"], line["seed"], *(line[key] for key in MEASURES)] for line in lines)
    figures.sweep(content, folder / "sweep.svg")
    say(f"table, figure and runs: {folder}")
    return {**content, "folder": str(folder)}


def summary(cell: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return mean and standard deviation (None for one seed) of every measure over the runs that did not diverge."""
    ended = [line for line in cell if line["loss_least"] is not None]
    columns = {key: [line[key] for line in ended] for key in MEASURES}
    figures = {
        key: {"mean": mean(v) if v else None, "std": stdev(v) if len(v) > 1 else None} for key, v in columns.items()
    }
    return {"diverged": len(cell) - len(ended), **figures}


def head(content: dict[str, Any]) -> list[str]:
    """Return the headings of a sweep's table."""
    return [*content["keys"], *(name for name, _ in MEASURES.values())]


def line(content_cell: dict[str, Any]) -> list[str]:
    """Return a cell's line of the table: its values, then mean +- standard deviation of each measure.

    >>> some = {key: {"mean": 0.5, "std": 0.01} for key in MEASURES}
    >>> line({"values": ["8"], **some})[:2]
    ['8', '50.00 +- 1.00']
    """

    def shown(key: str) -> str:
        factor, found = MEASURES[key][1], content_cell[key]
        if found["mean"] is None:
            return "diverged"
        digits = int(found["std"] is not None) if "epoch" in key else 2 if factor == 100 else 3
        spread = "" if found["std"] is None else f" +- {factor * found['std']:.{digits}f}"
        return f"{factor * found['mean']:.{digits}f}{spread}"

    first, *rest = map(shown, MEASURES)
    some = content_cell.get("diverged") and first != "diverged"
    return [*content_cell["values"], f"{first} ({content_cell['diverged']} diverged)" if some else first, *rest]
