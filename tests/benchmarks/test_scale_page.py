"""results/SCALE.md is what the benchmarks kept, and its sums add up."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


ARCHIVES = {
    "rows": [{"system": "1 child process", "images": n, "cpu": 2 + n * 0.036} for n in (0, 100, 1000)],
    "listings": [{"files": 1000, "cpu": 0.0036, "mib": 1}],
    "row": {"rows": 10, "bytes": 1000},
}
PHOTOS = {"rows": [{"megapixels": n, "megabytes": n / 6, "cpu_ms": {"mien": 36.0 * n / 12}} for n in (12, 24)]}


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


def test_the_page_is_that_of_the_kept_figures() -> None:
    import scale

    assert (ROOT / "results" / "SCALE.md").read_text("utf-8") == scale.written()


def test_slopes_are_on_logarithmic_axes() -> None:
    from bench.scale_page import _slopes

    assert _slopes([10, 100, 1000], [1, 10, 1000]) == ["-", "1.00", "2.00"]


def test_a_million_photos_is_a_sum_of_kept_figures() -> None:
    from bench.scale_page import _million

    growth = {"rows": [{"stage": "predict", "images": 100, "cpu": 4.0, "load": 3.0}]}
    text = "\n".join(_million(ARCHIVES, growth, PHOTOS))
    assert "(38.00 s - 2.00 s) / (1,000 - 0) = 36.00 ms | 36.00 | 10.0 | 5.0 | 0.6 |" in text
    assert "| 72.00 | 20.0 | 10.0 | 1.2 |" in text
    assert "Listing takes 4 s more" in text
    assert "40.0 ms in the run of 100 above" in text


def test_a_billion_photos_is_a_sum_of_kept_figures() -> None:
    from bench.scale_page import _billion

    text = "\n".join(_billion(ARCHIVES, PHOTOS))
    assert "2.0 MB = 2.0 PB, which is 56 GB/s over those hours, or 56 MB/s a core" in text
    assert "10,000 core hours: 10.0 hours on 1,000 cores" in text
    assert "1 hours in one process, and 1049 bytes each = 1,049 GB" in text
    assert "100 bytes a row (of 10 different crops) = 100 GB" in text


def test_near_duplicates_of_a_million_images_were_measured() -> None:
    rows = json.loads((ROOT / "results" / "growth.json").read_text("utf-8"))["rows"]
    assert max(row["images"] for row in rows if row["stage"] == "near-duplicates") == 1_000_000
