"""Mixed batches: shares that add up, targets that follow the images."""

import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.training.mixing import beta, mix, rectangle  # noqa: E402
from mien.training.recipe import Augment  # noqa: E402


def batch(n: int = 6) -> "dict[str, torch.Tensor]":
    # image k is k everywhere and its target is class k, so that a pixel says how much of which image it holds
    x = torch.arange(n, dtype=torch.float32)[:, None, None, None].expand(n, 1, 32, 32).clone()
    return {"x": x, "clean": x.clone(), "target": torch.eye(n), "top": torch.arange(n), "shares": torch.ones(n) / n}


def generator(seed: int = 0) -> "torch.Generator":
    return torch.Generator().manual_seed(seed)


def test_without_mixing_the_batch_stays() -> None:
    given = batch()
    assert mix(given, Augment(), generator()) is given


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("spec", [Augment(mixup=0.4), Augment(cutmix=1.0), Augment(mixup=1, cutmix=1)])
def test_target_holds_the_share_of_each_image(spec: Augment, seed: int) -> None:
    mixed = mix(batch(), spec, generator(seed))
    of_pixels = mixed["x"].mean((1, 2, 3))
    of_target = mixed["target"] @ torch.arange(6.0)
    torch.testing.assert_close(of_pixels, of_target)
    torch.testing.assert_close(mixed["target"].sum(1), torch.ones(6))
    assert torch.equal(mixed["x"], mixed["clean"])
    assert torch.equal(mixed["top"], mixed["target"].argmax(1))
    assert torch.equal(mixed["shares"], batch()["shares"])


def test_mixup_blends_every_pixel_and_cutmix_none() -> None:
    blended, cut = mix(batch(), Augment(mixup=5.0), generator()), mix(batch(), Augment(cutmix=5.0), generator())
    assert (blended["x"].flatten(1).std(1) == 0).all()
    assert (cut["x"] == cut["x"].round()).all()
    assert (cut["x"].flatten(1).std(1) > 0).any()


def test_both_take_turns() -> None:
    spec, draw = Augment(mixup=5.0, cutmix=5.0), generator()
    whole = [bool((mix(batch(), spec, draw)["x"].flatten(1).std(1) == 0).all()) for _ in range(60)]
    assert 15 < sum(whole) < 45


def test_a_half_without_target_leaves_none() -> None:
    given = batch() | {"aux": torch.eye(6)}
    given["aux"][2] = torch.nan
    mixed = mix(given, Augment(mixup=1.0), generator(3))
    holds = (mixed["target"][:, 2] > 0) | mixed["target"].isnan().any(1)
    assert torch.equal(mixed["aux"].isnan().any(1), holds)
    assert holds.sum() in (1, 2)


@pytest.mark.parametrize("spec", [Augment(mixup=0.4), Augment(cutmix=1.0)])
def test_each_label_counts_as_far_as_its_image_does(spec: Augment) -> None:
    """A mixture stands for its parts: weight times target is the mean of both, and weight 0 teaches nothing."""
    given, importance = batch(), torch.tensor([0.0, 0, 1, 1, 2, 2])
    plain, mixed = (mix(each, spec, generator(3)) for each in (given, given | {"importance": importance}))
    assert torch.equal(plain["x"], mixed["x"])
    torch.testing.assert_close(mixed["importance"], plain["target"] @ importance)
    counted = mixed["importance"][:, None] * mixed["target"]
    torch.testing.assert_close(counted, plain["target"] * importance)
    assert (counted[:, :2] == 0).all()
    torch.testing.assert_close(mixed["target"].sum(1), torch.ones(6))


def test_same_generator_same_mixture() -> None:
    first, again, other = (mix(batch(), Augment(mixup=1.0), generator(seed))["x"] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_rectangle_has_the_area_where_it_fits() -> None:
    draw = generator()
    areas = [rectangle(torch.zeros(1, 1, 100, 60), torch.tensor(0.25), draw).float().mean().item() for _ in range(50)]
    assert max(areas) == pytest.approx(0.25, abs=0.02)
    assert min(areas) < 0.2, "cut off at the edge"


@pytest.mark.parametrize("shape", [0.2, 1.0, 4.0])
def test_share_has_the_moments_of_beta(shape: float) -> None:
    draw = generator()
    drawn = torch.stack([beta((shape, shape), draw, torch.zeros(1)) for _ in range(4000)])
    assert drawn.mean().item() == pytest.approx(0.5, abs=0.03)
    assert drawn.var().item() == pytest.approx(1 / (4 * (2 * shape + 1)), rel=0.1)
