"""What makes an event, in figures: those that hold unless others are asked for, and both sides of each."""

import numpy as np
import pytest

from mien.face import Face
from mien.inference.prediction import Prediction
from mien.inference.video.events import Event, Events
from mien.inference.video.thresholds import Thresholds

LABELS = ("neutral", "happiness")


def seen(happy: list[float], thresholds: Thresholds | None = None) -> list[Event]:
    """The events of a face that shows so much happiness, ten frames a second, without smoothing."""
    events, out = Events(0.0, thresholds or Thresholds()), []
    for k, h in enumerate(happy):
        face = Face(np.zeros(4, np.float32), 1.0, track_id=1).read(LABELS, np.array([1 - h, h], np.float32))
        out += events.add(Prediction("a.mp4", k, k / 10, 10, 10, faces=(face,)))
    return out + events.end()


@pytest.mark.parametrize(
    ("happy", "count"),
    [
        ([0, *[0.58] * 10, 0], 0),
        ([0, *[0.61] * 10, 0], 1),
        ([0, *[0.9] * 6, 0.41, *[0.9] * 6, 0], 1),  # falls, but not below the lower one
        ([0, *[0.9] * 6, 0.38, *[0.9] * 6, 0], 2),
        ([0, *[0.9] * 5, 0], 0),  # seen for 0.4 seconds
        ([0, *[0.9] * 6, 0], 1),  # for 0.5
    ],
)
def test_the_usual_thresholds(happy: list[float], count: int) -> None:
    assert len(seen(happy)) == count


@pytest.mark.parametrize(
    ("happy", "count"),
    [([0, *[0.75] * 4, 0], 1), ([0, *[0.74] * 4, 0], 0), ([0, 0.75, 0.25, 0.25, 0.75, 0], 1), ([0, *[0.75] * 3, 0], 0)],
)
def test_other_thresholds_are_reached_by_what_equals_them(happy: list[float], count: int) -> None:
    assert len(seen(happy, Thresholds(high=0.75, low=0.25, shortest=0.3))) == count


def test_an_event_is_as_long_and_as_strong_as_it_was() -> None:
    (event,) = seen([0, 0.3, 0.5, 0.7, 0.875, 0.8, 0.6, 0.45, 0.2, 0])
    assert (event.onset, event.peak, event.offset, event.confidence) == (0.2, 0.4, 0.7, 0.875)
