"""Images on disk while a network trains: the same run to the bit as with images in memory, chosen by size."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")


from mien.data import shards  # noqa: E402
from mien.training import batches, checkpoint, held, memory  # noqa: E402
from mien.training import recipe as recipes  # noqa: E402
from mien.training.held import Streamed  # noqa: E402
from mien.training.prepared import prepare  # noqa: E402
from mien.training.train import train  # noqa: E402

from ..own_files import write_classes  # noqa: E402

CPU = torch.device("cpu")
SETTINGS = {
    "mixup and weights": ["data.imbalance=weighted", "augment={flip: 0.5, rotate: 10, mixup: 0.4, erase: 0.5}"],
    "rare ones repeated, resized": ["data.imbalance=up", "data.size=24", "augment={flip: 0.5, crop: 20}"],
    "a fold, a part": ["data.imbalance=down", "data.limit=20", "data.options.folds=3", "data.options.val=null"],
}


@pytest.fixture
def faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Drawn faces, of which a shard holds three."""
    write_classes(tmp_path / "faces", {"happy": 12, "sad": 9, "anger": 6}, side=16, mode="RGB")
    monkeypatch.setattr(shards, "SHARD_BYTES", 3 * 16 * 16 * 3)
    monkeypatch.setattr("mien.data.faces.PREFETCH", 1)
    monkeypatch.setattr(held, "chunk_of", lambda _: 2)
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "faces"


def small(*more: str) -> recipes.Recipe:
    words = ["data={name: folder, options: {val: 0.3, size: 16, channels: 3}}", "model={name: cnn2}", "batch=4"]
    return recipes.load("papers/cnn2", [*words, "epochs=2", "data.auxiliary=null", *more])


@pytest.mark.parametrize("more", SETTINGS.values(), ids=SETTINGS)
def test_a_run_from_disk_is_the_run_from_memory(more: list[str], faces: Path, tmp_path: Path) -> None:
    made = {}
    for where in ("memory", "disk"):
        run = tmp_path / where
        run.mkdir()
        recipe = small(*more, f"data.hold={where}")
        prepared = prepare(recipe, faces, "cpu")
        assert isinstance(prepared.train.images, Streamed) == (where == "disk")
        assert isinstance(prepared.val.images, Streamed) == (where == "disk")
        train(recipe, faces, run, prepared=prepared)
        made[where] = (
            prepared.train.training_digest,
            checkpoint.content(run / "last.pt"),
            (run / "steps.csv").read_text(),
        )
    (one, memory_run, memory_log), (other, disk_run, disk_log) = made.values()
    assert one == other
    assert memory_log == disk_log
    for name, value in memory_run["model"].items():
        assert torch.equal(value, disk_run["model"][name]), name
    seconds = [{key: row[key] for key in row if key != "seconds"} for row in memory_run["history"]]
    assert seconds == [{key: row[key] for key in row if key != "seconds"} for row in disk_run["history"]]


def test_a_run_is_resumed_from_where_its_images_are_now(faces: Path, tmp_path: Path) -> None:
    whole, part = tmp_path / "whole", tmp_path / "part"
    for run in (whole, part):
        run.mkdir()
    train(small("data.hold=memory"), faces, whole, device="cpu")
    train(small("data.hold=memory", "epochs=2", "steps=4"), faces, part, device="cpu")
    train(small("data.hold=disk"), faces, part, device="cpu")
    first, second = (checkpoint.content(run / "last.pt") for run in (whole, part))
    assert [row["loss"] for row in first["history"]] == [row["loss"] for row in second["history"]]
    assert all(torch.equal(value, second["model"][name]) for name, value in first["model"].items())


def test_size_against_memory_decides_and_says_so(
    faces: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, bytes_of_train = small(), 18 * 16 * 16 * 3
    for free, where in ((2 * bytes_of_train, torch.Tensor), (2 * bytes_of_train - 1, Streamed)):
        monkeypatch.setattr(memory, "available", lambda free=free: free)
        capsys.readouterr()
        data = batches.split(recipe, faces, "train", CPU)
        assert len(data.images) == 18
        assert isinstance(data.images, where)
        said = capsys.readouterr().err
        assert (
            "folder train: 18 images of 16 pixels fill 13.8 kB, more than half of the 27.6 kB that are free" in said
        ) == (where is Streamed)
        assert said.count("read from disk") == (where is Streamed)
    batches.split(small("data.hold=disk"), faces, "train", CPU)
    assert "folder train: 18 images of 16 pixels are read from disk while training" in capsys.readouterr().err


def test_a_solver_has_all_images_in_memory(faces: Path) -> None:
    recipe = recipes.load("papers/svm", ["data={name: folder, hold: disk, options: {val: 0.3}}", "data.auxiliary=null"])
    assert isinstance(batches.split(recipe, faces, "train", CPU).images, torch.Tensor)


def test_what_is_read_ahead_ends_with_the_epoch(faces: Path) -> None:
    data = batches.split(small("data.hold=disk"), faces, "train", CPU)
    order = torch.arange(18).split(5)
    for index, seen in zip(order, batches.fetched(data, order), strict=True):
        assert torch.equal(seen, data.images[index])
    assert torch.equal(torch.cat(list(batches.parts(data.images, 7))), data.images[:])


def group(folder: Path, limit: object, use: int, files: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    stat = f"anon 7\ninactive_file {files - files // 3}\nactive_file {files // 3}\ntotal_inactive_file 10000\n"
    for name, value in (("limit", limit), ("use", use), ("memory.stat", stat)):
        (folder / name).write_text(f"{value}\n")


def test_free_memory_is_the_least_of_all_limits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert 0 < memory.available() < 1 << 50
    group(tmp_path, 9000, 1000)
    group(tmp_path / "user", 5000, 1200)
    group(tmp_path / "user/job", 4000, 3900, files=900)
    (tmp_path / "line").write_text("12:cpu:/\n0::/user/job\n")
    monkeypatch.setattr(memory, "TREES", (memory.Tree("", tmp_path, "limit", "use"),))
    monkeypatch.setattr(memory, "CONTROL_GROUP", tmp_path / "line")
    assert memory.available() == 1000  # what is kept of files is free
    group(tmp_path / "user/job", "max", 3900)
    assert memory.available() == 3800  # the group around it
    (tmp_path / "line").write_text("0::/of the machine, not seen in here\n")
    assert memory.available() == 8000
    group(tmp_path, "max", 1200)
    assert memory.available() > 8000
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (10**6 if kind == resource.RLIMIT_DATA else -1, -1))
    assert memory.available() == 0  # more than that is in use
    monkeypatch.setattr(memory, "_status", lambda _: 10**6 - 7)
    assert memory.available() == 7


def test_where_the_system_does_not_say_what_is_free_it_is_half_of_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "Path", lambda _: Path("/nothing"))
    monkeypatch.setattr(memory.os, "sysconf", {"SC_PHYS_PAGES": 50, "SC_PAGE_SIZE": 4096}.get, raising=False)
    monkeypatch.setattr(memory, "TREES", ())
    monkeypatch.setattr(memory, "_of_process", list)
    assert memory.available() == 25 * 4096
    monkeypatch.delattr(memory.os, "sysconf")
    assert memory.available() == memory.PRESUMED


def test_resized_images_are_made_once(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = small("data.hold=disk", "data.size=24")
    first = batches.split(recipe, faces, "train", CPU).images[:]
    expected = batches.split(small("data.hold=memory", "data.size=24"), faces, "train", CPU).images
    assert torch.equal(first, expected)
    monkeypatch.setattr(held, "resize", lambda *_: pytest.fail("was resized again"))
    assert torch.equal(batches.split(recipe, faces, "train", CPU).images[:], expected)
    assert np.asarray(first).shape == (18, 3, 24, 24)
