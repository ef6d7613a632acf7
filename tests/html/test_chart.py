"""Charts: points where the data is, scales that enclose it, intervals as long as they are."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from mien.html.chart import Line, Whisker, heatmap, lines, swatch, ticks, whiskers

SVG = "http://www.w3.org/2000/svg"


def test_a_line_runs_through_its_points() -> None:
    svg = lines([Line("a", [0, 1, 2], [0.0, 0.5, 1.0])], "x", "y")
    points = re.search(r'polyline points="([^"]+)"', svg)
    assert points
    xs, ys = zip(*(map(float, pair.split(",")) for pair in points[1].split()), strict=True)
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.2)
    assert ys[0] > ys[1] > ys[2]


RANGES = [(0, 1), (0.42, 0.69), (-3, 1200), (5, 5), (0, 0), (1e-9, 2e-9), (-2, -1), (0.875, 0.8750000000000001)]


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_ticks_enclose_the_range(low: float, high: float) -> None:
    values = ticks(low, high)
    assert values[0] <= low <= high <= values[-1]
    assert 2 <= len(values) <= 12
    assert (np.diff(values) > 0).all()


def test_whiskers_reach_from_end_to_end() -> None:
    svg = whiskers([Whisker("a", 0.5, (0.25, 0.75)), Whisker("b", 0.5, (0.4, 0.6))], "accuracy")
    bars = [
        (float(a), float(b))
        for a, b in re.findall(r'<line x1="([\d.]+)" x2="([\d.]+)" y1="[\d.]+" y2="[\d.]+" stroke=', svg)
    ]
    wide, narrow = (b - a for a, b in bars if b > a)
    assert wide / narrow == pytest.approx(0.5 / 0.2, abs=0.05)
    assert float(re.search(r'cx="([\d.]+)"', svg)[1]) == pytest.approx(sum(bars[0]) / 2, abs=0.1)


def test_differences_have_their_zero() -> None:
    assert 'class="axis"' in whiskers([Whisker("a", 0.05, (0.02, 0.08))], "difference", gap=True)
    assert 'class="axis"' not in whiskers([Whisker("a", 0.05, (0.02, 0.08))], "accuracy")


def test_equal_names_stand_together() -> None:
    rows = [Whisker("same", 0.5), Whisker("same", 0.6, kind=2), Whisker("other", None)]
    svg = whiskers(rows, "recall")
    assert svg.count(">same<") == 1
    assert "not known" in svg


def test_an_interval_of_a_tick_of_nothing() -> None:
    assert "<svg" in whiskers([], "recall")
    assert "<svg" in whiskers([Whisker("a", None)], "recall")


def test_results_differ_by_colour_and_shape() -> None:
    marks = [swatch(kind) for kind in range(1, 13)]
    assert len(set(marks)) == 12


def test_a_heatmap_is_a_file_that_shades_and_prints_each_value() -> None:
    tree = ElementTree.fromstring(
        heatmap("a < b", ("as is", "1"), [("blur", (0.9, 0.45)), ("x" * 99, (0, 1))], "severity")
    )
    shades = [float(cell.get("fill-opacity", 0)) for cell in tree.iter(f"{{{SVG}}}rect")][1:]
    texts = [text.text or "" for text in tree.iter(f"{{{SVG}}}text")]
    assert shades == [0.63, 0.32, 0, 0.7]
    assert [text for text in texts if text.isdigit()] == ["1", "90", "45", "0", "100"]
    assert "a < b" in texts
    assert max(map(len, texts)) < 50
