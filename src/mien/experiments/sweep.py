"""Run a recipe over a grid of its keys, several seeds each; a table and a plot of scores on val.

    mien sweep feratt-cls model.options.filters=8,16,32 data.limit=2000 --runs 3

Each cell is trained like any run, in a folder named after its values, so the same command resumes a stopped sweep.  A
run of other code or of other initial weights is refused.  One whose loss diverges is reported, and the others continue.
Only val is read; test stays closed.  The table has the scores on val of the selected epoch, and the lowest training
loss and its epoch, each as mean +- standard deviation over the seeds.
"""

import csv
import itertools
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from mien import outputs
from mien.errors import DivergedError, OutputError, RecipeError, UsageError, WeightsError
from mien.experiments import figures, resume
from mien.experiments.record import digest, identity, resolve
from mien.experiments.schema import Spread, Sweep, SweepCell, SweepRun
from mien.html.page import count
from mien.outputs import staged
from mien.outputs.lock import locked
from mien.outputs.record import read as read_record
from mien.outputs.run_folder import recorded
from mien.printable import say
from mien.reading.digest import sha256_of
from mien.reading.guard import parsing
from mien.reading.shape import fits
from mien.training import recipe as recipes
from mien.training import runlog
from mien.training.initial import find
from mien.training.network import check
from mien.training.recipe import Recipe
from mien.training.run import check_device, try_out
from mien.training.runlog import read_environment, read_json, write_json
from mien.training.targets import SELECTABLE
from mien.training.train import train

FILES = ("sweep.json", "sweep.csv", "sweep.svg")
"""Files of a sweep's folder, beside its runs."""

MEASURES = {  # key: heading, factor
    "val_accuracy": ("val accuracy, %", 100),
    "val_macro_f1": ("val macro-F1, %", 100),
    "val_nll": ("val NLL", 1),
    "epoch": ("epoch selected", 1),
    "loss_least": ("lowest loss", 1),
    "loss_epoch": ("its epoch", 1),
    "val_nll_least": ("lowest val NLL", 1),
    "val_nll_epoch": ("its epoch", 1),
}
"""The columns of a run, in this order."""


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


def sweep(name: str, words: Sequence[str], *, runs: int, root: Path | None, out: Path | None, device: str) -> Sweep:
    """Train the missing runs, write sweep.json, sweep.csv and sweep.svg, and return the sweep."""
    check_device(device)
    plan = grid(name, words, runs)
    ending = (key.rpartition(".")[2] for key in plan.keys)
    folder = out or Path("sweeps") / "-".join((identity(plan.name), *ending))
    runlog.make(folder)
    settings = {"recipe": name, "grid": list(words), "runs": runs, "root": root, "out": out, "device": device}
    with locked(folder):
        refuse_others(folder)
        tried = [cell.recipes[0] for cell in plan.cells]
        for recipe in tried:
            check(recipe)
        for recipe in tried:  # the last cell may be the one that cannot be trained
            try_out(recipe, root)
        for run in (folder / "runs").glob("*"):
            resume.check(run)
        with recorded(folder, "sweep", FILES, settings):
            return write(plan, train_all(plan, root, folder, device), folder)


def refuse_others(folder: Path) -> None:
    """Refuse a folder with a table or a plot that no sweep wrote, or that was changed since; OutputError.

    A sweep of an earlier version has no record, but it has a sweep.json.
    """
    mark = read_record(folder)
    for name in (name for name in FILES if os.path.lexists(folder / name)):
        ours = mark.untouched(folder, name, "sweep") if mark else known(folder)
        if not ours:
            got = f"{folder / name} was not written by a sweep, or was changed since"
            raise OutputError(got, do="choose another folder with `out`, or remove that file")


def known(folder: Path) -> bool:
    """Whether a folder has the sweep.json of a sweep."""
    with suppress(UsageError):
        return {"title", "keys", "cells", "runs"} <= read_json(folder / "sweep.json").keys()
    return False


def train_all(plan: Grid, root: Path | None, folder: Path, device: str) -> list[SweepRun]:
    """Train every cell and seed, and return the runs."""
    total, lines, reused = sum(len(cell.recipes) for cell in plan.cells), [], 0
    for number, (cell, recipe) in enumerate(((c, r) for c in plan.cells for r in c.recipes), 1):
        setting = " ".join(f"{key}={value}" for key, value in zip(plan.keys, cell.values, strict=True))
        say(f"[{number}/{total}] {setting or plan.name}, seed {recipe.seed}")
        run = folder / "runs" / digest(recipe)
        before = written(run / "last.pt")
        measures = outcome(recipe, root, run, device)
        lines.append(SweepRun(values=list(cell.values), seed=recipe.seed, **measures))
        reused += before is not None and before == written(run / "last.pt") and lines[-1].loss_least is not None
    if reused:
        say(f"{count(reused, 'finished run')} reused")
    return lines


def written(path: Path) -> int | None:
    """Return when a file was written, in nanoseconds, or None without it."""
    return path.stat().st_mtime_ns if path.is_file() else None


def grid(name: str, words: Sequence[str], runs: int) -> Grid:
    """Return the grid that key=a,b,c words span; RecipeError for a word or a cell that makes no recipe.

    >>> [cell.values for cell in grid("cnn2", ["batch=32,64", "epochs=2"], 1).cells]
    [('32',), ('64',)]
    """
    if runs < 1:
        raise UsageError(f"`runs` {runs}", "1 or more")
    (full,) = resolve([name])
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
        other = seen.setdefault(digest(cell.recipes[0]), cell)
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
            refuse_other_start(run, recipe)
            if not (run / "last.pt").is_file():  # new, or killed as it started
                outputs.write(run / "recipe.yaml", recipes.dump(recipe).encode())
            return train(recipes.load(run / "recipe.yaml"), root, run, device=device)


def refuse_other_start(run: Path, recipe: Recipe) -> None:
    """Refuse a run that began with other weights than the recipe's `init` names by now; WeightsError."""
    began = read_environment(run).init if recipe.init and (run / "env.json").is_file() else None
    if recipe.init and began and began.get("sha256") != sha256_of(find(recipe.init)):
        do = f"choose another folder with `out`, or remove {run}"
        raise WeightsError(f"{run} was trained from other weights than {recipe.init} now holds", do=do)


def outcome(recipe: Recipe, root: Path | None, run: Path, device: str) -> dict[str, float | None]:
    """Return `MEASURES` of a run, trained to its end; each is None where the loss diverged."""
    try:
        return {**measures(figures.read(trained(recipe, root, run, device) / "log.csv"), recipe.select)}
    except DivergedError as error:
        say(f"mien: {error}")
        return dict.fromkeys(MEASURES)


def measures(log: Sequence[dict[str, float]], select: str) -> dict[str, float]:
    """Return `MEASURES` of a run's log.

    >>> log = [{"epoch": 1, "loss": 2, "val_nll": 1, "val_accuracy": 0.5, "val_macro_f1": 0.4},
    ...        {"epoch": 2, "loss": 1, "val_nll": 3, "val_accuracy": 0.4, "val_macro_f1": 0.3}]
    >>> values = measures(log, "accuracy")
    >>> values["epoch"], values["loss_least"], values["loss_epoch"], values["val_nll_least"]
    (1, 1, 2, 1)
    """
    best = log[SELECTABLE[select].best([row[f"val_{select}"] for row in log])]
    values = {key: best[key] for key in ("val_accuracy", "val_macro_f1", "val_nll", "epoch")}
    for key in ("loss", "val_nll"):
        lowest = min(log, key=lambda row: row[key])
        values |= {f"{key}_least": lowest[key], f"{key}_epoch": lowest["epoch"]}
    return values


def write(plan: Grid, runs: Sequence[SweepRun], folder: Path) -> Sweep:
    """Write sweep.json, sweep.csv and sweep.svg, and return the sweep."""
    by_cell = [[run for run in runs if tuple(run.values) == cell.values] for cell in plan.cells]
    swept = Sweep(
        title=" ".join((plan.name, *plan.fixed)),
        recipe=plan.name,
        keys=list(plan.keys),
        fixed=list(plan.fixed),
        seeds=len(plan.cells[0].recipes),
        cells=[summary(cell) for cell in by_cell],
        runs=list(runs),
    )
    write_json(swept.to_dict(), folder / "sweep.json")
    with staged(folder / "sweep.csv") as scratch, scratch.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*plan.keys, "seed", *MEASURES])
        writer.writerows([*run.values, run.seed, *map(run.measure, MEASURES)] for run in runs)
    figures.sweep(swept, folder / "sweep.svg")
    say(f"table, figure and runs: {folder}")
    return swept.model_copy(update={"folder": str(folder)})


def read(path: Path) -> Sweep:
    """Read a sweep.json; UsageError when mien did not write it."""
    content = read_json(path)
    with parsing(path, "a sweep that mien wrote", UsageError, "remove it"):
        return fits(Sweep, content)


def summary(cell: Sequence[SweepRun]) -> SweepCell:
    """Return mean and standard deviation (None for one seed) of every measure, over the runs that did not diverge."""
    spreads = {}
    for key in MEASURES:
        values = [value for value in (run.measure(key) for run in cell) if value is not None]
        spreads[key] = Spread(mean=mean(values) if values else None, std=stdev(values) if len(values) > 1 else None)
    diverged = sum(run.loss_least is None for run in cell)
    return SweepCell(values=cell[0].values, diverged=diverged, **spreads)


def head(swept: Sweep) -> list[str]:
    """Return the headings of a sweep's table."""
    return [*swept.keys, *(name for name, _ in MEASURES.values())]


def line(cell: SweepCell) -> list[str]:
    """Return a cell's line of the table: its values, then mean +- standard deviation of each measure.

    >>> half = Spread(mean=0.5, std=0.01)
    >>> line(SweepCell(values=["8"], **{key: half for key in MEASURES}))[:2]
    ['8', '50.00 +- 1.00']
    """

    def shown(key: str) -> str:
        factor, spread = MEASURES[key][1], cell.spread(key)
        if spread.mean is None:
            return "diverged"
        digits = int(spread.std is not None) if "epoch" in key else 2 if factor == 100 else 3
        deviation = "" if spread.std is None else f" +- {factor * spread.std:.{digits}f}"
        return f"{factor * spread.mean:.{digits}f}{deviation}"

    first, *rest = map(shown, MEASURES)
    some = cell.diverged and first != "diverged"
    return [*cell.values, f"{first} ({cell.diverged} diverged)" if some else first, *rest]
