"""The cache: the content is the key, entries appear whole or not at all, and the data root is only read."""

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

import numpy as np
import pytest

from mien.data import cache, load
from mien.data.cache import Entry, kept, open_entry
from mien.errors import DataError

LOAD = "import sys; from mien.data import load; s = load('ferplus', sys.argv[1], 'train'); print(len(s), s.fingerprint)"


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name not in ("memo", cache.SCRATCH))


def refuse(*_: object) -> Any:
    raise AssertionError("the file was read again")


def test_built_once_then_a_memory_map(tiny_fer2013: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load("fer2013", tiny_fer2013, "val")
    monkeypatch.setitem(sys.modules["mien.data.fer2013.layouts"].READERS, "csv", refuse)
    again = load("fer2013", tiny_fer2013, "val")
    assert isinstance(again.images, np.memmap)
    assert not again.images.flags.writeable
    assert np.array_equal(first.images, again.images)
    assert first.fingerprint == again.fingerprint


def test_content_is_the_key(
    tmp_path: Path, own_cache: Path, fer2013_writer: Callable[..., Any], monkeypatch: Any
) -> None:
    fer2013_writer(tmp_path / "a")
    first = load("fer2013", tmp_path / "a", "val")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    os.utime(tmp_path / "b" / "fer2013.csv", (1, 1))
    assert load("fer2013", tmp_path / "b", "val").fingerprint == first.fingerprint
    assert len(entries(own_cache)) == 1
    stat = (tmp_path / "a" / "fer2013.csv").stat()
    fer2013_writer(tmp_path / "a", seed=1)
    os.utime(tmp_path / "a" / "fer2013.csv", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert load("fer2013", tmp_path / "a", "val").fingerprint != first.fingerprint
    assert len(entries(own_cache)) == 2


def test_same_size_and_time_but_other_content(
    tmp_path: Path, own_cache: Path, fer2013_writer: Callable[..., Any]
) -> None:
    fer2013_writer(tmp_path)
    path = tmp_path / "fer2013.csv"
    first = load("fer2013", tmp_path, "train")
    stat, text = path.stat(), path.read_text()
    path.write_text(text.replace("\n0,", "\n5,", 1))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size
    assert load("fer2013", tmp_path, "train").fingerprint != first.fingerprint


def damage_truncate(entry: Path) -> None:
    os.truncate(entry / "images.npy", (entry / "images.npy").stat().st_size - 1)


def damage_longer(entry: Path) -> None:
    with (entry / "images.npy").open("ab") as file:
        file.write(b"x")


def damage_missing(entry: Path) -> None:
    (entry / "label.npy").unlink()


def damage_meta(entry: Path) -> None:
    (entry / "meta.json").write_text("{")


def damage_format(entry: Path) -> None:
    meta = json.loads((entry / "meta.json").read_text())
    (entry / "meta.json").write_text(json.dumps({**meta, "format": cache.FORMAT - 1}))


def damage_no_meta(entry: Path) -> None:
    (entry / "meta.json").unlink()


@pytest.mark.parametrize(
    "damage", [damage_truncate, damage_longer, damage_missing, damage_meta, damage_format, damage_no_meta]
)
def test_a_damaged_entry_is_built_again(damage: Callable[[Path], None], tiny_fer2013: Path, own_cache: Path) -> None:
    whole = load("fer2013", tiny_fer2013, "train")
    fingerprint, images = whole.fingerprint, np.array(whole.images)
    (entry,) = entries(own_cache)
    damage(entry)
    assert open_entry(entry) is None
    again = load("fer2013", tiny_fer2013, "train")
    assert again.fingerprint == fingerprint
    assert np.array_equal(again.images, images)
    assert entries(own_cache) == [entry]


@pytest.mark.parametrize("name", ["images.npy", "label.npy", "meta.json"])
def test_a_flipped_byte_is_reported_and_built_again(
    name: str, tiny_fer2013: Path, own_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = load("fer2013", tiny_fer2013, "val")
    fingerprint, images, target = whole.fingerprint, np.array(whole.images), np.array(whole.target)
    (entry,) = entries(own_cache)
    stat, content = (entry / name).stat(), bytearray((entry / name).read_bytes())
    content[-5] ^= 1 if name != "meta.json" else 2  # of the last image, the last row, the last fact
    (entry / name).write_bytes(content)
    os.utime(entry / name, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    again = load("fer2013", tiny_fer2013, "val")
    assert again.fingerprint == fingerprint
    assert np.array_equal(again.images, images)
    assert np.array_equal(again.target, target)
    message = capsys.readouterr().err
    assert f"{entry / name} in the cache was corrupted; building it again" in message
    assert entries(own_cache) == [entry]
    load("fer2013", tiny_fer2013, "val")
    assert "corrupted" not in capsys.readouterr().err


def test_a_process_takes_each_digest_once(tiny_fer2013: Path, own_cache: Path, monkeypatch: Any) -> None:
    load("fer2013", tiny_fer2013, "val")
    monkeypatch.setattr(cache.hashlib, "file_digest", refuse)
    load("fer2013", tiny_fer2013, "test")


def test_an_entry_without_digests_gets_them(tiny_fer2013: Path, own_cache: Path, monkeypatch: Any) -> None:
    load("fer2013", tiny_fer2013, "val")
    (entry,) = entries(own_cache)
    meta = json.loads((entry / "meta.json").read_text())
    digests = meta.pop("sha256")
    (entry / "meta.json").write_text(json.dumps(meta))
    monkeypatch.setitem(sys.modules["mien.data.fer2013.layouts"].READERS, "csv", refuse)
    load("fer2013", tiny_fer2013, "val")
    digests.pop("facts")
    assert json.loads((entry / "meta.json").read_text())["sha256"] == digests


def test_two_processes_build_at_once(tiny_fer2013: Path, own_cache: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", LOAD, str(tiny_fer2013)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(set(outputs)) == 1
    assert outputs[0].startswith("156 ")
    assert len(entries(own_cache)) == 2  # images, votes


def test_the_slower_of_two_builds_yields(own_cache: Path) -> None:
    def build() -> Entry:
        kept("thing-1", lambda: Entry({"a": np.array([1])}, {"by": "the other"}))
        return Entry({"a": np.array([1])}, {"by": "us"})

    assert kept("thing-1", build).facts == {"by": "the other"}
    assert [path.name for path in entries(own_cache)] == ["thing-1"]
    assert not list((own_cache / cache.SCRATCH).iterdir())


def test_killed_in_the_middle_of_a_build(tmp_path: Path, tiny_fer2013: Path, own_cache: Path) -> None:
    """A build that dies with its arrays half written leaves nothing that anyone would read, and is swept up later."""
    script = (
        "import sys, time, numpy as np\nfrom mien.data import cache\n"
        "def hang(*_): print('half', flush=True); time.sleep(60)\n"
        "save = np.save\n"
        "np.save = lambda path, array: (save(path, array), hang()) if 'label' in str(path) else save(path, array)\n"
        "from mien.data import load\nload('fer2013', sys.argv[1], 'train')\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(tiny_fer2013)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    assert entries(own_cache) == []
    (left,) = (own_cache / cache.SCRATCH).iterdir()
    assert (left / "images.npy").exists()
    assert len(load("fer2013", tiny_fer2013, "train")) == 160
    old = time.time() - 2 * cache.ABANDONED
    os.utime(left, (old, old))
    load("ferplus", tiny_fer2013, "train")
    assert not left.exists()


def test_only_scratch_is_swept(own_cache: Path) -> None:
    """MIEN_CACHE may be a folder with other things in it, such as a home folder."""
    old = time.time() - 2 * cache.ABANDONED
    others = [own_cache / ".ssh", own_cache / ".thing-1.0123abcd", own_cache / "mine"]
    abandoned = own_cache / cache.SCRATCH / "thing-1.0123abcd"
    for folder in (*others, abandoned):
        folder.mkdir(parents=True)
        (folder / "file").write_text("")
        os.utime(folder, (old, old))
    kept("thing-1", lambda: Entry({"a": np.array([1])}, {}))
    assert all((folder / "file").exists() for folder in others)
    assert not abandoned.exists()


def test_a_file_that_grows_while_it_is_read(
    tmp_path: Path, own_cache: Path, fer2013_writer: Any, monkeypatch: Any
) -> None:
    fer2013_writer(tmp_path)
    readers = sys.modules["mien.data.fer2013.layouts"].READERS
    read = readers["csv"]

    def slow(path: Path, advance: Any) -> Any:
        images = read(path, advance)
        with path.open("a") as file:
            file.write("\n")
        return images

    monkeypatch.setitem(readers, "csv", slow)
    with pytest.raises(DataError, match=r"fer2013\.csv changed while it was read"):
        load("fer2013", tmp_path, "train")
    assert entries(own_cache) == []


def test_a_cache_folder_that_cannot_be_written(tmp_path: Path, tiny_fer2013: Path, monkeypatch: Any) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(DataError, match=r"cannot write the cache folder .*set MIEN_CACHE") as caught:
        load("fer2013", tiny_fer2013, "train")
    assert "\n" not in str(caught.value)


def test_the_root_is_only_read(tmp_path: Path, own_cache: Path, fer2013_writer: Callable[..., Any]) -> None:
    root = tmp_path / "root"
    fer2013_writer(root)
    before = {path: path.stat().st_mtime_ns for path in [root, *root.iterdir()]}
    for path in root.iterdir():
        path.chmod(0o444)
    root.chmod(0o555)
    try:
        assert len(load("ferplus", root, "train")) == 156
        assert {path: path.stat().st_mtime_ns for path in [root, *root.iterdir()]} == before
    finally:
        root.chmod(0o755)


def test_the_names_of_files_are_content_too(tmp_path: Path, own_cache: Path) -> None:
    """Two files that changed places, as the votes of two splits might, are another thing to read."""
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("a")
    other.write_text("b")
    read: list[str] = []

    def entry(files: dict[str, Path]) -> Entry:
        def build() -> Entry:
            read.append(" ".join(files))
            return Entry({"x": np.zeros(1)}, {})

        return cache.cached("names", files, build)

    for files in ({"train": one, "val": other}, {"val": one, "train": other}, {"train": one, "val": other}):
        entry(files)
    assert read == ["train val", "val train"]
