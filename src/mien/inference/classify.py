"""Crops in, probabilities out: an ONNX session and the card that the file carries.

Normalisation and softmax are inside the graph, so this code is independent of the training.  The shipped names are the
files in `weights/`; a shipped name takes precedence over a file of that name.
"""

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.card import Card
from mien.errors import UsageError, WeightsError
from mien.inference import heads, session, shipped
from mien.inference.onnx import onnxruntime
from mien.prior import NATURAL, Wanted, chosen
from mien.reading.guard import parsing
from mien.reliability import reliabilities

WEIGHTS = Path(__file__).parent / "weights"
BATCH = 64  # crops per run: larger gains nothing on a CPU, and memory stays small
CHECKPOINTS = (".pt", ".pth")
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def names() -> list[str]:
    """Return the names of the weights that ship, the default first."""
    return sorted((path.stem for path in WEIGHTS.glob("*.onnx")), key=lambda name: (name != "ferplus", name))


def locate(weights: str | Path) -> Path:
    """Return the file of a shipped name, of a path or in a run folder; WeightsError when there is none."""
    shipped = WEIGHTS / f"{weights}.onnx"
    if str(weights) in names():
        return shipped
    path = Path(weights)
    if os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises for names that are too long or not permitted
        return path
    if os.path.isdir(path):  # noqa: PTH112
        return _of_run(path)
    near = get_close_matches(str(weights), [*names(), *_beside(path)], n=1)
    hint = f"did you mean {near[0]!r}?" if near else ""
    raise WeightsError(f"no weights are called {str(weights)!r}", f"a file or one of {', '.join(names())}", hint)


def _beside(path: Path) -> list[str]:
    """Return the folders and ONNX files where a path lies that is not there."""
    try:
        there = [each for each in path.parent.iterdir() if each.suffix.lower() == ".onnx" or each.is_dir()]
    except (OSError, ValueError):  # the place is not there either, or no system has such names
        return []
    return [str(each) for each in there]


def runs_in(folder: Path) -> list[Path]:
    """Return the run folders that lie in the folder of a recipe, the newest last."""
    recipes = sorted(folder.glob("*/recipe.yaml"), key=lambda recipe: recipe.stat().st_mtime)
    return [recipe.parent for recipe in recipes]


def _of_run(folder: Path) -> Path:
    """Return the ONNX file of a run folder, or of the one run in a folder."""
    inside = runs_in(folder)
    if len(inside) == 1:  # the folder of a recipe that was run once
        return _of_run(inside[0])
    if inside:
        raise WeightsError(f"{folder} holds {len(inside)} runs", "one of them", f"the newest is {inside[-1]}")
    if not (folder / "recipe.yaml").is_file():
        raise WeightsError(f"{folder} is a folder", "an ONNX file, or a run folder that `mien train` made")
    if not (folder / "model.onnx").is_file():
        raise WeightsError(f"{folder} has no model.onnx", "a run that was exported", f"mien export {folder}")
    return folder / "model.onnx"


class Classifier:
    """Loaded weights that classify crops.

    Attributes:
        card: the card in the file.
        path: the file.
        reliabilities: how well each label is predicted, as `Face` has it.
        prior: the assumed frequency of each expression; every probability is given under it.
        outputs: the names of the outputs that `heads` returns.
    """

    def __init__(self, weights: str | Path = "ferplus", device: str = "cpu", prior: Wanted = NATURAL) -> None:
        """Load weights by shipped name or path onto "cpu" or "cuda"; WeightsError or UsageError when that fails.

        `prior` is "natural" (that of the training images), "uniform", or a fraction per expression that sum to one.
        """
        self.path = locate(weights)
        _refuse_checkpoint(self.path)
        content = session.content(self.path)
        if str(weights) in names():
            shipped.check(self.path, content)
        self._session = session.opened(self.path, content, "a file written by `mien export`", _provider(device))
        with parsing(self.path, kind=WeightsError, do="export the weights again", says="carries no readable card"):
            self.card = Card.from_metadata(self._session.get_modelmeta().custom_metadata_map, str(self.path))
        _check_graph(self._session, self.card, self.path)
        self.prior = chosen(prior, self.card.labels, self.card.prior, self.card.name)
        known = reliabilities(self.card) if self.prior.shift is None else {}
        self.reliabilities = tuple(one.level if (one := known.get(k)) else None for k in self.card.labels if known)
        self.outputs = tuple(output.name for output in self._session.get_outputs())
        # invalid weights fail on any crop: better now than after a thousand images
        self.heads(np.full((2, self.card.size, self.card.size, self.card.channels), 128, np.uint8))

    @property
    def threshold(self) -> float | None:
        """The minimum confidence of `abstain="auto"` under this prior, or None where none was fitted."""
        if self.prior.shift is None or self.card.prior is None:
            return self.card.threshold
        return self.card.prior.threshold

    def __call__(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return probabilities, float32 (N, K) summing to one, for crops, uint8 (N, size, size, channels)."""
        return self.heads(crops)["probs"]

    def heads(self, crops: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Return every output of the graph by name, float32 (N, ...), for crops, uint8 (N, size, size, channels).

        Always "probs"; "valence_arousal" (N, 2) and "action_units" (N, A) where the card has them; "embedding" (N, D),
        of length one, where the graph outputs the input of its last layer.
        """
        wanted = (self.card.size, self.card.size, self.card.channels)
        if crops.dtype != np.uint8 or crops.ndim != 4 or crops.shape[1:] != wanted:
            raise WeightsError(f"crops are {crops.dtype} {crops.shape}", f"uint8 (N, {', '.join(map(str, wanted))})")
        if not len(crops):  # onnxruntime crashes on an empty batch of a quantised graph
            return {output.name: np.empty((0, *output.shape[1:]), np.float32) for output in self._session.get_outputs()}
        parts = [self._run(crops[start : start + BATCH]) for start in range(0, len(crops), BATCH)]
        return {name: np.concatenate([part[name] for part in parts]) for name in self.outputs}

    def _run(self, crops: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        with parsing(self.path, kind=WeightsError, do="export the weights again", says="cannot be run"):
            outputs = self._session.run(list(self.outputs), {"crops": crops})
        arrays = dict(zip(self.outputs, outputs, strict=True))
        heads.check(arrays, self.card, self.path, len(crops))
        return arrays | {"probs": self.prior.applied(arrays["probs"])}


def _refuse_checkpoint(path: Path) -> None:
    """Refuse a checkpoint of a training run, and name the file beside it that was exported; WeightsError."""
    if path.suffix.lower() not in CHECKPOINTS:
        return
    exported = path.parent / "model.onnx"
    do = f"take {exported}" if exported.is_file() else ""
    if not do and (path.parent / "recipe.yaml").is_file():
        do = f"mien export {path.parent}"
    raise WeightsError(f"{path} is a checkpoint of training", "an ONNX file or a run folder", do)


def _provider(device: str) -> str:
    if device not in PROVIDERS:
        raise UsageError(f"no device is called {device!r}", f"one of {', '.join(PROVIDERS)}")
    if PROVIDERS[device] not in onnxruntime.get_available_providers():
        raise UsageError(
            f"this onnxruntime cannot use {device!r}",
            do="use `device` cpu, or install onnxruntime-gpu with its drivers",
        )
    return PROVIDERS[device]


def _check_graph(graph: Any, card: Card, path: Path) -> None:
    # any graph can carry any card, so compare the inputs and outputs of the graph with the card
    inputs = [(i.name, i.type, i.shape[1:]) for i in graph.get_inputs()]
    if inputs != [("crops", "tensor(uint8)", [card.size, card.size, card.channels])]:
        raise WeightsError(f"{path} takes {inputs}", f"crops uint8 (N, {card.size}, {card.size}, {card.channels})")
    if isinstance(graph.get_inputs()[0].shape[0], int):
        raise WeightsError(f"{path} takes a fixed number of crops", "any number", "export it again")
    outputs = {output.name: output.shape[1:] for output in graph.get_outputs()}
    if odd := [output.type for output in graph.get_outputs() if output.type != "tensor(float)"]:
        raise WeightsError(f"{path} gives {odd[0]}", "tensor(float)", "export it again")
    promised = {"probs": [len(card.labels)]}
    promised |= {"valence_arousal": [2]} if card.valence_arousal else {}
    promised |= {"action_units": [len(card.action_units)]} if card.action_units else {}
    width = outputs.pop("embedding", [1])  # not in the card: used only to compare faces
    if outputs != promised:
        raise WeightsError(f"{path} gives {outputs}", f"{promised}, as its card says", "export it again")
    if len(width) != 1 or not isinstance(width[0], int) or width[0] < 1:
        raise WeightsError(f"{path} gives an embedding {width}", "one row of numbers per face", "export it again")
