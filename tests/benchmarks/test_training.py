"""The arithmetic behind the hours of all of AffectNet."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from bench.training import COUNTS, affectnet, rows_per_epoch


def test_rows_of_an_epoch_follow_the_published_counts() -> None:
    scale = 446_000 / sum(COUNTS)
    assert rows_per_epoch("resnet18") == rows_per_epoch("alexnet-weighted") == 446_000
    assert rows_per_epoch("alexnet-down") == round(sum(min(scale * n, 15_000) for n in COUNTS))
    rare = [scale * n for n in COUNTS if scale * n < 15_000]
    assert rows_per_epoch("alexnet-up") == pytest.approx(446_000 + 15_000 * len(rare) - sum(rare), abs=1)


def test_hours_are_seconds_a_row_times_rows_and_epochs() -> None:
    spent = {"cpu": 36.0, "wall": 99.0, "peak_mib": 2048.0}
    row = {"drawn": 400, "rows": 360, "epochs": 10, "precision": "float32", "load": 1.0}
    row |= dict.fromkeys(("read", "train", "export and scores"), spent)
    assert "| `resnet18` | 100.0 | 446,000 | 12.4 | 10 | 124 | 2.0 | 68 |" in affectnet({"resnet18": row})
