"""Run recipes and compare published scores with ours.

For each recipe and seed: train (or resume an unfinished run), score val and, once, test, write the row's files (see
record.py), draw the photos.  Then the table and the figures are drawn from all rows.  A measured row is not run again.
A recipe that fails does not stop the others.  Ctrl-C loses at most an epoch.
"""

import math
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mien.data import gated
from mien.errors import MienError, UsageError, refusal
from mien.experiments import budget, table, written
from mien.experiments.record import apart, digest, find, identity, keep_run, known, read_row, resolve, row_path, write
from mien.experiments.resume import MARK, Part, earlier, shortened
from mien.experiments.sample_photos import photos
from mien.experiments.schema import Row, RowFile, Shortened
from mien.outputs.lock import locked
from mien.outputs.run_folder import recorded
from mien.printable import say
from mien.reading.shape import fits
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
    """The folders of data, runs and rows; and the device."""

    root: Path | None
    out: Path
    results: Path
    device: str = "auto"


@dataclass(frozen=True)
class Outcome:
    """What happened to a row: its status is measured, kept, needs data or failed.

    Attributes:
        row, content: the row and all of its JSON.
        error: why it failed; crashed: whether that is a bug of ours.
    """

    status: str
    row: Row
    content: Mapping[str, Any]
    error: str = ""
    crashed: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the row as `mien reproduce --json` prints it."""
        return dict(self.content)


def reproduce(names: list[str], place: Place, *, minutes: float | None = None, seeds: int = 1) -> list[Outcome]:
    """Run recipes and return what happened to each row.

    `minutes` are for all of them together: each takes an equal part, and the rest goes to those after it.
    """
    if minutes is not None and not 0 < minutes < math.inf:
        raise UsageError(f"`budget` {minutes:g}", "minutes above 0")
    if seeds < 1:
        raise UsageError(f"`seeds` {seeds}", "1 or more")
    if place.root and not place.root.exists():
        raise UsageError(f"`root` {place.root} does not exist", "the folder with the data")
    check_device(place.device)
    full = resolve(names)
    apart(full)
    wanted = [recipes.load(name, [f"seed={seed}"]) for name in full for seed in range(seeds)]
    runlog.make(place.results)
    settings = {"recipes": names, **{key: getattr(place, key) for key in ("root", "out", "results", "device")}}
    settings |= {"budget": minutes, "seeds": seeds}
    with locked(place.results):
        groups = table.collect(place.results)
        table.markdown(groups, place.results)  # a damaged row is reported before time is spent
        files = list(written.names(place.results, wanted, groups))
        written.refuse_others(place.results, files)
        with recorded(place.results, "reproduce", files, settings):
            outcomes = attempt_all(wanted, place, minutes)
            table.draw(place.results)
    return outcomes


def attempt_all(wanted: list[Recipe], place: Place, minutes: float | None) -> list[Outcome]:
    """Make the row of every recipe, within so many minutes for all of them together."""
    began, outcomes = time.monotonic(), []
    for number, recipe in enumerate(wanted):
        part = None
        if minutes is not None:
            part = Part(minutes / len(wanted), (minutes - (time.monotonic() - began) / 60) / (len(wanted) - number))
        say(f"[{number + 1}/{len(wanted)}] {recipe.name}, seed {recipe.seed}")
        outcomes.append(attempt(recipe, place, part))
    return outcomes


def attempt(recipe: Recipe, place: Place, part: Part | None) -> Outcome:
    """Make the row of a recipe; only Ctrl-C is raised."""
    try:
        check(recipe)
        if row := kept(place.results, recipe, part):
            return outcome("kept", row)
        if missing := gated.missing(recipe.data.name, place.root):
            return needs_data(recipe, place, missing)
        runlog.make(place.out)
        return measure(recipe, place, part, prepare(recipe, place.root, place.device))
    except MienError as error:
        return failed(recipe, str(error))
    except Exception as error:  # a bug, or a failing machine: the other recipes must still run
        if isinstance(error, OSError) and (refused := refusal(error)):
            return failed(recipe, str(refused))
        traceback.print_exc()
        return failed(recipe, f"{type(error).__name__}: {error}", crashed=True)


def outcome(status: str, file: RowFile, **more: Any) -> Outcome:
    """Return what happened to a row, with `more` keys in its JSON."""
    return Outcome(status, file.row, {**file.content, **more, "status": status})


def failed(recipe: Recipe, message: str, crashed: bool = False) -> Outcome:
    """Return the row of a recipe that could not be run."""
    say(f"{recipe.name}: {message}")
    name, published = identity(recipe.name), known(recipe.name)
    content = {"name": name, "status": "failed", "error": message, "crashed": crashed}
    content |= {"recipe": recipe.model_dump(mode="json"), "published": published}
    row = fits(Row, {**content, "environment": {}, "figures": {}})
    return Outcome("failed", row, content, message, crashed)


def kept(results: Path, recipe: Recipe, part: Part | None) -> RowFile | None:
    """Return the row if it need not be run again: it is a full one, or had no fewer minutes than it has now."""
    file = find(results, recipe)
    short = file.row.shortened if file else None
    return file if short is None or (part and short.minutes >= 0.99 * part.minutes) else None


def measure(recipe: Recipe, place: Place, part: Part | None, prepared: Prepared) -> Outcome:
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
    short = shortened(run)
    short = short if short and short.epochs is not None else None
    path = keep_run(recipe, run, place.results, scores.splits, short)
    return outcome("measured", read_row(path), run=str(run))


def begin(recipe: Recipe, place: Place, part: Part | None) -> Path:
    """Make the run folder of a recipe, shortened to its part of the budget."""
    if part is None:
        return runlog.create(recipe, place.out, "reproduce")
    short, shorter = recipe, None
    if budget.shortens(recipe):
        say("measuring its pace")
        began = time.monotonic()
        pace = budget.measure(recipe, place.root, place.device)
        short, shorter = budget.fit(recipe, max(0.1, part.left - (time.monotonic() - began) / 60), pace)
    run = runlog.create(short, place.out, "reproduce")
    mark = (shorter or Shortened()).model_copy(update={"minutes": part.minutes, "digest": digest(recipe)})
    runlog.write_json(mark.to_dict(), run / MARK)
    return run


def needs_data(recipe: Recipe, place: Place, missing: gated.Missing) -> Outcome:
    """Write the row of a recipe whose data set is not here, without scores, and report where to request it."""
    path = row_path(place.results, recipe)
    before = read_row(path) if path.is_file() else None
    if before is None or not (before.row.figures or before.row.digest == digest(recipe)):
        say(f"{missing.reason}; {missing.source}")
        write(recipe, path.parent, {}, None, needs=missing.source, digest=digest(recipe))
        before = read_row(path)
    return outcome("needs data", before, needs=missing.source)
