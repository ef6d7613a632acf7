"""Files that are missing or other files are one line, before anything is read; runs record which files measured."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mien.inference.classify import locate as weights
from mien.inference.measures import files
from mien.inference.measures.measurer import Measurer

Mien = Callable[..., Any]


@pytest.mark.parametrize("missing", ["both", "blendshapes.onnx"])
def test_without_the_files_one_line_says_what_makes_them(
    mien: Mien, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, photo: Path, missing: str
) -> None:
    if missing != "both":
        (tmp_path / files.MESH).touch()
    monkeypatch.setattr(files, "FOLDER", tmp_path)
    code, out, err = mien("predict", photo, "--measures")
    assert (code, out) == (2, b"")
    assert err == "mien: the files of the measures are not installed; run `make measures`, or give --mesh-file\n"
    if missing == "both":
        assert mien("doctor", "--strict").code == 0
        assert "-        measures  mesh                    not installed" in mien("doctor").out.decode()
    assert mien("predict", photo).code == 0


def test_options_of_measures_need_measures(mien: Mien, photo: Path) -> None:
    code, out, err = mien("predict", photo, "--mesh-file", "mesh.onnx")
    assert (code, out, err) == (2, b"", "mien: --mesh-file without --measures; expected --measures as well\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no file"), (b"no", "is not an ONNX model"), ("ferplus", "takes {'crops': [48, 48, 1]}")],
    ids=["absent", "not a model", "another model"],
)
def test_a_file_that_is_no_mesh(
    mien: Mien, tmp_path: Path, photo: Path, measurer: Measurer, content: Any, message: str
) -> None:
    shutil.copy(measurer.files.blendshapes, tmp_path)
    if content is not None:
        data = weights(content).read_bytes() if isinstance(content, str) else content
        (tmp_path / "mesh.onnx").write_bytes(data)
    code, out, err = mien("predict", photo, "--measures", "--mesh-file", tmp_path / "mesh.onnx")
    assert (code, out, err.count("\n")) == (2, b"", 1)
    assert message in err


@pytest.mark.parametrize("path", [".", "/", "", ".."])
@pytest.mark.parametrize("command", ["predict", "explain"])
def test_a_folder_is_no_mesh(mien: Mien, photo: Path, command: str, path: str) -> None:
    code, out, err = mien(command, photo, "--measures", "--mesh-file", path)
    assert (code, out, err.count("\n")) == (2, b"", 1)
    assert "is a folder; expected mesh.onnx" in err


def test_a_file_of_one_s_own_and_the_record_of_the_run(
    mien: Mien, tmp_path: Path, photo: Path, measurer: Measurer
) -> None:
    for path in (measurer.files.mesh, measurer.files.blendshapes):
        shutil.copy(path, tmp_path)
    mesh = tmp_path / files.MESH
    assert mien("predict", photo, "--measures", "--mesh-file", mesh, "--out", tmp_path / "out").code == 0
    record = json.loads((tmp_path / "out" / "mien-run.json").read_text())
    assert record["measures"]["mesh"] == {"file": str(mesh), "sha256": hashlib.sha256(mesh.read_bytes()).hexdigest()}
    assert record["measures"]["blendshapes"]["sha256"]
    assert record["settings"]["measures"] is True
    header, row = (tmp_path / "out" / "predictions.csv").read_text().splitlines()
    assert float(dict(zip(header.split(","), row.split(","), strict=True))["roll"]) == pytest.approx(3.7, abs=1)
    assert mien("predict", photo, "--out", tmp_path / "plain").code == 0
    assert json.loads((tmp_path / "plain" / "mien-run.json").read_text())["measures"] is None


def test_the_doctor_finds_damaged_files(
    mien: Mien, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, measurer: Measurer
) -> None:
    assert "ok       measures  mesh                    sha256 " in mien("doctor").out.decode()
    (tmp_path / files.MESH).write_bytes(measurer.files.mesh.read_bytes()[:1000])
    shutil.copy(measurer.files.blendshapes, tmp_path)
    monkeypatch.setattr(files, "FOLDER", tmp_path)
    assert "MISSING  measures  mesh" in mien("doctor").out.decode()
