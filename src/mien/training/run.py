"""From the command line's words to a finished run: new or resumed, interrupted or complete."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from mien.data import load
from mien.data.registry import READERS
from mien.errors import DataError, RecipeError, UsageError, short_of_memory
from mien.evaluation.text import hundredths
from mien.models.own import is_own
from mien.outputs.lock import locked
from mien.outputs.run_folder import recorded
from mien.printable import printable, say
from mien.torchrun import first_prints, launcher
from mien.training import diverged, runlog, stored
from mien.training import recipe as recipes
from mien.training.batches import read_both, split
from mien.training.distributed import joined
from mien.training.finalize import CleanScores, RunScores, SplitScores, finish
from mien.training.initial import start
from mien.training.network import build, check
from mien.training.prepared import prepare
from mien.training.recipe import Recipe
from mien.training.recipe_docs import explained
from mien.training.stages import freeze
from mien.training.train import resume_recipe, train


def show_recipe(name: str | None, overrides: list[str]) -> str:
    """Return the full recipe as YAML with its keys explained, validated."""
    return explained(_recipe(name, overrides))


def run_recipe(
    name: str | None,
    overrides: list[str],
    *,
    root: Path | None,
    out: Path,
    resume: Path | None,
    device: str,
    test: bool = False,
) -> Path:
    """Do as `train_run`, print the scores and return the run folder; Ctrl-C exits with 130."""
    try:
        run, scores = train_run(name, overrides, root=root, out=out, resume=resume, device=device, test=test)
    except KeyboardInterrupt:
        sys.exit(130)
    with first_prints():
        print(*summary(scores), sep="\n")
        if "test" not in scores.splits:  # whatever the data has: training never opens test
            say(f"test stays closed; `mien train --resume {run} --test` opens it, once")
        print(printable(run) if sys.stdout.isatty() else run)
    return run


def summary(scores: RunScores) -> list[str]:
    """Return a line for each split that was scored: its size and accuracy, with and without near-duplicates."""
    return [
        f"{name:4s} {_accuracy(part)}  without near-duplicates {_accuracy(part['clean'])}"
        for name in ("val", "test")
        if (part := scores.splits.get(name))
    ]


def train_run(
    name: str | None,
    overrides: list[str],
    *,
    root: Path | None,
    out: Path,
    resume: Path | None,
    device: str,
    test: bool = False,
) -> tuple[Path, RunScores]:
    """Train, export and score; returns the run folder and its scores.  Ctrl-C says how to resume.

    The test split is opened only where `test` asks for it, whatever the recipe says.
    """
    check_device(device)
    with joined(device) as world, ExitStack() as folder:
        if resume and (name or overrides):
            raise UsageError("`resume` together with a recipe", "one of the two: a run keeps its own recipe")
        held = world.once(lambda: _held(resume, root)) if resume else None
        with world.agreed():
            recipe, root, fresh = held or (_recipe(name, overrides), root, True)
            world.check(recipe)
            _check_test(recipe, root, test)
            with _resumable("the same command"):
                prepared = prepare(recipe, root, device, fresh=fresh)  # before a folder is made
            world.check_counts(recipe, len(prepared.train.rows), len(prepared.val.images))
        world.refuse_others(prepared.train.training_digest)
        run = resume or world.once(lambda: runlog.create(recipe, out))
        again = f"{launcher()}mien train --resume {run}{' --test' * test}"
        settings: dict[str, Any] = {"recipe": name, "overrides": overrides, "root": root, "out": out, "resume": resume}
        settings |= {"device": device, "test": test}
        with world.agreed():
            if world.first:
                folder.enter_context(locked(run))
                folder.enter_context(recorded(run, "train", runlog.FILES, settings))
        if world.size > 1:
            say(f"{world.size} processes; if one of them ends, resume with: {again}")
        with _resumable(again):
            train(recipe, root, run, prepared=prepared, world=world)
            say("exporting and scoring")
            return run, world.once(lambda: finish(recipe, root, run, prepared=prepared, test=test))


@contextmanager
def _resumable(again: str) -> Iterator[None]:
    """Say how to go on after Ctrl-C, and where memory ran out; UsageError for that."""
    try:
        yield
    except KeyboardInterrupt:
        say("", f"stopped; resume with: {again}")
        raise
    except Exception as error:
        if not short_of_memory(error):
            raise
        do = f"end other programs and resume with: {again}; or train from scratch with a smaller `batch`"
        raise UsageError("not enough memory", do=do) from None


def _held(run: Path, root: Path | None) -> tuple[Recipe, Path | None, bool]:
    """Return a run's recipe, the root of its data, and whether it has no checkpoint yet."""
    recipe = resume_recipe(run)
    runlog.refuse_others(run)
    diverged.refuse(run)
    return recipe, root or _root(run), not (run / "last.pt").is_file()


def try_out(recipe: Recipe, root: Path | None) -> None:
    """Refuse a recipe that cannot be trained: its names, options, data and network; cheaper than `prepare`."""
    cpu = torch.device("cpu")
    check(recipe)
    _, samples = read_both(recipe, root)
    val = split(recipe, root, "val", cpu, samples)
    model = build(recipe, val, cpu)
    if recipe.init:
        start(recipe.init, model, val, recipe.heads.link)
    freeze(model, recipe.freeze)


def has_test(recipe: Recipe, root: Path | None) -> bool:
    """Return whether the data has a test split; data that is made always has."""
    try:
        return recipe.data.name not in READERS or bool(load(recipe.data.name, root, "test", **recipe.data.options))
    except DataError:
        return False


def check_device(device: str) -> None:
    """Refuse a device that is unknown or not there; UsageError."""
    if device not in ("auto", "cpu", "cuda") or (device == "cuda" and not torch.cuda.is_available()):
        raise UsageError(
            f"`device` {device}", "auto or cpu" + (" or cuda" if torch.cuda.is_available() else "; no GPU here")
        )


def export_run(run: Path, *, root: Path | None) -> Path:
    """Export a run from its best epoch so far; returns the ONNX file.  Test stays closed."""
    recipe = resume_recipe(run)
    if not (run / "best.pt").is_file():
        raise UsageError(
            f"{run} has no best.pt", "a run with at least one finished epoch", f"mien train --resume {run}"
        )
    if is_own(recipe.model.name) and not (run / stored.NAME).is_file():
        got = f"{run} has no {stored.NAME}, the graph of its own network"
        raise UsageError(got, do=f"mien train --resume {run} writes it")
    with locked(run), recorded(run, "export", runlog.FILES, {"run": run, "root": root}):
        finish(recipe, root or _root(run), run)
    return run / "model.onnx"


def _accuracy(scores: SplitScores | CleanScores) -> str:
    if not scores["n"]:
        return str(scores.get("reason", "n 0"))
    accuracy, low, high = (hundredths(end, 2) for end in (scores["accuracy"], *(scores["accuracy_interval"] or ())))
    return f"n {scores['n']}  accuracy {accuracy} % (95 %: {low} to {high})"


def _recipe(name: str | None, overrides: list[str]) -> Recipe:
    if not name:
        raise RecipeError("no recipe given", f"one of {', '.join(recipes.names())}, or a YAML file")
    return recipes.load(name, overrides)


def _check_test(recipe: Recipe, root: Path | None, test: bool) -> None:
    """Refuse to measure on test where the data has none: before training, not after it."""
    if test:
        load(recipe.data.name, root, "test", **recipe.data.options)


def _root(run: Path) -> Path | None:
    root = runlog.read_environment(run).data.root if (run / "env.json").is_file() else None
    return Path(root) if root else None
