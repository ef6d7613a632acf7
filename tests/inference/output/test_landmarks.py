"""--landmarks: the meshes and blendshapes of all measured faces, streamed into one NPZ file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from mien.errors import OutputError
from mien.face import Face
from mien.inference.measures import files
from mien.inference.output.landmarks import SHAPES, landmarks
from mien.inference.prediction import Prediction

Mien = Callable[..., Any]
NAMES = [f"shape{k}" for k in range(52)]


def face(seed: int, track: int | None = None) -> Face:
    made = {name: np.random.default_rng(seed).random(shape, np.float32) for name, shape in SHAPES.items()}
    return Face(np.zeros(4, np.float32), 1.0, track_id=track, **made)


PREDICTIONS = [
    Prediction("ü/a.jpg", faces=(face(1), Face(np.zeros(4, np.float32), 1.0), face(2))),
    Prediction("none.jpg"),
    Prediction("v.mp4", 7, 0.28, faces=(face(3, 5),)),
]


def written(path: Path, predictions: list[Prediction]) -> dict[str, np.ndarray]:
    with landmarks(path, NAMES) as write:
        for prediction in predictions:
            write(prediction)
    with np.load(path) as held:
        return dict(held)


def test_every_measured_face_is_in_the_file(tmp_path: Path) -> None:
    held = written(tmp_path / "new" / "a.npz", PREDICTIONS)
    assert held["mesh"].dtype == held["blendshapes"].dtype == np.float32
    faces = [PREDICTIONS[0].faces[0], PREDICTIONS[0].faces[2], PREDICTIONS[2].faces[0]]
    for name in SHAPES:
        assert np.array_equal(held[name], np.stack([getattr(one, name) for one in faces]))
    assert held["sources"][held["source"]].tolist() == ["ü/a.jpg", "ü/a.jpg", "v.mp4"]
    assert [held[name].tolist() for name in ("frame", "face", "track_id")] == [[-1, -1, 7], [1, 3, 1], [-1, -1, 5]]
    assert held["seconds"].tolist()[2] == 0.28
    assert np.isnan(held["seconds"][:2]).all()
    assert held["names"].tolist() == NAMES
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.npz"]


def test_no_face_and_an_interruption_leave_whole_files(tmp_path: Path) -> None:
    assert written(tmp_path / "none.npz", PREDICTIONS[1:2])["mesh"].shape == (0, 478, 3)

    def interrupted() -> None:
        with landmarks(tmp_path / "a.npz", NAMES) as write:
            write(PREDICTIONS[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(np.load(tmp_path / "a.npz")["mesh"]) == 2


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.mkdir()  # whatever the system refuses
    with pytest.raises(OutputError, match=r"a\.npz cannot be written"):
        written(path, PREDICTIONS)
    assert not list(tmp_path.glob(".mien*"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--landmarks", "a.npz"], "--landmarks without --measures; expected --measures as well"),
        (["--measures", "--landmarks", "a.csv"], "--landmarks a.csv; expected a file that ends in .npz"),
        (
            ["--measures", "--landmarks", "taken.npz"],
            "taken.npz is already there; expected a new file; give another name, or --force",
        ),
        (
            ["--measures", "--landmarks", "folder.npz", "--force"],
            "folder.npz is already there; expected a new file; give another name, or --force",
        ),
    ],
)
def test_what_cannot_be_written_is_refused_first(
    mien: Mien, tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("taken.npz").write_bytes(b"mine")
    Path("folder.npz").mkdir()
    assert mien("predict", photo, *words) == (2, b"", f"mien: {message}\n")
    assert Path("taken.npz").read_bytes() == b"mine"


@pytest.mark.skipif(not (files.FOLDER / files.MESH).exists(), reason="needs the files of `make measures`")
@pytest.mark.parametrize("source", ["nofile.png", "damaged.jpg"])
def test_what_cannot_be_read_replaces_nothing(
    mien: Mien, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("damaged.jpg").write_bytes(b"no")
    Path("kept.npz").write_bytes(b"mine")
    for words in (("kept.npz", "--force"), ("new.npz",)):
        code, _, err = mien("predict", source, "--measures", "--landmarks", *words)
        assert (code, err.splitlines()[-1]) == (2, f"mien: nothing was written to {words[0]}")
    assert Path("kept.npz").read_bytes() == b"mine"
    assert {path.name for path in tmp_path.iterdir()} == {"damaged.jpg", "kept.npz"}


@pytest.mark.skipif(not (files.FOLDER / files.MESH).exists(), reason="needs the files of `make measures`")
def test_the_command(mien: Mien, tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("faces.npz").write_bytes(b"old")
    words = ("predict", photo, "--measures", "--landmarks", "faces.npz", "--force")
    code, out, err = mien(*words, "--out", "out", "--format", "parquet")
    assert (code, err.splitlines()[-1]) == (0, "mien: wrote faces.npz")
    held = np.load("faces.npz")
    assert held["names"].tolist()[:2] == ["_neutral", "browDownLeft"]
    (row,) = pq.read_table("out/predictions.parquet").to_pylist()
    assert np.array_equal(np.float32(row["mesh"]).reshape(478, 3), held["mesh"][0])
    assert np.array_equal(np.float32(row["blendshapes"]), held["blendshapes"][0])
    assert held["mesh"][0, 1, 0] == pytest.approx(223, abs=3)  # the tip of the nose
    code, out, _ = mien(*words, "--format", "csv")
    assert code == 0
    assert not {"mesh", "blendshapes"} & set(out.decode().splitlines()[0].split(","))
