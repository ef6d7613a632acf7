"""Onsets, peaks and ends of expressions, from probabilities made by hand and from a video."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.errors import UsageError
from mien.face import Face
from mien.inference.pipeline import Pipeline
from mien.inference.prediction import Prediction
from mien.inference.video.events import Event, Events
from mien.inference.video.smoothing import AWAY
from mien.inference.video.thresholds import USUAL, Thresholds

LABELS = ("neutral", "happiness", "surprise")


def frame(t: float, shown: dict[int, tuple[float, float]], source: str = "a.mp4") -> Prediction:
    """A frame in which tracks show (happiness, surprise)."""
    faces = [
        Face(np.zeros(4, np.float32), 1.0, None, LABELS, np.array([1 - h - s, h, s], np.float32), track_id=track)
        for track, (h, s) in shown.items()
    ]
    return Prediction(source, round(t * 10), t, 100, 100, faces=tuple(faces))


def events_of(happy: Sequence[float | None], step: float = 0.1, cuts: Sequence[int] = ()) -> list[Event]:
    """The events of one face that shows so much happiness (None: it is away), without smoothing."""
    events, out = Events(smooth=0), []
    for k, h in enumerate(happy):
        out += events.add(frame(k * step, {} if h is None else {1: (h, 0.0)}), k in cuts)
    return out + events.end()


def test_one_event_in_full() -> None:
    events = events_of([0, 0.2, 0.45, 0.65, 0.8, 0.91, 0.7, 0.5, 0.3, 0])
    assert len(events) == 1
    event = events[0]
    assert (event.source, event.track_id, event.expression) == ("a.mp4", 1, "happiness")
    assert (event.onset, event.peak, event.offset) == pytest.approx((0.2, 0.5, 0.7))
    assert event.confidence == pytest.approx(0.91)
    assert str(event) == "happiness onset 0.2 s, peak 0.5 s, 0.91"


def test_text() -> None:
    assert str(Event("a", 1, "surprise", 12.41, 13.02, 14, 0.908)) == "surprise onset 12.4 s, peak 13.0 s, 0.91"


ENTER, LEAVE, SHORTEST = USUAL.high, USUAL.low, USUAL.shortest
HIGH = ENTER + 0.05
BETWEEN = (ENTER + LEAVE) / 2


@pytest.mark.parametrize(
    ("happy", "count"),
    [
        ([], 0),
        ([0.0] * 20, 0),
        ([HIGH] * 10, 1),  # from the first frame to the last
        ([0] + [BETWEEN] * 20 + [0], 0),  # never reaches ENTER
        ([0] + [HIGH, BETWEEN] * 10 + [0], 1),  # hovers about ENTER
        ([0] + [HIGH] * 6 + [LEAVE - 0.01] + [HIGH] * 6, 2),  # falls under LEAVE
        ([0, HIGH, HIGH, 0], 0),  # too short
        ([0] + [HIGH] * 6 + [None] * 2 + [HIGH] * 6, 1),  # out of sight for a moment
        ([0] + [HIGH] * 6 + [None] * 8 + [HIGH] * 6, 2),  # away
        ([0] + [HIGH] * 3 + [None] * 8 + [HIGH] * 3, 0),  # away, and each part too short
    ],
)
def test_how_many(happy: list[float | None], count: int) -> None:
    assert len(events_of(happy)) == count


def test_the_shortest() -> None:
    frames = round(SHORTEST / 0.1) + 1
    assert len(events_of([0] + [HIGH] * frames + [0])) == 1
    assert len(events_of([0] + [HIGH] * (frames - 1) + [0])) == 0


def test_a_cut_ends_events() -> None:
    events = events_of([HIGH] * 20, cuts=[10])
    assert [(round(e.onset, 1), round(e.offset, 1)) for e in events] == [(0.0, 0.9), (1.0, 1.9)]


def test_neutral_is_no_event() -> None:
    assert events_of([0.0] * 30) == []


def test_events_are_returned_with_the_frame_that_ends_them() -> None:
    events = Events(smooth=0)
    seen = [len(events.add(frame(k / 10, {1: (HIGH if 1 <= k <= 8 else 0, 0)}))) for k in range(12)]
    assert seen == [0] * 9 + [1, 0, 0]
    assert events.end() == []


def test_a_face_that_went_ends_its_events_in_time() -> None:
    events = Events(smooth=0)
    for k in range(10):
        assert events.add(frame(k / 10, {1: (HIGH, 0)})) == []
    assert events.add(frame(0.9 + AWAY / 2, {})) == []
    (ended,) = events.add(frame(1.0 + AWAY, {}))
    assert ended.offset == pytest.approx(0.9)


def test_several_faces_and_expressions_at_once() -> None:
    events, out = Events(smooth=0), []
    for k in range(40):
        out += events.add(frame(k / 10, {7: (0.9, 0.0) if k < 20 else (0.0, 0.9), 3: (0.0, 0.8) if k > 9 else (0, 0)}))
    out += events.end()
    assert [(e.track_id, e.expression, round(e.onset, 1), round(e.offset, 1)) for e in out] == [
        (7, "happiness", 0.0, 1.9),
        (3, "surprise", 1.0, 3.9),
        (7, "surprise", 2.0, 3.9),
    ]


def test_another_source_ends_all_of_the_old_one() -> None:
    events = Events(smooth=0)
    for k in range(10):
        events.add(frame(k / 10, {1: (HIGH, 0)}))
    (ended,) = events.add(frame(0.0, {1: (HIGH, 0)}, "b.mp4"))
    assert (ended.source, round(ended.offset, 1)) == ("a.mp4", 0.9)
    for k in range(1, 10):
        assert events.add(frame(k / 10, {1: (HIGH, 0)}, "b.mp4")) == []
    (ended,) = events.end()
    assert (ended.source, ended.onset) == ("b.mp4", 0.0)


def test_images_and_broken_videos_show_no_events() -> None:
    events = Events(smooth=0)
    for k in range(10):
        events.add(frame(k / 10, {1: (HIGH, 0)}))
    assert len(events.add(Prediction("photo.jpg", faces=frame(0, {1: (HIGH, 0)}).faces))) == 1
    for k in range(10):
        events.add(frame(k / 10, {1: (HIGH, 0)}, "b.mp4"))
    assert events.add(Prediction("b.mp4", error="the file ends in the middle of a frame")) == []
    assert len(events.end()) == 1


@pytest.mark.parametrize("change", [{"track_id": None}, {"probs": None}])
def test_faces_without_id_or_prediction_are_skipped(change: dict[str, None]) -> None:
    events = Events()
    for k in range(10):
        seen = frame(k / 10, {1: (HIGH, 0)})
        events.add(replace(seen, faces=tuple(replace(face, **change) for face in seen.faces)))
    assert events.end() == []


def test_raw_probabilities_are_smoothed_first() -> None:
    rng = np.random.default_rng(0)
    happy = [float(np.clip(0.62 + rng.normal(0, 0.2), 0, 1)) for _ in range(200)]
    raw, smooth = Events(smooth=0), Events()
    counts = [0, 0]
    for k, h in enumerate(happy):
        for place, events in enumerate((raw, smooth)):
            counts[place] += len(events.add(frame(k / 25, {1: (h, 0)})))
    counts = [counts[0] + len(raw.end()), counts[1] + len(smooth.end())]
    assert counts[1] == 1
    assert raw.add(frame(0, {})) == []


@pytest.mark.parametrize("smooth", [0.0, 0.3])
def test_the_peak_is_the_strongest_single_frame(smooth: float) -> None:
    """Of a plateau an average is highest at its end; a stronger frame before the onset is not in the event."""
    happy = [*LOW, *[0.7] * 5, 0.95, *[0.8] * 20, *LOW, 0.99, *LOW]
    (event,), _ = bursts(happy, smooth)
    assert (event.peak, event.confidence) == (15 / 25, pytest.approx(0.95))
    again, _ = bursts([*happy, *[0.75] * 30, *LOW], smooth)
    assert [one.confidence for one in again] == pytest.approx([0.95, 0.75])


def test_a_stretch_that_only_peaks_in_one_frame_is_no_event() -> None:
    """Whether `high` is reached goes by the average, wherever the peak is."""
    happy = [*LOW, *[0.5] * 10, 0.9, *[0.5] * 10, *LOW]
    assert [len(bursts(happy, smooth)[0]) for smooth in (0.0, 0.3)] == [1, 0]


def test_a_smile_in_a_video(
    tmp_path: Path, pipeline: Pipeline, film: Callable[..., Path], astronaut: np.ndarray
) -> None:
    smile, dark = astronaut[:320, 60:380], np.zeros((320, 320, 3), np.uint8)
    path = film(tmp_path / "smile.mp4", [dark] * 6 + [smile] * 30 + [dark] * 6)
    events = Events()
    out = [event for prediction in pipeline.predict(path) for event in events.add(prediction)] + events.end()
    assert [(e.expression, e.track_id) for e in out] == [("happiness", 1)]
    assert out[0].onset == pytest.approx(0.3, abs=0.1)
    assert out[0].offset == pytest.approx(1.75, abs=0.1)
    assert out[0].confidence > 0.8


def bursts(happy: Sequence[float], smooth: float, thresholds: Thresholds = USUAL) -> tuple[list[Event], int]:
    """The events and the number of bursts of one face at 25 frames a second."""
    events, out = Events(smooth, thresholds), []
    for k, h in enumerate(happy):
        out += events.add(frame(k / 25, {1: (h, 0.0)}))
    out += events.end()
    assert {key for key, count in events.bursts.items() if count} <= {(1, "happiness")}
    return out, events.bursts.total()


LOW = [0.0] * 10


@pytest.mark.parametrize("smooth", [0.0, 0.3])
@pytest.mark.parametrize(
    ("happy", "events", "count"),
    [
        (LOW, 0, 0),
        ([*LOW, *[0.9] * 5, *LOW], 0, 1),
        ([*LOW, 0.9, *LOW], 0, 1),  # a single frame
        ([*LOW, *[0.55] * 5, *LOW], 0, 0),  # never high
        ([*LOW, *[0.9] * 11, *LOW], 0, 1),  # just too short
        ([*LOW, *[0.9] * 14, *LOW], 1, 0),  # just long enough
        ([*LOW, *[0.9] * 5, *LOW, *LOW, *[0.9] * 30, *LOW], 1, 1),
        ([*LOW, *([*[0.9] * 3, *[0.0] * 12] * 8)], 0, 8),
        ([0.9] * 3, 0, 1),  # from the first frame to the last
    ],
)
def test_what_is_too_short_is_counted(happy: list[float], events: int, count: int, smooth: float) -> None:
    detected, seen = bursts(happy, smooth)
    assert (len(detected), seen) == (events, count)


def test_what_flickers_within_an_event_is_no_burst() -> None:
    detected, seen = bursts([*LOW, *([*[0.95] * 5, 0.3] * 2000), *LOW], 0.3)
    assert (len(detected), seen) == (1, 0)


def test_bursts_end_with_cuts_and_sources() -> None:
    events = Events()
    for k in range(10):
        events.add(frame(k / 25, {1: (0.9, 0.0)}), cut=k == 5)
    events.add(frame(0.0, {1: (0.9, 0.0)}, "b.mp4"))
    events.end()
    assert events.bursts.total() == 3


def test_thresholds_are_settings() -> None:
    happy = [*LOW, *[0.5] * 10, *LOW]
    assert [len(bursts(happy, 0.0, Thresholds(*at))[0]) for at in ((), (0.5, 0.4, 0.3), (0.5, 0.5, 0.36))] == [0, 1, 1]
    assert bursts(happy, 0.0, Thresholds(0.5, 0.3, 0.4)) == ([], 1)
    assert str(Thresholds(0.7, 0.35, 1)) == "reaches 70 %, stays at 35 % or more and lasts 1 s or longer"
    (event,) = bursts([*LOW, *[0.9] * 20, *LOW], 0.0)[0]
    assert event.duration == pytest.approx(event.offset - event.onset) == pytest.approx(0.76)


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ((1.1, 0.4, 0.5), "`event_high` 1.1; expected a probability from 0 to 1"),
        ((0.6, -0.1, 0.5), "`event_low` -0.1; expected a probability from 0 to 1"),
        ((0.6, float("nan"), 0.5), "`event_low` nan"),
        ((0.3, 0.4, 0.5), "`event_low` 0.4; expected at most `event_high` 0.3"),
        ((0.6, 0.4, -1), "`event_min` -1; expected seconds, 0 or more"),
        ((0.6, 0.4, float("inf")), "`event_min` inf"),
    ],
)
def test_impossible_thresholds(at: tuple[float, float, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Thresholds(*at)
