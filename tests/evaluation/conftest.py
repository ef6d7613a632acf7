"""Two systems with predictions on the same 300 images, and tables of predictions."""

import csv
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from mien.evaluation.result import Provenance, Result
from mien.labels import ORDERS, ordered

LABELS = ordered(ORDERS["fer2013"])
N = 300


def system(seed: int, skill: float, ids: Iterable[str] | None = None, **facts: object) -> Result:
    rng = np.random.default_rng(100 + seed)
    label = np.random.default_rng(0).integers(7, size=N)
    logits = rng.normal(0, 1, (N, 7))
    logits[np.arange(N), label] += skill
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    names = np.array(list(ids) if ids else [str(1000 + k) for k in range(N)])
    training = {"name": "fer2013", "fingerprint": "0" * 16}
    searched = {"training": training, "twins": names[:30].tolist()}
    facts = {"weights": f"system{seed}", "dataset": "fer2013", "split": "test", **searched, **facts}
    return Result(probs, np.eye(7)[label], LABELS, names, provenance=Provenance(**facts))


@pytest.fixture
def good() -> Result:
    """A skilled system."""
    return system(1, 2.5)


@pytest.fixture
def poor() -> Result:
    """A less skilled one on the same images."""
    return system(2, 1.0)


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """The function `table(name, head, rows) -> Path` that writes a CSV."""

    def write(name: str, head: list[str], rows: Iterable[Iterable[object]]) -> Path:
        with (tmp_path / name).open("w", newline="", encoding="utf-8") as file:
            lines = csv.writer(file)
            lines.writerow(head)
            lines.writerows(rows)
        return tmp_path / name

    return write
