"""Checkpoints that are cut, executable, or of other content than `mien train` writes."""

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.errors import WeightsError  # noqa: E402
from mien.training import checkpoint  # noqa: E402
from mien.training.optim import OPTIMIZERS, restore  # noqa: E402
from mien.training.recipe import Optim  # noqa: E402

ROW = {"epoch": 1, "step": 4, "loss": 0.5, "val_nll": 1.0}
WHOLE: dict[str, Any] = {
    "average": {"w": torch.zeros(2)},
    "model": {"w": torch.zeros(2)},
    "optimizer": None,
    "epoch": 1,
    "step": 4,
    "seconds": 0.5,
    "best": None,
    "history": [ROW],
    "labels": ["neutral", "anger"],
    "aux_labels": [],
    "action_units": [],
    "size": 48,
    "channels": 1,
    "learnt": "0123",
    "threads": 1,
    "processes": 2,
    "precision": "float32",
    "select_prior": "uniform",
    "recipe_digest": "0123",
    "val_fingerprint": "0123",
}


def saved(content: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("executed",)


def archive(name: str, content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        lambda: b"",
        lambda: b"PK\x03\x04 and then nothing",
        lambda: saved(WHOLE)[:-200],
        lambda: saved(WHOLE)[200:],
        lambda: pickle.dumps(WHOLE["labels"]),
        lambda: pickle.dumps(Evil()),
        lambda: saved({"a": Evil()}),
        lambda: archive("archive/data.pkl", b"\x80\x02]q\x00."),
        lambda: archive("data.npy", b""),
        lambda: saved([1]),
        lambda: saved(None),
    ],
)
def test_what_is_no_checkpoint(content: Callable[[], bytes], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "last.pt"
    path.write_bytes(content())
    with pytest.raises(WeightsError, match=r"last\.pt is not a readable checkpoint: .*; train again") as caught:
        checkpoint.content(path)
    assert len(str(caught.value).splitlines()) == 1
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"threads": 0}, "threads"),
        ({"threads": -4}, "threads"),
        ({"threads": "many"}, "threads"),
        ({"threads": 10**9}, "threads"),
        ({"threads": None}, "threads"),
        ({"precision": "float8"}, "precision"),
        ({"precision": torch.zeros(1)}, "precision"),
        ({"epoch": -1}, "epoch"),
        ({"step": 1.5}, "step"),
        ({"seconds": "1"}, "seconds"),
        ({"best": "high"}, "best"),
        ({"history": None}, "history"),
        ({"history": [{"epoch": "one"}]}, "history"),
        ({"history": [{"epoch": 1}]}, "history"),
        ({"history": [ROW, {**ROW, "more": 1}]}, "history"),
        ({"labels": "neutral"}, "labels"),
        ({"size": 10**9}, "size"),
        ({"channels": 0}, "channels"),
        ({"average": [1]}, "average"),
        ({"learnt": 1}, "learnt"),
        ({"optimizer": 1}, "optimizer"),
    ],
    ids=str,
)
def test_wrong_facts(change: dict[str, Any], field: str, tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    checkpoint.save({**WHOLE, **change}, path)
    with pytest.raises(WeightsError, match=rf"last\.pt is not a readable checkpoint: {field}"):
        checkpoint.load(path, checkpoint.Last)
    checkpoint.save({key: value for key, value in WHOLE.items() if key not in change}, path)
    with pytest.raises(WeightsError, match=rf"{field}: it is missing"):
        checkpoint.load(path, checkpoint.Last)
    checkpoint.save(WHOLE, path)
    assert checkpoint.load(path, checkpoint.Last).model_dump(by_alias=True).keys() == WHOLE.keys()


def stepped(name: str, shape: tuple[int, ...] = (2, 2)) -> torch.optim.Optimizer:
    weights = torch.nn.Parameter(torch.ones(shape))
    made = OPTIMIZERS[name]([{"params": [weights], "weight_decay": 0.0}], Optim())
    weights.sum().backward()
    made.step()
    return made


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_state_of_an_optimizer(name: str) -> None:
    state = stepped(name).state_dict()
    restored = stepped(name)
    restore(restored, {**state, "param_groups": [{**state["param_groups"][0], "fused": None}]})  # of an older version
    assert restored.param_groups[0]["fused"]
    with pytest.raises(ValueError, match="of another shape"):
        restore(stepped(name, (3, 3)), state)
    for key, value in {"lr": "fast", "lr ": None, "weight_decay": [1]}.items():
        group = {**state["param_groups"][0], key.strip(): value}
        with pytest.raises(ValueError, match=f"{key.strip()} of its optimiser"):
            restore(stepped(name), {**state, "param_groups": [group]})
