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

import av
import numpy as np
import pyarrow.parquet as pq
import pytest


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
    out, told = tmp_path / "out", tmp_path / "told"
    process = start(long_video, "--format", format, "--out", out, stdout=told)
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
        assert sum(1 for _ in file.decode(video=0)) in (len(frames), len(frames) - 1)
    assert "</html>" in (out / "report.html").read_text()
