"""RAF-DB and AffectNet's arrays: labels by their codes, val out of train, and rows that cannot be used."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mien.data import load
from mien.data.rafdb import IMAGES, LABELS
from mien.errors import DataError

from ..gated_files import write_affectnet_arrays


def test_rafdb_splits_and_codes(tmp_path: Path, gated_writer: Callable[[str, Path], None]) -> None:
    gated_writer("rafdb", tmp_path / "RAF-DB" / "basic")
    parts = {split: load("rafdb", tmp_path, split) for split in ("train", "val", "test")}
    assert {split: len(samples) for split, samples in parts.items()} == {"train": 63, "val": 7, "test": 21}
    assert set(parts["val"].counts().values()) == {1}
    test = parts["test"]
    assert test.images.shape[1:] == (100, 100, 3)
    assert test.ids[0] == "test_00001.jpg"
    assert [test.labels[k] for k in test.target[:7].argmax(1)] == [
        "surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"
    ]  # fmt: skip
    (tmp_path / "RAF-DB" / "basic" / IMAGES / "test_00001_aligned.jpg").unlink()
    with pytest.raises(DataError, match=r"line 71: no file Image/aligned/test_00001_aligned\.jpg"):
        load("rafdb", tmp_path, "test")
    assert len(load("rafdb", tmp_path, "test", skip_bad="true")) == 20


@pytest.mark.parametrize("line", ["train_00071.jpg 8", "val_1.jpg 3", "train_1.jpg", "../train_1.jpg 3"])
def test_a_line_that_is_none(line: str, tmp_path: Path, gated_writer: Callable[[str, Path], None]) -> None:
    gated_writer("rafdb", tmp_path)
    with (tmp_path / LABELS).open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(DataError, match=r"1 of 92 rows cannot be used \(list_patition_label\.txt line 92: "):
        load("rafdb", tmp_path, "train")


def test_affectnet_of_arrays(tmp_path: Path) -> None:
    write_affectnet_arrays(tmp_path / "AffectNet")
    parts = {split: load("affectnet", tmp_path, split) for split in ("train", "val", "test")}
    assert {split: len(samples) for split, samples in parts.items()} == {"train": 72, "val": 8, "test": 16}
    test = parts["test"]
    assert test.images.shape[1:] == (224, 224, 3)
    assert test.target.argmax(1).tolist() == [0, 1, 2, 3, 4, 5, 6, 7] * 2  # by number: 10 comes after 9
    assert np.array_equal(test.regression[:2], [[np.nan, -0.25], [0.5, -0.25]], equal_nan=True)
    wrong = tmp_path / "AffectNet" / "val_set" / "annotations" / "3_exp.npy"
    np.save(wrong, np.array("9"))
    with pytest.raises(DataError, match=r"val_set/images/3\.jpg: expression 9, not a code from 0"):
        load("affectnet", tmp_path, "test")
    wrong.unlink()
    assert len(load("affectnet", tmp_path, "test", skip_missing=True)) == 15
