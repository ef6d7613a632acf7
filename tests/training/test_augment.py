"""Augmentations keep shape and range, do what they say, and follow their generator."""

import math
from collections.abc import Callable

import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.training.augment import augment, blur, coarsen, degrade, erase, grain, light, uneven, window  # noqa: E402
from mien.training.draws import Draws  # noqa: E402
from mien.training.recipe import Augment  # noqa: E402

SPECS = {
    "nothing": Augment(flip=0),
    "flip": Augment(flip=1),
    "affine": Augment(shift=0.1, rotate=20, scale=(0.8, 1.2)),
    "light": Augment(flip=0, brightness=0.3, contrast=0.3),
    "uneven": Augment(flip=0, gamma=0.3, shadow=0.5),
    "degrade": Augment(flip=0, degrade=1),
    "erase": Augment(flip=0, erase=1),
    "all": Augment(shift=0.1, rotate=20, scale=(0.8, 1.2), brightness=0.3, contrast=0.3, degrade=0.5, erase=0.5),
}


def faces(channels: int = 1) -> "torch.Tensor":
    return torch.rand(32, channels, 48, 48, generator=torch.Generator().manual_seed(3))


def draws(images: int, seed: int = 0, part: slice = slice(None)) -> Draws:
    return Draws.of(torch.Generator().manual_seed(seed), images, part)


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("channels", [1, 3])
def test_shape_range_and_seed(name: str, channels: int) -> None:
    x = faces(channels)
    first, again, other = (augment(x, SPECS[name], draws(len(x), seed)) for seed in (5, 5, 6))
    assert first.shape == x.shape
    assert first.min() >= 0
    assert first.max() <= 1
    assert torch.equal(first, again)
    assert torch.equal(first, other) == (name in ("nothing", "flip"))


def test_certain_flip_mirrors() -> None:
    x = faces()
    assert torch.equal(augment(x, SPECS["flip"], draws(len(x))), x.flip(3))


def test_affine_without_ranges_but_flip_mirrors_too() -> None:
    x = faces()
    moved = augment(x, Augment(flip=1, scale=(1.0, 1.0 + 1e-9)), draws(len(x)))
    torch.testing.assert_close(moved, x.flip(3), atol=1e-4, rtol=0)


def test_shift_moves_by_at_most_its_share() -> None:
    x = torch.zeros(64, 1, 48, 48)
    x[:, :, 23:25, 23:25] = 1
    moved = augment(x, Augment(flip=0, shift=0.125), draws(len(x), 0))
    rows, columns = moved.amax(3).argmax(2).flatten(), moved.amax(2).argmax(2).flatten()
    for place in (rows, columns):
        assert (place - 23.5).abs().max() <= 7
        assert place.unique().numel() > 4


def test_fill_edge_repeats_the_edge() -> None:
    x = torch.full((64, 1, 24, 24), 0.5)
    spec = {"flip": 0, "shift": 0.3, "rotate": 20}
    black, edge = (augment(x, Augment(**spec, fill=fill), draws(len(x), 0)) for fill in ("black", "edge"))
    assert black.min() == 0
    torch.testing.assert_close(edge, x)


def test_degrade_changes_its_share_each_way_alike_often() -> None:
    x = faces().repeat(64, 1, 1, 1)
    changed, degraded = degrade(x, 0.6, draws(len(x), 0))
    assert torch.equal(degraded, (changed != x).flatten(1).any(1))
    assert degraded.float().mean().item() == pytest.approx(0.6, abs=0.03)
    noisy = (changed - x).flatten(1).std(1)[(changed.flatten(1).diff(dim=1).std(1) >= x.flatten(1).diff(dim=1).std(1))]
    assert 0.1 < (noisy > 0).sum() / len(x) < 0.3


def test_a_power_keeps_black_and_white_and_moves_grey_both_ways() -> None:
    x = torch.tensor([0.0, 0.5, 1.0]).repeat(4000).reshape(4000, 1, 1, 3)
    black, grey, white = uneven(x, 0.4, 0.0, draws(4000)).flatten(1).T
    assert (black.max(), white.min()) == (0, 1)
    logs = (grey.log() / math.log(0.5)).log()
    assert (logs.min().item(), logs.max().item()) == pytest.approx((-0.4, 0.4), abs=0.01)


def test_a_shadow_falls_evenly_from_one_edge_to_the_other_in_any_direction() -> None:
    shaded = uneven(torch.ones(4000, 1, 9, 9), 0.0, 0.6, draws(4000))[:, 0]
    assert shaded.max() <= 1
    assert shaded.min().item() == pytest.approx(0.4, abs=0.02)
    across, down = shaded.diff(dim=2), shaded.diff(dim=1)
    torch.testing.assert_close(across, across[:, :1, :1].expand_as(across), atol=1e-5, rtol=0)
    for slope in (across[:, 0, 0], down[:, 0, 0]):
        assert 0.45 < (slope > 0).float().mean() < 0.55


@pytest.mark.parametrize("worsen", [blur, coarsen])
def test_blurred_and_coarser_images_keep_their_mean_and_lose_detail(worsen: Callable[..., "torch.Tensor"]) -> None:
    x = faces(3)
    soft = worsen(x, draws(len(x), 0))
    torch.testing.assert_close(soft.mean((1, 2, 3)), x.mean((1, 2, 3)), atol=0.02, rtol=0)
    assert (soft.diff(dim=3).std((1, 2, 3)) < 0.9 * x.diff(dim=3).std((1, 2, 3))).all()
    torch.testing.assert_close(worsen(torch.full((2, 1, 20, 20), 0.3), draws(2)), torch.full((2, 1, 20, 20), 0.3))


def test_blur_equals_opencv_s() -> None:
    cv2 = pytest.importorskip("cv2")
    x = faces()
    soft = blur(x, draws(len(x), 4))
    draw = torch.rand(len(x), generator=torch.Generator().manual_seed(4)) * (0.05 - 0.01) * 48 + 0.01 * 48
    for image, blurred, deviation in zip(x, soft, draw.tolist(), strict=True):
        expected = cv2.GaussianBlur(image[0].numpy(), (17, 17), deviation, borderType=cv2.BORDER_REPLICATE)
        torch.testing.assert_close(blurred[0], torch.from_numpy(expected), atol=1e-5, rtol=0)


def test_grain_has_the_deviation_it_says() -> None:
    x = torch.full((64, 1, 48, 48), 0.5)
    noise = (grain(x, draws(len(x), 0)) - x).flatten(1).std(1)
    assert 0.018 < noise.min() < 0.03
    assert 0.12 < noise.max() < 0.155


def test_erase_covers_a_rectangle_of_one_grey() -> None:
    x = faces()
    changed = augment(x, SPECS["erase"], draws(len(x), 0)) != x
    share = changed.float().mean((1, 2, 3))
    assert 0 < share.max() <= 0.45**2 * 1.1
    first = int(share.argmax())
    box = changed[first, 0]
    rows, columns = box.any(1), box.any(0)
    assert box[rows][:, columns].all()


@pytest.fixture
def farthest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every number that is drawn is the upper end of its range."""
    monkeypatch.setattr(Draws, "uniform", lambda self, low, high: torch.full((len(self.rows),), float(high)))


@pytest.mark.parametrize("flip", [0, 1])
def test_a_quarter_turn_is_torch_s_and_mirrored_where_flipped(flip: int, farthest: None) -> None:
    x = faces()
    turned = augment(x, Augment(flip=flip, rotate=90), draws(len(x)))
    expected = x.rot90(1, (2, 3))
    torch.testing.assert_close(turned, expected.flip(3) if flip else expected, atol=1e-4, rtol=0)


def test_the_farthest_shift_is_its_share_of_the_side(farthest: None) -> None:
    x = faces()
    moved = augment(x, Augment(flip=0, shift=0.125), draws(len(x)))
    torch.testing.assert_close(moved[:, :, :42, :42], x[:, :, 6:, 6:], atol=1e-4, rtol=0)
    assert (moved[:, :, 42:] == 0).all()


def test_the_farthest_scale_enlarges_by_as_much(farthest: None) -> None:
    x = torch.zeros(2, 1, 48, 48)
    x[:, :, 18:30, 18:30] = 1
    grown = augment(x, Augment(flip=0, scale=(0.5, 2.0)), draws(len(x)))
    assert grown.sum((1, 2, 3)).tolist() == pytest.approx([4 * 144] * 2, rel=0.02)
    assert grown[:, :, 13:35, 13:35].min() > 0.9


def test_light_scales_then_lifts_and_stays_in_range(farthest: None) -> None:
    x = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0]).reshape(1, 1, 1, 5)
    lit = light(x, 0.1, 0.5, draws(len(x))).flatten()
    torch.testing.assert_close(lit, torch.tensor([0.1, 0.475, 0.85, 1.0, 1.0]))


def test_windows_come_from_everywhere_in_the_image() -> None:
    x = torch.arange(36.0).reshape(1, 1, 6, 6).expand(400, 1, 6, 6)
    cut = window(x, 5, draws(len(x), 0))
    assert cut.shape == (400, 1, 5, 5)
    assert {int(value) for value in cut[:, 0, 0, 0]} == {0, 1, 6, 7}
    for one in cut[:20]:
        first = one[0, 0, 0]
        torch.testing.assert_close(one[0], first + torch.arange(5.0) + 6 * torch.arange(5.0)[:, None])


def test_each_image_is_changed_independently_with_the_given_probability() -> None:
    x = torch.full((400, 1, 24, 24), 0.5)
    lit = augment(x, Augment(flip=0, brightness=0.3), draws(len(x), 0))[:, 0, 0, 0]
    assert len(lit.unique()) > 390
    erased = (erase(x, 0.3, draws(len(x), 0)) != x).flatten(1).any(1).float().mean().item()
    assert erased == pytest.approx(0.3, abs=0.07)
    mirrored = augment(torch.linspace(0, 1, 24).expand(400, 1, 24, 24).clone(), Augment(flip=0.3, rotate=1), draws(400))
    share = (mirrored[:, 0, 12, 2] > mirrored[:, 0, 12, 21]).float().mean().item()
    assert share == pytest.approx(0.3, abs=0.07)


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("processes", [2, 3, 16])
def test_a_process_changes_its_images_as_one_process_changes_all(name: str, processes: int) -> None:
    x = faces(3)
    whole = augment(x, SPECS[name], draws(len(x), 5))
    for rank in range(processes):
        part = slice(rank, None, processes)
        torch.testing.assert_close(augment(x[part], SPECS[name], draws(len(x), 5, part)), whole[part])
