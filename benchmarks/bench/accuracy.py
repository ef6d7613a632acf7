"""Accuracy of every system, by the labels of FER2013 and by those of FERPlus, on the same PrivateTest crops.

Ours are computed here; the predictions of the peers are in results/peers (peers/predict.py). `mien compare` joins and
scores them: on FER2013's 3,589 labels and on FERPlus's 3,153 majority labels, both also without the test images that
have a near-duplicate in our Training. An expression that only the labels or only a system knows counts as wrong
(contempt). The two data sets disagree on many of these images, so weights are judged by the labels they were trained
on.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from bench.interleave import ROOT

from mien.data import load
from mien.errors import DataError
from mien.evaluation.compare import Request, compare
from mien.evaluation.evaluate import evaluate
from mien.evaluation.result import Result
from mien.inference.classify import names

PEERS = {"fer tflite": "fer", "fer keras": "fer-keras", "human": "human", "face-api": "face-api"}
"""The peers' names in tables, and their files in results/peers."""

FILE = ROOT / "results" / "bench" / "accuracy.json"


def crops() -> np.ndarray | None:
    """Return FER2013's test crops, uint8 (3589, 48, 48, 1), or None where MIEN_DATA does not lead to them."""
    try:
        return np.ascontiguousarray(load("fer2013", None, "test").images)
    except DataError:
        return None


def measure() -> dict[str, Any]:
    """Return the scores by system and data set; those measured last where the data is not there."""
    images = crops()
    if images is None:
        print(f"no FER2013 (MIEN_DATA): timing random crops; accuracies are those of {FILE.relative_to(ROOT)}")
        return dict(json.loads(FILE.read_text(encoding="utf-8"))) if FILE.is_file() else {}
    with tempfile.TemporaryDirectory() as folder:
        peers = [ROOT / "results" / "peers" / f"{stem}.csv" for stem in PEERS.values()]
        scores = {}
        for data in ("fer2013", "ferplus"):
            ours = [_ours(name, data, Path(folder)) for name in names()]
            scores[data] = _scores([*ours, *(p for p in peers if p.is_file())], data)
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
    return scores


def _ours(name: str, data: str, folder: Path) -> Path:
    """Return our weights' predictions: the file in results/ where there is one, so that figures agree."""
    kept = ROOT / "results" / name / "0-test.npz"
    if kept.is_file() and Result.load(kept).provenance.dataset == data:
        return kept
    return evaluate(name, data, None, "test")[0].save(folder / f"{data}-{name}.npz")


def _scores(paths: list[Path], data: str) -> dict[str, Any]:
    comparison = compare(Request(tuple(paths), data=data, split="test")).to_dict()
    shown = {stem: name for name, stem in PEERS.items()}
    return {
        part: {
            "n": comparison[part]["n"],
            "systems": {
                shown.get(name, f"mien {name}"): {key: figures[key] for key in ("accuracy", "accuracy_interval")}
                for name, figures in comparison[part]["systems"].items()
            },
        }
        for part in ("full", "clean")
    }
