"""Splits as recipes ask for them, and batches of them."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.data import load  # noqa: E402
from mien.training import recipe as recipes  # noqa: E402
from mien.training.recipe import Augment  # noqa: E402
from mien.training.splits import Split, gather, split  # noqa: E402

CPU = torch.device("cpu")


def read(root: Path, name: str, *overrides: str) -> Split:
    return split(recipes.load("papers/cnn2", list(overrides)), root, name, CPU)


def test_plain_splits_show_every_picture_once(tiny_fer2013: Path) -> None:
    data, expected = read(tiny_fer2013, "train"), load("fer2013", tiny_fer2013, "train")
    np.testing.assert_array_equal(data.images.permute(0, 2, 3, 1).numpy(), expected.images)
    np.testing.assert_array_equal(data.target.numpy(), expected.target)
    assert data.rows.tolist() == list(range(160))
    assert data.top.tolist() == expected.target.argmax(1).tolist()


def test_classes_are_chosen_in_every_split(tiny_fer2013: Path) -> None:
    for name in ("train", "val"):
        data = read(tiny_fer2013, name, "data.classes={happiness: [happiness], sadness: [sadness, anger]}")
        assert data.labels == ("happiness", "sadness")
        counts = load("fer2013", tiny_fer2013, name).counts()
        happy, other = counts["happiness"], counts["sadness"] + counts["anger"]
        assert np.bincount(data.top.numpy()).tolist() == [happy, other]


def test_training_alone_is_balanced_limited_and_repeated(tiny_fer2013: Path) -> None:
    words = ("data.limit=100", "data.imbalance=down", "data.per_class=6", "data.repeat=2")
    data, val = read(tiny_fer2013, "train", *words), read(tiny_fer2013, "val", *words)
    assert (len(data.images), len(val.images)) == (100, 40)
    assert val.rows.tolist() == list(range(40))
    assert np.bincount(data.top[data.rows].numpy()).max() == 12
    other = read(tiny_fer2013, "train", *words, "seed=5")
    assert torch.equal(other.images, data.images)
    assert not torch.equal(other.rows, data.rows)
    assert other.learnt != data.learnt


def test_weights_are_for_training(tiny_fer2013: Path) -> None:
    assert read(tiny_fer2013, "val", "data.imbalance=weighted").weights is None
    weights = read(tiny_fer2013, "train", "data.imbalance=weighted").weights
    assert weights is not None
    assert weights.max() == 1
    assert weights.min() == pytest.approx(0.5)  # neutral takes contempt's place as well


def test_clean_pictures_move_along_but_keep_their_light() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (6, 1, 20, 20), generator=generator, dtype=torch.uint8)
    data = Split(
        images, torch.eye(6), torch.arange(6), torch.arange(6), ("neutral",), torch.ones(1), "", "", clean=images
    )
    spec = Augment(flip=0.5, rotate=20, shift=0.1, crop=16, brightness=0.3, erase=1.0)
    batch = gather(data, torch.arange(6), spec, generator, attention=True)
    assert batch["x"].shape == batch["clean"].shape == (6, 1, 16, 16)
    assert not torch.equal(batch["x"], batch["clean"])
    plain = spec.model_copy(update={"brightness": 0.0, "erase": 0.0})
    same = gather(data, torch.arange(6), plain, generator, attention=True)
    assert torch.equal(same["x"], same["clean"])


@pytest.mark.parametrize("attention", [True, False])
def test_without_clean_pictures_the_picture_is_its_own_target(attention: bool, tiny_fer2013: Path) -> None:
    data = read(tiny_fer2013, "train")
    spec, generator = Augment(flip=0.5, brightness=0.4), torch.Generator().manual_seed(1)
    batch = gather(data, torch.arange(4), spec, generator, attention=attention)
    assert ("clean" in batch) == attention
    if attention:
        kept = {tuple(picture.flatten().tolist()) for picture in batch["clean"] * 255}
        given = [picture for image in data.images[:4].float() for picture in (image, image.flip(2))]
        assert kept <= {tuple(picture.flatten().tolist()) for picture in given}
        assert not torch.equal(batch["x"], batch["clean"])
