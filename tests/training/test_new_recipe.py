"""`mien init`: the recipe that it writes can be trained, names what was found, and replaces nothing."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from mien.errors import DataError
from mien.inference.classify import Classifier
from mien.reading.documents import parse_yaml
from mien.training.new_recipe import new_recipe
from mien.training.recipe import load, parse
from mien.training.run import has_test, train_run, try_out

from ..own_files import CK48, images_of, write_classes, write_csv, write_folder


def test_a_folder_without_splits_gets_them_and_its_own_labels(tmp_path: Path) -> None:
    root = tmp_path / "my faces"
    write_classes(root, {"Happy": 6, "sad": 6, "Very bored": 6})
    made = new_recipe(root, {})
    assert (made.name, made.data) == ("my-faces", "folder")
    assert made.counts["val"] == {"happiness": 1, "sadness": 1, "very_bored": 1}
    assert list(made.counts) == ["train", "val", "test"]
    recipe = parse(parse_yaml(made.text), "made")
    assert recipe.data.options["labels"] == {"very_bored": ["Very bored"]}
    assert recipe.data.options["val"] == recipe.data.options["test"] == 0.2
    assert "# train: 12 images; happiness 4, sadness 4, very_bored 4" in made.text
    assert "Happy = happiness" in made.text
    try_out(recipe, root)  # the weights to start from fit the network and the crops


def test_splits_and_columns_that_are_there_are_kept(tmp_path: Path) -> None:
    write_folder(tmp_path / "a")
    assert "val" not in new_recipe(tmp_path / "a", {}).options
    write_classes(tmp_path / "b", dict.fromkeys(CK48, 3))
    rows = [(path, path.split("/")[0], k % 5, 0.5, 1) for k, (path, *_) in enumerate(images_of(tmp_path / "b"))]
    write_csv(tmp_path / "b" / "labels.csv", ["image", "label", "subject", "valence", "au12"], rows)
    made = new_recipe(tmp_path / "b", {"val": 0.3})
    assert made.data == "table"
    assert made.options["val"] == 0.3
    heads = parse(parse_yaml(made.text), "made").heads
    assert (heads.valence_arousal, heads.action_units) == (1, 1)


def test_the_network_is_that_of_the_weights_it_starts_from(tmp_path: Path) -> None:
    write_classes(tmp_path, {"happy": 10, "sad": 10})
    recipe = parse(parse_yaml(new_recipe(tmp_path, {}).text), "made")
    started = Classifier(str(recipe.init)).card.recipe["model"]
    assert recipe.model.model_dump() == started


def test_a_test_split_that_is_not_there_is_refused_before_training(tmp_path: Path) -> None:
    root = tmp_path / "faces"
    write_classes(root, {"happy": 10, "sad": 10})
    recipe = tmp_path / "faces.yaml"
    recipe.write_text(new_recipe(root, {}).text)
    without = ["data.options.test=null"]
    assert has_test(load(str(recipe)), root)
    assert not has_test(load(str(recipe), without), root)
    with pytest.raises(DataError, match="has no test images"):
        train_run(str(recipe), without, root=root, out=tmp_path / "runs", resume=None, device="cpu", test=True)
    assert not (tmp_path / "runs").exists()


def test_what_cannot_be_a_label_is_refused_as_everywhere(tmp_path: Path) -> None:
    write_classes(tmp_path, {"0": 2, "1": 2})
    with pytest.raises(DataError, match="codes=fer2013"):
        new_recipe(tmp_path, {})


def test_the_command_writes_once_and_says_what_comes_next(tmp_path: Path) -> None:
    write_classes(tmp_path / "faces", {"happy": 5, "sad": 5})

    def init(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mien", "init", "faces", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    done = init()
    assert done.returncode == 0
    assert "mien train faces.yaml --root faces" in done.stderr
    assert load(tmp_path / "faces.yaml").name == "faces"
    again = init()
    assert again.returncode == 2
    assert "faces.yaml is there already" in again.stderr
    assert init("--force", "--json").returncode == 0


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"happy": 5, "anger": 5, "sad": 1}, "train has images of sadness (1), val has none"),
        (
            {"happy": 5, "anger": 5, "sad": 1},
            "as one cannot be in both, or the option ignore=sadness leaves the label out",
        ),
        ({"happy": 5, "anger": 5, "bored": 1}, "train has images of bored (1), val has none"),
    ],
)
def test_what_train_would_refuse_is_refused(counts: dict[str, int], words: str, tmp_path: Path) -> None:
    write_classes(tmp_path, counts)
    with pytest.raises(DataError, match=re.escape(words)):
        new_recipe(tmp_path, {})


def test_the_option_that_is_advised_works(tmp_path: Path) -> None:
    write_classes(tmp_path, {"happy": 5, "anger": 5, "sad": 1})
    assert list(new_recipe(tmp_path, {"ignore": "sadness"}).counts["train"]) == ["happiness", "anger"]


def test_a_slip_in_one_split_is_named(tmp_path: Path) -> None:
    write_classes(tmp_path, {"happy": 4, "sad": 4})
    rows = [(path, name, "val" if "3" in path else "train") for path, name, _ in images_of(tmp_path)]
    rows = [(path, "hapyp" if (name, split) == ("happy", "val") else name, split) for path, name, split in rows]
    write_csv(tmp_path / "labels.csv", ["image", "label", "split"], rows)
    with pytest.raises(
        DataError, match=r"train has images of happiness \(3\), val has none.*hapyp.*did you mean happy"
    ):
        new_recipe(tmp_path, {})


def test_labels_that_cannot_be_are_named_together(tmp_path: Path) -> None:
    write_classes(tmp_path, {"happy": 3, "bored": 3, "seconds_left": 3, "seconds right": 3})
    with pytest.raises(DataError, match=r"the labels 'seconds right' .*, 'seconds_left'") as caught:
        new_recipe(tmp_path, {})
    assert "'bored'" not in str(caught.value)
