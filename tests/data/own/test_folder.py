"""Class folders: every layout gives the same samples; what cannot be used is named, with the fix."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mien.data import load, load_splits
from mien.errors import DataError
from mien.outputs.record import RECORD, entry

from ...own_files import CK48, images_of, png, write_classes, write_csv, write_folder, write_parquet


def test_class_folders_are_one_split_whatever_it_is_called(tmp_path: Path) -> None:
    write_classes(tmp_path / "CK+48", dict.fromkeys(CK48, 2))
    for split in ("train", "val", "test"):
        samples = load("folder", tmp_path, split)
        assert (len(samples), samples.images.shape[1:]) == (14, (48, 48, 1))
        assert samples.counts() == dict.fromkeys(samples.labels, 2)
        assert samples.labels[0] == "happiness"
        assert samples.ids[0] == "anger/S000_000.png"
    splits, missing = load_splits("folder", tmp_path, {})
    assert list(splits) == ["train"]
    assert "no splits" in missing["test"]


def test_a_folder_a_table_and_parquet_of_the_same_images_are_the_same(tmp_path: Path) -> None:
    write_classes(tmp_path / "faces", dict.fromkeys(CK48, 2))
    rows = [(path, path.split("/")[0]) for path, *_ in images_of(tmp_path / "faces")]
    write_csv(tmp_path / "labels.csv", ["file", "emotion"], [(f"faces/{path}", name) for path, name in rows])
    write_parquet(tmp_path / "faces.parquet", [(tmp_path / "faces" / path, name) for path, name in rows])
    read = [
        load("folder", tmp_path / "faces", "test"),
        load("table", tmp_path / "labels.csv", "test"),
        load("table", tmp_path / "faces.parquet", "test"),
    ]
    assert len({samples.fingerprint for samples in read}) == 1
    assert all(np.array_equal(samples.images, read[0].images) for samples in read)


def test_pixels_are_those_of_the_fer2013_reader(tmp_path: Path, fer2013_writer: Callable[..., object]) -> None:
    fer2013_writer(tmp_path, "folder")
    theirs, own = load("fer2013", tmp_path, "train"), load("folder", tmp_path, "train")
    assert np.array_equal(theirs.images, own.images)
    assert np.array_equal(theirs.target, own.target)
    assert theirs.labels == own.labels


def test_splits_of_folders_under_their_usual_names(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "val").rename(tmp_path / "Validation")
    (tmp_path / "test").rename(tmp_path / "TEST_set")
    assert [len(load("folder", tmp_path, split)) for split in ("train", "val", "test")] == [28, 14, 14]
    with pytest.raises(DataError, match=r"has val already.*leave val out"):
        load("folder", tmp_path, "val", val="0.2")


def test_splits_inside_class_folders(tmp_path: Path) -> None:
    for seed, split in enumerate(("training", "val", "Test_set")):
        for name, label in (("happy", "happiness"), ("mine", "mine")):
            write_classes(tmp_path / "other" / split, {label: 3}, seed=seed)
            (tmp_path / "faces" / name).mkdir(parents=True, exist_ok=True)
            (tmp_path / "other" / split / label).rename(tmp_path / "faces" / name / split)
    options = {"labels": ["mine"], "group": "^S[0-9]+"}
    root = tmp_path / "faces"
    with pytest.raises(DataError, match="in more than one split"):
        load("folder", root, "train", **options)
    made = {split: load("folder", root, split, labels=["mine"]) for split in ("train", "val", "test")}
    assert [len(each) for each in made.values()] == [6, 6, 6]
    assert {name.split("/")[1] for name in made["test"].ids.tolist()} == {"Test_set"}
    assert made["test"].split_from == "files"
    assert len(load("folder", root, "train", labels=["mine"], ignore_splits=True)) == 18
    (root / "mine" / "val" / "S000_000.png").rename(root / "mine" / "loose.png")
    with pytest.raises(DataError, match=r"happy has the folder \w+, and mine has images outside.*ignore_splits=true"):
        load("folder", root, "train", labels=["mine"])
    assert len(load("folder", root, "val", labels=["mine"], ignore_splits=True)) == 18


def test_what_systems_leave_behind_is_passed_over(tmp_path: Path) -> None:
    write_classes(tmp_path, {"happy": 3, "sad": 3})
    before = load("folder", tmp_path, "val").fingerprint
    (tmp_path / "happy" / "._S000_000.png").write_bytes(b"Mac OS X")
    (tmp_path / "happy" / "Thumbs.db").write_bytes(b"thumbs")
    (tmp_path / "sad" / ".DS_Store").write_bytes(b"Bud1")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "a.png").write_bytes(b"no")
    (tmp_path / "bored").mkdir()  # empty
    (tmp_path / "folder-data").mkdir()  # what mien wrote
    (tmp_path / "folder-data" / "contact.png").write_bytes(png(48, "L", 0))
    (tmp_path / "folder-data" / RECORD).write_text(
        json.dumps({"mien": "0.2", "files": [entry("contact.png", "data", (1, 1))]})
    )
    (tmp_path / "happy" / "again").symlink_to(tmp_path / "happy")
    (tmp_path / "sad" / "up").symlink_to(tmp_path)  # else all that is happy would be sad, too
    assert load("folder", tmp_path, "val").fingerprint == before


def test_a_pattern_that_finds_nothing_is_counted_where_no_image_is_left(tmp_path: Path) -> None:
    write_classes(tmp_path, {"happy": 3, "sad": 3})
    with pytest.raises(
        DataError, match=r"no images with a label: 6 rows left out \(.*the option group '\^X' finds nothing"
    ):
        load("folder", tmp_path, "val", group="^X", skip_bad=True)


def test_nested_folders_unicode_and_other_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_classes(tmp_path, {"Happy": 2, "3_sad": 2})
    inner = tmp_path / "Happy" / "Zoë 木"
    inner.mkdir()
    (inner / "ü.png").write_bytes(png(300, "RGBA", (250, 0, 0, 0)))
    (tmp_path / "readme.png").write_bytes(png())
    samples = load("folder", tmp_path, "val", size="64")
    assert samples.images.shape == (5, 64, 64, 3)
    assert "Happy/Zoë 木/ü.png" in samples.ids
    assert (samples.images[samples.ids == "Happy/Zoë 木/ü.png"] == 255).all()  # transparent: white
    load("folder", tmp_path, "val", size="64")
    said = capsys.readouterr().err
    assert said.count("3_sad = sadness; Happy = happiness") == 0  # sorted by label: happiness first
    assert said.count("Happy = happiness; 3_sad = sadness") == 1
    assert "1 image outside class folders not read" in said


def test_labels_of_ones_own(tmp_path: Path) -> None:
    write_classes(tmp_path, {"happy": 2, "Very bored": 3, "nf": 1})
    with pytest.raises(DataError, match=r"the labels 'Very bored' \(3 rows\), 'nf' \(1 row\).*labels=very_bored"):
        load("folder", tmp_path, "val")
    for labels in ("very_bored", ["very_bored"], {"very_bored": ["Very Bored"]}, "{very_bored: Very bored}"):
        samples = load("folder", tmp_path, "val", labels=labels, ignore="nf")
        assert samples.counts() == {"happiness": 2, "very_bored": 3}
    with pytest.raises(DataError, match=r"labels: 'Very bored'.*write very_bored"):
        load("folder", tmp_path, "val", labels=["Very bored"], ignore="nf")


def test_a_label_that_is_almost_known_names_the_nearest(tmp_path: Path) -> None:
    write_classes(tmp_path, {"hapy": 2, "sad": 2})
    with pytest.raises(DataError, match=r"'hapy' \(2 rows; did you mean happy\?\)"):
        load("folder", tmp_path, "val")


def test_numbers_need_a_meaning(tmp_path: Path) -> None:
    write_classes(tmp_path, {"0": 2, "1": 2})
    with pytest.raises(DataError, match=r"number the expressions differently.*codes=fer2013: 0 anger 1 disgust"):
        load("folder", tmp_path, "val")
    assert load("folder", tmp_path, "val", codes="fer2013").labels == ("disgust", "anger")
    assert load("folder", tmp_path, "val", labels="awake,bored").labels == ("awake", "bored")


def test_one_image_and_one_class(tmp_path: Path) -> None:
    write_classes(tmp_path, {"happy": 1})
    with pytest.raises(DataError, match=r"val has one class, happiness \(1 image\)"):
        load("folder", tmp_path, "val")
    with pytest.raises(DataError, match="has 1 image and no class folders"):
        load("folder", tmp_path / "happy", "val")
    with pytest.raises(DataError, match="does not exist"):
        load("folder", tmp_path / "nowhere", "val")


def test_unreadable_images_are_listed_or_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_classes(tmp_path, {"happy": 4, "sad": 3})
    (tmp_path / "happy" / "a.jpg").write_bytes(b"no image")
    (tmp_path / "sad" / "b.png").write_bytes(png()[:40])
    with pytest.raises(DataError, match=r"2 of 9 rows cannot be used \(happy/a\.jpg: .*; sad/b\.png: .*skip_bad=true"):
        load("folder", tmp_path, "val")
    with (tmp_path / "sad" / os.fsdecode(b"\xff.png")).open("wb") as file:  # a name that is not UTF-8
        file.write(png())
    assert r"sad/\xff.png" in load("folder", tmp_path, "val", skip_bad="true").ids
    assert "2 rows left out (happy/a.jpg: cannot be read as an image" in capsys.readouterr().err


@pytest.mark.parametrize("more", [{}, {"group": r"^S\d+"}])
def test_made_splits_are_seeded_apart_and_complete(tmp_path: Path, more: dict[str, str]) -> None:
    write_classes(tmp_path, dict.fromkeys(("happy", "sad", "anger"), 10))
    asked = {"val": 0.2, "test": 0.2, **more}
    parts = {split: load("folder", tmp_path, split, **asked) for split in ("train", "val", "test")}
    ids = [set(samples.ids.tolist()) for samples in parts.values()]
    assert sorted(map(len, ids)) == [6, 6, 18]
    assert len(set().union(*ids)) == 30
    if more:
        groups = [set(np.asarray(samples.group).tolist()) for samples in parts.values()]
        assert sum(map(len, groups)) == len(set().union(*groups)) == 5
    else:
        assert set(parts["val"].counts().values()) == {2}
    assert parts["val"].fingerprint == load("folder", tmp_path, "val", **asked).fingerprint
    assert len({load("folder", tmp_path, "val", **asked, seed=seed).fingerprint for seed in range(5)}) > 1
    assert "seed 0" in parts["val"].about


def test_folds_are_each_val_once(tmp_path: Path) -> None:
    write_classes(tmp_path, {"happy": 7, "sad": 6})
    vals = [load("folder", tmp_path, "val", folds=3, fold=k).ids.tolist() for k in range(3)]
    assert sorted(name for part in vals for name in part) == sorted(load("folder", tmp_path, "test").ids.tolist())
    assert not set(vals[0]) & set(load("folder", tmp_path, "train", folds=3, fold=0).ids.tolist())
    with pytest.raises(DataError, match="fold=3 of folds=3"):
        load("folder", tmp_path, "val", folds=3, fold=3)


def test_splits_by_group_keep_labels_in_proportion(tmp_path: Path) -> None:
    """Twenty subjects who show one expression each: whole subjects are drawn, and both expressions are in each part."""
    rows = [(f"{name}{k}", name) for k in range(10) for name in ("happy", "sad")]
    for subject, name in rows:
        write_classes(tmp_path / "x", {name: 3}, seed=len(subject))
        for path in (tmp_path / "x" / name).iterdir():
            (tmp_path / name).mkdir(exist_ok=True)
            path.rename(tmp_path / name / f"{subject}_{path.name}")
    (tmp_path / "x" / "happy").rmdir()
    (tmp_path / "x" / "sad").rmdir()
    for seed in range(5):
        options = {"group": "^[a-z]+[0-9]+", "seed": seed}
        val = load("folder", tmp_path, "val", val=0.2, test=0.2, **options)
        assert val.counts() == {"happiness": 6, "sadness": 6}
        for fold in range(3):
            counts = load("folder", tmp_path, "val", folds=3, fold=fold, **options).counts()
            assert abs(counts["happiness"] - counts["sadness"]) <= 3
            assert 18 <= sum(counts.values()) <= 21


def test_groups_in_two_splits_are_refused_with_what_helps(tmp_path: Path) -> None:
    write_folder(tmp_path)
    with pytest.raises(DataError, match=r"2 groups in more than one split.*ignore_splits=true val=0\.2"):
        load("folder", tmp_path, "train", group=r"^S\d+")
    options = {"group": r"^S\d+", "ignore_splits": True, "val": 0.2, "test": 0.2}
    parts = [load("folder", tmp_path, split, **options) for split in ("train", "val", "test")]
    assert sum(map(len, parts)) == 7 * 8
    groups = [set(part.group.tolist()) for part in parts if part.group is not None]
    assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]


def test_the_wrong_folder_names_the_right_one(tmp_path: Path) -> None:
    write_classes(tmp_path / "faces", {"happy": 2, "sad": 2})
    write_classes(tmp_path / "photos", {"mine": 2})
    with pytest.raises(DataError, match=r"not a folder of classes: faces, photos; .*did you mean .*faces\?"):
        load("folder", tmp_path, "val")
    with pytest.raises(DataError, match=r"happy has 2 images and no class folders; .*did you mean .*faces\?"):
        load("folder", tmp_path / "faces" / "happy", "val")


def test_every_unknown_label_is_in_the_remedy(tmp_path: Path) -> None:
    write_classes(tmp_path, {"happy": 2, "bored": 2, "Very tired": 2, "mine": 1})
    with pytest.raises(DataError, match=r"contempt, mine; the option labels=mine,very_tired,bored keeps") as e:
        load("folder", tmp_path, "val", labels="mine")
    assert "ignore=" in str(e.value)
    assert load("folder", tmp_path, "val", labels="mine,bored,very_tired").labels[-1] == "very_tired"
