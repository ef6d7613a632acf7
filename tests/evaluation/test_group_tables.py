"""Group columns of tables: joined by id or path, in every format; other columns are refused or left out with a note."""

from pathlib import Path

import numpy as np
import pytest

from mien.errors import DataError, UsageError
from mien.evaluation.fairness.groups import read_groups

IDS = np.array(["00007", "00008", "00009"])


def table(folder: Path, text: str, name: str = "people.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_words_come_in_the_order_of_the_result(tmp_path: Path) -> None:
    path = table(tmp_path, "sex,id,age\nf,00009,old\nm,00007, young \nf,00001,old\n")
    columns, notes = read_groups(path, IDS)
    assert {name: words.tolist() for name, words in columns.items()} == {
        "sex": ["m", "", "f"],
        "age": ["young", "", "old"],
    }
    assert notes == [f"{path}: images from column id", f"{path}: no row for 1 of 3 images (00008)"]


@pytest.mark.parametrize(
    ("cells", "groups", "notes"),
    [
        (("f ", "F", "f"), ["f", "f", "f"], ["'F' and 'f' are taken for one group, 'f'"]),
        (
            ("Old  man", "old man", "F"),
            ["Old  man", "Old  man", "F"],
            ["'Old  man' and 'old man' are taken for one gro"],
        ),
        (("m", "", "f"), ["m", "", "f"], ["1 of 3 images without a group (1 empty)"]),
        (("m", "Unknown", ""), ["m", "", ""], ["2 of 3 images without a group (1 empty, 1 'unknown')"]),
        (("m", "f", "d"), ["m", "f", "d"], []),
    ],
)
def test_spellings_and_losses_are_reported(
    cells: tuple[str, ...], groups: list[str], notes: list[str], tmp_path: Path
) -> None:
    rows = "".join(f"{name},{cell}\n" for name, cell in zip(IDS, cells, strict=True))
    path = table(tmp_path, f"id,sex\n{rows}")
    columns, own_notes = read_groups(path, IDS, "id")
    assert columns["sex"].tolist() == groups
    assert len(own_notes) == len(notes)
    assert all(one.startswith(f"{path}: column sex: {note}") for one, note in zip(own_notes, notes, strict=True))


def test_joined_columns_tell_each_thing_once(tmp_path: Path) -> None:
    path = table(tmp_path, "id,sex,age\n00007,f,old\n00008,F,\n00009,f,old\n")
    columns, notes = read_groups(path, IDS, "id", ["sex", "sex+age"])
    assert columns["sex+age"].tolist() == ["f, old", "", "f, old"]
    assert notes == [
        f"{path}: column sex: 'F' and 'f' are taken for one group, 'f'",
        f"{path}: column sex+age: 1 of 3 images without a group",
    ]


@pytest.mark.parametrize("word", ["", "NaN", "unknown", "N/A", " ? "])
def test_what_is_not_known_is_no_group(word: str, tmp_path: Path) -> None:
    columns, _ = read_groups(table(tmp_path, f"id,sex\n00007,m\n00008,{word}\n00009,f\n"), IDS, "id")
    assert columns["sex"].tolist() == ["m", "", "f"]


def test_other_formats(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"image": IDS.tolist(), "skin": [1, None, 3]}), tmp_path / "t.parquet")
    assert read_groups(tmp_path / "t.parquet", IDS)[0]["skin"].tolist() == ["1", "", "3"]
    semicolons = table(tmp_path, "\ufeffFile;sex\n00007;m\n00008;f\n00009;f\n", "s.csv")
    assert read_groups(semicolons, IDS)[0]["sex"].tolist() == ["m", "f", "f"]


def test_paths_are_joined_by_their_ends(tmp_path: Path) -> None:
    ids = np.array(["test/angry/a.png", "test/sad/a.png", "test/sad/b.png"])
    path = table(tmp_path, "path,sex\n/data/x/sad/a.png,f\n/data/x/angry/a.png,m\n/data/x/sad/b.png,f\n")
    columns, notes = read_groups(path, ids, "path")
    assert columns["sex"].tolist() == ["m", "f", "f"]
    other = "'test/angry/a.png' with '/data/x/angry/a.png'"
    assert notes == [f"{path}: rows are matched by the ends of paths, the folders before them differ: {other}"]


def test_an_end_is_not_matched_by_chance_beside_whole_ids(tmp_path: Path) -> None:
    ids = np.array(["monday/a.png", "monday/b.png"])
    path = table(tmp_path, "path,sex\nmonday/a.png,f\ntuesday/b.png,m\n")
    columns, notes = read_groups(path, ids, "path")
    assert columns["sex"].tolist() == ["f", ""]
    assert notes == [f"{path}: no row for 1 of 2 images (monday/b.png)"]


def test_a_path_within_the_other_is_no_other_folder(tmp_path: Path) -> None:
    path = table(tmp_path, "path,sex\n/data/monday/a.png,f\n/data/monday/b.png,m\n")
    columns, notes = read_groups(path, np.array(["monday/a", "monday/b"]), "path")
    assert (columns["sex"].tolist(), notes) == (["f", "m"], [])


def test_columns_can_be_joined(tmp_path: Path) -> None:
    path = table(tmp_path, "id,sex,age,a+b\n00007,m,old,x\n00008,f,,y\n00009,f,young,x\n")
    columns, _ = read_groups(path, IDS, "id", ["sex+age", "a+b"])
    assert columns["sex+age"].tolist() == ["m, old", "", "f, young"]
    assert columns["a+b"].tolist() == ["x", "y", "x"]


def test_numbers_are_refused_by_name_and_left_out_otherwise(tmp_path: Path) -> None:
    ids = np.array([f"{k:03d}" for k in range(60)])
    rows = "".join(f"{k:03d},{k / 7:.3f},{k % 5},{k}x\n" for k in range(60))
    path = table(tmp_path, f"id,age,band,ward\n{rows}")
    columns, notes = read_groups(path, ids)
    assert sorted(columns) == ["band", "ward"]
    assert f"{path}: column age is left out, it holds 60 different numbers" in notes
    with pytest.raises(UsageError, match=r"60 different numbers.*cut it into ranges"):
        read_groups(path, ids, by=["band", "age"])


def test_names_are_no_groups(tmp_path: Path) -> None:
    ids = np.array([f"{k:03d}" for k in range(101)])
    path = table(tmp_path, "id,name,empty\n" + "".join(f"{k:03d},n{k}, \n" for k in range(101)))
    with pytest.raises(DataError, match="no column of groups"):
        read_groups(path, ids)
    with pytest.raises(UsageError, match="101 different words"):
        read_groups(path, ids, by=["name"])
    with pytest.raises(UsageError, match="holds nothing"):
        read_groups(path, ids, by=["empty"])


@pytest.mark.parametrize(
    ("text", "given", "by", "message"),
    [
        (
            "id,sex\n1,m\n2,f\n",
            None,
            (),
            "none of the images is in the result, the first is '1'; expected ids such as '00007' in column id",
        ),
        ("id,sex\n00007,m\n00007,f\n", None, (), "two rows name '00007'"),
        ("who,sex\n00007,m\n", None, (), "expected one that names the image; name it with `id`"),
        ("who,sex\n00007,m\n", "whom", (), "`id` whom; expected a column of .*: who, sex"),
        ("id,sex\n00007,m\n", None, ("gender",), "`by` gender; expected columns of"),
        ("id,sex\n00007,m\n", None, ("sex+age",), r"`by` sex\+age; expected columns of"),
        ("id,sex\n00007\n", None, (), "row 1 with a different number of cells"),
        ("id,sex\n", None, (), "no rows"),
        ("", None, (), "no rows"),
    ],
)
def test_bad_tables(text: str, given: str | None, by: tuple[str, ...], message: str, tmp_path: Path) -> None:
    with pytest.raises((DataError, UsageError), match=message):
        read_groups(table(tmp_path, text), IDS, given, by)


def test_no_table(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file"):
        read_groups(tmp_path / "none.csv", IDS)


def test_a_result_without_images(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a result without images"):
        read_groups(table(tmp_path, "id,sex\n00007,m\n"), IDS[:0])
