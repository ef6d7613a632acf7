"""Generated images join the training split, and nothing else."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.data import load
from mien.data.generated import save_generated, with_generated
from mien.errors import DataError
from mien.labels import EXPRESSIONS

LABELS = EXPRESSIONS[:7]


def write(path: Path, labels: tuple[str, ...] = LABELS, side: int = 48, split: str = "train") -> Path:
    images = np.random.default_rng(0).integers(0, 256, (14, side, side, 1), np.uint8)
    target = np.eye(len(labels), dtype=np.float32)[np.arange(14) % len(labels)]
    save_generated(path, images, target, labels, {"split": split})
    return path


def test_they_follow_the_real_ones(tiny_fer2013: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "g.npz")
    real = load("fer2013", tiny_fer2013, "train")
    both = load("fer2013", tiny_fer2013, "train", generated=str(file))
    assert len(both) == len(real) + 14
    assert np.array_equal(both.images[: len(real)], real.images)
    assert np.array_equal(both.target[: len(real)], real.target)
    assert np.allclose(both.target.sum(1), 1)
    assert len(set(both.ids.tolist())) == len(both)
    assert both.ids[-1] == "generated-00013"
    assert both.fingerprint != real.fingerprint
    assert (both.name, both.split, both.about) == ("fer2013", "train", "with 14 generated images")
    assert list(tmp_path.iterdir()) == [file]


def test_what_is_known_of_real_ones_is_not_invented(tiny_fer2013: Path, tmp_path: Path) -> None:
    real = load("ferplus", tiny_fer2013, "train")
    known = replace(real, regression=np.zeros((len(real), 2), np.float32), group=real.ids)
    both = with_generated(known, write(tmp_path / "g.npz", EXPRESSIONS))
    assert (both.votes[len(real) :] == 0).all()
    assert np.isnan(both.regression[len(real) :]).all()
    assert set(both.group[len(real) :].tolist()) == {""}


@pytest.mark.parametrize("split", ["val", "test"])
def test_never_in_what_is_measured(split: str, tiny_fer2013: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"generated images in {split}; expected train only"):
        load("fer2013", tiny_fer2013, split, generated=str(write(tmp_path / "g.npz")))


def test_mistakes(tiny_fer2013: Path, tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("not arrays")
    np.savez(tmp_path / "other.npz", images=np.zeros(3))
    np.save(tmp_path / "objects.npz", np.array([{}], object), allow_pickle=True)
    whole = write(tmp_path / "whole.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    cases = [
        (tmp_path / "none.npz", "make one with `mien generate`"),
        (tmp_path / "text.npz", "does not hold generated images"),
        (tmp_path / "other.npz", "does not hold generated images"),
        (tmp_path / "objects.npz.npy", "does not hold generated images"),
        (tmp_path / "cut.npz", "does not hold generated images"),
        (write(tmp_path / "eight.npz", EXPRESSIONS), "expected the labels of fer2013"),
        (write(tmp_path / "large.npz", side=64), "images of (64, 64, 1); expected (48, 48, 1)"),
        (write(tmp_path / "val.npz", split="val"), "the generator was trained on val"),
    ]
    for path, words in cases:
        with pytest.raises(DataError) as caught:
            load("fer2013", tiny_fer2013, "train", generated=str(path))
        assert words in str(caught.value), path


def test_the_fingerprint_tells_other_generated_images(tiny_fer2013: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "g.npz")
    with np.load(file) as held:
        parts = {name: held[name] for name in held.files}
    before = load("fer2013", tiny_fer2013, "train", generated=str(file)).fingerprint
    np.savez_compressed(file, **{**parts, "images": 255 - parts["images"]})
    assert load("fer2013", tiny_fer2013, "train", generated=str(file)).fingerprint != before
