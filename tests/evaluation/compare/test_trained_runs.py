"""Seeds and folds that were really trained, on a small drawn table, are compared."""

from pathlib import Path

import pytest

import mien
from mien.errors import DataError, UsageError
from mien.evaluation.compare import Comparison, Request, compare

from ...own_files import images_of, write_classes, write_csv

pytestmark = pytest.mark.slow
RECIPE = """
data: {name: table, options: {size: 24, channels: 1}}
model: {name: mienet, options: {width: 0.25, depths: [1, 1, 1, 1]}}
epochs: 2
batch: 16
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of runs: of `wide` and `narrow` two seeds each, of `parts` both folds."""
    pytest.importorskip("torch", reason="training needs mien[train]")
    folder = tmp_path_factory.mktemp("trained")
    write_classes(folder / "faces", {"happy": 16, "sad": 16, "angry": 16})
    rows = [(f"faces/{path}", Path(path).parent.name) for path, *_ in images_of(folder / "faces")]
    write_csv(folder / "labels.csv", ["image", "label"], rows)
    (folder / "tiny.yaml").write_text(RECIPE)

    def train(name: str, *overrides: str) -> None:
        words = (f"name={name}", *overrides)
        mien.train(folder / "tiny.yaml", *words, root=folder / "labels.csv", out=folder / "runs", device="cpu")

    for seed in (0, 1):
        train("narrow", "data.options.val=0.25", f"seed={seed}")
        train("wide", "data.options.val=0.25", f"seed={seed}", "model.options.width=0.5")
        train("parts", "data.folds=2", f"data.fold={seed}")
    return folder / "runs"


def compared(runs: Path, *names: str, split: str | None = "val") -> Comparison:
    return compare(Request(tuple(runs / name for name in names), split=split))


def test_seeds_share_their_images(runs: Path) -> None:
    comparison = compared(runs, "narrow", "wide")
    systems = comparison.full.systems
    assert list(systems) == ["narrow (2 runs)", "wide (2 runs)"]
    assert comparison.n == 12
    assert all(system.runs == 2 and system.deviations["nll"] > 0 for system in systems.values())


def test_folds_cover_every_image_once(runs: Path) -> None:
    comparison = compared(runs, "parts")
    assert comparison.n == 48
    assert comparison.full.systems["parts (2 folds)"].folds == 2


def test_seeds_and_folds_are_compared_on_the_images_of_both(runs: Path) -> None:
    with pytest.raises(DataError, match="lacks 36 images"):
        compared(runs, "parts", "narrow")
    both = compare(Request((runs / "parts", runs / "narrow"), split="val", intersect=True))
    assert both.n == 12


def test_without_a_test_result_the_message_names_the_split_that_is_there(runs: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no result of test; .*; `split` val, which it holds"):
        compared(runs, "narrow", "wide", split=None)
