"""Stages of networks: frozen ones stay as they are, later ones learn faster."""

import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from torch import nn  # noqa: E402

from mien.errors import RecipeError  # noqa: E402
from mien.models import MODELS  # noqa: E402
from mien.training.optim import optimizer  # noqa: E402
from mien.training.recipe import Optim  # noqa: E402
from mien.training.stages import freeze, rate_factors, stages, train_mode  # noqa: E402

MIENET = ["stem", "blocks.0", "blocks.1", "blocks.2", "blocks.3", "blocks.4", "blocks.5", "head"]


@pytest.mark.parametrize("name", MODELS)
def test_every_weight_belongs_to_one_stage(name: str) -> None:
    network = MODELS[name](7)
    found = [id(p) for modules in stages(network).values() for module in modules for p in module.parameters()]
    assert sorted(found) == sorted(id(p) for p in network.parameters())


@pytest.mark.parametrize(
    ("wanted", "frozen"),
    [
        (0, []),
        (2, MIENET[:2]),
        (7, MIENET[:7]),
        (["stem", "blocks.3"], ["stem", "blocks.3"]),
        (["blocks"], MIENET[1:7]),
    ],
)
def test_freezing(wanted: int | list[str], frozen: list[str]) -> None:
    network = MODELS["mienet"](7)
    assert list(stages(network)) == MIENET
    assert freeze(network, wanted) == frozen
    still = {name for name, weight in network.named_parameters() if not weight.requires_grad}
    assert still == {name for name, _ in network.named_parameters() if name.startswith(tuple(f"{f}." for f in frozen))}


@pytest.mark.parametrize(
    ("wanted", "words"), [(8, "at most 7 of stem"), (99, "nothing to train"), (["body"], "'body'")]
)
def test_what_cannot_be_frozen(wanted: int | list[str], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        freeze(MODELS["mienet"](7), wanted)


def test_frozen_statistics_and_dropout_stay() -> None:
    network = MODELS["mienet"](7)
    freeze(network, 1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    train_mode(network)
    network(torch.rand(4, 1, 48, 48))
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert not any(name.startswith("stem.") for name in changed)
    assert any(name.startswith("blocks.0.") and "running_mean" in name for name in changed)
    assert not network.stem.training
    assert network.head.training


def test_later_stages_learn_faster_and_frozen_ones_not_at_all() -> None:
    network = MODELS["mienet"](7, aux_classes=8)
    factors = rate_factors(network, 0.5)
    assert factors[network.stem[0].weight] == 0.5**7
    assert factors[network.blocks[5].first[0].weight] == 0.5
    assert factors[network.head[1].weight] == factors[network.aux[1].weight] == 1  # type: ignore[index]
    freeze(network, 1)
    made = optimizer(network, Optim(layer_decay=0.5))
    assert made is not None
    held = [p for group in made.param_groups for p in group["params"]]
    assert len(held) == len(set(held)) == sum(p.requires_grad for p in network.parameters())
    assert {group["scale"] for group in made.param_groups} == {0.5**k for k in range(7)}
    for group in made.param_groups:
        assert all(factors[p] == group["scale"] for p in group["params"])
        assert all((p.ndim > 1) == (group["weight_decay"] > 0) for p in group["params"])


def test_weights_outside_all_parts_belong_to_the_start() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Parameter(torch.zeros(1))
            self.body, self.head = nn.Conv2d(1, 2, 3), nn.Linear(2, 2)

    network = Net()
    factors = rate_factors(network, 0.5)
    assert [factors[p] for p in (network.token, network.body.weight, network.head.weight)] == [0.5, 0.5, 1]
