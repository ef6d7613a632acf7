"""`mien data`: counts, contact sheet and clean test, for reading and as JSON."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def mien(*words: object, cwd: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "mien.cli", "data", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


def test_json_is_one_document(tiny_fer2013: Path, tmp_path: Path) -> None:
    done = mien("fer2013", "--root", tiny_fer2013, "--json", "--out", tmp_path / "o", cwd=tmp_path)
    written = "".join(f"wrote {tmp_path / 'o' / name}\n" for name in ("contact.png", "clean.txt"))
    assert (done.returncode, done.stderr) == (0, written)
    view = json.loads(done.stdout)
    assert {split: view["splits"][split]["n"] for split in view["splits"]} == {"train": 160, "val": 40, "test": 40}
    assert view["splits"]["train"]["counts"]["neutral"] == 40
    assert view["twins"] == {split: {"exact": 3, "near": 2, "clean": 35} for split in ("val", "test")}
    clean = Path(view["files"]["clean"]).read_text().split()
    assert clean == [f"{row:05d}" for row in range(205, 240)]
    sheet = np.asarray(Image.open(view["files"]["contact_sheet"]))
    assert sheet.shape[0] > 7 * 48
    assert sheet.shape[1] > 3 * 8 * 48
    assert len(np.unique(sheet)) > 100


def test_text_and_default_folder(tiny_fer2013: Path, tmp_path: Path) -> None:
    done = mien("ferplus", "labels=distribution", "--root", tiny_fer2013, cwd=tmp_path)
    assert done.returncode == 0
    assert "contempt" in done.stdout
    assert "first ids: 00000 (train), 00160 (val)" in done.stdout
    assert "may also use 00200.jpg" in done.stdout
    assert (tmp_path / "ferplus-data" / "contact.png").exists()


def test_a_missing_split_is_reported(tmp_path: Path, fer2013_writer: Callable[..., Any]) -> None:
    fer2013_writer(tmp_path / "f", "folder-untold")
    done = mien("fer2013", "--root", tmp_path / "f", "--json", cwd=tmp_path)
    view = json.loads(done.stdout)
    assert list(view["splits"]) == ["train"]
    assert "mixes both" in view["missing"]["test"]
    assert "clean" not in view["files"]


def test_mistakes_are_one_line(tiny_fer2013: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cases = [
        (("fer2012", "--root", tiny_fer2013), "did you mean fer2013"),
        (("fer2013", "--root", tmp_path / "no"), "does not exist"),
        (("ferplus", "labels", "--root", tiny_fer2013), "expected key=value"),
        (("fer2013", "--root", tiny_fer2013, "--out", tmp_path / "file" / "o"), "is a file, or lies in one"),
    ]
    for words, message in cases:
        done = mien(*words, cwd=tmp_path)
        assert done.returncode == 2
        assert done.stdout == ""
        assert done.stderr.count("\n") == 1
        assert message in done.stderr
