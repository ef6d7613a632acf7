"""Which splits are opened after training, with everything that takes time put aside."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs mien[train]")

from mien.evaluation.result import Result
from mien.training import finalize as module
from mien.training import recipe as recipes
from mien.training import run as session
from mien.training.finalize import stopped
from mien.training.runlog import read_json, write_json

RECIPE = recipes.load("papers/cnn2", ["data.options={labels: here}"])
ENDED = 10


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "recipe.yaml").write_text(recipes.dump(RECIPE))
    (tmp_path / "best.pt").write_bytes(b"weights")
    return tmp_path


def opened(run: Path, monkeypatch: pytest.MonkeyPatch, step: int = ENDED, **options: Any) -> list[str]:
    """The splits that are scored for the float file of a run that has come to a step; the int8 file is scored too."""
    seen: list[tuple[str, str, dict[str, Any]]] = []

    def evaluate(path: Path, data: str, root: Path | None, split: str, **options: Any) -> tuple[Any, dict[str, Any]]:
        seen.append((path.name, split, options))
        figures = {**dict.fromkeys(module.IN_CARD, 0), "clean": {}, "dataset": data, "accuracy_interval": [0.4, 0.6]}
        return SimpleNamespace(save=lambda path: path), SimpleNamespace(to_dict=lambda: figures)

    files = [run / "model.onnx", run / "model-int8.onnx"]
    for path in files:
        path.write_bytes(b"onnx")
    card = SimpleNamespace(model_copy=lambda update: update)
    for name, stub in {
        "read_environment": lambda run: SimpleNamespace(public=dict, data=SimpleNamespace(fingerprint="0")),
        "split": lambda *_: SimpleNamespace(fingerprint="0"),
        "export": lambda *_: files,
        "evaluate": evaluate,
        "stamp": lambda *_: None,
        "renamed": lambda result, sha: result,
        "stopped": lambda result, epoch: SimpleNamespace(save=lambda path: path.write_text(f"after {epoch}")),
        "Classifier": lambda path: SimpleNamespace(card=card),
        "write": lambda _, path: path.touch(),
        "gather": lambda *_: None,
    }.items():
        monkeypatch.setattr(module, name, stub)
    last = SimpleNamespace(step=step, epoch=3, history=[], recipe_digest=None, val_fingerprint="0")
    monkeypatch.setattr(module.checkpoint, "load", lambda *_: last)
    monkeypatch.setattr(module.Plan, "of", lambda *_: SimpleNamespace(steps=ENDED))
    scores = module.finish(RECIPE, None, run, **options)
    assert [split for name, split, _ in seen if name == "model-int8.onnx"] == ["val"]
    assert all(options == {"labels": "here"} for *_, options in seen)
    assert read_json(run / "metrics.json") == scores.to_dict()
    return [split for name, split, _ in seen if name == "model.onnx"]


@pytest.mark.parametrize(
    ("step", "options", "expected"),
    [
        (ENDED, {}, ["val"]),
        (ENDED, {"test": False}, ["val"]),
        (ENDED, {"test": True}, ["val", "test"]),
        (ENDED - 1, {"test": True}, ["val"]),  # the weights are not fixed yet
    ],
)
def test_test_is_opened_only_on_request_and_after_the_run_has_ended(
    step: int, options: dict[str, bool], expected: list[str], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert RECIPE.test, "what the recipe says is for `mien reproduce`"
    assert opened(run, monkeypatch, step, **options) == expected
    assert (run / "val.npz").is_file() == (step < ENDED), "the result says after which epoch the run was stopped"


def test_a_result_says_after_which_epoch_its_run_was_stopped() -> None:
    result = Result(np.eye(2), np.eye(2), ("neutral", "happiness"), np.array(["a", "b"]))
    assert (result.provenance.stopped, stopped(result, 4).provenance.stopped) == (None, 4)


def test_test_is_opened_once_for_these_weights(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert opened(run, monkeypatch, test=True) == ["val", "test"]
    before = read_json(run / "metrics.json")["test"]
    assert opened(run, monkeypatch, test=True) == ["val"]
    assert read_json(run / "metrics.json")["test"] == before
    assert opened(run, monkeypatch) == ["val"]
    (run / "best.pt").write_bytes(b"other weights")
    assert opened(run, monkeypatch, test=True) == ["val", "test"]


def test_scores_of_other_weights_are_not_kept(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(run, monkeypatch, test=True)
    assert module.scored(run).to_dict().keys() >= {"val", "test", "int8"}
    write_json({**read_json(run / "metrics.json"), "weights": "0123456789abcdef"}, run / "metrics.json")
    assert module.scored(run) is None


@pytest.mark.parametrize("test", [False, True])
def test_the_one_who_trains_opens_test_and_not_the_recipe(
    test: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[bool] = []
    monkeypatch.setattr(session, "load", lambda *_, **__: None)
    empty = SimpleNamespace(rows=(), images=(), training_digest="")
    monkeypatch.setattr(session, "prepare", lambda *_, **__: SimpleNamespace(train=empty, val=empty))
    monkeypatch.setattr(session, "train", lambda *_, **__: None)
    monkeypatch.setattr(session, "finish", lambda *_, prepared, test: requests.append(test) or module.RunScores("", {}))
    words = [f"test={str(not test).lower()}"]
    session.run_recipe("papers/cnn2", words, root=None, out=tmp_path, resume=None, device="cpu", test=test)
    assert requests == [test]
