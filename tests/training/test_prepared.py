"""Training reads each split once and builds the network once, from the checks before it to the export after it."""

import sys
from collections import Counter
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.data import load  # noqa: E402
from mien.errors import UsageError  # noqa: E402
from mien.training import batches, network, run  # noqa: E402
from mien.training import recipe as recipes  # noqa: E402
from mien.training.prepared import prepare  # noqa: E402
from mien.training.run import run_recipe  # noqa: E402

NET = "model.options={width: 0.5, depths: [1, 1, 1, 1], stem_stride: 2}"
SMALL = [NET, "batch=32", "steps=1", "refine=null"]


class Calls:
    """Counts the calls of some functions, whatever name they were imported by: by function, split and caller."""

    def __init__(self) -> None:
        functions = (load, batches.split, network.build)
        self.names = {function.__code__: function.__name__ for function in functions}
        self.counts: Counter[tuple[str, str]] = Counter()
        self.by_training: Counter[str] = Counter()

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or frame.f_code not in self.names or frame.f_back is None:
            return
        name, given = self.names[frame.f_code], frame.f_locals
        which = given["split"] if name == "load" else given.get("name", "")
        self.counts[name, which] += 1
        if name == "load" and Path(frame.f_back.f_code.co_filename).parent.name == "training":
            self.by_training[which] += 1


def unseen(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function, with no profile of its many calls."""

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        profile = sys.getprofile()
        sys.setprofile(None)
        try:
            return function(*args, **options)
        finally:
            sys.setprofile(profile)

    return call


def test_a_run_reads_each_split_once_and_builds_one_network(
    tiny_fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.onnx, "export", unseen(torch.onnx.export))
    calls, words = Calls(), ["model=svm", "batch=32", "steps=1"]
    before = sys.getprofile()
    sys.setprofile(calls)
    try:
        run_recipe("papers/cnn2", words, root=tiny_fer2013, out=tmp_path, resume=None, device="cpu", test=True)
    finally:
        sys.setprofile(before)
    assert {key: count for key, count in calls.counts.items() if key[0] != "load"} == {
        ("split", "train"): 1,
        ("split", "val"): 1,
        ("build", ""): 1,
    }
    # scoring, duplicates and report read on their own; test was asked for, so it is looked for before time is spent
    assert calls.by_training == {"train": 1, "val": 1, "test": 1}
    assert calls.counts["load", "test"] >= 1


def test_initial_weights_follow_from_the_seed(tiny_fer2013: Path) -> None:
    recipe = recipes.load("mien/fer2013", SMALL)
    torch.manual_seed(7)
    one = prepare(recipe, tiny_fer2013, "cpu")
    torch.manual_seed(8)
    two = prepare(recipe, tiny_fer2013, "cpu")
    other = prepare(recipe.model_copy(update={"seed": 1}), tiny_fer2013, "cpu")
    same, others = (
        [torch.equal(a, b) for a, b in zip(one.model.parameters(), each.model.parameters(), strict=True)]
        for each in (two, other)
    )
    assert all(same)
    assert not all(others)


def test_ctrl_c_while_data_is_read_says_how_to_go_on(
    tiny_fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "prepare", interrupted)
    with pytest.raises(SystemExit) as done:
        run_recipe("mien/fer2013-nano", SMALL, root=tiny_fer2013, out=tmp_path, resume=None, device="cpu")
    assert done.value.code == 130
    assert "stopped; resume with: the same command" in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: not enough memory")], ids=type)
def test_no_memory_is_one_line(error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def short(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(run, "prepare", short)
    with pytest.raises(UsageError, match="not enough memory; end other programs and resume with: the same command"):
        run_recipe("mien/fer2013-nano", SMALL, root=None, out=tmp_path, resume=None, device="cpu")


def test_other_errors_of_a_run_stay_what_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(run, "prepare", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        run_recipe("mien/fer2013-nano", SMALL, root=None, out=tmp_path, resume=None, device="cpu")
