"""Several processes train as one does: same batches, same losses, same weights, whatever the recipe asks for."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from torch import Tensor, nn  # noqa: E402

from mien.errors import DataError, RecipeError  # noqa: E402
from mien.models import MODELS  # noqa: E402
from mien.training import checkpoint  # noqa: E402
from mien.training import recipe as recipes  # noqa: E402
from mien.training.distributed import World  # noqa: E402
from mien.training.prepared import prepare  # noqa: E402
from mien.training.train import train  # noqa: E402

from .drawn import write_faces  # noqa: E402
from .processes import together  # noqa: E402

STEPS = ["data.size=16", "data.limit=150", "batch=66", "epochs=2", "precision=float32", "ema=0.9", "optim.lr=0.05"]
ALL = "augment={shift: 0.1, rotate: 15, scale: [0.9, 1.1], brightness: 0.2, contrast: 0.2, degrade: 0.5, erase: 0.3}"
CASES = {
    "augmentation, dropout, random depth and a window": [ALL, "augment.crop=12", "model.options.forget=0.3"],
    "images on disk": [ALL, "data.hold=disk"],
    "mixup and CutMix": [ALL, "augment.mixup=0.4", "augment.cutmix=1.0", "loss.label_smoothing=0.1"],
    "class weights": ["data.imbalance=weighted", "loss.logit_adjustment=1", "optim.clip=0.1", "optim.name=adamw"],
    "up-sampling": ["data.imbalance=up", "data.repeat=2", "refine={epochs: 1, lr: 0.02}", "probe=3"],
    "adversarial neighbours": ["loss.adversarial={norm: linf, step: 0.01, steps: 2, radius: 0.015, multiplier: 0.5}"],
    "SAM": ["optim.sharpness=0.05", "model.options.forget=0.3"],
    "embedding, attention and side heads": ["loss.representation={weight: 0.5}", "loss.attention=0.3", "loss.side=0.2"],
    "a second label set": ["data.auxiliary={name: ferplus, options: {labels: majority}}"],
    "sigmoids": ["heads.link=sigmoids", "optim.layer_decay=0.5"],
}


class Tiny(nn.Module):
    """A network without batch normalisation that gives every output, and has a head that no loss reads."""

    def __init__(self, classes: int, channels: int, aux: int, forget: float) -> None:
        super().__init__()
        self.forget = forget
        self.conv = nn.Conv2d(channels, 4, 3, stride=2)
        self.body = nn.Sequential(nn.Dropout(forget), nn.ReLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten())
        self.mask = nn.Conv2d(channels, channels, 1)
        self.drop = nn.Dropout(forget)
        self.logits, self.spare, self.side = (nn.Linear(36, classes) for _ in range(3))
        self.aux = nn.Linear(36, aux) if aux else None

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        seen = self.body(self.conv(x))
        if self.training and self.forget:
            seen = seen * (torch.rand(len(x), 1, device=x.device) >= self.forget)
        seen = self.drop(seen)
        outputs = {"logits": self.logits(seen), "embedding": seen, "spare": self.spare(seen)}
        outputs |= {"attended": x * self.mask(x).sigmoid(), "side": self.side(seen)[None]}
        return outputs | ({"aux": self.aux(seen)} if self.aux else {})


class Normalised(Tiny):
    """The same with batch normalisation."""

    def __init__(self, *words: Any) -> None:
        super().__init__(*words)
        self.body.insert(0, nn.BatchNorm2d(4))


@pytest.fixture(autouse=True)
def networks(monkeypatch: pytest.MonkeyPatch) -> None:
    def made(kind: type[Tiny]) -> Any:
        return lambda classes, channels=1, *, aux_classes=0, forget=0.0: kind(classes, channels, aux_classes, forget)

    for name, kind in (("tiny", Tiny), ("normalised", Normalised)):
        monkeypatch.setitem(MODELS, name, made(kind))


def small(*more: str, model: str = "tiny") -> recipes.Recipe:
    return recipes.load("papers/cnn2", [f"model.name={model}", *STEPS, *more])


def trained(size: int, recipe: recipes.Recipe, root: Path, run: Path) -> dict[str, Any]:
    """Train, or resume, with so many processes, and return last.pt."""
    run.mkdir(exist_ok=True)
    prepared = prepare(recipe, root, "cpu")
    together(size, lambda world: train(recipe, root, run, prepared=prepared, world=world))
    return checkpoint.content(run / "last.pt")


def difference(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Return the largest difference between two runs' weights, averaged weights, optimiser and log."""
    pairs = [(one[part][name], other[part][name]) for part in ("model", "average") for name in one[part]]
    for a, b in zip(*(last["optimizer"]["state"].values() for last in (one, other)), strict=True):
        pairs += [(a[name], b[name]) for name in a if isinstance(a[name], Tensor)]
    for a, b in zip(one["history"], other["history"], strict=True):
        pairs += [(torch.tensor(a[key]), torch.tensor(b[key])) for key in ("loss", "val_nll", "step")]
    return max((a.double() - b.double()).abs().max().item() for a, b in pairs)


QUICK = "class weights"


@pytest.mark.parametrize("case", [c if c == QUICK else pytest.param(c, marks=pytest.mark.slow) for c in CASES])
def test_processes_train_as_one_does(case: str, tiny_fer2013: Path, tmp_path: Path) -> None:
    recipe = small(*CASES[case])
    one, two = (trained(size, recipe, tiny_fer2013, tmp_path / str(size)) for size in (1, 2))
    assert [run["processes"] for run in (one, two)] == [1, 2]
    assert difference(one, two) < 1e-5


@pytest.mark.slow
def test_one_two_three_and_four_processes_agree_and_repeat_bit_by_bit(tiny_fer2013: Path, tmp_path: Path) -> None:
    recipe = small(ALL, "model.options.forget=0.3", "epochs=5")
    one, *runs = (trained(size, recipe, tiny_fer2013, tmp_path / str(size)) for size in (1, 2, 3, 4))
    for size, run in enumerate(runs, 2):
        assert 0 < difference(one, run) < 1e-5, "equal to the bit, so it was not split"
        assert difference(run, trained(size, recipe, tiny_fer2013, tmp_path / f"{size}-again")) == 0


@pytest.mark.slow
def test_heads_with_missing_targets_and_a_correlation_are_those_of_one_process(tmp_path: Path) -> None:
    write_faces(tmp_path / "faces", 70, 21)
    words = ("data.name=table", "heads={valence_arousal: 1.0, action_units: 0.5}", "select=valence_ccc", "batch=35")
    one, two = (trained(size, small(*words), tmp_path / "faces", tmp_path / str(size)) for size in (1, 2))
    assert difference(one, two) < 1e-5
    assert [row["val_valence_ccc"] for row in one["history"]] == pytest.approx(
        [row["val_valence_ccc"] for row in two["history"]], abs=1e-5
    )


@pytest.mark.slow
def test_a_teacher_s_targets_are_those_of_one_process(
    tiny_fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mien.training.batches.teach", lambda samples, spec: np.roll(samples.target, 1, axis=1))
    recipe = small("distill={weights: fer2013-nano}")
    one, two = (trained(size, recipe, tiny_fer2013, tmp_path / str(size)) for size in (1, 2))
    assert one["learnt"] == two["learnt"]
    assert difference(one, two) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize(("first", "then"), [(2, 2), (3, 3), (2, 1), (1, 2)])
def test_a_run_is_resumed_by_as_many_processes_or_by_others(
    first: int, then: int, tiny_fer2013: Path, tmp_path: Path
) -> None:
    words = (ALL, "model.options.forget=0.3", "optim.schedule.name=constant")
    whole = trained(first, small(*words, "epochs=4"), tiny_fer2013, tmp_path / "whole")
    trained(first, small(*words, "epochs=2"), tiny_fer2013, tmp_path / "run")
    resumed = trained(then, small(*words, "epochs=4"), tiny_fer2013, tmp_path / "run")
    assert resumed["epoch"] == 4
    assert difference(whole, resumed) == 0 if first == then else 0 < difference(whole, resumed) < 1e-5


@pytest.mark.slow
def test_batch_norm_sees_the_own_images_and_keeps_the_mean_of_all(tiny_fer2013: Path, tmp_path: Path) -> None:
    """The running statistics after one step: a tenth of the mean of the parts' statistics."""
    recipe = small("steps=1", "epochs=1", "batch=64", "data.limit=64", "augment.flip=0", model="normalised")
    data, model = (prepared := prepare(recipe, tiny_fer2013, "cpu")).train, prepared.model
    seed = int(np.random.SeedSequence((recipe.seed, 0)).generate_state(1, np.uint64)[0] >> np.uint64(1))
    order = data.rows[torch.randperm(64, generator=torch.Generator().manual_seed(seed))]
    with torch.no_grad():
        seen = [model.conv(data.images[order[rank::2]].float() / 255).transpose(0, 1).flatten(1) for rank in (0, 1)]
    run = trained(2, recipe, tiny_fer2013, tmp_path / "run")
    for part in ("model", "average"):
        held = run[part]
        mean = torch.stack([part.mean(1) for part in seen]).mean(0)
        var = torch.stack([part.var(1) for part in seen]).mean(0)
        torch.testing.assert_close(held["body.0.running_mean"], 0.1 * mean)
        torch.testing.assert_close(held["body.0.running_var"], 0.9 + 0.1 * var)


def refusals(world: World) -> list[str]:
    """Return what each of several mistakes says in this process."""
    said = []
    for mistake in (lambda: world.check(small("batch=3")), lambda: world.check(recipes.load("papers/svm", []))):
        with pytest.raises(RecipeError) as refused:
            mistake()
        said.append(str(refused.value))
    with pytest.raises(RecipeError) as refused:
        world.check_counts(small(), 150, 1)
    said.append(str(refused.value))
    with pytest.raises(RecipeError) as refused:
        world.refuse_others(f"digest {world.rank}")
    assert refused.value.shared
    with pytest.raises(DataError) as missing, world.agreed():  # noqa: PT012 - which process has it is the point
        if world.rank == 1:
            raise DataError("no images")
    assert missing.value.shared
    with pytest.raises(DataError) as unread:
        world.once(lambda: trouble(world))
    assert unread.value.shared
    assert world.once(lambda: world.rank) == 0
    return [*said, str(refused.value), str(missing.value), str(unread.value)]


def trouble(world: World) -> None:
    raise DataError(f"process {world.rank} cannot read")


def test_mistakes_are_the_same_in_all_processes() -> None:
    first, second = together(2, refusals)
    assert first == second
    assert first == [
        "batch: 3 images for 2 processes; expected at least 4, 2 for each; start fewer processes",
        "optim.name: linear_svc solves for all weights at once, which cannot be split; run it without torchrun",
        "data: val has 1 images for 2 processes; expected at least 2, 1 for each; start fewer processes",
        "process 1 reads other data, or targets of its teachers, than process 0; expected the same files and packages"
        " on every machine",
        "process 1: no images",
        "process 0 cannot read",
    ]


def gathered(world: World) -> list[Any]:
    rows = torch.arange(7.0)[:, None].requires_grad_()
    whole = world.gather(world.own(rows), 7)
    (whole.flatten() * torch.arange(7.0)).sum().backward()
    heads = world.gather(world.own(rows.detach())[None].expand(2, -1, 1), 7, 1)
    equal = torch.full((3,), 0.1)
    world.mean_([equal])
    assert rows.grad is not None
    return [part.tolist() for part in (whole.flatten(), rows.grad.flatten(), heads, equal - 0.1)]


def test_rows_come_in_order_and_gradients_reach_the_own_ones() -> None:
    for rank, (whole, slope, heads, equal) in enumerate(together(3, gathered)):
        assert whole == list(range(7))
        assert slope == [k if k % 3 == rank else 0 for k in range(7)]
        assert heads == [[[k] for k in range(7)]] * 2
        assert equal == [0, 0, 0], "the mean of equal numbers is that number"
