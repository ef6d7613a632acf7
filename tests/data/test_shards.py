"""Images in shards: the same rows as in memory, written again only where they are missing, and never read corrupted."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.data import cache, load, shards
from mien.data.samples import Samples, digest
from mien.data.shards import StoredImages
from mien.errors import DataError, MienError

from ..own_files import write_classes

SHAPE = (5, 4, 3)
IMAGES = np.random.default_rng(0).integers(0, 256, (23, *SHAPE), dtype=np.uint8)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Eight images of SHAPE to a shard, one face; and a cache of one's own."""
    monkeypatch.setattr(shards, "SHARD_BYTES", 8 * 60)
    monkeypatch.setattr("mien.data.faces.PREFETCH", 1)
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))


def write(folder: Path, images: np.ndarray = IMAGES, stop: int = 99) -> tuple[StoredImages, list[int]]:
    """Write images, interrupted before row `stop`; return them and the rows that were decoded."""
    decoded: list[int] = []

    def block(rows: range) -> Iterator[np.ndarray]:
        for row in rows:
            if row == stop:
                raise KeyboardInterrupt
            decoded.append(row)
            yield images[row]

    folder.mkdir(exist_ok=True)
    return shards.write(folder, "drawing", len(images), SHAPE, 4, block), decoded


def test_rows_are_those_in_memory(tmp_path: Path) -> None:
    images, _ = write(tmp_path / "a")
    assert images.shape == IMAGES.shape
    assert images.nbytes == IMAGES.nbytes
    assert len(images.parts) == 3
    rows = np.array([22, 0, 7, 8, 8, 15])
    mask = np.arange(23) % 3 == 0
    for index in (slice(None), slice(3, 20, 5), slice(None, None, -1), rows, mask, slice(9, 9)):
        np.testing.assert_array_equal(np.asarray(images[index]), IMAGES[index])
    np.testing.assert_array_equal(images[rows][mask[:6]], IMAGES[rows][mask[:6]])
    np.testing.assert_array_equal(images[-1], IMAGES[-1])
    np.testing.assert_array_equal(list(images[5:]), IMAGES[5:])
    with pytest.raises(IndexError):
        images[23]
    for other in ((..., 0), (slice(None), 0), None, rows[:, None]):
        with pytest.raises(TypeError, match=r"np\.asarray"):
            images[other]
    assert digest(images) == digest(IMAGES)


def test_sets_are_joined_without_being_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, _ = write(tmp_path / "a")
    other, _ = write(tmp_path / "b", 255 - IMAGES)
    monkeypatch.setattr(shards.Shard, "read", lambda *_: pytest.fail("was read"))
    both = shards.joined([images[::2], IMAGES[:3], other[20:]])
    monkeypatch.undo()
    expected = np.concatenate([IMAGES[::2], IMAGES[:3], 255 - IMAGES[20:]])
    np.testing.assert_array_equal(np.asarray(both), expected)


def test_an_interrupted_build_is_resumed(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "a", stop=18)
    images, decoded = write(tmp_path / "a")
    assert decoded == list(range(16, 23))
    np.testing.assert_array_equal(images, IMAGES)


def test_a_corrupted_shard_is_never_read_and_alone_written_again(tmp_path: Path) -> None:
    images, _ = write(tmp_path / "a")
    path = images.parts[1].path
    content = bytearray(path.read_bytes())
    content[-1] ^= 1  # of row 15
    path.write_bytes(content)
    images, decoded = write(tmp_path / "a")
    assert decoded == []
    np.testing.assert_array_equal(images[:15], IMAGES[:15])
    with pytest.raises(DataError, match=r"images\.00001\.npy in the cache was corrupted; run it again"):
        np.asarray(images[14:17])
    images, decoded = write(tmp_path / "a")
    assert decoded == list(range(8, 16))
    np.testing.assert_array_equal(images, IMAGES)


def test_a_corrupted_shard_that_may_not_be_removed_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, _ = write(tmp_path / "a")
    path = images.parts[1].path
    path.write_bytes(path.read_bytes()[:-1])

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(DataError, match=r"was corrupted; remove it, which was not allowed here \(Permission denied\)"):
        np.asarray(images[15])


def test_a_long_build_says_so_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "a", stop=18)
    capsys.readouterr()
    write(tmp_path / "a")
    assert capsys.readouterr().err == "mien: drawing: 7 of 23 images, once; they stay in the cache\n"
    write(tmp_path / "a")
    assert not capsys.readouterr().err


@pytest.mark.parametrize("beside", [None, "", "{}", '{"digests": "zz"}', '{"digests": "00"}'])
def test_a_shard_without_its_digests_is_written_again(beside: str | None, tmp_path: Path) -> None:
    images, _ = write(tmp_path / "a")
    path = images.parts[2].path.with_suffix(".json")
    path.unlink() if beside is None else path.write_text(beside)
    with pytest.raises(DataError, match=r"images\.00002\."):
        shards.opened([part.path for part in images.parts])
    assert write(tmp_path / "a")[1] == list(range(16, 23))


def test_a_shard_that_another_process_moved_is_reported(tmp_path: Path) -> None:
    images, _ = write(tmp_path / "a")
    images.parts[1].path.rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"images\.00001\.npy in the cache is gone .*run it again"):
        images[9]


def test_rows_without_an_image_are_zeros_with_a_reason(tmp_path: Path) -> None:
    tmp_path.joinpath("a").mkdir()
    images = shards.write(
        tmp_path / "a", "drawing", 12, SHAPE, 4, lambda rows: [MienError("cut") if k == 9 else IMAGES[k] for k in rows]
    )
    assert shards.faults(images) == {9: "cut"}
    assert not images[9].any()
    assert np.flatnonzero(~shards.digests(images).any(1)).tolist() == [9]


def test_a_disk_without_space_is_refused_before_anything_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "a", stop=18)
    usage = shards.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shards.shutil, "disk_usage", lambda _: usage._replace(free=7 * 60 - 1))
    with pytest.raises(DataError, match=r"drawing needs 420 bytes in the cache, and 419 bytes are free") as caught:
        write(tmp_path / "a", stop=0)
    assert "\n" not in str(caught.value)
    monkeypatch.setattr(shards.shutil, "disk_usage", lambda _: usage._replace(free=7 * 60))
    np.testing.assert_array_equal(write(tmp_path / "a")[0], IMAGES)


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    write_classes(tmp_path / "faces", {"happy": 7, "sad": 7, "anger": 7}, side=16)
    return tmp_path / "faces"


def split(root: Path) -> Samples:
    return load("folder", root, "train", val="0.2", size="16", channels="1")


def entry(root: Path) -> Path:
    (folder,) = (root / "cache").glob("own-*")
    return folder


def test_a_data_set_in_shards_is_the_one_in_memory(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as whole:
        whole.setattr(shards, "SHARD_BYTES", 1 << 20)
        whole.setenv("MIEN_CACHE", str(tmp_path / "whole"))
        expected = split(faces)
    samples = split(faces)
    assert isinstance(samples.images, StoredImages)
    assert len(list(entry(tmp_path).glob("*.npy"))) > 15
    np.testing.assert_array_equal(samples.images, expected.images)
    assert samples.fingerprint == expected.fingerprint
    part = samples.take(samples.target[:, 0] < 1)
    assert isinstance(part.images, StoredImages)
    assert part.fingerprint == expected.take(expected.target[:, 0] < 1).fingerprint
    assert not list((tmp_path / "cache" / cache.PARTIAL).iterdir())


def test_a_shard_of_the_cache_is_built_again_from_its_files(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.asarray(split(faces).images)
    shard = entry(tmp_path) / "images.00004.npy"
    shard.write_bytes(shard.read_bytes()[:-1] + b"\x01")
    with pytest.raises(DataError, match="was corrupted; run it again"):
        np.asarray(split(faces).images)
    opened: list[object] = []
    real = Image.open
    monkeypatch.setattr(Image, "open", lambda file, *rest: opened.append(file) or real(file, *rest))
    np.testing.assert_array_equal(split(faces).images, images)
    assert len(opened) <= 2  # its header, perhaps, and itself


def test_shards_outlive_the_small_files_of_their_entry(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.asarray(split(faces).images)
    (array,) = (path for path in entry(tmp_path).glob("*.npy") if not path.name.startswith("images"))
    array.write_bytes(array.read_bytes()[:-1] + b"\x01")
    cache._known.clear()
    monkeypatch.setattr("mien.data.own.pixels._crop", lambda *_: pytest.fail("was decoded again"))
    np.testing.assert_array_equal(split(faces).images, images)


def test_a_second_process_waits_for_the_first(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    split(faces)
    folder = entry(tmp_path)
    aside = folder.rename(tmp_path / "aside")
    waited = threading.Event()
    monkeypatch.setattr(cache.time, "sleep", lambda _: waited.set())
    found: list[Samples] = []
    with cache.partial(folder):
        second = threading.Thread(target=lambda: found.append(split(faces)))
        second.start()
        assert waited.wait(20)
        aside.rename(folder)
    second.join(60)
    assert len(found) == 1
    assert "is in use by process" in capsys.readouterr().err
