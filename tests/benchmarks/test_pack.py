"""Packed arrays: the readers read them as the files they were made from, and need none of their libraries for it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.data import load
from mien.errors import DataError

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
LOAD = "import sys; from mien.data import load; load('ferplus', sys.argv[1], 'train')"
HEAVY = "assert not {'pyarrow', 'PIL', 'cv2', 'torch', 'rich'} & set(sys.modules), sys.modules"


@pytest.fixture
def pack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Path]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    import pack

    return pack.pack


def test_packed_arrays_are_read_without_the_libraries(
    tmp_path: Path, tiny_fer2013: Path, pack: Callable[..., Path]
) -> None:
    packed = pack(tiny_fer2013, tmp_path / "packed", ("train", "val"))
    for name, options in (("fer2013", {}), ("ferplus", {"labels": "distribution"})):
        for split in ("train", "val"):
            expected, samples = (load(name, root, split, **options) for root in (tiny_fer2013, packed))
            assert samples.fingerprint == expected.fingerprint
            assert np.array_equal(samples.images, expected.images)
            assert samples.ids.tolist() == expected.ids.tolist()
        with pytest.raises(DataError, match="holds no PrivateTest images"):
            load(name, packed, "test", **options)
    subprocess.run([sys.executable, "-c", f"{LOAD}; {HEAVY}", str(packed)], check=True)


def test_damaged_and_existing_folders_are_refused(
    tmp_path: Path, tiny_fer2013: Path, pack: Callable[..., Path]
) -> None:
    packed = pack(tiny_fer2013, tmp_path / "packed")
    (packed / "meta.json").write_text("{}")
    with pytest.raises(DataError, match=r"pack\.py"):
        load("fer2013", packed, "train")
    with pytest.raises(DataError, match="cannot write"):
        pack(tiny_fer2013, packed)


def test_corrupted_arrays_are_refused(tmp_path: Path, tiny_fer2013: Path, pack: Callable[..., Path]) -> None:
    packed = pack(tiny_fer2013, tmp_path / "packed")
    assert len(load("fer2013", packed, "val")) == 40
    content = bytearray((packed / "images.npy").read_bytes())
    content[-1] ^= 1
    (packed / "images.npy").write_bytes(content)
    with pytest.raises(DataError, match=r"images\.npy was corrupted since it was packed; pack it again"):
        load("fer2013", packed, "val")


def test_fer2013_without_votes(tmp_path: Path, fer2013_writer: Callable[..., Any], pack: Callable[..., Path]) -> None:
    fer2013_writer(tmp_path / "a")
    (tmp_path / "a" / "fer2013new.csv").unlink()
    packed = pack(tmp_path / "a", tmp_path / "packed")
    assert len(load("fer2013", packed, "test")) == 40
    with pytest.raises(DataError, match="packed arrays hold no votes"):
        load("ferplus", packed, "test")


def test_the_command_packs_the_named_splits(tmp_path: Path, tiny_fer2013: Path) -> None:
    command = [sys.executable, str(BENCHMARKS / "pack.py"), str(tiny_fer2013), str(tmp_path / "packed"), "train"]
    subprocess.run(command, check=True)
    assert len(load("fer2013", tmp_path / "packed", "train")) == 160
