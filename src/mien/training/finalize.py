"""What follows the loop: export, score val and, on request, test once; write the report.

Nothing else in training opens the test split.  It is opened for `model.onnx` of a finished run, when the weights are
fixed and on disk.  Test scores that these weights already have are kept.  The int8 variant is scored on val only.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from mien.errors import UsageError
from mien.evaluation.evaluate import evaluate
from mien.evaluation.report import write
from mien.evaluation.report.collect import gather
from mien.evaluation.result import Result
from mien.inference.classify import Classifier
from mien.outputs import beside
from mien.reading.digest import sha256_of
from mien.reading.guard import parsing
from mien.reading.shape import Facts, fits
from mien.training import checkpoint
from mien.training.batches import split
from mien.training.export import export, stamp
from mien.training.recipe import Recipe
from mien.training.runlog import read_environment, read_json, write_json
from mien.training.train import Plan

IN_CARD = ("dataset", "n", "accuracy", "accuracy_interval", "macro_f1", "ece", "nll", "clean")


class Scores(Facts):
    """The figures on a split, as far as the card takes them."""

    dataset: str
    n: int
    accuracy: float | None
    accuracy_interval: list[float | None] | None
    macro_f1: float | None
    ece: float | None
    nll: float | None
    clean: dict[str, Any]
    weights_sha256: str


class Metrics(Facts):
    """What metrics.json holds, as far as it is read."""

    val: Scores | None = None
    test: Scores | None = None


def finish(recipe: Recipe, root: Path | None, run: Path, *, test: bool = False) -> dict[str, Any]:
    """Export a run and measure it; returns metrics.json: `val`, `test`, `int8` (its val), `weights` (their digest).

    Test is opened where `test` asks for it, once; a run that has not come to its end is scored on val alone.
    """
    environment = read_environment(run)
    cpu = torch.device("cpu")
    train, val = split(recipe, root, "train", cpu), split(recipe, root, "val", cpu)
    last = checkpoint.load(run / "last.pt", checkpoint.Last)
    ended = last["step"] >= Plan.of(recipe, train).steps
    facts = {**environment, "data": {k: v for k, v in environment["data"].items() if k != "root"}}
    path, *variants = export(recipe, run, train, val, facts)
    known = scored(run)
    figures: dict[str, Any] = {"weights": _digest(run)}
    wanted = ["val", "test"] if test and ended and "test" not in known else ["val"]
    results, scores = measure(path, recipe, root, wanted, {k: v for k, v in known.items() if k == "test"})
    if "test" in known and (run / "test.npz").is_file():  # the same weights, but the file was stamped again
        results["test"] = renamed(Result.load(run / "test.npz"), scores["test"])
    for name, result in results.items():
        result.save(run / f"{name}.npz")
    figures |= scores
    for variant in variants:
        figures["int8"] = measure(variant, recipe, root, ["val"], {})[1]
    write_json(figures, run / "metrics.json")
    with beside(run / "report.html") as scratch:
        write(gather([run], root), scratch)
    return figures


def measure(
    path: Path, recipe: Recipe, root: Path | None, splits: list[str], known: dict[str, Any]
) -> tuple[dict[str, Result], dict[str, Any]]:
    """Score a file on splits and put the figures, with those already known, into its card.

    Returns the results of the splits and all figures by split; both name the sha256 of the file as it then is.
    """
    results, figures = {}, dict(known)
    for name in splits:
        results[name], scores = evaluate(path, recipe.data.name, root, name, **recipe.data.options)
        figures[name] = scores.to_dict()
    short = {name: {key: every[key] for key in IN_CARD} for name, every in figures.items()}
    stamp(path, Classifier(path).card.model_copy(update={"metrics": short}))
    sha = {"weights_sha256": sha256_of(path)}
    results = {name: renamed(result, sha) for name, result in results.items()}
    return results, {name: {**every, **sha} for name, every in figures.items()}


def renamed(result: Result, figures: Mapping[str, Any]) -> Result:
    """Return a result whose provenance names the file with this sha256."""
    return replace(result, provenance=result.provenance.updated(weights_sha256=figures["weights_sha256"]))


def scored(run: Path) -> dict[str, Any]:
    """Return the figures that these very weights have already."""
    written = run / "metrics.json"
    if not written.exists():
        return {}
    before = read_json(written)
    if before.get("weights") != _digest(run):
        return {}
    with parsing(written, "what mien wrote", UsageError, "remove it"):
        fits(Metrics, before)
    return before


def _digest(run: Path) -> str:
    state = hashlib.sha256((run / "recipe.yaml").read_bytes())
    state.update((run / "best.pt").read_bytes())
    return state.hexdigest()[:16]
