"""Bins that stay few and true, and figures that are sound XML inside their frame."""

import re
import tracemalloc
from xml.etree import ElementTree

import numpy as np
import pytest

from mien.html.page import COLOURS
from mien.inference.output.timeline_svg import HIGH, WIDE, clock, figure, key
from mien.inference.video.events import Event
from mien.inference.video.timeline import BINS, FINEST, Timeline

LABELS = ("neutral", "happiness", "surprise")


def shares(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(3), count)


def drawn(html: str) -> ElementTree.Element:
    return ElementTree.fromstring(html)


@pytest.mark.parametrize(("rate", "seconds", "start"), [(25, 4, 0.0), (30, 60, 7.5), (10, 3600, 100.0), (7, 33, 0.3)])
def test_bins_are_means_whatever_the_length(rate: int, seconds: int, start: float) -> None:
    times = start + np.arange(rate * seconds) / rate
    rows = shares(len(times))
    line = Timeline()
    for at, row in zip(times, rows, strict=True):
        line.add(1, at, row, 0.0)
    means = line.means(1)
    assert len(means) <= BINS
    assert line.width >= FINEST
    assert line.width == FINEST or len(means) > BINS / 2
    places = ((times - start) / line.width).astype(int)
    expected = [
        rows[places == k].mean(axis=0) if (places == k).any() else np.full(3, np.nan) for k in range(len(means))
    ]
    assert means == pytest.approx(np.array(expected), nan_ok=True)


def test_frames_last_and_an_absence_or_lost_time_is_a_gap() -> None:
    line = Timeline()
    rows = shares(4)
    for at, lasts, row in zip((0.0, 1.0, 2.0, 9.0), (1.0, 1.0, 0.1, 1.0), rows, strict=True):
        line.add(1, at, row, lasts)
    means = line.means(1)
    seen = ~np.isnan(means[:, 0])
    at = (np.arange(len(means)) + 0.5) * line.width
    assert seen[at < 2].all()
    assert not seen[(at > 2.2) & (at < 8.9)].any()
    assert means[at < 1] == pytest.approx(np.tile(rows[0], ((at < 1).sum(), 1)))
    assert means[-1] == pytest.approx(rows[3])


def test_faces_share_the_axis_and_can_be_forgotten() -> None:
    line = Timeline()
    line.add(1, 0.0, shares(1)[0], 0.0)
    line.add(2, 8.0, shares(1)[0], 0.0)
    assert line.means(1).shape == line.means(2).shape
    line.drop(1)
    assert line.means(1).shape[1] == 0


def test_blinks_are_ticks_where_the_eyes_were_least_open() -> None:
    line, measured = Timeline(), Timeline()
    for k in range(100):
        line.add(1, k / 20, shares(1)[0], 0.05)
        measured.add(1, k / 20, np.array([0.0, 0.8]), 0.05)
    blink = Event("a", 1, "blink", 2.4, 2.5, 2.6, 0.9)
    svgs = drawn(figure(line, measured, 1, LABELS, [], "face", [blink])).findall("svg")
    ticks = [group for group in svgs[-1].findall("g") if group.findtext("title") == "blink at 0:02.5"]
    assert [tick.find("path").get("d").split()[0] for tick in ticks] == [f"M{WIDE * 2.5 / 5:.1f}"]
    assert "blink" not in figure(line, Timeline(), 1, LABELS, [], "face", [])


def test_two_hours_cost_no_more_than_minutes() -> None:
    line, rows = Timeline(), shares(64)
    for k in range(3000):
        line.add(1, k / 10, rows[k % 64], 0.1)
    tracemalloc.start()
    for k in range(3000, 72_000):
        line.add(1, k / 10, rows[k % 64], 0.1)
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert grown < 100_000
    text = figure(line, Timeline(), 1, LABELS, [], "description")
    assert len(text) < 20_000


def test_a_figure_is_xml_within_its_frame() -> None:
    line = Timeline()
    for k in range(100):
        if not 40 <= k < 60:
            line.add(1, k / 10, np.append(shares(100)[k], (0.5, -0.5)), 0.1)
    events = [Event("a", 1, "surprise", 0.5, 1.0, 2.0, 0.9), Event("a", 1, "happiness", 9.0, 9.9, 9.9, 0.7)]
    tree = drawn(figure(line, Timeline(), 1, LABELS, events, 'face "1" <of> a'))
    marks, bands, affect = tree.findall("svg")
    assert bands.get("aria-label") == 'face "1" <of> a'
    assert {path.get("fill") for path in bands} == {COLOURS[label] for label in LABELS}
    for path in bands:
        outline = path.get("d") or ""
        assert outline.count("M") == 2  # before and after the absence
        numbers = [float(number) for number in re.findall(r"-?[\d.]+(?:e-?\d+)?", outline)]
        assert min(numbers) >= -0.01
        assert max(numbers[::2]) <= WIDE
        assert max(numbers[1::2]) <= HIGH
    assert [group.get("fill") for group in marks] == [COLOURS["surprise"], COLOURS["happiness"]]
    assert (marks[0].findtext("title") or "").startswith("surprise 0:00.5 to 0:02.0")
    left, width = (float(marks[0][1].get(name) or 0) for name in ("x", "width"))
    total = len(line.means(1)) * line.width
    assert (left, width) == pytest.approx((WIDE * 0.5 / total, WIDE * 1.5 / total), abs=0.1)
    assert len(affect) == 3
    assert "".join(tree.itertext()).endswith("0:000:020:040:060:08")


@pytest.mark.parametrize("seconds", [0.0, 0.3, 59.0, 3599.0, 90_000.0])
def test_ticks_are_few_and_on_the_axis(seconds: float) -> None:
    line = Timeline()
    line.add(1, 0.0, shares(1)[0], 0.0)
    line.add(1, seconds, shares(1)[0], 0.0)
    places = [float(at) for at in re.findall(r"left:([\d.]+)%", figure(line, Timeline(), 1, LABELS, [], "description"))]
    assert 1 <= len(places) <= 8
    assert 0 <= min(places) <= max(places) < 100


def test_bands_stack_to_the_top_with_neutral_above() -> None:
    line = Timeline()
    line.add(1, 0.0, np.array([0.5, 0.3, 0.2]), 0.0)
    bands = drawn(figure(line, Timeline(), 1, LABELS, [], "description")).findall("svg")[1]
    heights = [re.findall(r" (\d+)", path.get("d") or "") for path in bands]
    assert [path.get("fill") for path in bands] == [COLOURS[name] for name in ("happiness", "surprise", "neutral")]
    assert [(max(map(int, ys)), min(map(int, ys))) for ys in heights] == [(100, 70), (70, 50), (50, 0)]


def test_the_key_names_what_is_drawn() -> None:
    assert "valence" not in key(LABELS, affect=False)
    assert all(name in key(LABELS, affect=True) for name in (*LABELS, "valence", "arousal"))


@pytest.mark.parametrize(
    ("seconds", "digits", "expected"),
    [(0, 0, "0:00"), (59.96, 1, "1:00.0"), (59.4, 0, "0:59"), (3599.99, 1, "1:00:00.0"), (7200, 0, "2:00:00")],
)
def test_clock(seconds: float, digits: int, expected: str) -> None:
    assert clock(seconds, digits) == expected
