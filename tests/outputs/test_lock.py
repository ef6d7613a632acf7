"""One process in a folder: refused by name, given back by a kill, on file systems with and without locks."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mien.errors import OutputError
from mien.outputs import lock
from mien.outputs.lock import NAME, locked

HOLD = """
import sys
from pathlib import Path
from mien.outputs import lock
if sys.argv[2] == "none":
    lock.fcntl = None
with lock.locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
KINDS = pytest.mark.parametrize("kind", ["flock", "none"])


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Take the system's locks away, as some network file systems do."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    def choose(kind: str) -> None:
        if kind == "none":
            monkeypatch.setattr(lock.fcntl, "flock", refuse)

    return choose


def holder(folder: Path, kind: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", HOLD, str(folder), kind]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@KINDS
def test_the_second_is_refused_and_named_the_first(tmp_path: Path, kind: str, without: Callable[[str], None]) -> None:
    without(kind)
    with holder(tmp_path, kind) as first:
        with pytest.raises(OutputError, match=rf"in use by process {first.pid} .*since 20\d\d-"), locked(tmp_path):
            pytest.fail("both hold it")
        first.communicate("")
    assert not (tmp_path / NAME).exists()
    with locked(tmp_path):
        assert json.loads((tmp_path / NAME).read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
@KINDS
def test_what_a_killed_process_held_is_taken_over(tmp_path: Path, kind: str, without: Callable[[str], None]) -> None:
    without(kind)
    with holder(tmp_path, kind) as first:
        first.send_signal(signal.SIGKILL)
    assert (tmp_path / NAME).exists()
    with locked(tmp_path), pytest.raises(OutputError, match=f"process {os.getpid()}"), locked(tmp_path):
        pytest.fail("taken over twice")
    assert list(tmp_path.iterdir()) == []


def test_a_number_that_is_another_process_by_now_does_not_hold(tmp_path: Path, without: Callable[[str], None]) -> None:
    without("none")
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": "2026-01-01T00:00:00", "begun": "1"}
    (tmp_path / NAME).write_text(json.dumps(holder))
    with locked(tmp_path):
        pass


def test_another_machine_is_believed(tmp_path: Path, without: Callable[[str], None]) -> None:
    without("none")
    (tmp_path / NAME).write_text(json.dumps({"pid": 1, "host": "elsewhere", "since": "2026-01-01T00:00:00"}))
    with pytest.raises(OutputError, match="process 1 on elsewhere since 2026"), locked(tmp_path):
        pytest.fail("both hold it")


@pytest.mark.parametrize("content", [b"mine", b"[1]", b"\xff\xfe", b"[" * 5000])
def test_a_file_of_others_is_no_lock(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(OutputError, match="is not a lock of mien"), locked(tmp_path):
        pytest.fail("held")
    assert (tmp_path / NAME).read_bytes() == content


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / NAME).symlink_to(tmp_path / "mine.txt")
    with pytest.raises(OutputError, match="cannot be written"), locked(tmp_path / "out"):
        pytest.fail("held")
    assert (tmp_path / "mine.txt").read_text() == "mine"


RACE = """
import sys, time
from pathlib import Path
from mien.outputs import lock
from mien.errors import OutputError
if sys.argv[2] == "none":
    lock.fcntl = None
inside = Path(sys.argv[1]) / "inside"
end = time.monotonic() + 1.5
while time.monotonic() < end:
    try:
        with lock.locked(Path(sys.argv[1])):
            inside.open("x").close()   # fails when another one is inside
            inside.unlink()
    except OutputError:
        pass
"""


@KINDS
def test_many_at_once_are_never_two(tmp_path: Path, kind: str) -> None:
    command = [sys.executable, "-c", RACE, str(tmp_path), kind]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate(timeout=60)[1] for process in running] == [""] * 4
