"""Training a generator: the same from one go and from two, seeded, and never on val or test."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from mien.cli import app
from mien.data import load
from mien.errors import DataError, MienError, OutputError, UsageError
from mien.models import generator
from mien.training import generate as module
from mien.training import recipe as recipes
from mien.training.batches import split
from mien.training.generate import OWN, Settings, class_normals, distances, generate


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 3)
    monkeypatch.setattr(generator.Generator.__init__, "__defaults__", (32,))


def made(root: Path, out: Path, steps: int = 6, *, batch: int = 8, seed: int = 0) -> np.ndarray:
    generate("fer2013", root, out, {}, Settings(steps, seed, batch), per_class=3, device="cpu")
    with np.load(out / "generated.npz") as held:
        return held["images"]


def test_a_killed_run_goes_on_to_the_same_end(
    tiny_fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = made(tiny_fer2013, tmp_path / "whole")
    save = module.checkpoint.save

    def save_and_die(content: dict[str, Any], path: Path) -> None:
        save(content, path)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module.checkpoint, "save", save_and_die)
        with pytest.raises(KeyboardInterrupt):
            made(tiny_fer2013, tmp_path / "halves")
    assert not (tmp_path / "halves" / "generated.npz").exists()
    assert np.array_equal(whole, made(tiny_fer2013, tmp_path / "halves"))
    assert not np.array_equal(whole, made(tiny_fer2013, tmp_path / "other", seed=1))
    log = (tmp_path / "halves" / "log.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in log] == ["step", "3", "6"]


def test_what_is_written(tiny_fer2013: Path, tmp_path: Path) -> None:
    words = ["generate", "fer2013", "--root", str(tiny_fer2013), "--out", str(tmp_path), "--steps", "2"]
    done = CliRunner().invoke(app, [*words, "--per-class", "9", "--json"])
    report = json.loads(done.stdout)
    assert report["pictures"] == 63
    assert report["split"] == "train"
    assert Image.open(report["files"]["contact_sheet"]).width > 8 * 48
    both = load("fer2013", tiny_fer2013, "train", generated=report["files"]["generated"])
    assert len(both) == 160 + 63
    assert both.target[160:].sum(0).tolist() == [9] * 7


def test_only_training_is_opened(tiny_fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    def watched(name: str, root: Path, split: str, **options: object) -> object:
        opened.append(split)
        return load(name, root, split, **options)

    monkeypatch.setattr(module, "load", watched)
    made(tiny_fer2013, tmp_path, 1)
    assert opened == ["train"]


def test_it_learns(tiny_fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WARMUP", 5)
    made(tiny_fer2013, tmp_path, 150, batch=64)
    rows = (tmp_path / "log.csv").read_text().splitlines()[1:]
    objective = [float(row.split(",")[1]) + Settings().divergence * float(row.split(",")[2]) for row in rows]
    assert np.mean(objective[-5:]) < 0.95 * np.mean(objective[:5])


def test_distances_by_hand() -> None:
    made, weights, importance = torch.tensor([[1.0, 3.0]]), torch.tensor([[0.0, 1.0]]), torch.tensor([2.0, 0.5])
    mean, spread = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, math.log(4)]])
    measured = distances(made, weights, importance, mean, spread)
    assert torch.allclose(measured, torch.tensor([(2 * 1 + 0.5 * 4) / 2, 0.5 * (4 + 4 - 1 - math.log(4))]))


def test_class_normals_are_numpys() -> None:
    rng = np.random.default_rng(0)
    codes, labels = rng.normal(size=(90, 3)) @ rng.normal(size=(3, 3)), np.arange(90) % 2
    target = torch.from_numpy(np.eye(3)[labels])  # the third class has no image
    means, roots = class_normals(torch.from_numpy(codes), target)
    parts = [codes[labels == k] for k in (0, 1)]
    pooled = sum(np.cov(part.T, bias=True) for part in parts) / 2
    for k, part in enumerate(parts):
        assert np.allclose(means[k], part.mean(0))
        wanted = OWN * np.cov(part.T, bias=True) + (1 - OWN) * pooled
        assert np.allclose(roots[k] @ roots[k].T, wanted, atol=1e-5)
    assert np.allclose(means[2], codes.mean(0))
    assert np.allclose(roots[2] @ roots[2].T, pooled, atol=1e-5)


def test_a_recipe_takes_them_for_training_alone(tiny_fer2013: Path, tmp_path: Path) -> None:
    made(tiny_fer2013, tmp_path, 1)
    overrides = ["distill=null", f"data.train.generated={tmp_path / 'generated.npz'}"]
    recipe = recipes.load("mien/fer2013-nano", overrides)
    parts = {name: split(recipe, tiny_fer2013, name, torch.device("cpu")) for name in ("train", "val", "test")}
    assert [len(part.images) for part in parts.values()] == [160 + 21, 40, 40]
    assert parts["train"].aux is not None
    assert parts["train"].aux[160:].isnan().all()  # nobody has voted on what was never seen


def test_mistakes(tiny_fer2013: Path, tmp_path: Path) -> None:
    made(tiny_fer2013, tmp_path / "g", 2)
    cases: list[tuple[type[MienError], str, str, Settings]] = [
        (UsageError, "other data or settings", "g", Settings(2, batch=8, seed=1)),
        (UsageError, "other data or settings", "g", Settings(3, batch=8)),
        (UsageError, "1 or more", "new", Settings(0)),
        (UsageError, "0 or more", "new", Settings(2, seed=-1)),
        (OutputError, "is a file, or lies in one", "g/last.pt", Settings(2)),
    ]
    for kind, words, folder, settings in cases:
        with pytest.raises(kind, match=words):
            generate("fer2013", tiny_fer2013, tmp_path / folder, {}, settings, device="cpu")
    with pytest.raises(UsageError, match="`device` tpu"):
        generate("fer2013", tiny_fer2013, tmp_path / "new", {}, Settings(2), device="tpu")
    with pytest.raises(DataError, match="48x48 grey faces"):
        generate("synthetic", tiny_fer2013, tmp_path / "s", {"count": 9}, Settings(1), device="cpu")


def test_somebody_elses_log_is_written_over_by_force_alone(tiny_fer2013: Path, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("somebody else's\n")
    words = ["generate", "fer2013", "--root", str(tiny_fer2013), "--out", str(tmp_path), "--steps", "2"]
    assert isinstance(CliRunner().invoke(app, words).exception, OutputError)
    assert (tmp_path / "log.csv").read_text() == "somebody else's\n"
    assert CliRunner().invoke(app, [*words, "--force", "--per-class", "2"]).exit_code == 0
    listed = {entry["file"] for entry in json.loads((tmp_path / "mien-run.json").read_text())["files"]}
    assert listed == {"generated.npz", "contact.png", "about.json", "last.pt", "log.csv"}
