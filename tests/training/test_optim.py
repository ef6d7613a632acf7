"""Optimisers spare or decay as the recipe says; schedules equal torch's own."""

import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from torch import nn  # noqa: E402

from mien.training.optim import OPTIMIZERS, SCHEDULES, optimizer, plateau, rate, uphill  # noqa: E402
from mien.training.recipe import Optim, Schedule  # noqa: E402


def net() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize(("decay", "vectors"), [("matrices", 0.0), ("all", 0.25)])
def test_decay_spares_vectors_unless_it_is_for_all(name: str, decay: str, vectors: float) -> None:
    made = optimizer(net(), Optim.model_validate({"name": name, "decay": decay, "weight_decay": 0.25}))
    assert made is not None
    assert [(group["weight_decay"], len(group["params"])) for group in made.param_groups] == [(0.25, 1), (vectors, 3)]


def test_what_is_fitted_has_no_optimiser() -> None:
    assert optimizer(net(), Optim(name="linear_svc")) is None


def test_adam_s_decay_is_an_l2_penalty() -> None:
    one, other = nn.Linear(3, 2, bias=False), nn.Linear(3, 2, bias=False)
    other.load_state_dict(one.state_dict())
    x = torch.rand(4, 3)
    steps = optimizer(one, Optim(name="adam", lr=0.1, weight_decay=0.5)), torch.optim.Adam(other.parameters(), 0.1)
    for _ in range(3):
        for model, step, penalty in ((one, steps[0], 0.0), (other, steps[1], 0.25)):
            assert step is not None
            loss = model(x).square().mean() + penalty * sum(p.square().sum() for p in model.parameters())
            step.zero_grad()
            loss.backward()
            step.step()
    torch.testing.assert_close(one.weight, other.weight)


@pytest.mark.parametrize("patience", [1, 2, 5])
@pytest.mark.parametrize("factor", [0.1, 0.5])
def test_plateau_equals_torch(patience: int, factor: float) -> None:
    losses = (2 - torch.arange(60) / 30 + torch.rand(60, generator=torch.Generator().manual_seed(patience))).tolist()
    weight = nn.Parameter(torch.zeros(1))
    adam = torch.optim.Adam([weight], 1.0)
    # torch waits one epoch longer than Keras; its own floor on what a cut changes is switched off
    reference = torch.optim.lr_scheduler.ReduceLROnPlateau(
        adam, factor=factor, patience=patience - 1, threshold=1e-4, threshold_mode="abs", eps=0.0
    )
    spec = Schedule(name="plateau", factor=factor, patience=patience)
    for done, loss in enumerate(losses, 1):
        reference.step(loss)
        assert plateau(0, 1, losses[:done], spec) == pytest.approx(adam.param_groups[0]["lr"])
    assert adam.param_groups[0]["lr"] < 1


@pytest.mark.parametrize("factor", [0.9, 0.1])
def test_step_equals_torch(factor: float) -> None:
    sgd = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.01)
    reference = torch.optim.lr_scheduler.StepLR(sgd, 7, factor)
    spec = Optim(lr=0.01, warmup=0, schedule=Schedule(name="step", factor=factor, every=7))
    for step in range(30):
        assert rate(step, 30, 10, spec) == pytest.approx(sgd.param_groups[0]["lr"])
        sgd.step()
        reference.step()


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_begins_at_the_rate_after_the_warm_up(name: str) -> None:
    spec = Optim(lr=0.5, warmup=1, schedule=Schedule(name=name))
    assert rate(0, 100, 10, spec) == pytest.approx(0.05)
    assert rate(10, 10_000, 10, spec) == pytest.approx(0.5, rel=1e-3)


def test_uphill_is_where_sharpness_aware_minimisation_looks() -> None:
    model = nn.Linear(1, 1)
    with torch.no_grad():
        model.weight.fill_(2.0)
        model.bias.fill_(1.0)
    x = torch.full((1, 1), 3.0)
    model(x).square().sum().backward()  # output 7: gradients 2 * 7 * 3 = 42 and 14, of length 44.27
    before = [p.detach().clone() for p in model.parameters()]
    with uphill(model, 0.5):
        torch.testing.assert_close(model.weight, torch.tensor([[2.0 + 0.5 * 42 / 1960**0.5]]))
        torch.testing.assert_close(model.bias, torch.tensor([1.0 + 0.5 * 14 / 1960**0.5]))
    assert all(torch.equal(p, kept) for p, kept in zip(model.parameters(), before, strict=True))


def test_uphill_leaves_running_averages_alone() -> None:
    model = net()
    model(torch.rand(4, 1, 5, 5)).sum().backward()
    mean = model[1].running_mean.clone()
    with uphill(model, 0.05):
        model(torch.rand(4, 1, 5, 5))
    assert torch.equal(model[1].running_mean, mean)
    model(torch.rand(4, 1, 5, 5))
    assert not torch.equal(model[1].running_mean, mean)
