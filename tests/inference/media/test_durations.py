"""How long frames last: until the next one, not beyond the end, and not through time that was lost."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from mien.errors import MediaError
from mien.inference.media import video
from mien.inference.media.camera import CAMERA
from mien.inference.media.durations import Decoded, lasting, lasting_live
from mien.inference.media.video import Clip, timed_frames

IMAGE = np.zeros((2, 2, 3), np.uint8)
TWICE = [k / 25 for k in (*range(25), *range(90_000, 90_025))]  # a second, and another an hour later
UNEVEN = [0.0, 0.033, 0.1, 0.9, 0.933, 1.9, 1.933]  # a variable frame rate
KEY_FRAMES = [0.0, *(28 + k / 25 for k in range(50))]  # all but the first frame was lost for 28 s


def decoded(times: Iterable[float], wanted: Callable[[int], bool] = lambda k: True) -> Iterator[Decoded]:
    return ((k, seconds, IMAGE if wanted(k) else None) for k, seconds in enumerate(times))


@pytest.mark.parametrize(
    ("times", "lasts", "lost"),
    [
        ([], 0, []),
        ([7.0], 0.04, []),  # a frame alone
        ([0.0, 0.0], 0.04, []),
        ([0.0, 0.5, 0.6], 0.7, []),  # the last lasts as long as the one before it
        ([0.0, 5.0], 10, []),
        ([5.0 * k for k in range(9)], 45, []),  # slides
        ([0.0, 2.0, 3.0, 8.0, 9.0], 6, [8.0]),
        (UNEVEN, 1.966, []),
        (TWICE, 2, [3600.0]),
        (KEY_FRAMES, 2.04, [28.0]),
        ([k * step for step in (0.04,) for k in (*range(50), *range(80, 130))], 100 * 0.04, [3.2]),
        ([0.0, 28.0, 28.04], 0.12, [28.0]),
        ([0.4 * k for k in range(9)] + [5.0], 9 * 0.4 + 0.4, [5.0]),
    ],
)
def test_lost_time_belongs_to_no_frame(times: Sequence[float], lasts: float, lost: list[float]) -> None:
    frames = list(lasting(decoded(times)))
    assert [frame.seconds for frame in frames] == list(times)
    assert sum(frame.lasts for frame in frames) == pytest.approx(lasts)
    assert [frame.seconds for frame in frames if frame.lost] == lost
    for frame, after in zip(frames, times[1:], strict=False):
        assert after in lost or frame.lasts == pytest.approx(after - frame.seconds)


def test_what_animations_state_is_not_lost(tmp_path: Path) -> None:
    path, shades = tmp_path / "a.gif", [Image.new("RGB", (8, 8), (40 * k, 0, 0)) for k in range(6)]
    shades[0].save(path, save_all=True, append_images=shades[1:], duration=[200, 200, 200, 200, 3000, 200])
    assert [(frame.lasts, frame.lost) for frame in timed_frames(path)] == [
        (pytest.approx(seconds), False) for seconds in (0.2, 0.2, 0.2, 0.2, 3, 3)
    ]


@pytest.mark.parametrize(
    ("clip", "lasts"),
    [
        ({"every": 250}, [10, 10, 10]),
        ({"every": 250, "end": 21}, [10, 10, 1]),
        ({"every": 250, "end": 21.005}, [10, 10, 1.005]),
        ({"end": 0.1}, [0.04, 0.04, 0.02]),
        ({"max_fps": 0.4}, [2.52, 2.48] * 6),
        ({"start": 29, "every": 20}, [0.8, 0.2]),  # up to the end of the last frame, which was skipped
        ({"start": 29.94, "end": 99}, [0.04]),
    ],
)
def test_the_last_frame_ends_with_the_part(
    clip: dict[str, Any], lasts: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def every(*_: Any) -> Any:
        return ((k, k / 25, lambda: IMAGE) for k in range(750))

    monkeypatch.setattr(video, "_decoded", every)
    assert [frame.lasts for frame in timed_frames("a.mp4", Clip(**clip))] == pytest.approx(lasts)


def test_skipped_frames_show_where_time_was_lost() -> None:
    frames = list(lasting(decoded(TWICE, lambda k: k % 20 == 0)))
    assert [(frame.seconds, frame.lost) for frame in frames] == [(0, False), (0.8, False), (3600.6, True)]
    assert [frame.lasts for frame in frames] == pytest.approx([0.8, 0.2, 0.4])


def test_a_camera_waits_for_no_frame() -> None:
    read = []

    def camera() -> Iterator[Decoded]:
        for frame in decoded([*(0.1 * k for k in range(9)), 60.0, 60.1], lambda k: k != 5):
            read.append(frame[0])
            yield frame

    frames = []
    for frame in lasting_live(camera()):
        assert read[-1] == frame.index
        frames.append(frame)
    assert [frame.lasts for frame in frames] == pytest.approx([0.04, *[0.1] * 4, 0.2, 0.1, 0.1, 0.1, 0.1])
    assert [frame.seconds for frame in frames if frame.lost] == [60.0]


def test_cameras_are_read_live(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    monkeypatch.setattr(video, "_decoded", lambda *_: ((k, k / 10, lambda: read.append(1) or IMAGE) for k in range(9)))
    assert (next(timed_frames(f"{CAMERA}0")).lasts, len(read)) == (0.04, 1)


def test_an_error_comes_after_the_frames() -> None:
    def broken() -> Iterator[Decoded]:
        yield from decoded([0.0, 0.1])
        raise MediaError("cut short")

    read = []
    with pytest.raises(MediaError, match="cut short"):
        read += [frame.lasts for frame in lasting(broken()) if not read.append(frame.lasts)]
    assert read == pytest.approx([0.1, 0.1])


@pytest.mark.parametrize("damage", [False, True])
def test_nobody_was_on_screen_while_time_was_lost(
    mien: Callable[..., Any], clip: Callable[..., Path], astronaut: np.ndarray, tmp_path: Path, damage: bool
) -> None:
    """A clock that jumps by an hour, and packets of 8 s that are zeros: tables, events and the record agree."""
    path, portrait = tmp_path / "a.mp4", astronaut[:256, 96:352]
    times = [40 * k for k in (range(250) if damage else (*range(25), *range(90_000, 90_025)))]
    clip(path, size=(256, 256), times=times, image=lambda k: portrait, options={"bf": "0"})
    if damage:
        with av.open(str(path)) as file:
            packets = [(p.pos, p.size) for p in file.demux(video=0) if p.size and 1 <= p.pts * p.time_base < 9]
        content = bytearray(path.read_bytes())
        for at, size in packets:
            content[at : at + size] = bytes(size)
        path.write_bytes(content)
    out = tmp_path / "out"
    assert mien("predict", path, "--out", out).code == 2 * damage
    people, events = (list(csv.DictReader((out / name).open())) for name in ("people.csv", "events.csv"))
    assert sum(float(row["seconds"]) for row in people) == pytest.approx(2, abs=0.1)
    assert [event["expression"] for event in events] == ["happiness"] * 2
    assert all(float(event["duration"]) < 1 for event in events)
    assert json.loads((out / "mien-run.json").read_text())["counts"]["video_seconds"] == pytest.approx(2, abs=0.1)
