"""Which frames of a video are taken: by their times and places alone, whatever decodes them."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mien.errors import MediaError
from mien.inference.media import ffmpeg, video
from mien.inference.media.video import Clip, frames

TENTHS = [k / 10 for k in range(20)]


def taken(monkeypatch: pytest.MonkeyPatch, times: Sequence[float], **clip: Any) -> list[float]:
    """The times of the frames that are taken of those that the decoder gives, some of them before the start."""

    def decoded(*_: Any) -> Any:
        return ((k, seconds, lambda: np.zeros((2, 2, 3), np.uint8)) for k, seconds in enumerate(times))

    monkeypatch.setattr(video, "_decoded", decoded)
    return [seconds for _, seconds, _ in frames("a.mp4", Clip(**clip))]


@pytest.mark.parametrize(
    ("clip", "expected"),
    [
        ({}, TENTHS),
        ({"every": 7}, [0.0, 0.7, 1.4]),
        ({"start": 0.3, "end": 0.6}, [0.3, 0.4, 0.5]),  # the start belongs to the part, the end does not
        ({"start": 0.25, "every": 5}, [0.3, 0.8, 1.3, 1.8]),  # counted from the first one in the part
        ({"max_fps": 5}, TENTHS[::2]),
        ({"max_fps": 100}, TENTHS),
        ({"start": 0.1, "max_fps": 2}, [0.1, 0.6, 1.1, 1.6]),
        ({"every": 2, "max_fps": 2}, [0.0, 0.6, 1.0, 1.6]),
    ],
)
def test_frames_of_a_clip(clip: dict[str, Any], expected: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    assert taken(monkeypatch, TENTHS, **clip) == expected


@pytest.mark.parametrize("whole", [round, int])
def test_times_in_whole_milliseconds_fill_every_slot(
    whole: Callable[[float], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As rounded (Matroska) or cut off (recorders in browsers): an early time belongs to its own slot."""
    times = [whole(k * 1000 / 30) / 1000 for k in range(90)]
    assert taken(monkeypatch, times, max_fps=30) == times
    assert taken(monkeypatch, times, max_fps=15) == times[::2]


@pytest.mark.parametrize("clip", [{"start": 2.5}, {"start": 0.55, "end": 0.58}])
def test_a_part_without_a_frame_is_an_error(clip: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MediaError, match=r"a\.mp4 (ends at 1\.9 s|has no frame from 0\.55 s to 0\.58 s)"):
        taken(monkeypatch, TENTHS, **clip)


def test_a_frame_without_a_time_or_with_one_in_the_past_follows_by_one_of_the_nominal_rate() -> None:
    reading = object.__new__(ffmpeg._Reading)
    reading._first_pts, reading._last, reading._longest, reading._rate = 30, None, 0.0, 20
    reading._stream = SimpleNamespace(time_base=Fraction(1, 100))
    seconds = []
    for timestamp in (30, 35, None, 36, 50, 20):
        reading._time(timestamp)
        seconds.append(reading.seconds)
    assert seconds == [0.0, 0.05, 0.1, 0.15, 0.2, 0.25]
