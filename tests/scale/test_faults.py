"""What is lost on the way: a worker, the run itself, room on the disk, a node of a cluster.  No row is lost or doubled.

A Ray cluster listens beyond loopback whatever is set, so its tests run in a network namespace of their own.
"""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ..namespaces import alone, can_unshare
from .conftest import rows

pytestmark = pytest.mark.slow

PHOTOS = 120
HERE = Path(__file__).parent


def command(*words: object) -> list[str]:
    out = ("--shards", "out", "--block", 6, "--weights", "ferplus-nano")
    return [sys.executable, "-m", "mien", "predict", "photos", *map(str, (*out, *words))]


def started(*words: object) -> "subprocess.Popen[str]":
    def heard() -> None:  # a shell's background jobs ignore Ctrl-C, and so would what they start
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command(*words), text=True, start_new_session=True, preexec_fn=heard, **pipes)


def done(number: int = 1) -> None:
    """Wait until there are shards."""
    end = time.monotonic() + 120
    while len(list(Path("out/shards").glob("*.parquet"))) < number:
        assert time.monotonic() < end
        time.sleep(0.01)


def children(pid: int) -> list[int]:
    """Return the reading children of a process: not the resource tracker of multiprocessing."""
    found = Path(f"/proc/{pid}/task").glob("*/children")
    pids = [int(child) for path in found for child in path.read_text().split()]
    return [child for child in pids if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def check_complete() -> None:
    assert [row["source"] for row in rows("out")] == [f"photos/{k:03}.jpg" for k in range(PHOTOS)]
    assert not [row["error"] for row in rows("out") if row["error"]]


@pytest.fixture(autouse=True)
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hopper: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for k in range(PHOTOS):
        shutil.copy(hopper, f"photos/{k:03}.jpg")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_worker(workers: int) -> None:
    run = started("--workers", workers, "--json")
    done()
    for child in children(run.pid):
        os.kill(child, signal.SIGKILL)
    out, err = run.communicate(timeout=300)
    assert run.returncode == 0, err
    assert json.loads(out)["counts"]["images"] == PHOTOS
    check_complete()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_lost_run(workers: int, how: signal.Signals) -> None:
    first = started("--workers", workers)
    done(2)
    below = children(first.pid)
    first.send_signal(how)
    _, err = first.communicate(timeout=100)
    assert first.returncode == {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}[how], err
    end = time.monotonic() + 20
    while any(Path(f"/proc/{child}").exists() for child in below) and time.monotonic() < end:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{child}").exists() for child in below)
    assert not list(Path("out/shards").glob(".mien-*")) or (how == signal.SIGKILL and not workers)
    kept = {path.name: path.stat().st_mtime_ns for path in Path("out/shards").glob("*.parquet")}
    assert 2 <= len(kept) < 20
    second = subprocess.run(command("--json"), capture_output=True, text=True, check=True)
    assert json.loads(second.stdout)["blocks"]["skipped"] >= len(kept) - 1
    assert {name: Path("out/shards", name).stat().st_mtime_ns for name in kept} == kept
    check_complete()
    statuses = {json.loads(path.read_text())["status"] for path in Path("out/runs").iterdir()}
    assert statuses == {"running" if how == signal.SIGKILL else "stopped", "finished"}


def test_two_runs_at_once() -> None:
    runs = [started("--json") for _ in range(2)]
    ended = [run.communicate(timeout=300) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], ended
    blocks = [json.loads(out)["blocks"] for out, _ in ended]
    assert all(one["done"] + one["skipped"] == one["all"] for one in blocks)
    assert sum(one["skipped"] for one in blocks) > 0  # they did not both read everything
    check_complete()


@pytest.mark.skipif(not can_unshare("-m"), reason="needs a mount of its own for a small disk")
def test_a_full_disk() -> None:
    Path("out").mkdir()
    script = """
import os, shutil, subprocess, sys
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=112k", "small", "out"], check=True)
first = subprocess.run(sys.argv[1:], capture_output=True, text=True)
kept = len([name for name in os.listdir("out/shards") if not name.startswith(".")])
left = [name for name in os.listdir("out/shards") if name.startswith(".")]
subprocess.run(["mount", "-o", "remount,size=64m", "out"], check=True)
second = subprocess.run(sys.argv[1:], capture_output=True, text=True)
shutil.copytree("out", "copy")
print(repr((first.returncode, first.stderr, kept, left, second.returncode, second.stderr)))
"""
    words = ["unshare", "-m", sys.executable, "-c", script, *command()]
    shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    first, err, kept, left, second, _ = eval(shown)
    assert (first, second, left) == (2, 0, [])
    assert "No space left on device" in err
    assert 0 < kept < 20
    Path("out").rmdir()
    Path("copy").rename("out")
    check_complete()


@pytest.fixture
def cluster() -> Callable[..., dict[str, Any]]:
    """Run a script that has a Ray cluster of three nodes, in a network namespace, and return what it prints."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("ray is not installed")
    python = alone()

    def run(fault: str) -> dict[str, Any]:
        words = [*python, str(HERE / "on_a_cluster.py"), fault]
        shown = subprocess.run(words, capture_output=True, text=True, check=False, timeout=500)
        assert shown.returncode == 0, shown.stderr[-3000:]
        return dict(json.loads(shown.stdout.splitlines()[-1]))

    return run


@pytest.mark.parametrize("fault", ["none", "worker", "node", "driver", "object_store", "poison"])
def test_on_a_cluster(cluster: Callable[..., dict[str, Any]], fault: str) -> None:
    summary = cluster(fault)
    assert summary["runner"] == "ray"
    assert summary["blocks"]["failed"] == 0
    table = pq.read_table("out/shards")
    assert sorted(table["source"].to_pylist()) == sorted(f"photos/{path.name}" for path in Path("photos").iterdir())
    errors = [error for error in table["error"].to_pylist() if error]
    assert len(errors) == (fault == "poison")
    if fault == "driver":
        assert summary["blocks"]["skipped"] >= 2
    if fault == "poison":
        assert errors == ["photos/poison.png: its process ended by SIGSEGV, twice; it is not read"]
