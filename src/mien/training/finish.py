"""What follows the loop: export, score val and, once, test; write the report.

The only place in training that opens the test split, and it does so after the weights are fixed and on disk.
"""

import json
from pathlib import Path
from typing import Any

import torch

from mien.card import Card
from mien.evaluation.evaluate import evaluate
from mien.evaluation.report import write
from mien.inference.classify import Classifier
from mien.training import checkpoint
from mien.training.export import export, stamp
from mien.training.recipe import Recipe
from mien.training.runlog import write_json
from mien.training.train import split


def finish(recipe: Recipe, root: Path | None, run: Path) -> dict[str, Any]:
    """Export a trained run and measure it; returns {"val": ..., "test": ...}, also in metrics.json and in the card.

    A test score that the run already has is kept, not measured again.
    """
    environment = json.loads((run / "env.json").read_text(encoding="utf-8"))
    cpu = torch.device("cpu")
    data = {k: v for k, v in environment["data"].items() if k != "root"}
    facts = {**{k: v for k, v in environment.items() if k != "data"}, "data": data}
    path = export(recipe, run, split(recipe, root, "train", cpu), split(recipe, root, "val", cpu), facts)
    written = run / "metrics.json"
    figures: dict[str, Any] = json.loads(written.read_text(encoding="utf-8")) if written.exists() else {}
    for name in ("val", "test") if recipe.test and "test" not in figures else ("val",):
        result, figures[name] = evaluate(path, recipe.data.name, root, name, **recipe.data.options)
        result.save(run / f"{name}.npz")
        history = checkpoint.load(run / "last.pt")["history"]
        write(result, figures[name], run / "report.html", history=history)
    write_json(figures, written)
    for file in (path, path.with_name("model-int8.onnx")):
        if file.exists():
            _record(file, figures)
    return figures


def _record(path: Path, figures: dict[str, Any]) -> None:
    card: Card = Classifier(path).card
    kept = ("dataset", "n", "accuracy", "accuracy_interval", "macro_f1", "ece", "nll", "clean")
    short = {name: {k: scores[k] for k in kept if k in scores} for name, scores in figures.items()}
    stamp(path, card.model_copy(update={"metrics": short}))
