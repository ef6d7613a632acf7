"""TABLE.md: made from files alone, each published figure with the split it was measured on."""

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="training needs mien[train]")

from mien.errors import UsageError  # noqa: E402
from mien.evaluation.published import PUBLISHED  # noqa: E402
from mien.experiments import figures, table  # noqa: E402
from mien.experiments import record as rows  # noqa: E402
from mien.experiments.schema import Row  # noqa: E402
from mien.training import recipe as recipes  # noqa: E402
from mien.training.runlog import Data, Environment  # noqa: E402

CONFUSION = [[8, 2], [1, 9]]
SESSION = {"commit": None, "versions": {}, "device": "cpu: Somebody's", "threads": 2, "precision": "float32"}
ENVIRONMENT = Environment(**SESSION, data=Data(root="/somewhere", name="x"), seconds=600.0)


def scores(accuracy: float, split: str, n: int = 20) -> dict[str, Any]:
    values = {"n": n, "accuracy": accuracy, "accuracy_interval": [accuracy - 0.1, accuracy + 0.1], "macro_f1": accuracy}
    values |= {"ece": 0.02, "dataset": "fer2013", "split": split, "confusion": CONFUSION, "labels": ["neutral", "fear"]}
    return {**values, "clean": {"n": n - 2, "accuracy": accuracy - 0.05, "accuracy_interval": [accuracy, accuracy]}}


def put(results: Path, name: str, accuracy: float, *overrides: str, **more: Any) -> Path:
    recipe = recipes.load(name, list(overrides))
    both = {"val": scores(accuracy + 0.01, "val"), "test": scores(accuracy, "test")}
    return rows.write(recipe, results / rows.identity(name), both, ENVIRONMENT, digest=rows.digest(recipe), **more)


def cells(results: Path, id: str) -> dict[str, str]:
    lines = (results / "TABLE.md").read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if line.startswith(f"| {id} |"))
    return dict(zip(table.HEAD, (cell.strip() for cell in line.strip("|").split(" | ")), strict=True))


def test_row_beside_what_was_published(tmp_path: Path) -> None:
    path = put(tmp_path, "papers/cnn4", 0.57)
    table.draw(tmp_path)
    row = cells(tmp_path, "cnn4")
    assert row["published, %"] == "58.00 (fer2013 test) [1]"
    assert row["ours: val, %"] == "58.00 (48.00 to 68.00)"
    assert row["ours: test, %"] == "57.00 (47.00 to 67.00)"
    assert row["test without near-duplicates, %"].startswith("52.00")
    assert row["n"] == "20 / 20 / 18"
    assert (row["minutes"], row["seeds"], row["device"]) == ("10", "1", "cpu: Somebody's, 2 threads")
    assert "Training + PublicTest" in row["note"]
    assert "[1] Yunzhe Li" in (tmp_path / "TABLE.md").read_text(encoding="utf-8")
    assert "/somewhere" not in path.read_text(encoding="utf-8")


def test_seeds_become_mean_and_deviation(tmp_path: Path) -> None:
    for seed, accuracy in enumerate((0.5, 0.6)):
        put(tmp_path, "papers/cnn2", accuracy, f"seed={seed}")
    put(tmp_path, "papers/cnn2", 0.1, "seed=2", shortened={"epochs": 1, "of": 30, "steps": None, "of_steps": 9})
    table.draw(tmp_path)
    row = cells(tmp_path, "cnn2")
    assert (row["ours: test, %"], row["seeds"]) == ("55.00 +- 7.07", "2")
    assert "shortened" not in row["note"]


def test_notes(tmp_path: Path) -> None:
    put(tmp_path, "papers/cnn2", 0.4, shortened={"epochs": 3, "of": 30, "steps": None, "of_steps": 6720})
    put(tmp_path, "papers/alexnet-up", 0.4, "data.limit=2000")
    recipe = recipes.load("papers/resnet18")
    rows.write(recipe, tmp_path / "resnet18", {}, ENVIRONMENT, needs="ask them")
    table.draw(tmp_path)
    assert cells(tmp_path, "cnn2")["note"].startswith("shortened to 3 of 30 epochs")
    arm = cells(tmp_path, "alexnet-up")
    assert arm["published, %"].startswith("macro-F1 56.25 (affectnet test)")
    assert "published on affectnet, ours on ferplus" in arm["note"]
    assert "published macro-F1: our mean of the 8 F1 that the source prints by class" in arm["note"]
    assert arm["ours: test, %"] == "40.00 (30.00 to 50.00); macro-F1 40.00"
    assert "macro-F1" not in cells(tmp_path, "cnn2")["ours: test, %"]
    assert "trained on 2000 images" in arm["note"]
    needed = cells(tmp_path, "resnet18")
    assert "needs the data set: ask them" in needed["note"]
    assert (needed["ours: test, %"], needed["minutes"], needed["seeds"]) == ("-", "-", "-")


def test_what_is_published_by_expression_stands_beside_ours(tmp_path: Path) -> None:
    fear = {"precision": None, "recall": 0.0, "f1": 0.0, "support": 5}
    per_class = {"neutral": {"precision": 0.25, "recall": 1.0, "f1": 0.4, "support": 15}, "fear": fear}
    means = {"macro_precision": 0.25, "balanced_accuracy": 0.5}
    both = {split: scores(0.4, split) | {"per_class": per_class, **means} for split in ("val", "test")}
    for name in ("papers/cnn4", "papers/nsl-final", "papers/preact-resnet18", "papers/alexnet-up", "papers/svm"):
        rows.write(recipes.load(name), tmp_path / rows.identity(name), both, ENVIRONMENT)
    text = table.draw(tmp_path).read_text(encoding="utf-8").partition("## By expression")[2]
    names = ("alexnet-up", "cnn4", "nsl-final", "preact-resnet18")
    sections = dict(zip(names, text.split("\n`")[1:], strict=True))  # the SVM's source prints none
    assert sections["alexnet-up"].startswith("alexnet-up`: published on affectnet test, ours on ferplus test")
    assert "| neutral | 15 | - / 25.0 | - / 100.0 | 61.0 / 40.0 |" in sections["alexnet-up"]
    assert "| fear | 5 | 46.0 / - | 24.0 / 0.0 | 32.0 / 0.0 |" in sections["cnn4"]
    assert "| mean weighted by n | 20 | 58.0 / 18.8 | 58.0 / 75.0 | 57.0 / 30.0 |" in sections["cnn4"]
    assert "| mean | 20 | 70.0 / 25.0 | 69.0 / 50.0 | 69.0 / 40.0 |" in sections["nsl-final"]
    assert "| mean, F1 of the means | 20 | 57.3 / 25.0 | 51.2 / 50.0 | 54.1 / 33.3 |" in sections["preact-resnet18"]


def test_published_concordances_have_ours_in_the_same_cell(tmp_path: Path) -> None:
    affect = {"valence": {"ccc": 0.5, "rmse": 0.4}, "arousal": {"ccc": None}}
    both = {split: scores(0.4, split) | affect for split in ("val", "test")}
    rows.write(recipes.load("papers/alexnet-regression"), tmp_path / "alexnet-regression", both, ENVIRONMENT)
    table.draw(tmp_path)
    row = cells(tmp_path, "alexnet-regression")
    assert row["published, %"].startswith("ccc.valence 60.00 (affectnet test) [1]; ccc.arousal 34.00")
    assert row["ours: val, %"] == "40.00 (30.00 to 50.00); ccc.valence 50.00"


def test_rows_of_an_earlier_recipe_say_so_and_are_not_averaged_with_todays(tmp_path: Path) -> None:
    short = {"epochs": 1, "of": 60, "steps": 144, "of_steps": 11700}
    put(tmp_path, "papers/preact-resnet18", 0.4, "epochs=60", shortened=short)
    put(tmp_path, "papers/cnn4", 0.4, "epochs=29")
    put(tmp_path, "papers/cnn4", 0.6, "seed=1")
    put(tmp_path, "papers/cnn2", 0.4)
    table.draw(tmp_path)
    assert cells(tmp_path, "preact-resnet18")["note"].startswith(
        "shortened to 144 of 11700 steps; of an earlier recipe"
    )
    assert (cells(tmp_path, "cnn4")["ours: test, %"][:5], cells(tmp_path, "cnn4")["seeds"]) == ("60.00", "1")
    assert not any("earlier recipe" in cells(tmp_path, id)["note"] for id in ("cnn4", "cnn2"))


def test_rows_of_several_earlier_recipes_are_not_averaged(tmp_path: Path) -> None:
    for seed, (epochs, accuracy) in enumerate(((28, 0.2), (29, 0.4), (29, 0.6))):
        put(tmp_path, "papers/cnn4", accuracy, f"epochs={epochs}", f"seed={seed}")
    put(tmp_path, "papers/cnn2", 0.4, "epochs=28")
    put(tmp_path, "papers/cnn2", 0.6, "epochs=29", "seed=1")
    table.draw(tmp_path)
    for id, seeds, accuracy in (("cnn4", "2", "50.00 +- 14.14"), ("cnn2", "1", "40.00 (30.00 to 50.00)")):
        row = cells(tmp_path, id)
        assert (row["seeds"], row["ours: test, %"]) == (seeds, accuracy)
        assert row["note"].startswith("of an earlier recipe")
        assert row["note"].endswith("1 row of another recipe left out")


def test_rows_without_a_digest_are_apart_and_say_so(tmp_path: Path) -> None:
    put(tmp_path, "papers/cnn4", 0.4)
    path = put(tmp_path, "papers/cnn4", 0.6, "seed=1")
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"digest": None}), encoding="utf-8")
    table.draw(tmp_path)
    assert (cells(tmp_path, "cnn4")["seeds"], cells(tmp_path, "cnn4")["ours: test, %"][:5]) == ("1", "40.00")
    (tmp_path / "cnn4" / "0.json").unlink()
    table.draw(tmp_path)
    assert cells(tmp_path, "cnn4")["note"].startswith("form of the recipe not recorded")


@pytest.mark.parametrize("name", [name for name in recipes.names() if name.startswith("papers/")])
def test_every_paper_has_a_figure_to_compare_with(name: str) -> None:
    recipe = recipes.load(name).model_dump(mode="json")
    if rows.identity(name) not in {record.id for record in PUBLISHED}:
        pytest.skip("nothing was published about it")
    content = {"name": "x", "recipe": recipe, "published": rows.known(name), "environment": {}, "figures": {}}
    headlines = table.headlines(Row.model_validate(content))
    assert 1 <= len(headlines) <= 2
    assert all(record.split.split()[1] != "train" and 0 < record.value < 1 for record in headlines)


def test_shipped_weights_have_a_table_of_their_own(tmp_path: Path) -> None:
    recipe = recipes.load("mien/fer2013")
    measured = {"test": scores(0.7, "test")}
    rows.write(recipe, tmp_path / "fer2013", measured, ENVIRONMENT, file="model-int8")
    text = table.draw(tmp_path).read_text(encoding="utf-8")
    assert text.index("## Shipped weights") < text.index("| fer2013 |")
    assert "measured on model-int8.onnx" in text


def test_same_rows_same_files(tmp_path: Path) -> None:
    put(tmp_path, "papers/cnn4", 0.57)
    (tmp_path / "cnn4" / "0-log.csv").write_text("epoch,loss,val_nll,val_accuracy\n1,2,2,.3\n2,1,1.5,.4\n")
    table.draw(tmp_path)
    paths = [tmp_path / "TABLE.md", *figures.paths(tmp_path, "cnn4").values()]
    assert len(paths) == 3
    assert "[curves](figures/cnn4-curves.svg) [confusion](figures/cnn4-confusion.svg)" in paths[0].read_text("utf-8")
    first = [path.read_bytes() for path in paths]
    table.draw(tmp_path)
    assert [path.read_bytes() for path in paths] == first
    for content in first:
        assert b"<image" not in content
        assert len(content) < 100_000


def test_thinned_logs_keep_their_last_line(tmp_path: Path) -> None:
    lines = ["step,loss,val_nll,val_kappa", *(f"{k},{k / 10},,0.1" for k in range(1, 1001))]
    (tmp_path / "steps.csv").write_text("\n".join(lines) + "\n")
    rows.thin(tmp_path / "steps.csv", tmp_path / "thin.csv")
    kept = figures.read(tmp_path / "thin.csv")
    assert len(kept) <= rows.POINTS
    assert kept[-1] == {"step": 1000.0, "loss": 100.0}


@pytest.mark.parametrize("content", ["", "[1]", "{"])
def test_broken_rows_are_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "cnn4").mkdir()
    (tmp_path / "cnn4" / "0.json").write_text(content)
    with pytest.raises(UsageError, match=r"0\.json"):
        table.draw(tmp_path)


def test_other_numbered_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "peers").mkdir()
    (tmp_path / "peers" / "1.json").write_text(json.dumps({"rows": []}))
    assert table.collect(tmp_path) == {}


@pytest.mark.parametrize(
    ("change", "same"), [("probe=5", True), ("test=false", True), ("epochs=3", False), ("seed=1", False)]
)
def test_digest_follows_what_changes_the_weights(change: str, same: bool) -> None:
    assert (rows.digest(recipes.load("papers/cnn2", [change])) == rows.digest(recipes.load("papers/cnn2"))) is same
