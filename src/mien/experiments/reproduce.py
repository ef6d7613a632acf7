"""Run recipes and put what was published beside what we measure.

For each recipe and seed: train (or go on with an unfinished run), score val and, once, test, write the row's files
(see record.py), draw the photos; then the table and the figures are made again from all rows.  A row that is there is
not run again; a recipe that fails does not stop the others; Ctrl-C loses at most an epoch.
"""

import math
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mien.data import gated
from mien.errors import MienError, UsageError, refusal
from mien.experiments import budget, table, written
from mien.experiments import record as rows
from mien.experiments.resume import MARK, Part, earlier, facts
from mien.experiments.sample_photos import photos
from mien.outputs.lock import locked
from mien.outputs.run_folder import recorded
from mien.printable import say
from mien.training import recipe as recipes
from mien.training import runlog
from mien.training.finalize import finish, scored
from mien.training.network import check
from mien.training.prepared import Prepared, prepare
from mien.training.recipe import Recipe
from mien.training.run import check_device
from mien.training.train import train


@dataclass(frozen=True)
class Place:
    """Where everything is: data, run folders, rows; and the device."""

    root: Path | None
    out: Path
    results: Path
    device: str = "auto"


def reproduce(names: list[str], place: Place, *, minutes: float | None = None, seeds: int = 1) -> list[dict[str, Any]]:
    """Run recipes and return their rows; `status` tells what happened: measured, kept, needs data, failed.

    `minutes` for all of them together: each takes an equal part, what it leaves goes to those after it.
    """
    if minutes is not None and not 0 < minutes < math.inf:
        raise UsageError(f"`budget` {minutes:g}", "minutes above 0")
    if seeds < 1:
        raise UsageError(f"`seeds` {seeds}", "1 or more")
    if place.root and not place.root.exists():
        raise UsageError(f"`root` {place.root} does not exist", "the folder with the data")
    check_device(place.device)
    full = rows.resolve(names)
    rows.apart(full)
    wanted = [recipes.load(name, [f"seed={seed}"]) for name in full for seed in range(seeds)]
    runlog.make(place.results)
    settings = {"recipes": names, **{key: getattr(place, key) for key in ("root", "out", "results", "device")}}
    settings |= {"budget": minutes, "seeds": seeds}
    with locked(place.results):
        groups = table.collect(place.results)
        table.markdown(groups, place.results)  # tells a damaged row before time is spent, not after
        files = list(written.names(place.results, wanted, groups))
        written.refuse_others(place.results, files)
        with recorded(place.results, "reproduce", files, settings):
            told = attempt_all(wanted, place, minutes)
            table.draw(place.results)
    return told


def attempt_all(wanted: list[Recipe], place: Place, minutes: float | None) -> list[dict[str, Any]]:
    """Bring every recipe to its row, within so many minutes for all of them together."""
    began, told = time.monotonic(), []
    for number, recipe in enumerate(wanted):
        part = None
        if minutes is not None:
            part = Part(minutes / len(wanted), (minutes - (time.monotonic() - began) / 60) / (len(wanted) - number))
        say(f"[{number + 1}/{len(wanted)}] {recipe.name}, seed {recipe.seed}")
        told.append(attempt(recipe, place, part))
    return told


def attempt(recipe: Recipe, place: Place, part: Part | None) -> dict[str, Any]:
    """Bring a recipe to its row, and say what happened; only Ctrl-C gets out of here."""
    try:
        check(recipe)
        if row := kept(place.results, recipe, part):
            return {**row, "status": "kept"}
        if missing := gated.missing(recipe.data.name, place.root):
            return needs_data(recipe, place, missing)
        runlog.make(place.out)
        return {**measure(recipe, place, part, prepare(recipe, place.root, place.device)), "status": "measured"}
    except MienError as error:
        return failed(recipe, str(error))
    except Exception as error:  # our bug, or a machine that gave up: it must not take the other recipes with it
        if isinstance(error, OSError) and (told := refusal(error)):
            return failed(recipe, str(told))
        traceback.print_exc()
        return failed(recipe, f"{type(error).__name__}: {error}", crashed=True)


def failed(recipe: Recipe, message: str, crashed: bool = False) -> dict[str, Any]:
    """Return the row of a recipe that could not be run."""
    say(f"{recipe.name}: {message}")
    told = {"name": rows.identity(recipe.name), "status": "failed", "error": message, "crashed": crashed}
    return {**told, "recipe": recipe.model_dump(mode="json"), "published": rows.known(recipe.name)}


def kept(results: Path, recipe: Recipe, part: Part | None) -> dict[str, Any] | None:
    """Return the row that need not be run again: a full one, or one cut to no fewer minutes than are asked for now."""
    row = rows.find(results, recipe)
    if row is None:
        return None
    short = row.get("shortened")
    return row if not short or (part and short["minutes"] >= 0.99 * part.asked) else None


def measure(recipe: Recipe, place: Place, part: Part | None, prepared: Prepared) -> dict[str, Any]:
    """Train, score and keep a recipe's row; an earlier run for it is resumed."""
    run = earlier(recipe, place.root, place.out, part) or begin(recipe, place, part)
    own, scores = recipes.load(run / "recipe.yaml"), scored(run)
    settings = {"recipe": recipe.name, "seed": recipe.seed, "root": place.root, "device": place.device}
    runlog.refuse_others(run)
    with locked(run), recorded(run, "reproduce", runlog.FILES, settings):
        if scores is None or "test" not in scores.splits:
            train(own, place.root, run, prepared=prepared)
            say("exporting and scoring")
            scores = finish(own, place.root, run, prepared=prepared, test=own.test)
        say(photos(run / "model.onnx", run / "photos.png"))
    mark = facts(run, MARK)
    short = mark if "epochs" in mark else None
    path = rows.keep_run(recipe, run, place.results, scores.splits, short)
    return {**runlog.read_json(path), "run": str(run)}


def begin(recipe: Recipe, place: Place, part: Part | None) -> Path:
    """Make the run folder of a recipe, shortened to its part of the budget."""
    if part is None:
        return runlog.create(recipe, place.out, "reproduce")
    told: dict[str, Any] | None = None
    if budget.shortens(recipe):
        say("measuring its pace")
        began = time.monotonic()
        pace = budget.measure(recipe, place.root, place.device)
        short, told = budget.fit(recipe, max(0.1, part.left - (time.monotonic() - began) / 60), pace)
    run = runlog.create(short if told else recipe, place.out, "reproduce")
    runlog.write_json({**(told or {}), "minutes": part.asked, "digest": rows.digest(recipe)}, run / MARK)
    return run


def needs_data(recipe: Recipe, place: Place, missing: gated.Missing) -> dict[str, Any]:
    """Write the row of a recipe whose data set is not here, without scores, and report where to request it."""
    path = rows.row_path(place.results, recipe)
    before = runlog.read_json(path) if path.is_file() else {}
    if not before.get("figures") and before.get("digest") != rows.digest(recipe):
        say(f"{missing.reason}; {missing.source}")
        rows.write(recipe, path.parent, {}, {}, needs=missing.source, digest=rows.digest(recipe))
        before = runlog.read_json(path)
    return {**before, "needs": missing.source, "status": "needs data"}
