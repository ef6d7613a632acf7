"""A run that is stopped: what was written before stays readable."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow.parquet as pq
import pytest

from mien.inference.media import writer
from mien.inference.pipeline import Pipeline
from mien.inference.run import Request, run
from mien.inference.stop import StopSignals


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory, film: Callable[..., Path], moved: list[np.ndarray]) -> Path:
    """Two minutes of frames, far more than are read before the run is stopped."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    return film(path, [*moved, *moved[::-1]] * 120)


def start(*words: object, stdout: Path) -> "subprocess.Popen[bytes]":
    with stdout.open("wb") as file:
        command = [sys.executable, "-m", "mien.cli", "predict", *map(str, words)]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        return subprocess.Popen(command, stdout=file, stderr=subprocess.PIPE, env=environment)


def wait_for_rows(path: Path, process: "subprocess.Popen[bytes]", size: int = 3000) -> None:
    deadline = time.monotonic() + 60
    while not path.exists() or path.stat().st_size < size:
        assert process.poll() is None, process.stderr and process.stderr.read().decode()
        assert time.monotonic() < deadline, "no rows came"
        time.sleep(0.05)


@pytest.mark.parametrize("format", ["csv", "json", "jsonl", "parquet"])
def test_ctrl_c_closes_everything(tmp_path: Path, long_video: Path, format: str) -> None:
    out, stdout = tmp_path / "out", tmp_path / "stdout"
    process = start(long_video, "--format", format, "--out", out, stdout=stdout)
    video = out / "annotated" / "long.mp4"
    wait_for_rows(video, process, 100_000)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in errors
    rows = out / f"predictions.{format}"
    if format == "csv":
        frames = [int(row["frame"]) for row in csv.DictReader(rows.open())]
    elif format == "json":
        frames = [row["frame"] for row in json.loads(rows.read_text())]
    elif format == "jsonl":
        frames = [json.loads(line)["frame"] for line in rows.read_text().splitlines()]
    else:
        frames = pq.read_table(rows)["frame"].to_pylist()
    assert 0 < len(frames) < 2_880
    assert frames == list(range(len(frames)))
    with av.open(str(video)) as file:
        assert sum(1 for _ in file.decode(video=0)) == len(frames)
    page = (out / "report.html").read_text()
    assert "</html>" in page
    assert "The run was stopped before its end." in page
    assert b"stopped before the end; wrote" in errors
    assert json.loads((out / "mien-inputs.jsonl").read_text())["error"] == "the run was stopped in it"
    with (out / "people.csv").open() as file:
        assert {row["error"] for row in csv.DictReader(file)} <= {"the run was stopped in it"}


ENDS = [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]


@pytest.mark.parametrize(("number", "raised"), ENDS)
@pytest.mark.parametrize("at", [0, 1, 95, 96, 97])  # a fragment ends with the 96th frame
def test_a_frame_is_written_to_its_end(
    tmp_path: Path,
    film: Callable[..., Path],
    moved: list[np.ndarray],
    pipeline: Pipeline,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
    number: signal.Signals,
    raised: type[BaseException],
    at: int,
) -> None:
    video, out = film(tmp_path / "clip.mp4", [*moved, *moved[::-1]] * 6, rate=24), tmp_path / "out"
    mux, muxed = writer.Movie._mux, 0

    def interrupted(self: writer.Movie, packet: Any) -> None:
        nonlocal muxed
        mux(self, packet)
        muxed += 1
        if muxed == at + 1:
            signal.raise_signal(number)

    monkeypatch.setattr(writer.Movie, "_mux", interrupted)
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(raised):
        run(pipeline, Request([str(video)], "csv", out))
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers
    rows = capfdbinary.readouterr().out.splitlines()[1:]
    with av.open(str(out / "annotated" / "clip.mp4")) as file:
        assert sum(1 for _ in file.decode(video=0)) == len(rows) < 144


def test_a_second_ctrl_c_does_not_wait() -> None:
    done = []

    def signalled_twice() -> None:
        with StopSignals() as stop, stop.complete():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)  # `timeout` signals the process, then its group
            done.append("first")
            signal.raise_signal(signal.SIGINT)
            done.append("second")

    with pytest.raises(KeyboardInterrupt):
        signalled_twice()
    assert done == ["first"]
