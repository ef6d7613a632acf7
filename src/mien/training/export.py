"""A trained network becomes one ONNX file: uint8 crops in, calibrated probabilities out, the card inside.

Scaling to [0, 1], the average over mirror images and zooms, the temperature and the softmax are part of the graph, so
that callers cannot get them wrong.  Beside `probs` it outputs `valence_arousal` and `action_units` where the recipe has
such heads, and `embedding` (the input of the last layer) where the network gives it; video tracking compares faces by
that.  The graph is checked against torch on all val images.  An int8 variant (int8.py) is written too where it costs
little accuracy.
"""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mien.card import KEY, Card
from mien.data.terms import terms_of
from mien.errors import MienError, WeightsError
from mien.evaluation.calibration.prior import fit_adjustment
from mien.evaluation.calibration.temperature import COLDEST, HOTTEST, fit_temperature, fit_threshold
from mien.evaluation.metrics import accuracy
from mien.evaluation.stress.corruptions import copies
from mien.html.page import count
from mien.inference.align import FRAMINGS
from mien.inference.classify import Classifier
from mien.inference.video.baseline import neutral_face
from mien.models.own import is_own
from mien.outputs import cannot_write, staged
from mien.printable import say
from mien.prior import Adjustment
from mien.reading.guard import parsing
from mien.training import checkpoint, prior, stored
from mien.training.batches import Split, parts
from mien.training.diverged import finite_all
from mien.training.graph import Graph, exported
from mien.training.held import Held, crops
from mien.training.int8 import quantise
from mien.training.network import restored
from mien.training.recipe import Recipe
from mien.training.stored import StoredGraph, parity
from mien.version import __version__

INT8_COST = 0.003
"""Largest loss of val accuracy for which the int8 variant is kept."""
PREDICTED_ACCURACY = 0.9
"""Accuracy on val that `--abstain auto` aims at among the faces it does not abstain on."""
NOTES = (
    "Reads apparent facial expressions, as annotators named them, from frontal faces; not what a person feels. "
    "Not for decisions about people, and not at work or in education, where EU law prohibits it "
    "(Regulation 2024/1689, Art. 5(1)(f))."
)

SCRATCH = ".export-"
"""Begins the name of the folder in which an export is made."""

FITTED_ON = 4000
"""At most this many val images, evenly spaced, serve to fit the uniform prior, each with three corrupted copies."""

BATCH = 256
"""Val images that go through a network at once."""

CODE_LICENCE = "Apache-2.0"
WEIGHTS_LICENCE = "set by the person who trained them, within the terms of the data"


def export(
    recipe: Recipe,
    run: Path,
    train: Split,
    val: Split,
    environment: Mapping[str, Any],
    trained: nn.Module | None = None,
) -> list[Path]:
    """Write `run/model.onnx` from `run/best.pt` and perhaps `run/model-int8.onnx`; return what was written.

    Temperature and threshold are fitted on val.  `trained` is the network in memory, if it is there.
    Raises MienError when ONNX and torch differ by more than `parity` allows, DivergedError for weights that are not
    finite, and OutputError when the system refuses to write.  After an error an earlier export is still there.
    """
    best = checkpoint.load(run / "best.pt", checkpoint.Best)
    for left in run.glob(f"{SCRATCH}*"):  # left by a run that was killed here
        shutil.rmtree(left, ignore_errors=True)
    try:
        with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=run) as scratch:
            graph = _graph(recipe, run, best, train, trained)
            whole = _export(recipe, best, graph, Path(scratch), train, val, environment)
            (run / "model-int8.onnx").unlink(missing_ok=True)  # of an earlier export, if this one has none
            return [path.replace(run / path.name) for path in whole]
    except OSError as error:  # a full disk: the system does not name the file
        raise cannot_write(run / "model.onnx", error) from None


def _graph(
    recipe: Recipe, run: Path, best: checkpoint.Best, train: Split, trained: nn.Module | None
) -> Graph | StoredGraph:
    """Return what is exported; of a network of your own that is not in memory, the graph that its run keeps."""
    if is_own(recipe.model.name) and trained is None:
        return StoredGraph(run / stored.NAME, best.average)
    return exported(recipe, restored(recipe, best, trained), train)


def _export(
    recipe: Recipe,
    best: checkpoint.Best,
    graph: Graph | StoredGraph,
    folder: Path,
    train: Split,
    val: Split,
    environment: Mapping[str, Any],
) -> list[Path]:
    recipe, path = prior.as_scored(recipe, best), folder / "model.onnx"
    fitted = Fitted(val, dict(zip(train.labels, train.shares.double().tolist(), strict=True)))
    with torch.no_grad():
        batches = [graph.outputs(crops(part)) for part in parts(val.images, BATCH)]
    expected = {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}
    graph.temperature = _temperature(expected["logits"], fitted.target)
    graph.write(best.size, best.channels, path)
    card = _card(recipe, best, graph.temperature, environment)
    stamp(path, card)
    found = outputs(path, val.images)
    for name, value in graph.named(expected).items():
        _check(name, found[name], value, parity(best.size))
    stamp(path, fitted.card(card, path, found["probs"]))
    if recipe.heads.more:
        return [path]  # what int8 would cost these heads is not measured
    small = path.with_name("model-int8.onnx")
    if not quantise(path, small, train.images):
        return [path]
    stamp(small, card.model_copy(update={"name": f"{card.name}-int8"}))
    quantised = outputs(small, val.images)["probs"]
    if accuracy(quantised, fitted.target) < accuracy(found["probs"], fitted.target) - INT8_COST:
        small.unlink()
        return [path]
    stamp(small, fitted.card(Classifier(small).card, small, quantised))
    return [path, small]


@dataclass(frozen=True)
class Fitted:
    """What a card says of its file by val; `training` is the frequency of each label in training."""

    val: Split
    training: Mapping[str, float]

    @cached_property
    def target(self) -> NDArray[np.float64]:
        """(N, K) of val."""
        return self.val.target.double().cpu().numpy()

    def card(self, card: Card, path: Path, probs: NDArray[np.float32]) -> Card:
        """Return the card of a file whose probabilities on val are float32 (N, K)."""
        facts: dict[str, object] = {
            "threshold": fit_threshold(probs, self.target, PREDICTED_ACCURACY),
            "neutral_face": neutral_face(card.labels, probs, self.target),
            "prior": adjustment(path, self.val.images, self.target, self.training),
        }
        return card.model_copy(update=facts)


def _temperature(logits: Tensor, target: NDArray[np.float64]) -> float:
    """Return the temperature of logits (N, K) on val, and say where it is the bound of what is fitted."""
    fitted = fit_temperature(finite_all("logits of best.pt on val", logits).double().numpy(), target)
    if not 1.01 * COLDEST < fitted < 0.99 * HOTTEST:
        words = f"temperature {fitted:.2f} is the bound of what is fitted, on {count(len(target), 'val image')}"
        say(f"mien: {words}: confidences, and so `abstain`, say little; more val images would help")
    return fitted


def _card(recipe: Recipe, best: checkpoint.Best, temperature: float, environment: Mapping[str, Any]) -> Card:
    """Return what a card says before anything is measured of its file."""
    with parsing("best.pt", kind=WeightsError, says="does not make a card"):  # its labels may be anything
        return Card(
            name=recipe.name,
            labels=tuple(best.labels),
            size=best.size,
            channels=best.channels,
            framing=recipe.data.framing,
            alignment={name: asdict(square) for name, square in FRAMINGS[recipe.data.framing].items()},
            temperature=temperature,
            valence_arousal="valence_arousal" in recipe.heads.more,
            action_units=tuple(best.action_units),
            data=environment["data"],
            recipe=recipe.model_dump(mode="json"),
            provenance={**environment, "epoch": best.epoch, "mien": __version__},
            code_licence=CODE_LICENCE,
            weights_licence=WEIGHTS_LICENCE,
            data_terms=terms_of(*trained_on(recipe)),
            notes=NOTES,
        )


def outputs(path: Path, images: Held) -> dict[str, NDArray[np.float32]]:
    """Return every output of a file by name, float32 (N, ...), for images uint8 (N, C, S, S)."""
    classifier = Classifier(path)
    each = [classifier.heads(crops(part).numpy()) for part in parts(images, BATCH)]
    return {name: np.concatenate([part[name] for part in each]) for name in each[0]}


def adjustment(
    path: Path, images: Held, target: NDArray[np.float64], training: Mapping[str, float]
) -> Adjustment | None:
    """Return how a file's probabilities are brought to other priors, fitted on val with corrupted copies.

    None where `training` lacks a label: its fraction cannot be exchanged.
    """
    if not all(training.values()):
        return None
    picked = np.linspace(0, len(images) - 1, min(len(images), FITTED_ON)).round().astype(np.intp)
    picked = picked[np.isfinite(target[picked]).all(1)]
    classifier = Classifier(path)

    def read(rows: NDArray[np.intp]) -> NDArray[np.uint8]:
        return crops(images[torch.from_numpy(picked[rows])]).numpy()

    plain = np.array_split(np.arange(len(picked)), len(picked) // BATCH + 1)
    each = [(rows, classifier(read(rows))) for rows in plain]  # never all at once: 4,000 large crops are gigabytes
    each += [(rows, classifier(made)) for rows, made in copies(read, len(picked))]
    rows, probs = (np.concatenate(part) for part in zip(*each, strict=True))
    return fit_adjustment(probs, target[picked][rows], training, PREDICTED_ACCURACY)


def trained_on(recipe: Recipe) -> list[str]:
    """Return the names of the data sets whose images and labels a recipe trains on."""
    data = recipe.data
    faces = {**data.options, **data.train}.get("faces", "ferplus") if data.name == "synthetic" else None
    named = [
        data.name,
        data.auxiliary.name if data.auxiliary else None,
        str(faces).partition(":")[0] if faces else None,
    ]
    return list(dict.fromkeys(name for name in named if name))


def stamp(path: Path, card: Card) -> None:
    """Put a card into a file's metadata, in place of the one it has."""
    model = onnx.load(path)
    others = {entry.key: entry.value for entry in model.metadata_props if entry.key != KEY}
    onnx.helper.set_model_props(model, {**others, KEY: card.model_dump_json()})
    with staged(path) as partial:
        onnx.save(model, partial)


def _check(name: str, actual: NDArray[np.float32], expected: Tensor, most: float) -> None:
    worst = float(np.abs(actual - expected.numpy()).max())
    if not worst <= most:  # written this way, NaN is refused
        raise MienError(f"output {name} of the ONNX file differs from torch by {worst:.1e}", f"at most {most:.0e}")
