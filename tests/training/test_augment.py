"""Augmentations keep shape and range, do what they say, and follow their generator."""

import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.training.augment import augment  # noqa: E402
from mien.training.recipe import Augment  # noqa: E402

SPECS = {
    "nothing": Augment(flip=0),
    "flip": Augment(flip=1),
    "affine": Augment(shift=0.1, rotate=20, scale=(0.8, 1.2)),
    "light": Augment(flip=0, brightness=0.3, contrast=0.3),
    "erase": Augment(flip=0, erase=1),
    "all": Augment(shift=0.1, rotate=20, scale=(0.8, 1.2), brightness=0.3, contrast=0.3, erase=0.5),
}


def faces(channels: int = 1) -> "torch.Tensor":
    return torch.rand(32, channels, 48, 48, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("channels", [1, 3])
def test_shape_range_and_seed(name: str, channels: int) -> None:
    x = faces(channels)
    first, again, other = (augment(x, SPECS[name], torch.Generator().manual_seed(seed)) for seed in (5, 5, 6))
    assert first.shape == x.shape
    assert first.min() >= 0
    assert first.max() <= 1
    assert torch.equal(first, again)
    assert torch.equal(first, other) == (name in ("nothing", "flip"))


def test_certain_flip_mirrors() -> None:
    x = faces()
    assert torch.equal(augment(x, SPECS["flip"], torch.Generator()), x.flip(3))


def test_affine_without_ranges_but_flip_mirrors_too() -> None:
    x = faces()
    moved = augment(x, Augment(flip=1, scale=(1.0, 1.0 + 1e-9)), torch.Generator())
    torch.testing.assert_close(moved, x.flip(3), atol=1e-4, rtol=0)


def test_shift_moves_by_at_most_its_share() -> None:
    x = torch.zeros(64, 1, 48, 48)
    x[:, :, 23:25, 23:25] = 1
    moved = augment(x, Augment(flip=0, shift=0.125), torch.Generator().manual_seed(0))
    rows, columns = moved.amax(3).argmax(2).flatten(), moved.amax(2).argmax(2).flatten()
    for place in (rows, columns):
        assert (place - 23.5).abs().max() <= 7
        assert place.unique().numel() > 4


def test_erase_covers_a_rectangle_of_one_grey() -> None:
    x = faces()
    changed = augment(x, SPECS["erase"], torch.Generator().manual_seed(0)) != x
    share = changed.float().mean((1, 2, 3))
    assert 0 < share.max() <= 0.45**2 * 1.1
    first = int(share.argmax())
    box = changed[first, 0]
    rows, columns = box.any(1), box.any(0)
    assert box[rows][:, columns].all()
