"""Inside the loop: which weights are scored, on what, in which order, at which rate, and what a resume restores.

Two epochs of two steps of a linear network on drawn faces of 16 pixels: quick enough to look at each part by itself.
"""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from torch import Tensor, nn  # noqa: E402

from mien.errors import DivergedError  # noqa: E402
from mien.labels import EXPRESSIONS  # noqa: E402
from mien.training import checkpoint, runlog  # noqa: E402
from mien.training import recipe as recipes  # noqa: E402
from mien.training import train as module  # noqa: E402
from mien.training.batches import Split, split  # noqa: E402
from mien.training.losses import cross_entropy  # noqa: E402
from mien.training.network import make  # noqa: E402
from mien.training.optim import ExponentialMovingAverage, optimizer  # noqa: E402
from mien.training.recipe import Optim  # noqa: E402
from mien.training.train import Plan, State, _accuracy, _fit, predict, score, train  # noqa: E402

CPU = torch.device("cpu")
SMALL = [
    "model.name=svm", "data.size=16", "data.limit=64", "batch=32", "epochs=2", "precision=float32", "ema=0.9",
    "optim.lr=0.05",
]  # fmt: skip


def small(*more: str) -> recipes.Recipe:
    return recipes.load("papers/cnn2", [*SMALL, *more])


@pytest.fixture(scope="module")
def run(tiny_fer2013: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose val loss was looked at after each step."""
    return train(small("probe=1"), tiny_fer2013, tmp_path_factory.mktemp("run"), device="cpu")


@pytest.fixture(scope="module")
def val(tiny_fer2013: Path) -> Split:
    return split(small(), tiny_fer2013, "val", CPU)


def scored(state: dict[str, Tensor], val: Split) -> dict[str, float]:
    """The metrics on val of the network with these weights, through a plain softmax of the pixels from 0 to 1."""
    model = make(small(), EXPRESSIONS[:7], 1, 16)
    model.load_state_dict(state)
    with torch.no_grad():
        probs = model.eval()(val.images / 255)["logits"].softmax(1).double().numpy()
    target = val.target.double().numpy()
    return {f"val_{key}": float(metric(probs, target)) for key, metric in module.METRICS.items()}


def test_what_is_scored_are_the_averaged_weights_on_pixels_from_0_to_1(run: Path, val: Split) -> None:
    last = checkpoint.content(run / "last.pt")
    averaged, raw = (scored(last[name], val) for name in ("average", "model"))
    row = last["history"][-1]
    assert {key: row[key] for key in averaged} == pytest.approx(averaged, abs=1e-5)
    assert raw["val_nll"] != pytest.approx(averaged["val_nll"], abs=1e-3)
    with (run / "steps.csv").open() as file:
        probed = list(csv.DictReader(file))[-1]
    assert float(probed["val_nll"]) == pytest.approx(averaged["val_nll"], abs=1e-5)


def test_best_holds_the_averaged_weights_that_were_scored(run: Path, val: Split) -> None:
    best, history = checkpoint.content(run / "best.pt"), checkpoint.content(run / "last.pt")["history"]
    row = history[best["epoch"] - 1]
    assert scored(best["average"], val)["val_nll"] == pytest.approx(row["val_nll"], abs=1e-5)


class Ramp(nn.Module):
    """Outputs the mean of the left, the upper and the whole of an image; forgets half of it while it trains."""

    def __init__(self) -> None:
        super().__init__()
        self.forget = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        half = x.shape[3] // 2
        parts = [self.forget(part).mean((1, 2, 3)) for part in (x[..., :half], x[:, :, :half], x)]
        return {"logits": torch.stack(parts, 1)}


@pytest.mark.parametrize("flip", [False, True])
def test_logits_are_those_of_evaluation_averaged_with_the_mirror_image_s(flip: bool) -> None:
    images = torch.zeros((3, 1, 8, 8), dtype=torch.uint8)
    images[:, :, :, :4], images[:, :, :2] = 100, 200
    left, upper = (images[0, 0, :, :4] / 255).mean().item(), (images[0, 0, :4] / 255).mean().item()
    right = (images[0, 0, :, 4:] / 255).mean().item()
    expected = [(left + right) / 2 if flip else left, upper, (left + right) / 2]
    outputs = predict(Ramp().train(), images, torch.float32, ["logits"], flip=flip, batch=2)
    torch.testing.assert_close(outputs["logits"], torch.tensor([expected] * 3))


def test_score_is_of_the_softmax(val: Split) -> None:
    model = make(small(), EXPRESSIONS[:7], 1, 16)
    assert score(model, val, torch.float32, flip=False) == pytest.approx(scored(model.state_dict(), val), abs=1e-5)


class Watched:
    """What the loop uses: rows, random states, steps and losses that set the rate, modes of the network."""

    def __init__(self) -> None:
        self.orders: list[list[int]] = []
        self.seeds: list[int] = []
        self.rates: list[tuple[int, list[float]]] = []
        self.training: list[bool] = []


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watched:
    watched = Watched()
    gather, rate, forward = module.gather, Plan.rate, module.forward

    def gathered(data: Split, index: Tensor, *rest: Any, **more: Any) -> dict[str, Tensor]:
        watched.orders.append(index.tolist())
        watched.seeds.append(torch.initial_seed())
        return gather(data, index, *rest, **more)

    def rated(plan: Plan, step: int, losses: Any = ()) -> float:
        watched.rates.append((step, list(losses)))
        return rate(plan, step, losses)

    def forwarded(model: nn.Module, *rest: Any) -> dict[str, Tensor]:
        if torch.is_grad_enabled():
            watched.training.append(model.training)
        return forward(model, *rest)

    monkeypatch.setattr(module, "gather", gathered)
    monkeypatch.setattr(Plan, "rate", rated)
    monkeypatch.setattr(module, "forward", forwarded)
    return watched


def test_every_epoch_shows_all_in_another_order_from_its_own_seed(
    watch: Watched, tiny_fer2013: Path, tmp_path: Path
) -> None:
    epochs = []
    for seed in (0, 0, 1):
        run = tmp_path / str(len(epochs))
        run.mkdir()
        train(small(f"seed={seed}"), tiny_fer2013, run, device="cpu")
        orders, seeds = watch.orders[-4:], watch.seeds[-4:]
        first, second = orders[0] + orders[1], orders[2] + orders[3]
        assert sorted(first) == sorted(second) == list(range(64))
        assert list(range(64)) not in (first, second)
        assert first != second
        assert len({seeds[0], seeds[2]}) == 2
        epochs.append((first, second, seeds))
    assert epochs[0] == epochs[1]
    assert all(one != other for one, other in zip(epochs[0], epochs[2], strict=True))


def test_the_rate_is_that_of_the_step_and_of_the_losses_on_val(
    watch: Watched, tiny_fer2013: Path, tmp_path: Path
) -> None:
    train(small(), tiny_fer2013, tmp_path, device="cpu")
    history = checkpoint.content(tmp_path / "last.pt")["history"]
    after = [history[0]["val_nll"]]
    requested = list(dict.fromkeys((step, *losses) for step, losses in watch.rates))
    assert requested == [(0,), (1,), (2, *after), (3, *after)]
    assert watch.training == [True] * 4


def test_a_state_is_restored_whole(tmp_path: Path) -> None:
    def made(seed: int) -> State:
        torch.manual_seed(seed)
        model = nn.Linear(3, 2)
        return State(model, ExponentialMovingAverage(model, 0.9), optimizer(model, Optim(lr=0.1)))

    state, other = made(0), made(1)
    assert state.optimizer is not None
    for _ in range(3):
        state.optimizer.zero_grad()
        state.model(torch.ones(1, 3)).square().sum().backward()
        state.optimizer.step()
        state.average.update(state.model, state.step)
        state.step += 1
    state.epoch, state.seconds, state.best, state.history = (
        2,
        1.5,
        0.75,
        [{"epoch": 1, "step": 3, "loss": 1.0, "val_nll": 2.0}],
    )
    facts = {"labels": ["a", "b"], "aux_labels": [], "size": 48, "channels": 1, "learnt": "", "threads": 1}
    checkpoint.save({**state.content(), **facts, "precision": "float32"}, tmp_path / "last.pt")
    other.restore(checkpoint.load(tmp_path / "last.pt", checkpoint.Last))
    plain = ("step", "epoch", "seconds", "best", "history")
    assert [getattr(other, name) for name in plain] == [getattr(state, name) for name in plain]
    for one, two in ((state.model, other.model), (state.average.model, other.average.model)):
        assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))
    assert not torch.equal(state.model.weight, state.average.model.weight)
    assert other.optimizer is not None
    kept, restored = (one.optimizer.state_dict()["state"] for one in (state, other))  # type: ignore[union-attr]
    assert len(kept) == 2
    assert all(torch.equal(kept[k]["momentum_buffer"], restored[k]["momentum_buffer"]) for k in kept)


def test_a_resumed_run_keeps_its_best_epoch_and_its_precision(tiny_fer2013: Path, tmp_path: Path) -> None:
    train(small("epochs=1", "precision=bfloat16"), tiny_fer2013, tmp_path, device="cpu")
    last = checkpoint.content(tmp_path / "last.pt")
    checkpoint.save({**last, "best": 2.0}, tmp_path / "last.pt")  # an accuracy that nothing can reach
    train(small("precision=float32"), tiny_fer2013, tmp_path, device="cpu")
    assert checkpoint.content(tmp_path / "best.pt")["epoch"] == 1
    again = checkpoint.content(tmp_path / "last.pt")
    assert (again["epoch"], again["best"], again["precision"]) == (2, 2.0, "bfloat16")


def test_accuracy_while_training_is_over_what_has_a_label() -> None:
    scores = torch.eye(3)[[0, 1, 2, 0, 1]]
    assert _accuracy(scores, torch.tensor([0, 1, 0, -1, -1])).item() == pytest.approx(2 / 3)
    assert _accuracy(scores, torch.full((5,), -1)).item() == 0


def test_the_linear_machine_is_fitted_to_what_has_a_label(monkeypatch: pytest.MonkeyPatch) -> None:
    from mien.training.progress import Progress

    given: list[Any] = []

    def fit(images: np.ndarray, label: np.ndarray, classes: int, **how: Any) -> tuple[np.ndarray, np.ndarray]:
        given.append((images, label, how["weight"]))
        return np.zeros((classes, 16 * 16), np.float32), np.zeros(classes, np.float32)

    monkeypatch.setitem(module.SOLVERS, "linear_svc", fit)
    recipe = recipes.load("papers/svm", ["data.size=16"])
    top, target = torch.tensor([1, -1, 0, 1]), torch.tensor([[0.0, 1], [torch.nan] * 2, [1, 0], [0, 1]])
    images = torch.arange(4, dtype=torch.uint8)[:, None, None, None].expand(4, 1, 16, 16).clone()
    counts = torch.tensor([0.0, 1, 1, 2])
    data = Split(images, target, top, torch.arange(4), ("neutral", "happiness"), torch.ones(2) / 2, "", "")
    data = replace(data, importance=counts)
    model = make(recipe, EXPRESSIONS[:2], 1, 16)
    state = State(model, ExponentialMovingAverage(model, 0.0), None)
    with Progress(recipe.name, 1, 0) as progress:
        (row,) = _fit(Plan(recipe, 1), data, data, state, torch.float32, progress)
    images_given, label, weight = given[0]
    assert weight.tolist() == [0, 1, 2]
    assert label.tolist() == [1, 0, 1]
    assert images_given[:, 0, 0, 0].tolist() == [0, 2, 3]
    assert row["loss"] == pytest.approx(cross_entropy(torch.zeros(3, 2), target[[0, 2, 3]]).item())


def test_an_epoch_before_any_best_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A head that gives a constant has no CCC, so no epoch may be selected yet."""
    from mien.training.progress import Progress

    row = dict.fromkeys(("loss", "val_accuracy", "val_macro_f1", "val_nll", "seconds"), 0.5) | {"epoch": 1}
    with Progress("drawn", 2, 1) as progress:
        progress.resumed(row, None)
    line = "epoch   1  loss 0.5000  val accuracy 0.5000  macro-F1 0.5000  nll 0.5000  best -  0 s"
    assert capsys.readouterr().err.strip() == f"resumed after {line}"


def test_a_run_that_diverged_is_not_resumed(tiny_fer2013: Path, tmp_path: Path) -> None:
    """Whatever stands in its checkpoint: the same seed would do the same, an epoch later."""
    train(small("epochs=1"), tiny_fer2013, tmp_path, device="cpu")
    facts = runlog.read_json(tmp_path / "env.json")
    runlog.write_json({**facts, "diverged": "loss not finite at epoch 2"}, tmp_path / "env.json")
    with pytest.raises(DivergedError, match=r"diverged: loss not finite at epoch 2; .*optim\.lr"):
        train(small(), tiny_fer2013, tmp_path, device="cpu")
    assert checkpoint.content(tmp_path / "last.pt")["epoch"] == 1
