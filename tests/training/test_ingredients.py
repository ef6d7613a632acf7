"""Each training ingredient in the one loop: by hand where that can be, else that it runs, resumes and is recorded."""

import csv
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from torch import Tensor, nn  # noqa: E402

from mien.data import load  # noqa: E402
from mien.data.sampling import select  # noqa: E402
from mien.evaluation.metrics import accuracy  # noqa: E402
from mien.evaluation.result import Result  # noqa: E402
from mien.inference.classify import Classifier  # noqa: E402
from mien.training import checkpoint, runlog  # noqa: E402
from mien.training import recipe as recipes  # noqa: E402
from mien.training.losses import cross_entropy  # noqa: E402
from mien.training.objective import objective  # noqa: E402
from mien.training.recipe import Loss  # noqa: E402
from mien.training.run import run_recipe  # noqa: E402
from mien.training.train import BatchLoss, train  # noqa: E402

SMALL = ["batch=32", "model.options={width: 0.5, depths: [1, 1, 1, 1], stem_stride: 2}", "model.name=mienet", "ema=0.9"]


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([[1.0, -2.0, 0.5], [0.0, 1.0, 1.5]]))
        self.passes = 0

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        self.passes += 1
        return {"logits": x.flatten(1) @ self.weight.T}


def test_adversarial_regularisation_by_hand() -> None:
    """The loss and its gradient on two pixelled images, with the perturbation a constant."""
    step, multiplier = 0.25, 0.5
    x, y = np.array([[0.2, 0.4, 0.6], [0.9, 0.1, 0.3]]), np.eye(2)
    model = Linear()
    w = model.weight.detach().double().numpy()

    def attack_step(x: np.ndarray) -> tuple[np.ndarray, float]:
        p = np.exp(x @ w.T)
        p /= p.sum(1, keepdims=True)
        return p, -np.log(p[np.arange(2), np.arange(2)]).mean()

    p, plain = attack_step(x)
    g = (p - y) @ w / 2
    near = x + step * g / np.linalg.norm(g, axis=1, keepdims=True)
    q, moved = attack_step(near)
    gradient = ((p - y).T @ x + multiplier * (q - y).T @ near) / 2
    spec = f"loss.adversarial={{norm: l2, multiplier: {multiplier}, step: {step}}}"
    recipe = recipes.load("papers/cnn2", [spec])
    batch = {"x": torch.tensor(x).float().reshape(2, 1, 1, 3), "target": torch.eye(2)}
    loss, logits = BatchLoss(model, recipe, torch.float32)(batch, torch.Generator())
    loss.backward()
    assert loss.item() == pytest.approx(plain + multiplier * moved, rel=1e-5)
    assert model.weight.grad is not None
    np.testing.assert_allclose(model.weight.grad, gradient, rtol=1e-4)
    np.testing.assert_allclose(logits.detach(), x @ w.T, rtol=1e-5)
    assert model.passes == 2  # of the images and of their neighbours; the slope is that of the first


def test_class_weights_multiply_terms_and_leave_the_mean_over_rows() -> None:
    logits, target = torch.randn(5, 3), torch.eye(3)[[0, 0, 1, 2, 2]]
    weights = torch.tensor([0.25, 0.5, 1.0])
    each = -(target * logits.log_softmax(1)).sum(1)
    expected = (each * weights[target.argmax(1)]).sum() / 5
    torch.testing.assert_close(cross_entropy(logits, target, weights=weights), expected)
    batch = {"target": target, "weights": weights}
    torch.testing.assert_close(objective({"logits": logits}, batch, Loss()), expected)


def test_side_heads_learn_the_same_target() -> None:
    logits, sides, target = torch.randn(4, 3), torch.randn(2, 4, 3), torch.eye(3)[[0, 1, 2, 0]]
    expected = cross_entropy(logits, target) + 0.3 * sum(cross_entropy(side, target) for side in sides)
    torch.testing.assert_close(objective({"logits": logits, "side": sides}, {"target": target}, Loss()), expected)


def steps(run: Path) -> list[dict[str, str]]:
    with (run / "steps.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


INGREDIENTS = {
    "adversarial": ["loss.adversarial={norm: linf, multiplier: 0.3, step: 0.01, steps: 2}"],
    "plateau": ["optim.schedule={name: plateau, patience: 1}", "optim.name=adam", "optim.lr=0.01"],
    "representation": ["loss.representation={beta: [2, 4]}"],
    "weighted": ["data.imbalance=weighted"],
    "down": ["data.imbalance=down", "data.repeat=2"],
    "window": ["data.size=40", "augment.crop=32"],
    "probe": ["probe=2"],
}


@pytest.mark.parametrize("name", INGREDIENTS)
def test_ingredients_resume_bit_for_bit(name: str, tiny_fer2013: Path, tmp_path: Path) -> None:
    words = [*SMALL, "epochs=2", "data.limit=96", *INGREDIENTS[name]]
    whole, cut = (tmp_path / part for part in ("whole", "cut"))
    for run in (whole, cut):
        run.mkdir()
    recipe = recipes.load("papers/cnn2", words)
    train(recipe, tiny_fer2013, whole, device="cpu")
    # as if killed after the first epoch's checkpoint and in the middle of writing the second's steps
    short = recipe.model_copy(update={"epochs": 1})
    train(short, tiny_fer2013, cut, device="cpu")
    with (cut / "steps.csv").open("a", encoding="utf-8") as file:
        file.write("90,1.5,0.5,,\n91,1.")
    train(recipe, tiny_fer2013, cut, device="cpu")
    models = (checkpoint.content(run / "last.pt")["model"].values() for run in (whole, cut))
    assert all(torch.equal(one, other) for one, other in zip(*models, strict=True))
    assert steps(cut) == steps(whole)
    rows = steps(whole)
    count = len(rows) // 2
    assert [int(row["step"]) for row in rows] == list(range(1, 2 * count + 1))
    log = checkpoint.content(whole / "last.pt")["history"]
    epoch = [float(row["loss"]) for row in rows[:count]]
    assert log[0]["loss"] == pytest.approx(np.mean(epoch), abs=1e-5)
    assert 0 <= log[0]["train_accuracy"] <= 1
    probed = [bool(row["val_nll"]) and bool(row["val_accuracy"]) for row in rows]
    assert probed == [name == "probe" and step % 2 == 0 for step in range(1, len(rows) + 1)]


def test_steps_written_ahead_of_the_checkpoint_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "steps.csv"
    runlog.cut_steps(path, 3)
    assert not path.exists()
    runlog.append_steps([{"step": n, "loss": n / 3, "train_accuracy": 0.5} for n in range(5, 9)], path)
    runlog.cut_steps(path, 6)
    runlog.append_steps([{"step": 7, "loss": 1.0, "train_accuracy": 0.5, "val_nll": 2.0, "val_accuracy": 0.25}], path)
    lines = path.read_text().splitlines()
    assert lines[0] == "step,loss,train_accuracy,val_nll,val_accuracy"
    assert lines[1:] == ["5,1.666667,0.5,,", "6,2.0,0.5,,", "7,1.0,0.5,2.0,0.25"]


def test_a_shorter_run_completes_its_schedule() -> None:
    from mien.training.train import Plan

    plan = Plan(recipes.load("mien/fer2013", ["steps=20", "optim.warmup=0"]), per_epoch=10)
    assert (plan.main, plan.steps) == (20, 20)
    assert plan.rate(19) < 0.01 * plan.rate(0)


def test_merged_classes_from_training_to_the_test_score(tiny_fer2013: Path, tmp_path: Path) -> None:
    classes = {"happiness": ["happiness", "surprise"], "sadness": ["sadness", "anger", "fear"]}
    words = [*SMALL, "epochs=1", f"data.classes={classes}", "data.size=40", "augment.crop=32", "seed=3"]
    run = run_recipe("papers/cnn2", words, root=tiny_fer2013, out=tmp_path, resume=None, device="cpu", test=True)
    chosen = select(load("fer2013", tiny_fer2013, "test"), classes)
    result = Result.load(run / "test.npz")
    assert result.labels == ("happiness", "sadness")
    assert result.ids.tolist() == chosen.ids.tolist()
    np.testing.assert_array_equal(result.target, chosen.target)
    card = Classifier(run / "model.onnx").card
    assert (card.size, card.labels) == (40, result.labels)
    logged = checkpoint.content(run / "last.pt")["history"][0]["val_accuracy"]
    val = Result.load(run / "val.npz")
    assert accuracy(val.probs, val.target) == pytest.approx(logged)


def test_the_linear_machine_is_fitted_in_place_of_the_epochs(tiny_fer2013: Path, tmp_path: Path) -> None:
    from sklearn.svm import LinearSVC

    classes = ["neutral", "happiness", "surprise"]
    words = [f"data.classes={classes}", "optim.C=1.0"]
    run = run_recipe("papers/svm", words, root=tiny_fer2013, out=tmp_path, resume=None, device="cpu")
    both = (select(load("fer2013", tiny_fer2013, name), classes) for name in ("train", "val"))
    (x, y), (val, _) = ((part.images.reshape(len(part), -1) / 255, part.target.argmax(1)) for part in both)
    machine = LinearSVC(dual=False).fit(x, y)
    predicted = Result.load(run / "val.npz").probs.argmax(1)
    assert (predicted == machine.predict(val)).mean() > 0.95
    history = checkpoint.content(run / "last.pt")["history"]
    assert [row["step"] for row in history] == [1]
    assert history[0]["train_accuracy"] == pytest.approx((machine.predict(x) == y).mean(), abs=0.05)
    before = checkpoint.content(run / "best.pt")["average"]
    run_recipe(None, [], root=tiny_fer2013, out=tmp_path, resume=run, device="cpu")
    for name, value in checkpoint.content(run / "best.pt")["average"].items():
        assert torch.equal(value, before[name])
