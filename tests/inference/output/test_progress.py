"""What a terminal shows while a run goes on: a bar that moves with a video's time, and a table before a camera."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mien.inference.media.sources import Source
from mien.inference.media.video import Clip
from mien.inference.output.progress import Position, duration
from mien.inference.prediction import FrameResult, Prediction

NOTHING = np.empty((0, 48, 48, 1), np.uint8)

CAMERA = """
import sys, time, cv2, av
clip = sys.argv.pop(1)
class Capture:
    def __init__(self, number):
        with av.open(clip) as file:
            self.images = [frame.to_ndarray(format="bgr24") for frame in file.decode(video=0)]
        self.k = -1
    def isOpened(self): return True
    def release(self): pass
    def set(self, *_): return True
    def get(self, *_): return 0.0
    def read(self):
        self.k += 1
        time.sleep(0.02)
        return self.k < {most}, self.images[self.k % len(self.images)]
cv2.VideoCapture = Capture
from mien.cli import main
main()
"""


def seen(source: Source, seconds: float | None = None) -> FrameResult:
    return FrameResult(Prediction(source.name, None if seconds is None else 0, seconds), source, False, NOTHING)


def test_position_moves_with_images_and_with_the_time_of_videos(video: Path) -> None:
    assert duration(video) == pytest.approx(0.6)
    photo, film = (Source(path.name, path, Path(path.name)) for path in (Path("a.jpg"), video))
    position = Position(Clip())
    assert position.at(seen(photo), 0.0) == (1, "a.jpg")
    shown = [position.at(seen(film, at), now) for at, now in ((0.0, 1.0), (0.3, 1.5), (0.6, 2.0))]
    assert [done for done, _ in shown] == pytest.approx([1, 1.5, 2])
    assert shown[-1][1] == "moved.mp4 0:01 / 0:01, 2 frames/s"
    assert position.at(seen(photo), 3.0)[0] == 3


def test_position_within_a_clip(video: Path) -> None:
    film = Source("moved.mp4", video, Path("moved.mp4"))
    position = Position(Clip(start=0.2, end=0.4))
    assert [position.at(seen(film, at), at)[0] for at in (0.2, 0.3, 0.4)] == pytest.approx([0, 0.5, 1])


def test_a_file_that_does_not_tell_its_length(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video")
    assert duration(tmp_path / "a.mp4") is duration(tmp_path / "gone.mp4") is None
    film = Source("a.mp4", tmp_path / "a.mp4", Path("a.mp4"))
    assert Position(Clip()).at(seen(film, 5.0), 0.0) == (0, "a.mp4 0:05")


def on_terminal(command: list[str], tell: Callable[[subprocess.Popen[bytes]], None]) -> tuple[int, str]:
    """Run a command on a terminal of its own; return its exit code and what was shown."""
    import pty

    leader, follower = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    with subprocess.Popen(command, stdout=follower, stderr=follower, env=environment) as running:
        os.close(follower)
        tell(running)
        shown = b""
        try:
            while part := os.read(leader, 65536):
                shown += part
        except OSError:  # how Linux says that nobody writes to the terminal any more
            pass
    os.close(leader)
    return running.returncode, shown.decode("utf-8", "replace")


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")
def test_the_bar_shows_a_videos_time_and_frames_a_second(
    tmp_path: Path, film: Callable[..., Path], moved: list[np.ndarray]
) -> None:
    video = film(tmp_path / "long.mp4", moved * 8, rate=10)
    words = ["predict", str(video), "--format", "csv", "--out", str(tmp_path / "res")]
    code, shown = on_terminal([sys.executable, "-m", "mien.cli", *words], lambda running: None)
    assert code == 0
    assert re.search(r"long\.mp4 0:0\d / 0:10, \d+ frames/s", shown)
    assert "report.html" in shown


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")
def test_a_camera_on_a_terminal_is_a_live_table(video: Path, tmp_path: Path) -> None:
    words = [str(video), "predict", "camera:0", "--out", str(tmp_path / "res")]

    def interrupt(running: subprocess.Popen[bytes]) -> None:
        rows = tmp_path / "res/predictions.csv"
        until = time.monotonic() + 60
        while time.monotonic() < until and (not rows.exists() or rows.read_bytes().count(b"\n") < 20):
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)

    code, shown = on_terminal([sys.executable, "-c", CAMERA.replace("{most}", "10**6"), *words], interrupt)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert code == 130
    assert re.search(r"camera:0 0:0\d", plain)
    assert re.search(r"#1\s+happiness\s+█+─*\s+[<>]?\d+ %\s+\d", plain)
    assert plain.count("happiness") < 40  # in place, not a line per frame: the cursor goes back up
    assert "\x1b[1A" in shown
    assert len((tmp_path / "res/people.csv").read_text().splitlines()) == 2
    assert (tmp_path / "res/annotated/camera-0.mp4").exists()
    assert "report.html" in plain


def test_a_camera_elsewhere_gives_rows(video: Path) -> None:
    command = [sys.executable, "-c", CAMERA.replace("{most}", "5"), str(video), "predict", "camera:0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == 2
    assert [("camera:0" in line, "happiness" in line) for line in lines[1:6]] == [(True, True)] * 5
    assert "camera:0 stopped sending images" in done.stderr
