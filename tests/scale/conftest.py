"""Photos of real people under many names, and a Settings whose pipeline meets sources that end or hang it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from ..inference.conftest import Ran, astronaut, coffee, film, hopper, mien, moved, pipeline

__all__ = ["Ran", "astronaut", "coffee", "film", "hopper", "mien", "moved", "pipeline"]

FAST = ("--detector", "whole", "--weights", "ferplus-nano")
KEYS = ("source", "frame", "face")


def sorted_rows(table: Any) -> list[dict[str, Any]]:
    """Return the rows of an Arrow table, in an order of their own."""
    return sorted(table.to_pylist(), key=lambda row: [(row[key] is not None, row[key] or 0) for key in KEYS])


def rows(out: Path | str) -> list[dict[str, Any]]:
    """Return the rows of all shards, as a user reads them."""
    return sorted_rows(pq.read_table(f"{out}/shards"))


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Path]:
    """Work in a folder and write photos of noise, 24 px, into `photos`: names(from, to)."""
    monkeypatch.chdir(tmp_path)

    def write(number: int) -> Path:
        folder = tmp_path / "photos"
        folder.mkdir(exist_ok=True)
        for k in range(number):
            noise = np.random.default_rng(k).integers(0, 256, (24, 24, 3), np.uint8)
            Image.fromarray(noise).save(folder / f"{k:03}.png")
        return folder

    return write
