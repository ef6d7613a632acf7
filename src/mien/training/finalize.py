"""What follows the loop: export, score val and, on request, test once; write the report.

Nothing else in training opens the test split.  It is opened for `model.onnx` of a finished run, when the weights are
fixed and on disk.  Test scores that these weights already have are kept.  The int8 variant is scored on val only.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NotRequired, TypedDict, cast

import torch

from mien.errors import UsageError, WeightsError
from mien.evaluation.evaluate import evaluate
from mien.evaluation.report import write
from mien.evaluation.report.collect import gather
from mien.evaluation.result import Result
from mien.inference.classify import Classifier
from mien.outputs import staged
from mien.reading.digest import sha256_of
from mien.reading.guard import parsing
from mien.reading.shape import Facts, fits
from mien.training import checkpoint
from mien.training.batches import split
from mien.training.export import export, stamp
from mien.training.prepared import Prepared
from mien.training.recipe import Recipe
from mien.training.runlog import read_environment, read_json, recipe_digest, write_json
from mien.training.train import Plan, refuse_changes, waited

IN_CARD = ("dataset", "n", "accuracy", "accuracy_interval", "macro_f1", "ece", "nll", "per_class", "clean")


class CleanScores(TypedDict):
    """Some of the scores without near-duplicates of training images; None, with a reason, where that is unknown."""

    n: int | None
    accuracy: float | None
    accuracy_interval: list[float | None] | None
    reason: NotRequired[str]


class SplitScores(TypedDict):
    """Some of the scores on a split, as JSON has them; metrics.json holds all that `mien evaluate --json` prints."""

    dataset: str
    n: int
    accuracy: float | None
    accuracy_interval: list[float | None] | None
    macro_f1: float | None
    ece: float | None
    nll: float | None
    clean: CleanScores
    weights_sha256: str


@dataclass(frozen=True)
class RunScores:
    """The content of metrics.json.

    Attributes:
        weights: a digest of the recipe and the checkpoint that were measured.
        splits: the scores of model.onnx by split: val and, once it was opened, test.
        int8: those of model-int8.onnx, on val; None where there is no such file.
    """

    weights: str
    splits: Mapping[str, SplitScores]
    int8: Mapping[str, SplitScores] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the scores as metrics.json has them."""
        return {"weights": self.weights, **self.splits} | ({"int8": self.int8} if self.int8 else {})


class _Split(Facts):
    dataset: str
    n: int
    accuracy: float | None
    accuracy_interval: list[float | None] | None
    macro_f1: float | None
    ece: float | None
    nll: float | None
    clean: dict[str, Any]
    weights_sha256: str


class _Metrics(Facts):
    val: _Split | None = None
    test: _Split | None = None


def finish(
    recipe: Recipe, root: Path | None, run: Path, *, prepared: Prepared | None = None, test: bool = False
) -> RunScores:
    """Export a run, measure it, write metrics.json and the report, and return the scores.

    Test is opened only with `test`, and once; a run that has not ended is scored on val alone.  With `prepared` the
    export reads no data again.
    """
    environment = read_environment(run)
    cpu = torch.device("cpu")
    train, val = (
        (prepared.train, prepared.val) if prepared else (split(recipe, root, name, cpu) for name in ("train", "val"))
    )
    last = checkpoint.load(run / "last.pt", checkpoint.Last)
    if environment.data.fingerprint not in (None, train.fingerprint):
        given = "its own, which the card names"
        raise WeightsError(f"{run} was trained on other data", given, "give its `root`, or train again")
    refuse_changes(run, last, recipe_digest(run), val.fingerprint)
    ended = last.step >= Plan.of(recipe, train).steps or waited(recipe, last.history)
    trained = prepared.model if prepared else None
    path, *variants = export(recipe, run, train, val, environment.public(), trained)
    before = scored(run)
    known = {"test": before.splits["test"]} if before and "test" in before.splits else {}
    results, splits = measure(path, recipe, root, ["val", "test"] if test and ended and not known else ["val"], known)
    if known and (run / "test.npz").is_file():  # the same weights, but the file was stamped again
        results["test"] = renamed(Result.load(run / "test.npz"), splits["test"]["weights_sha256"])
    for name, result in results.items():
        (result if ended else stopped(result, last.epoch)).save(run / f"{name}.npz")
    int8 = measure(variants[0], recipe, root, ["val"], {})[1] if variants else None
    scores = RunScores(_digest(run), splits, int8)
    write_json(scores.to_dict(), run / "metrics.json")
    with staged(run / "report.html") as scratch:
        write(gather([run], root), scratch)
    return scores


def measure(
    path: Path, recipe: Recipe, root: Path | None, splits: list[str], known: Mapping[str, SplitScores]
) -> tuple[dict[str, Result], dict[str, SplitScores]]:
    """Score a file on splits and put the scores, with those already known, into its card.

    Returns the new results and all scores, by split; both name the sha256 of the file as it then is.
    """
    results: dict[str, Result] = {}
    scores: dict[str, Any] = dict(known)
    for name in splits:
        results[name], measured = evaluate(path, recipe.data.name, root, name, **recipe.data.options)
        scores[name] = measured.to_dict()
    stamp(path, Classifier(path).card.model_copy(update={"metrics": in_card(scores)}))
    sha = sha256_of(path)
    return (
        {name: renamed(result, sha) for name, result in results.items()},
        {name: cast(SplitScores, {**each, "weights_sha256": sha}) for name, each in scores.items()},
    )


def in_card(scores: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return what a card holds of the scores of each split; scores kept from before may lack some."""
    return {name: {key: each[key] for key in IN_CARD if key in each} for name, each in scores.items()}


def renamed(result: Result, sha: str) -> Result:
    """Return a result whose provenance names the weights file with this sha256."""
    return replace(result, provenance=result.provenance.updated(weights_sha256=sha))


def stopped(result: Result, epoch: int) -> Result:
    """Return a result that says that its run had not ended, so that it is not averaged with those that had."""
    return replace(result, provenance=result.provenance.updated(stopped=epoch))


def scored(run: Path) -> RunScores | None:
    """Return the scores in metrics.json, or None unless they are of the run's present weights."""
    written = run / "metrics.json"
    if not written.exists():
        return None
    content = read_json(written)
    if content.get("weights") != _digest(run):
        return None
    with parsing(written, "what mien wrote", UsageError, "remove it"):
        fits(_Metrics, content)
    splits = {name: cast(SplitScores, content[name]) for name in content if name in ("val", "test")}
    return RunScores(content["weights"], splits, content.get("int8"))


def _digest(run: Path) -> str:
    state = hashlib.sha256((run / "recipe.yaml").read_bytes())
    state.update((run / "best.pt").read_bytes())
    return state.hexdigest()[:16]
