"""The table on terminals of every width and kind, without one, and what it says of videos."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.cells import cell_len

from mien.printable import shortened

Mien = Callable[..., Any]
LONG = "a holiday in 2024/日本語日本語日本語/a very long name of a photo that somebody took.jpg"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def place(tmp_path: Path, astronaut: np.ndarray, coffee: np.ndarray, film: Callable[..., Path]) -> Path:
    """A folder with a photo under a long name, one without a face, a broken one and a video of two people."""
    path = tmp_path / LONG
    path.parent.mkdir(parents=True)
    Image.fromarray(astronaut).save(path)
    Image.fromarray(coffee).save(tmp_path / "b.png")
    (tmp_path / "c.jpg").write_bytes(b"no")
    both = np.concatenate([astronaut[:320, 60:380], astronaut[:320, 379:59:-1]], 1)
    film(tmp_path / "clip.mp4", [both] * 24)
    return tmp_path


def on_terminal(columns: int, place: Path, *words: str, **environment: str) -> list[str]:
    """Return the lines that a run prints on a terminal of so many columns."""
    import fcntl
    import pty
    import struct
    import termios

    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    usual = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")}
    command = [sys.executable, "-m", "mien", "predict", *words]
    with subprocess.Popen(
        command, stdout=follower, stderr=subprocess.DEVNULL, cwd=place, env=usual | {"TERM": "xterm"} | environment
    ):
        os.close(follower)
        shown = b""
        while True:
            try:
                part = os.read(leader, 65536)
            except OSError:  # what Linux says when nobody writes any more
                break
            if not part:
                break
            shown += part
    os.close(leader)
    return shown.decode().replace("\r\n", "\n").splitlines()


def piped(place: Path, *words: str, **environment: str) -> list[str]:
    usual = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    command = [sys.executable, "-m", "mien", "predict", *words]
    done = subprocess.run(command, capture_output=True, cwd=place, env=usual | environment, check=False)
    return done.stdout.decode().splitlines()


SOURCES = (LONG, "b.png", "c.jpg", "clip.mp4")


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")
@pytest.mark.parametrize(
    ("columns", "head"),
    [
        (40, ["source", "expression"]),
        (60, ["source", "face", "expression"]),
        (80, ["source", "face", "expression", "next"]),
        (132, ["source", "face", "box", "expression", "next"]),
    ],
)
def test_no_line_is_wider_than_the_terminal(place: Path, columns: int, head: list[str]) -> None:
    lines = [COLOUR.sub("", line) for line in on_terminal(columns, place, *SOURCES)]
    assert max(map(cell_len, lines)) <= columns
    assert lines[0].split() == head
    assert "took.jpg" in lines[1]
    assert lines[1].startswith("a hol")
    assert "…" in lines[1]
    assert "happiness" in lines[1]
    assert ">99 %" in lines[1]
    assert lines[2].split() == ["b.png", "no", "face"]
    assert lines[3].split() == ["c.jpg", "cannot", "be", "read"]
    rest = " ".join(" ".join(lines[4:]).split())
    assert "0:00 to 0:01, 24 frames, 2 people" in rest
    assert rest.count("1.2 s on screen: happiness 1.2 s (100 %)") == 2
    assert (
        rest.count("highest probability, neutral aside: happiness")
        == rest.count("event: happiness 0:00.0 to 0:01.1")
        == 2
    )


@pytest.fixture
def album(tmp_path: Path, astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A face on its side, a face on page 1 of 2 and none on page 1 of 3."""
    face, grey = Image.fromarray(astronaut), Image.new("RGB", (512, 512), "grey")
    face.rotate(90).save(tmp_path / "side.png")
    face.save(tmp_path / "two.tif", save_all=True, append_images=[grey])
    grey.save(tmp_path / "three.tif", save_all=True, append_images=[face, grey])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_was_read_stands_beside_the_image(album: Path) -> None:
    wide = piped(album, "side.png", "two.tif", "three.tif", "--rotate", "auto")
    assert wide[2].strip() == "(rotated by 270 degrees)"
    assert wide[4].strip() == "(page 1 of 2)"
    assert wide[5].split(maxsplit=1) == ["three.tif", "no face (page 1 of 3)"]
    narrow = piped(album, "side.png", "three.tif", "--rotate", "auto", COLUMNS="40")
    assert narrow[3].split() == ["three.tif", "no", "face"]
    assert narrow[4].strip() == "(page 1 of 3)"
    assert max(map(cell_len, narrow)) <= 40


def test_what_was_read_stands_in_the_report(mien: Mien, album: Path) -> None:
    assert mien("predict", "side.png", "two.tif", "three.tif", "--rotate", "auto", "--out", "res").code == 0
    page = (album / "res/report.html").read_text(encoding="utf-8")
    for name, summary in {
        "side.png": "rotated by 270 degrees",
        "two.tif": "page 1 of 2",
        "three.tif": "page 1 of 3",
    }.items():
        assert f'<h3>{name}</h3><p class="soft">{summary}</p>' in page
    assert "no face (page 1 of 3)" in page


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")
@pytest.mark.parametrize(
    ("environment", "escapes", "colours"),
    [({}, True, True), ({"NO_COLOR": "1"}, True, False), ({"TERM": "dumb"}, False, False)],
)
def test_colours_on_a_terminal(place: Path, environment: dict[str, str], escapes: bool, colours: bool) -> None:
    lines = on_terminal(100, place, LONG, **environment)
    assert any("\x1b" in line for line in lines) == escapes
    assert bool(re.search(r"\x1b\[[0-9;]*(38|3[0-7]|9[0-7])[0-9;]*m", "\n".join(lines))) == colours
    assert cell_len(COLOUR.sub("", lines[1])) > 80  # the width is the terminal's, dumb or not


@pytest.mark.parametrize(
    ("environment", "width", "colours"),
    [
        ({}, 120, False),
        ({"COLUMNS": "60"}, 60, False),
        ({"COLUMNS": "x"}, 120, False),
        ({"FORCE_COLOR": "1"}, 120, True),
        ({"TERM": "dumb"}, 120, False),
        ({"NO_COLOR": "1"}, 120, False),
    ],
)
def test_without_a_terminal(place: Path, environment: dict[str, str], width: int, colours: bool) -> None:
    lines = piped(place, LONG, "b.png", **environment)
    assert any("\x1b" in line for line in lines) == colours
    plain = [COLOUR.sub("", line) for line in lines]
    assert len(plain) == 3
    assert width - 20 < max(map(cell_len, plain)) <= width


def test_frames_prints_a_line_per_video_frame(mien: Mien, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    lines = mien("predict", "clip.mp4", "--frames").out.decode().splitlines()
    assert len(lines) == 1 + 2 * 24
    assert "clip.mp4 0.20 s" in lines[9]
    short = mien("predict", "clip.mp4").out.decode().splitlines()
    assert short[0] == "clip.mp4  0:00 to 0:01, 24 frames, 2 people"
    assert len(short) < 10
    assert not any(line.startswith("source") for line in short)


def test_bursts_are_printed_with_the_minimum_duration(mien: Mien, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    lines = mien("predict", "clip.mp4", "--event-min", "2").out.decode().splitlines()
    assert [line.strip() for line in lines if "burst" in line] == ["1 burst (shorter than 2 s): happiness 1"] * 2


def test_a_video_before_and_after_photos_keeps_its_place(
    mien: Mien, place: Path, coffee: np.ndarray, film: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    film(place / "none.mp4", [coffee[:320, :320]] * 4)
    broken = (place / "clip.mp4").read_bytes()
    (place / "cut.mp4").write_bytes(broken[: len(broken) * 9 // 10])
    lines = mien("predict", "none.mp4", "b.png", "cut.mp4", "b.png", "gone.mp4").out.decode().splitlines()
    first = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert first == ["none.mp4", "source", "b.png", "cut.mp4", "cut.mp4", "b.png", "gone.mp4"]
    assert lines[0] == "none.mp4  0:00.0 to 0:00.1, 4 frames, no face"


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("a.jpg", 5, "a.jpg"),
        ("abcdefghij.jpg", 10, "abc…ij.jpg"),
        ("日本語.jpg", 10, "日本語.jpg"),
        ("日本語.jpg", 9, "日…語.jpg"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
        ("", 3, ""),
    ],
)
def test_what_is_too_long_lacks_its_middle(text: str, width: int, shown: str) -> None:
    assert shortened(text, width) == shown
    assert cell_len(shown) <= max(width, 0)
