"""What follows the loop: export, score val and, once for each file, test; write the report.

The only place in training that opens the test split, and it does so after the weights are fixed and on disk.
"""

import json
from pathlib import Path
from typing import Any

import torch

from mien.evaluation.evaluate import evaluate
from mien.evaluation.report import write
from mien.inference.classify import Classifier
from mien.training import checkpoint
from mien.training.export import export, stamp
from mien.training.recipe import Recipe
from mien.training.runlog import write_json
from mien.training.train import split

IN_CARD = ("dataset", "n", "accuracy", "accuracy_interval", "macro_f1", "ece", "nll", "clean")


def finish(recipe: Recipe, root: Path | None, run: Path) -> dict[str, Any]:
    """Export a trained run and measure every file it yields; the figures of `model.onnx` by split are returned.

    metrics.json has the figures by file and split, the cards those of their own file.  A test score that the run
    already has is kept, not measured again.
    """
    environment = json.loads((run / "env.json").read_text(encoding="utf-8"))
    cpu = torch.device("cpu")
    data = {k: v for k, v in environment["data"].items() if k != "root"}
    facts = {**environment, "data": data}
    written = run / "metrics.json"
    before: dict[str, Any] = json.loads(written.read_text(encoding="utf-8")) if written.exists() else {}
    files = export(recipe, run, split(recipe, root, "train", cpu), split(recipe, root, "val", cpu), facts)
    figures = {path.stem: _measure(recipe, root, path, before.get(path.stem, {})) for path in files}
    write_json(figures, written)
    return figures["model"]


def _measure(recipe: Recipe, root: Path | None, path: Path, before: dict[str, Any]) -> dict[str, Any]:
    figures = {"test": before["test"]} if "test" in before else {}
    for name in ("val", "test") if recipe.test and not figures else ("val",):
        result, figures[name] = evaluate(path, recipe.data.name, root, name, **recipe.data.options)
        if path.stem == "model":
            result.save(path.with_name(f"{name}.npz"))
            history = checkpoint.load(path.with_name("last.pt"))["history"]
            write(result, figures[name], path.with_name("report.html"), history=history)
    short = {name: {key: figures[name][key] for key in IN_CARD} for name in ("val", "test") if name in figures}
    stamp(path, Classifier(path).card.model_copy(update={"metrics": short}))
    return figures
