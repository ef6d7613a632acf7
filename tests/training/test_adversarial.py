"""Perturbations whose result is known on paper."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from mien.errors import RecipeError
from mien.training.adversarial import perturb, project

SLOPE = torch.tensor([[[[1.0, -2.0], [2.0, 0.0]]], [[[0.0, 3e-4], [-4e-4, 0.0]]]])
NORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "l1": lambda d: d.flatten(1).abs().sum(1),
    "l2": lambda d: d.flatten(1).norm(dim=1),
    "linf": lambda d: d.flatten(1).abs().amax(1),
}


def linear(x: Tensor) -> Tensor:
    return (x * SLOPE).sum() / len(x)


@pytest.mark.parametrize(
    ("norm", "wanted"),
    [
        ("l2", [[1 / 3, -2 / 3, 2 / 3, 0], [0, 0.6, -0.8, 0]]),
        ("linf", [[1, -1, 1, 0], [0, 1, -1, 0]]),
        ("l1", [[0, -0.5, 0.5, 0], [0, 0, -1, 0]]),  # two equal coordinates share the step
    ],
)
def test_one_step_of_a_linear_loss(norm: str, wanted: list[list[float]]) -> None:
    x = torch.full((2, 1, 2, 2), 0.5)
    moved = perturb(x, linear, norm=norm, step=0.1)
    torch.testing.assert_close(moved - x, 0.1 * torch.tensor(wanted).reshape(2, 1, 2, 2))
    assert NORMS[norm](moved - x).tolist() == pytest.approx([0.1, 0.1])
    assert not moved.requires_grad


@pytest.mark.parametrize("norm", NORMS)
def test_a_flat_loss_moves_nothing(norm: str) -> None:
    x = torch.rand(3, 1, 4, 4)
    assert torch.equal(perturb(x, lambda x: (x * 0).sum(), norm=norm, step=1.0), x)


def test_a_gradient_below_the_least_norm_moves_less() -> None:
    x = torch.zeros(1, 1, 1, 1)
    assert perturb(x, lambda x: 5e-7 * x.sum(), step=1.0).item() == pytest.approx(0.5)


@pytest.mark.parametrize("norm", NORMS)
def test_several_steps_stay_in_the_ball_and_raise_the_loss(norm: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5))
    x, label = torch.rand(6, 1, 8, 8), torch.arange(6) % 5

    def loss(x: Tensor) -> Tensor:
        return nn.functional.cross_entropy(model(x), label)

    once = perturb(x, loss, norm=norm, step=0.05)
    often = perturb(x, loss, norm=norm, step=0.05, steps=10, radius=0.1)
    assert (NORMS[norm](often - x) <= 0.1 + 1e-5).all()
    assert loss(often) > loss(once) > loss(x)


@pytest.mark.parametrize("norm", NORMS)
def test_projection_leaves_the_inside_alone_and_is_the_nearest_point(norm: str) -> None:
    torch.manual_seed(1)
    inside = 0.01 * torch.randn(4, 1, 3, 3)
    torch.testing.assert_close(project(inside, norm, 1.0), inside)
    outside = torch.randn(4, 1, 3, 3)
    nearest = project(outside, norm, 1.0)
    assert NORMS[norm](nearest).tolist() == pytest.approx([1.0] * 4, abs=1e-5)
    for _ in range(200):
        other = project(nearest + 0.05 * torch.randn_like(nearest), norm, 1.0)
        assert (NORMS["l2"](other - outside) >= NORMS["l2"](nearest - outside) - 1e-5).all()


def test_values_leave_the_unit_interval_unless_clamped() -> None:
    x = torch.ones(2, 1, 2, 2)
    assert perturb(x, linear, norm="linf", step=0.1).max() == pytest.approx(1.1)
    assert perturb(x, linear, norm="linf", step=0.1, clamp=True).max() == 1.0


def test_a_start_changes_where_it_begins_but_not_the_centre_of_the_ball() -> None:
    x = torch.full((2, 1, 2, 2), 0.5)
    moved = perturb(x, linear, norm="linf", step=0.01, radius=0.05, start=x - 0.2)
    assert (moved - x).flatten().tolist() == pytest.approx([-0.05] * 8)


@pytest.mark.parametrize("steps", [1, 3])
def test_a_slope_that_is_known_spares_a_pass(steps: int) -> None:
    x, read = torch.rand(2, 1, 2, 2), []

    def curved(x: Tensor) -> Tensor:
        read.append(len(x))
        return (x * SLOPE).square().sum()

    wanted = perturb(x, curved, step=0.1, steps=steps)
    once = len(read)
    torch.testing.assert_close(perturb(x, curved, step=0.1, steps=steps, slope=2 * x * SLOPE**2), wanted)
    assert len(read) - once == once - 1 == steps - 1


def test_the_model_keeps_its_gradients_and_x_its_flag() -> None:
    model = nn.Linear(4, 2)
    model.weight.grad = torch.full((2, 4), 7.0)
    x = torch.rand(3, 1, 2, 2)
    perturb(x, lambda x: model(x.flatten(1)).square().mean(), step=0.1, steps=2)
    assert not x.requires_grad
    assert torch.equal(model.weight.grad, torch.full((2, 4), 7.0))
    assert model.bias.grad is None


def test_works_where_gradients_are_switched_off() -> None:
    with torch.no_grad():
        assert perturb(torch.zeros(2, 1, 2, 2), linear, step=0.1).abs().sum() > 0


@pytest.mark.parametrize(("training", "passes"), [(True, 3), (False, 0)])
def test_batch_norm_counts_each_step_in_training_mode_only(training: bool, passes: int) -> None:
    model = nn.BatchNorm2d(1).train(training)
    perturb(torch.rand(4, 1, 2, 2), lambda x: (model(x) ** 3).sum(), step=0.1, steps=3)
    assert int(model.num_batches_tracked) == passes  # type: ignore[arg-type]


def test_an_unknown_norm_is_refused() -> None:
    with pytest.raises(RecipeError, match="'l3'; expected one of l2, linf, l1"):
        perturb(torch.zeros(1, 1, 2, 2), linear, norm="l3", step=0.1)
