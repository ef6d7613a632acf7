"""Splits as recipes ask for them, and batches of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.data import load  # noqa: E402
from mien.data.samples import Samples  # noqa: E402
from mien.errors import DataError, RecipeError  # noqa: E402
from mien.labels import EXPRESSIONS as LABELS  # noqa: E402
from mien.training import recipe as recipes  # noqa: E402
from mien.training.batches import Split, gather, join, parts, split  # noqa: E402
from mien.training.recipe import Augment  # noqa: E402

CPU = torch.device("cpu")


def read(root: Path, name: str, *overrides: str) -> Split:
    return split(recipes.load("papers/cnn2", list(overrides)), root, name, CPU)


def test_plain_splits_show_every_image_once(tiny_fer2013: Path) -> None:
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
    assert other.training_digest != data.training_digest


def test_weights_are_for_training(tiny_fer2013: Path) -> None:
    assert read(tiny_fer2013, "val", "data.imbalance=weighted").weights is None
    weights = read(tiny_fer2013, "train", "data.imbalance=weighted").weights
    assert weights is not None
    assert weights.max() == 1
    assert weights.min() == pytest.approx(0.5)  # neutral takes contempt's place as well


def test_mixed_images_weigh_as_their_parts(tiny_fer2013: Path) -> None:
    data = replace(read(tiny_fer2013, "train", "data.imbalance=weighted"), importance=torch.tensor([0.0, 2] * 80))
    assert data.weights is not None
    batch = gather(data, torch.arange(8), Augment(mixup=1.0), torch.Generator().manual_seed(3), attention=False)
    torch.testing.assert_close(batch["weights"], batch["importance"][:, None] * data.weights)
    assert len(set(batch["importance"].tolist())) > 2


def test_weights_that_are_all_0_in_train_are_refused(tiny_fer2013: Path) -> None:
    recipe, train = recipes.load("papers/cnn2"), load("fer2013", tiny_fer2013, "train")
    none = replace(train, weight=np.zeros(len(train), np.float32))
    with pytest.raises(DataError, match="every image of train that is trained on has weight 0"):
        split(recipe, tiny_fer2013, "train", torch.device("cpu"), none)


def test_clean_images_move_along_but_keep_their_light() -> None:
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
def test_without_clean_images_the_image_is_its_own_target(attention: bool, tiny_fer2013: Path) -> None:
    data = read(tiny_fer2013, "train")
    spec, generator = Augment(flip=0.5, brightness=0.4), torch.Generator().manual_seed(1)
    batch = gather(data, torch.arange(4), spec, generator, attention=attention)
    assert ("clean" in batch) == attention
    if attention:
        kept = {tuple(one.flatten().tolist()) for one in batch["clean"] * 255}
        given = [one for image in data.images[:4].float() for one in (image, image.flip(2))]
        assert kept <= {tuple(one.flatten().tolist()) for one in given}
        assert not torch.equal(batch["x"], batch["clean"])


def test_what_a_list_keeps_is_kept_of_training_alone(tiny_fer2013: Path, tmp_path: Path) -> None:
    ids = [*load("fer2013", tiny_fer2013, "train").ids[[3, 0, 8]], *load("fer2013", tiny_fer2013, "val").ids[:2]]
    (tmp_path / "ids.txt").write_text("\n".join(ids), encoding="utf-8")
    word = f"data.keep={tmp_path / 'ids.txt'}"
    train, val = (read(tiny_fer2013, name, word) for name in ("train", "val"))
    expected = load("fer2013", tiny_fer2013, "train").images[[0, 3, 8]]
    np.testing.assert_array_equal(train.images.permute(0, 2, 3, 1).numpy(), expected)
    assert len(val.images) == 40
    assert val.training_digest == read(tiny_fer2013, "val").training_digest


def test_options_of_training_reach_training_alone(tiny_fer2013: Path) -> None:
    words = ("data.name=ferplus", "data.options={labels: majority}", "data.train={labels: distribution}")
    train, val = (read(tiny_fer2013, name, *words) for name in ("train", "val"))
    np.testing.assert_array_equal(train.target, load("ferplus", tiny_fer2013, "train", labels="distribution").target)
    np.testing.assert_array_equal(val.target, load("ferplus", tiny_fer2013, "val", labels="majority").target)
    assert (train.target.max(1).values < 1).any()
    assert (val.target.max(1).values == 1).all()


def test_limit_is_for_training(tiny_fer2013: Path) -> None:
    assert [len(read(tiny_fer2013, name, "data.limit=20").images) for name in ("train", "val")] == [20, 40]


def test_the_teacher_reaches_the_targets_of_training_and_nothing_else(
    tiny_fer2013: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A teacher that is wrong about everything: selection, balance and the accuracy while training go by the labels."""
    monkeypatch.setattr("mien.training.batches.teach", lambda samples, spec: np.roll(samples.target, 1, axis=1))
    words = ("distill={weights: fer2013-nano}", "data.imbalance=down", "data.limit=100")
    taught, plain = (read(tiny_fer2013, "train", *some) for some in (words, words[1:]))
    assert torch.equal(taught.target, plain.target.roll(1, 1))
    assert torch.equal(taught.top, plain.top)
    assert torch.equal(taught.rows, plain.rows)
    assert torch.equal(taught.shares, plain.shares)
    assert taught.training_digest != plain.training_digest
    assert torch.equal(read(tiny_fer2013, "val", *words).target, read(tiny_fer2013, "val").target)


def test_val_is_shown_as_it_is_whatever_training_shows(tiny_fer2013: Path) -> None:
    for word in ("data.imbalance=down", "data.imbalance=up", "data.repeat=3"):
        assert read(tiny_fer2013, "val", word).rows.tolist() == list(range(40))


def test_shares_are_those_of_what_an_epoch_shows(tiny_fer2013: Path) -> None:
    plain, balanced = (read(tiny_fer2013, "train", *some).shares for some in ((), ("data.imbalance=down",)))
    assert plain.tolist() == pytest.approx([0.25, *[0.125] * 6])  # neutral takes contempt's place as well
    assert balanced.tolist() == pytest.approx([1 / 7] * 7)


def test_the_second_labels_are_joined_by_id_and_unknown_where_there_are_none() -> None:
    def made(ids: str, target: np.ndarray) -> Samples:
        images = np.zeros((len(ids), 2, 2, 1), np.uint8)
        return Samples(images, target.astype(np.float32), LABELS[: target.shape[1]], np.array(list(ids)), name=ids)

    joined = join(made("axc", np.eye(3)), made("cab", np.eye(3)))
    np.testing.assert_array_equal(joined, [[0, 1, 0], [np.nan] * 3, [1, 0, 0]])
    with pytest.raises(RecipeError, match=r"data\.auxiliary: cab shares no id with xyz"):
        join(made("xyz", np.eye(3)), made("cab", np.eye(3)))


@pytest.mark.parametrize("word", ["data.size=32", "data.imbalance=weighted", "data.repeat=2", "data.limit=50"])
def test_a_run_is_not_resumed_on_what_is_taught_otherwise(word: str, tiny_fer2013: Path) -> None:
    assert read(tiny_fer2013, "train", word).training_digest != read(tiny_fer2013, "train").training_digest


@pytest.mark.parametrize(("side", "at_once"), [(48, 16), (64, 16), (128, 4), (512, 1)])
def test_parts_of_large_images_are_smaller(side: int, at_once: int) -> None:
    images = torch.arange(40, dtype=torch.uint8).reshape(40, 1, 1, 1).expand(40, 1, side, side)
    found = list(parts(images, 16))
    assert max(map(len, found)) == at_once
    assert torch.cat([part[:, 0, 0, 0] for part in found]).tolist() == list(range(40))


def test_batches_hold_the_requested_images_from_0_to_1() -> None:
    generator = torch.Generator().manual_seed(0)
    images, clean = (torch.randint(0, 256, (5, 2, 9, 9), generator=generator, dtype=torch.uint8) for _ in range(2))
    data = Split(
        images, torch.eye(5), torch.arange(5), torch.arange(5), LABELS[:5], torch.ones(5), "", "", clean, torch.eye(5)
    )
    index = torch.tensor([4, 1, 1])
    batch = gather(data, index, Augment(flip=0), generator, attention=True)
    torch.testing.assert_close(batch["x"] * 255, images[index].float())
    torch.testing.assert_close(batch["clean"] * 255, clean[index].float())
    for name in ("target", "aux"):
        assert torch.equal(batch[name], torch.eye(5)[index])
    assert batch["top"].tolist() == [4, 1, 1]


def test_degraded_images_alone_are_doubted() -> None:
    images = torch.randint(0, 256, (400, 1, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    target, shares = torch.eye(2)[torch.arange(400) % 2], torch.tensor([0.9, 0.1])
    data = Split(images, target, target.argmax(1), torch.arange(400), LABELS[:2], shares, "", "")
    spec = Augment(flip=0, degrade=0.5, doubt=0.4)
    for part in (slice(None), slice(1, None, 2)):
        generator = torch.Generator().manual_seed(3)
        batch = gather(data, torch.arange(400), spec, generator, attention=False, part=part)
        same = (batch["x"] * 255 - images[part]).abs().flatten(1).amax(1) < 1e-3
        assert 0.4 < same.float().mean() < 0.6
        expected = torch.where(same[:, None], target[part], 0.6 * target[part] + 0.4 * shares)
        torch.testing.assert_close(batch["target"][part], expected)
        assert torch.equal(batch["top"], data.top)
