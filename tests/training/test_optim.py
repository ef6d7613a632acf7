"""Optimisers spare or decay as the recipe says; schedules equal torch's own."""

import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from torch import nn  # noqa: E402

from mien.training.optim import (  # noqa: E402
    OPTIMIZERS,
    SCHEDULES,
    ExponentialMovingAverage,
    optimizer,
    plateau,
    rate,
    sam_perturbation,
)
from mien.training.recipe import Optim, Refine, Schedule  # noqa: E402


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
    with sam_perturbation(model, 0.5):
        torch.testing.assert_close(model.weight, torch.tensor([[2.0 + 0.5 * 42 / 1960**0.5]]))
        torch.testing.assert_close(model.bias, torch.tensor([1.0 + 0.5 * 14 / 1960**0.5]))
    assert all(torch.equal(p, kept) for p, kept in zip(model.parameters(), before, strict=True))


def test_uphill_leaves_running_averages_alone() -> None:
    model = net()
    model(torch.rand(4, 1, 5, 5)).sum().backward()
    mean = model[1].running_mean.clone()
    with sam_perturbation(model, 0.05):
        model(torch.rand(4, 1, 5, 5))
    assert torch.equal(model[1].running_mean, mean)
    model(torch.rand(4, 1, 5, 5))
    assert not torch.equal(model[1].running_mean, mean)


def test_average_warms_up_to_its_decay_and_forgets_the_first_weights() -> None:
    """By hand: a tenth of the old stays at first, then two elevenths, until the decay that is asked for is reached."""
    model = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(8.0)
    average, expected = ExponentialMovingAverage(model, 0.4), 8.0
    for step, weight in enumerate((1.0, 2.0, 4.0, 3.0, 5.0, 7.0, 2.0, 1.0)):
        with torch.no_grad():
            model.weight.fill_(weight)
        average.update(model, step)
        decay = min(0.4, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * weight
        assert average.model.weight.item() == pytest.approx(expected, rel=1e-6)
    assert (decay, average.model.training) == (0.4, False)
    assert not average.model.weight.requires_grad


def test_average_takes_the_buffers_as_they_are() -> None:
    model = net()
    average = ExponentialMovingAverage(model, 0.99)
    model(torch.rand(4, 1, 5, 5))
    average.update(model, 1000)
    for name, value in model.named_buffers():
        assert torch.equal(dict(average.model.named_buffers())[name], value), name


def test_sgd_is_nesterov_s_with_the_given_momentum() -> None:
    one, other = nn.Linear(3, 2, bias=False), nn.Linear(3, 2, bias=False)
    other.load_state_dict(one.state_dict())
    made = optimizer(one, Optim(lr=0.1, momentum=0.8, weight_decay=0.0))
    assert made is not None
    speed, x = torch.zeros(2, 3), torch.rand(4, 3)
    for _ in range(3):
        for model in (one, other):
            model.zero_grad()
            model(x).square().mean().backward()
        made.step()
        with torch.no_grad():  # Sutskever et al., ICML 2013, as Keras and torch write it
            assert other.weight.grad is not None
            speed = 0.8 * speed + other.weight.grad
            other.weight -= 0.1 * (other.weight.grad + 0.8 * speed)
    torch.testing.assert_close(one.weight, other.weight)


def test_rates_of_single_steps() -> None:
    """The warm-up ends with its last step, the cosine is half-way in the middle, the refinement has its own rate."""
    spec = Optim(lr=1.0, warmup=2.0, schedule=Schedule(name="constant"))
    assert [rate(step, 100, 2, spec) for step in range(6)] == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1])
    plain = Optim(lr=1.0, warmup=0.0)
    assert [rate(step, 4, 2, plain) for step in range(4)] == pytest.approx([1, 0.853553, 0.5, 0.146447], abs=1e-6)
    refine = Refine(epochs=2, lr=0.2)
    rates = [rate(step, 4, 2, plain, refine) for step in range(4, 8)]
    assert rates == pytest.approx([0.2, 0.170711, 0.1, 0.029289], abs=1e-6)
