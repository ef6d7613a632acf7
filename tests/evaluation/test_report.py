"""report.html of an evaluation: whole without the network, empty sections left out, the right figures in it."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.evaluation.evaluate import describe
from mien.evaluation.report import SECTIONS, Report, write
from mien.evaluation.report.chart import lines, ticks
from mien.evaluation.result import Result
from mien.labels import EXPRESSIONS


def result(**facts: Any) -> Result:
    rng = np.random.default_rng(0)
    label = rng.integers(7, size=400)
    probs = rng.dirichlet(np.ones(8), 400)
    probs[np.arange(400), label] += 0.8
    told = {
        "weights": "<script>alert(1)</script>",
        "weights_sha256": "0" * 64,
        "dataset": "ferplus",
        "split": "val",
        "options": {"labels": "majority"},
        "fingerprint": "abc",
        "left_out": 13,
        "labels_left_out": ["contempt"],
        "version": "0.1.0",
        "twins": [str(k) for k in range(40)],
        **facts,
    }
    ids = np.arange(400).astype(str)
    return Result(probs / probs.sum(1, keepdims=True), np.eye(8)[label], EXPRESSIONS, ids, provenance=told)


@pytest.fixture
def text(tmp_path: Path) -> str:
    made = result()
    history = [{"epoch": k, "val_accuracy": 0.4 + 0.05 * k, "loss": 2.0 - 0.1 * k} for k in range(5)]
    return write(made, describe(made), tmp_path / "report.html", history).read_text(encoding="utf-8")


def test_is_well_formed_and_fetches_nothing(text: str) -> None:
    class Balance(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert not any(
                key in ("src", "href", "action") and not (value or "").startswith("data:") for key, value in attrs
            )
            if tag not in {"meta", "link"}:
                self.open.append(tag)

        def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag in {"line", "circle", "polyline"}

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    parser = Balance()
    parser.feed(text)
    assert parser.open == []
    assert "http" not in text.replace("http-equiv", "")
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; on ferplus val" in text


def test_prints_the_figures(text: str) -> None:
    found = describe(result())
    assert f"{100 * found['accuracy']:.1f} %" in text
    assert f"{100 * found['clean']['accuracy']:.1f} %" in text
    low, high = found["accuracy_interval"]
    assert f"95 %: {100 * low:.1f} to {100 * high:.1f}" in text
    assert "accuracy on 400 images" in text
    assert "on 360 without twins" in text
    assert "without contempt, 13 images left out" in text
    cells = re.findall(r"--a:[\d.]+\">([\d,]+)<small>", text)
    assert [int(cell) for cell in cells] == np.ravel(found["confusion"]).tolist()


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_gives_html_or_nothing(name: str) -> None:
    made = result()
    fragment = SECTIONS[name](Report(made, describe(made)))
    assert (fragment == "") == (name == "curves")  # there is no log
    assert not fragment or fragment.startswith("<")


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_stands_an_empty_result(name: str) -> None:
    made = result(twins=[])
    empty = made.take(np.zeros(400, bool))
    assert "nan" not in SECTIONS[name](Report(empty, describe(empty)))


def test_a_line_runs_through_its_points() -> None:
    svg = lines([("a", [0, 1, 2], [0.0, 0.5, 1.0])], "x", "y")
    points = re.search(r'polyline points="([^"]+)"', svg)
    assert points
    xs, ys = zip(*(map(float, pair.split(",")) for pair in points[1].split()), strict=True)
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.2)
    assert ys[0] > ys[1] > ys[2]


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.42, 0.69), (-3, 1200), (5, 5), (0, 0), (1e-9, 2e-9), (-2, -1)])
def test_ticks_enclose_the_range(low: float, high: float) -> None:
    found = ticks(low, high)
    assert found[0] <= low <= high <= found[-1]
    assert 2 <= len(found) <= 12
    assert (np.diff(found) > 0).all()
