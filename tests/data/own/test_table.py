"""Tables: what stands in their columns is read, and rows that cannot be used are named by their lines."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.data import load
from mien.errors import DataError

from ...own_files import png, write_csv

HEAD = ["image", "label"]
ROWS = [("a.png", "happy"), ("b.png", "sad"), ("sub/c.png", "sad"), ("d.png", "Anger")]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for k, name in enumerate(("a.png", "b.png", "sub/c.png", "d.png")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(png(48, "L", 40 * k))
    return tmp_path


def test_csv_in_other_clothes(root: Path) -> None:
    """A byte order mark, semicolons, quotes, CRLF, blank lines, TSV, backslashes: the same samples."""
    write_csv(root / "plain.csv", HEAD, ROWS)
    plain = load("table", root / "plain.csv", "val")
    clothes = {
        "semicolon.csv": "\ufeff" + "".join(f'"{a}";{b}\r\n' for a, b in [HEAD, *ROWS]),
        "tabs.tsv": "\n\n".join(f"{a}\t{b}" for a, b in [("filename", "emotion"), *ROWS]),
        "windows.csv": "\n".join(f"{a},{b}".replace("/", "\\") for a, b in [HEAD, *ROWS]),
        "told.csv": "sep=;\r\n" + "".join(f"{a};{b}\r\n" for a, b in [HEAD, *ROWS]),
        "lines.jsonl": "\n".join(json.dumps({"path": a, "expression": b}) for a, b in ROWS),
    }
    for name, text in clothes.items():
        (root / name).write_bytes(text.encode())
        assert load("table", root / name, "val").fingerprint == plain.fingerprint, name


def test_a_table_of_german_excel(root: Path) -> None:
    """Decimal commas and UTF-16 are read; Windows' own code page is refused, with what to do."""
    lines = ["image;label;valence;name", *(f"{name};{label};-0,5;Jörg" for name, label in ROWS)]
    text = "\r\n".join(lines)
    (root / "labels.csv").write_bytes(text.encode("utf-16"))
    samples = load("table", root, "val")
    assert np.asarray(samples.regression)[:, 0].tolist() == [-0.5] * 4
    (root / "labels.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=r"labels\.csv cannot be read \(not UTF-8: save it as CSV in UTF-8\)"):
        load("table", root, "val")


BAD: dict[str, tuple[list[Any], str]] = {
    "missing": (["x.png", "sad"], "labels.csv line 6: no file x.png"),
    "outside": (["../../x.png", "sad"], r"line 6: image '\.\./\.\./x\.png' lies outside .*images=/"),
    "absolute": (["/etc/passwd", "sad"], "line 6: image '/etc/passwd' lies outside"),
    "again": (["a.png", "sad"], "line 6: 'a.png' again, as in line 2"),
    "another spelling": (["./a.png", "sad"], "line 6: 'a.png' again, as in line 2"),
    "doubled slash": (["sub//c.png", "happy"], "line 6: 'sub/c.png' again, as in line 4"),
    "backwards": ([".\\sub\\..\\d.png", "happy"], "line 6: 'd.png' again, as in line 5"),
    "cells": (["a.png", "sad", "more"], "line 6: 3 cells, not 2"),
    "nameless": (["", "sad"], "line 6: no image is named"),
    "folder": (["sub", "sad"], "line 6: no file sub"),
    "long": (["x" * 300, "sad"], "line 6: no file xxx"),
    "unlabelled": (["sub/../a2.png", ""], "line 6: no "),
}


@pytest.mark.parametrize("case", BAD)
def test_rows_that_cannot_be_used_are_named_or_left_out(case: str, root: Path) -> None:
    row, message = BAD[case]
    write_csv(root / "labels.csv", HEAD, [*ROWS, row])
    with pytest.raises(DataError, match="1 of 5 rows cannot be used") as caught:
        load("table", root, "val")
    assert re.search(message, str(caught.value)), caught.value
    samples = load("table", root, "val", skip_bad=True)
    assert len(samples) == 4
    assert "1 row left out" in samples.about


def test_a_relative_root_holds_absolute_paths(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_csv(root / "labels.csv", HEAD, [(root / name, label) for name, label in ROWS])
    monkeypatch.chdir(root)
    samples = load("table", Path(), "val")
    assert samples.ids.tolist() == sorted(name for name, _ in ROWS)
    write_csv(root / "labels.csv", HEAD, [*ROWS, (root / "a.png", "sad")])
    with pytest.raises(DataError, match=r"line 6: 'a\.png' again, as in line 2"):
        load("table", Path(), "val")


def test_an_image_in_the_tables_of_two_splits_is_refused(root: Path) -> None:
    write_csv(root / "train.csv", HEAD, ROWS[:3])
    write_csv(root / "test.csv", HEAD, [*ROWS[3:], ("./sub/c.png", "sad")])
    with pytest.raises(DataError, match=r"sub/c\.png is in test\.csv, too; expected every image in one split"):
        load("table", root, "train")


def test_box_group_weight_affect_units_and_splits(root: Path) -> None:
    head = ["image", "label", "split", "subject", "weight", "valence", "arousal", "AU01", "AU12_r", "x", "y", "w", "h"]
    rows = [
        ("a.png", "happy", "Training", "s1", 2, 0.5, "", 0, 3, 4, 4, 20, 20),
        ("a.png", "sad", "Training", "s2", "", -2, -2, "", "", 30, 4, 10, 10),
        ("b.png", "sad", "valid", "s3", 1, -0.5, 0.1, 1, 0, 0, 0, 48, 48),
        ("d.png", "happy", "valid", "s3", 1, -0.5, 0.1, 1, 0, "", "", "", ""),
    ]
    write_csv(root / "labels.csv", head, rows)
    train = load("table", root, "train")
    assert train.ids.tolist() == ["a.png#2", "a.png#3"]
    assert np.asarray(train.group).tolist() == ["s1", "s2"]
    assert np.asarray(train.weight).tolist() == [2, 1]
    assert train.unit_names == ("au1", "au12")
    assert np.array_equal(train.regression, [[0.5, np.nan], [np.nan, np.nan]], equal_nan=True)
    assert np.array_equal(train.units, [[0, 1], [np.nan, np.nan]], equal_nan=True)
    assert "there from level 2 on" in train.about
    assert len(load("table", root, "val")) == 2
    write_csv(root / "labels.csv", head, [*rows, ("sub/c.png", "sad", "test", "s1", *rows[0][4:])])
    with pytest.raises(DataError, match=r"1 group in more than one split: s1 \(train and test\).*val=0\.2"):
        load("table", root, "train")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (("", "", "", "", 3), "valence 3, not a number from -1 to 1"),
        (("", "", "", "", "x"), "valence 'x', not a number"),
        ((0, 0, "", 5, 0), "a box with a number missing"),
        ((5, 5, 1, 1, 0), "the box 5 5 1 1 has no area"),
        ((90, 90, 99, 99, 0), "its box 90 90 99 99 lies outside 48 x 48 pixels"),
    ],
)
def test_numbers_that_cannot_be(cells: tuple[object, ...], message: str, root: Path) -> None:
    head = ["image", "label", "x1", "y1", "x2", "y2", "valence"]
    write_csv(root / "labels.csv", head, [("a.png", "sad", *cells), ("b.png", "happy", 0, 0, 9, 9, 0)])
    with pytest.raises(DataError, match=f"1 of 2 rows cannot be used \\(labels.csv line 2: {re.escape(message)}"):
        load("table", root, "val")


def test_votes_are_distributions(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = ["image", "Happiness", "sadness", "fear", "NF"]
    rows = [("a.png", 3, 1, 0, 0), ("b.png", 0, 5, 5, 0), ("d.png", 0, 0, 1, 9), ("sub/c.png", 0, 0, 0, 0)]
    write_csv(root / "labels.csv", head, rows)
    samples = load("table", root, "val")
    assert samples.ids.tolist() == ["a.png", "b.png"]  # the others have no vote, or most say that it is no face
    assert samples.labels == ("happiness", "sadness", "fear")
    assert samples.target.tolist() == [[0.75, 0.25, 0], [0, 0.5, 0.5]]
    assert np.asarray(samples.votes).shape == (2, 10)
    assert "2 images without a vote for a label" in samples.about
    assert "labels.csv: 2 images without a vote for a label" in capsys.readouterr().err


def test_votes_may_be_fractions(root: Path) -> None:
    rows = [("a.png", 0.6, 0.4, 0), ("b.png", 0.5, 0.5, ""), ("d.png", 0.1, 0.3, 0.6), ("sub/c.png", 0.2, 0.7, 0.1)]
    write_csv(root / "labels.csv", ["image", "happiness", "sadness", "NF"], rows)
    samples = load("table", root, "val")
    assert samples.ids.tolist() == ["a.png", "b.png", "sub/c.png"]
    np.testing.assert_allclose(samples.target, [[0.6, 0.4], [0.5, 0.5], [2 / 9, 7 / 9]], rtol=1e-6)
    assert samples.votes is None  # they are counts
    assert "1 image without a vote for a label" in samples.about


def test_the_pixels_of_fer2013s_own_csv(tmp_path: Path) -> None:
    rows = [(k % 7, " ".join(["7"] * 2304), ("Training", "PublicTest")[k // 7]) for k in range(14)]
    write_csv(tmp_path / "mine.csv", ["emotion", "pixels", "Usage"], rows)
    samples = load("table", tmp_path, "val")
    assert samples.images.shape == (7, 48, 48, 1)
    assert samples.labels[int(samples.target[0].argmax())] == "anger"
    write_csv(tmp_path / "mine.csv", ["emotion", "pixels"], [(0, "7 " * 2304), (1, "7 256"), (2, "1 2 3 400")])
    with pytest.raises(DataError, match=r"line 3: 2 pixels, not the number of a square; .*line 4: pixel '400'"):
        load("table", tmp_path, "val")


def test_empty_cells_of_a_split_are_named_by_their_lines_or_left_out(root: Path) -> None:
    splits = ("train", "", "train", "train", "test", "test")
    rows = [(f"{name}.png", label) for name in "abcdef" for label in (("happy", "sad")["abcdef".index(name) % 2],)]
    for name in "abcdef":
        (root / f"{name}.png").write_bytes(png(48, "L", 9 * ord(name) % 250))
    write_csv(root / "labels.csv", [*HEAD, "split"], [(*row, split) for row, split in zip(rows, splits, strict=True)])
    with pytest.raises(DataError, match=r"1 of 6 rows cannot be used \(labels\.csv line 3: no split is given\)"):
        load("table", root / "labels.csv", "train")
    kept = load("table", root / "labels.csv", "train", skip_bad="true")
    assert kept.ids.tolist() == ["a.png", "c.png", "d.png"]
    assert "1 row left out (labels.csv line 3: no split is given)" in kept.about
    assert len(load("table", root / "labels.csv", "val", ignore_splits="true", val="0.5")) == 4


def test_tables_that_name_a_split_each(root: Path) -> None:
    write_csv(root / "train.csv", HEAD, ROWS[:2])
    write_csv(root / "test_labels.csv", HEAD, ROWS[2:])
    assert load("table", root, "test").ids.tolist() == ["d.png", "sub/c.png"]
    with pytest.raises(DataError, match=r"has no val images; expected val beside train 2, test 2; the option val=0\.2"):
        load("table", root, "val")
    write_csv(root / "other.csv", HEAD, ROWS)
    with pytest.raises(DataError, match=r"several tables: other\.csv, test_labels\.csv, train\.csv"):
        load("table", root, "val")


def test_a_column_that_one_split_lacks_is_unknown_there(root: Path) -> None:
    head = [*HEAD, "subject", "weight", "valence", "arousal"]
    write_csv(root / "train.csv", head, [(*ROWS[0], "s1", 2, 0.5, 0), (*ROWS[1], "", 1, 0, 0)])
    write_csv(root / "test.csv", HEAD, ROWS[2:])
    train, test = load("table", root, "train"), load("table", root, "test")
    assert np.asarray(train.weight).tolist() == [2, 1]
    assert np.asarray(test.weight).tolist() == [1, 1]
    assert np.asarray(train.regression)[:, 0].tolist() == [0.5, 0]
    assert np.isnan(np.asarray(test.regression)).all()
    assert np.asarray(train.group).tolist() == ["s1", ""]
    assert np.asarray(test.group).tolist() == ["", ""]


def test_weights_of_zero_and_unknown_subjects(root: Path) -> None:
    write_csv(root / "labels.csv", [*HEAD, "weight"], [(*row, 0) for row in ROWS])
    with pytest.raises(DataError, match="every weight is 0"):
        load("table", root, "val")
    rows = [(*row, split, "nan") for row, split in zip(ROWS, ["train", "train", "test", "test"], strict=True)]
    write_csv(root / "labels.csv", [*HEAD, "split", "subject"], rows)
    assert len(load("table", root, "test")) == 2


def test_class_names_of_parquet_in_another_order_are_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for split, names in (("train", ["happy", "sad"]), ("test", ["sad", "happy"])):
        features = {"label": {"_type": "ClassLabel", "names": names}, "image": {"_type": "Image"}}
        table = pa.table({"image": [png(48, "L", 9), png(48, "L", 90)], "label": [0, 1]})
        known = {"huggingface": json.dumps({"info": {"features": features}})}
        pq.write_table(table.replace_schema_metadata(known), tmp_path / f"{split}.parquet")
    with pytest.raises(DataError, match="numbers of labels mean something else"):
        load("table", tmp_path, "test")


@pytest.mark.parametrize(
    ("head", "options", "message"),
    [
        (["name", "emotion"], {}, r"has columns name, emotion; expected one with the images.*columns="),
        (["image", "happy"], {}, "expected one with the labels, or columns of votes"),
        (["image", "label"], {"columns": {"label": "lable"}}, "has no column 'lable'.*did you mean label"),
        (["image", "label"], {"columns": {"labl": "label"}}, "the option columns: 'labl'"),
    ],
)
def test_columns_that_cannot_be_used(root: Path, head: list[str], options: dict[str, Any], message: str) -> None:
    write_csv(root / "labels.csv", head, ROWS)
    with pytest.raises(DataError, match=message):
        load("table", root, "val", **options)


def test_parquet_without_images_and_with_broken_ones(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"label": ["sad", "happy"]}), path)
    with pytest.raises(DataError, match="expected one with the images"):
        load("table", path, "val")
    pq.write_table(pa.table({"image": [png(), b"no", None], "label": ["sad", "happy", "sad"]}), path)
    with pytest.raises(DataError, match=r"2 of 3 rows cannot be used \(a\.parquet row 2: .*row 3: no image"):
        load("table", path, "val")
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataError, match=r"a\.parquet cannot be read"):
        load("table", path, "val")


def test_a_subject_comes_before_a_group_and_what_columns_are_is_said(root: Path) -> None:
    head = [*HEAD, "group", "subject", "weight"]
    write_csv(root / "labels.csv", head, [(*row, "patient", f"s{k}", 50 + k) for k, row in enumerate(ROWS)])
    made = load("table", root, "train", val=0.5)
    assert "groups: column subject; weights: column weight (50 to 53)" in made.about
    assert "drawn by group" in made.about
    write_csv(root / "labels.csv", [*HEAD, "group"], [(*row, "patient") for row in ROWS])
    with pytest.raises(DataError, match=r"labels\.csv, column group: 1 group; expected at least 2"):
        load("table", root, "train", val=0.5)
