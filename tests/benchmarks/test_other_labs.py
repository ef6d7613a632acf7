"""Folders of other labs' faces: what is measured, by person, under each prior."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]


@pytest.fixture
def labs(tmp_path: Path) -> Path:
    for number, name in enumerate(["Happy", "sadness", "NEUTRAL", "bored"]):
        folder = tmp_path / "labs" / "mine" / name
        folder.mkdir(parents=True)
        for k in range(3):
            noise = np.random.default_rng(10 * number + k).integers(0, 256, (64, 64), np.uint8)
            Image.fromarray(noise).save(folder / f"S{k}_{number}.png")
    return tmp_path / "labs"


def run(*words: object) -> "subprocess.CompletedProcess[str]":
    program = ROOT / "benchmarks" / "other_labs.py"
    return subprocess.run([sys.executable, program, *map(str, words)], capture_output=True, text=True, check=False)


def test_a_line_per_set_weights_and_prior(labs: Path) -> None:
    (labs / "empty").mkdir()
    done = run(labs)
    assert done.returncode == 0, done.stderr
    assert "empty: no folder is named after an expression" in done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {(one["weights"], one["prior"]) for one in lines} == {
        (name, prior)
        for name in ("ferplus", "fer2013", "ferplus-nano", "fer2013-nano")
        for prior in ("natural", "uniform")
    }
    for one in lines:
        assert (one["set"], one["n"], one["people"], one["left_out"], one["found"]) == ("mine", 9, 3, 3, 0.0)
        assert 0 <= one["accuracy"][0] <= 1
        assert len(one["weights_sha256"]) == 64


def test_a_path_that_is_not_a_folder_is_one_line(tmp_path: Path) -> None:
    done = run(tmp_path / "none")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "is not a folder" in done.stderr


def test_what_is_kept_is_of_the_weights_that_ship() -> None:
    sums = {
        name.removesuffix(".onnx"): sha
        for sha, name in (
            line.split()
            for line in (ROOT / "src/mien/inference/weights/SHA256SUMS").read_text(encoding="utf-8").splitlines()
            if line and not line.startswith("#")
        )
    }
    kept = [json.loads(line) for line in (ROOT / "results/other_labs.jsonl").read_text(encoding="utf-8").splitlines()]
    assert kept
    for one in kept:
        assert one["weights_sha256"] == sums[one["weights"]]
        assert one["accuracy"][1] <= one["accuracy"][0] <= one["accuracy"][2]
