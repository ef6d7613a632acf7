"""Attacks by gradient on a run: inside their ball, in whole grey levels, and worse than luck."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.data import load as load_data  # noqa: E402
from mien.errors import WeightsError  # noqa: E402
from mien.training import recipe as recipes  # noqa: E402
from mien.training import runlog  # noqa: E402
from mien.training.gradient_attack import EPSILONS, attacks, load  # noqa: E402
from mien.training.run import export_run  # noqa: E402
from mien.training.train import train  # noqa: E402

NET = "model.options={width: 0.5, depths: [1, 1, 1, 1], stem_stride: 2}"
WORDS = [NET, "batch=32", "epochs=6", "refine=null", "ema=0.9"]


@pytest.fixture(scope="module")
def run(tiny_fer2013: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = recipes.load("mien/fer2013", [*WORDS, "distill=null", "test=false"])
    run = runlog.create(recipe, tmp_path_factory.mktemp("runs"))
    return train(recipe, tiny_fer2013, run, device="cpu")


@pytest.fixture(scope="module")
def known(tiny_fer2013: Path) -> tuple[np.ndarray, np.ndarray]:
    samples = load_data("fer2013", tiny_fer2013, "train")
    return np.array(samples.images[:24]), samples.target[:24].argmax(1)


def loss(run: Path, crops: np.ndarray, label: np.ndarray) -> float:
    graph, _ = load(run)
    with torch.no_grad():
        logits = graph.logits(torch.from_numpy(crops))
    return float(torch.nn.functional.cross_entropy(logits, torch.from_numpy(label)))


def test_there_are_two_kinds_at_every_epsilon(run: Path) -> None:
    made = [(one.name, one.epsilon, one.queries, one.images) for one in attacks(run, load(run)[1])]
    wanted = [(name, epsilon, None, None) for name in ("fgsm", "pgd-10") for epsilon in EPSILONS]
    assert made == wanted


def test_they_stay_in_the_ball_and_raise_the_loss_more_than_noise(run: Path, known: tuple[np.ndarray, ...]) -> None:
    crops, label = known
    before = crops.copy()
    losses = {}
    for one in attacks(run, load(run)[1]):
        attacked = one.run(crops, label)
        assert (attacked.shape, attacked.dtype) == (crops.shape, np.uint8)
        assert np.abs(attacked.astype(int) - crops).max() == one.epsilon
        assert np.array_equal(attacked, one.run(crops, label)), "the same every time"
        losses[one.name, one.epsilon] = loss(run, attacked, label)
    assert np.array_equal(crops, before)
    noise = np.random.default_rng(0).choice([-4, 4], crops.shape)
    luck = loss(run, (crops + noise).clip(0, 255).astype(np.uint8), label)
    assert loss(run, crops, label) < losses["fgsm", 2] < losses["fgsm", 4]
    assert luck < losses["fgsm", 4]
    assert losses["pgd-10", 2] > losses["fgsm", 2]
    assert losses["pgd-10", 4] > losses["fgsm", 4]


def test_labels_that_the_network_lacks_and_another_order_change_nothing(
    run: Path, known: tuple[np.ndarray, ...]
) -> None:
    crops, label = known
    labels = load(run)[1]
    wide = ("contempt", *reversed(labels))
    index = np.array([wide.index(labels[k]) for k in label])
    again = attacks(run, wide)[1].run(crops, index)
    assert np.array_equal(again, attacks(run, labels)[1].run(crops, label))
    impossible = attacks(run, wide)[1].run(crops[:4], np.zeros(4, np.int64))
    assert np.abs(impossible.astype(int) - crops[:4]).max() <= 4


def test_the_network_is_left_in_evaluation_mode_without_gradients(run: Path, known: tuple[np.ndarray, ...]) -> None:
    graph, _ = load(run)
    assert not graph.training
    assert all(not parameter.requires_grad for parameter in graph.parameters())


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="not a run folder"):
        attacks(tmp_path, ("fear", "anger"))


def test_the_command_takes_them_for_the_one_run_in_a_folder(
    run: Path, tiny_fer2013: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mien.cli import main

    export_run(run, root=tiny_fer2013)
    words = ["mien", "stress", str(run.parent), "--root", str(tiny_fer2013), "--images", "3", "--json"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as left:
        main()
    report = json.loads(capsys.readouterr().out)
    assert not left.value.code
    assert [row["name"] for row in report["attacks"]] == ["fgsm"] * 2 + ["pgd-10"] * 2
    assert all(row["accuracy"] <= row["clean_accuracy"] for row in report["attacks"] if row["name"] == "pgd-10")
