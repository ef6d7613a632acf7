"""Readers: the same images out of every layout; errors name file, line, got and expected."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.data import load
from mien.data.cache import SCRATCH
from mien.errors import DataError

SPLITS = {"train": slice(0, 160), "val": slice(160, 200), "test": slice(200, 240)}
VOCABULARY = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger")
CODES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")


@pytest.mark.parametrize("layout", ["csv", "parquet"])
@pytest.mark.parametrize("split", SPLITS)
def test_layouts_in_row_order(layout: str, split: str, tmp_path: Path, fer2013_writer: Callable[..., Any]) -> None:
    tiny = fer2013_writer(tmp_path, layout)
    samples = load("fer2013", tmp_path, split)
    rows = SPLITS[split]
    assert np.array_equal(samples.images[..., 0], tiny.images[rows])
    assert samples.images.shape[1:] == (48, 48, 1)
    assert samples.labels == VOCABULARY
    assert [samples.labels[k] for k in samples.target.argmax(1)] == [CODES[code] for code in tiny.codes[rows]]
    assert samples.target.dtype == np.float32
    assert (samples.target.sum(1) == 1).all()
    assert samples.ids.tolist() == [f"{row:05d}" for row in range(240)][rows]


@pytest.mark.parametrize("layout", ["folder", "folder-jpg"])
def test_folder_layout_splits_by_file_name(layout: str, tmp_path: Path, fer2013_writer: Callable[..., Any]) -> None:
    tiny = fer2013_writer(tmp_path, layout)
    for split, rows in SPLITS.items():
        samples = load("fer2013", tmp_path, split)
        row = np.array([int(name.split("_")[1]) - 7 for name in samples.ids])
        assert sorted(row) == list(range(240))[rows]
        assert [samples.labels[k] for k in samples.target.argmax(1)] == [CODES[tiny.codes[k]] for k in row]
        tolerance = 0 if layout == "folder" else 60  # jpg is lossy, and these faces are noisy
        assert abs(samples.images[..., 0].astype(int) - tiny.images[row].astype(int)).max() <= tolerance


def test_folder_names_that_do_not_tell(tmp_path: Path, fer2013_writer: Callable[..., Any]) -> None:
    fer2013_writer(tmp_path, "folder-untold")
    assert len(load("fer2013", tmp_path, "train")) == 160
    for split, usage in (("val", "PublicTest"), ("test", "PrivateTest")):
        with pytest.raises(DataError, match=f"do not identify the {usage} images.*mixes both"):
            load("fer2013", tmp_path, split)


def test_folder_layout_passes_over_what_macos_leaves(tmp_path: Path, fer2013_writer: Callable[..., Any]) -> None:
    fer2013_writer(tmp_path, "folder")
    before = load("fer2013", tmp_path, "train").fingerprint
    for path in [*tmp_path.rglob("*.png")]:
        path.with_name(f"._{path.name}").write_bytes(b"Mac OS X")
        (path.parent / ".DS_Store").write_bytes(b"Bud1")
    (tmp_path / "train" / ".thumbnails").mkdir()
    (tmp_path / "train" / ".thumbnails" / "a.png").write_bytes(b"no")
    assert load("fer2013", tmp_path, "train").fingerprint == before


def test_folder_ids_stay_unique(tmp_path: Path, fer2013_writer: Callable[..., Any]) -> None:
    fer2013_writer(tmp_path, "folder")
    for place in ("happy", "sad"):
        shutil.copy(next((tmp_path / "train" / place).iterdir()), tmp_path / "train" / place / "im0.png")
    ids = load("fer2013", tmp_path, "train").ids
    assert len(set(ids)) == 162
    assert {"train/happy/im0", "train/sad/im0"} <= set(ids)


def test_where_the_root_may_point(tmp_path: Path, fer2013_writer: Callable[..., Any], monkeypatch: Any) -> None:
    fer2013_writer(tmp_path / "fer2013")
    inside = tmp_path / "fer2013"
    for root in (tmp_path, inside, inside / "fer2013.csv", str(tmp_path)):
        assert len(load("fer2013", root, "val")) == 40
        assert len(load("ferplus", root, "val")) == 36
    monkeypatch.setenv("MIEN_DATA", str(tmp_path))
    assert len(load("fer2013", None, "val")) == 40
    monkeypatch.delenv("MIEN_DATA")
    with pytest.raises(DataError, match="MIEN_DATA"):
        load("fer2013", None, "val")


def test_csv_in_other_clothes(tmp_path: Path, fer2013_writer: Callable[..., Any]) -> None:
    """Kaggle's icml_face_data.csv has another column order and blanks in its header; editors quote, or end in CRLF."""
    fer2013_writer(tmp_path / "plain")
    plain = load("fer2013", tmp_path / "plain", "test")
    rows = [line.split(",") for line in (tmp_path / "plain" / "fer2013.csv").read_text().splitlines()]
    clothes = {
        "icml_face_data.csv": "emotion, Usage, pixels\n" + "\n".join(f"{e},{u}, {p}" for e, p, u in rows[1:]),
        "quoted.csv": '"emotion","pixels","Usage"\r\n'
        + "\r\n".join(f'"{e}","{p}","{u}"' for e, p, u in rows[1:])
        + "\r\n",
        "bom.csv": "\ufeffUsage,pixels,emotion\n" + "\n\n".join(f"{u}, {p} ,{e}" for e, p, u in rows[1:]) + "\n\n",
        "tabs.csv": "emotion,pixels,Usage\n" + "\n".join(f"{e},{p.replace(' ', chr(9))},{u}" for e, p, u in rows[1:]),
        "zeros.csv": "emotion,pixels,Usage\n" + "\n".join(f"{e},00{p},{u}" for e, p, u in rows[1:]),
        "wide.csv": "emotion,pixels,Usage\n" + "\n".join(f"{e},{p.replace(' ', '  ')},{u}" for e, p, u in rows[1:]),
    }
    for name, text in clothes.items():
        path = tmp_path / name
        path.write_bytes(text.encode())
        samples = load("fer2013", path, "test")
        assert np.array_equal(samples.images, plain.images), name
        assert samples.fingerprint == plain.fingerprint, name


def test_rows_of_a_csv_in_any_order(tmp_path: Path, fer2013_writer: Callable[..., Any]) -> None:
    tiny = fer2013_writer(tmp_path / "sorted")
    mixed = np.random.default_rng(3).permutation(240)
    (tmp_path / "mixed").mkdir()
    for name in ("fer2013.csv", "fer2013new.csv"):
        header, *lines = (tmp_path / "sorted" / name).read_text().splitlines()
        (tmp_path / "mixed" / name).write_text("\n".join([header, *(lines[row] for row in mixed)]))
    for split in SPLITS:
        samples = load("ferplus", tmp_path / "mixed", split, labels="distribution")
        row = mixed[samples.ids.astype(int)]
        assert {tiny.usages[k] for k in row} == {tiny.usages[SPLITS[split].start]}
        assert np.array_equal(samples.images[..., 0], tiny.images[row])
        assert np.array_equal(samples.votes[:, 0], tiny.votes[row, 0])


def edit(line: int, old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        lines = text.split("\n")
        assert old in lines[line - 1]
        lines[line - 1] = lines[line - 1].replace(old, new, 1)
        return "\n".join(lines)

    return change


def pixel(line: int, position: int, word: str | None) -> Callable[[str], str]:
    def change(text: str) -> str:
        lines = text.split("\n")
        emotion, pixels, usage = lines[line - 1].split(",")
        words = pixels.split()
        words[position - 1 : position] = [] if word is None else [word]
        lines[line - 1] = f"{emotion},{' '.join(words)},{usage}"
        return "\n".join(lines)

    return change


BAD_CSV = {
    "a pixel too few": (pixel(7, 2304, None), "line 7: 2303 pixels; expected 2304"),
    "a pixel too many": (pixel(7, 5, "1 1"), "line 7: 2305 pixels; expected 2304"),
    "one too few, one too many": (lambda t: pixel(8, 9, None)(pixel(7, 5, "1 1")(t)), "line 7: 2305 pixels"),
    "above 255": (pixel(241, 17, "256"), "line 241: pixel 17 is '256'; expected an integer from 0 to 255"),
    "far above 255": (pixel(3, 1, "999"), "line 3: pixel 1 is '999'"),
    "four digits": (pixel(3, 1, "1000"), "line 3: pixel 1 is '1000'"),
    "wraps around": (pixel(3, 1, "300"), "line 3: pixel 1 is '300'"),
    "negative": (pixel(3, 1, "-1"), "line 3: pixel 1 is '-1'"),
    "a fraction": (pixel(3, 2304, "7.5"), "line 3: pixel 2304 is '7.5'"),
    "a word": (pixel(100, 4, "nan"), "line 100: pixel 4 is 'nan'"),
    "no pixels": (lambda t: t.replace(t.split("\n")[4].split(",")[1], "", 1), "line 5: 0 pixels"),
    "label 7": (lambda t: t.replace("\n6,", "\n7,", 1), "line 8: emotion '7'; expected a label from 0"),
    "label -1": (lambda t: t.replace("\n6,", "\n-1,", 1), "line 8: emotion '-1'"),
    "label happy": (lambda t: t.replace("\n6,", "\nhappy,", 1), "line 8: emotion 'happy'"),
    "no label": (lambda t: t.replace("\n6,", "\n,", 1), "line 8: emotion ''"),
    "unknown usage": (edit(9, "Training", "Testing"), "line 9: usage 'Testing'; expected Training, PublicTest or"),
    "cut in the pixels": (lambda t: t[: t.rindex(",") - 500], "line 241: 2 fields; expected 3.*cut off"),
    "cut in the usage": (lambda t: t[:-6], "line 241: usage 'Privat'; expected"),
    "one field more": (edit(4, ",Training", ",Training,x"), "line 4: 4 fields; expected 3"),
    "empty": (lambda t: "", "is empty; expected a header"),
    "header only": (lambda t: t.split("\n")[0] + "\n", "has a header and no rows"),
    "no header": (lambda t: t.split("\n", 1)[1], "line 1: columns '0, .*expected emotion, pixels, Usage"),
    "the csv without Usage": (lambda t: t.replace("emotion,pixels,Usage", "emotion,pixels"), "line 1: columns"),
    "the vote file": (
        lambda t: "Usage,Image name,neutral\nTraining,fer0000000.png,4\n",
        "line 1: columns 'usage, image",
    ),
    "no csv at all": (lambda t: "\0\1\2" * 900_000, "expected emotion, pixels, Usage"),
    "an endless line": (lambda t: t.split("\n")[0] + "\n" + "7 " * 1_200_000, "has a line of more than 1048576 bytes"),
}


@pytest.mark.parametrize("case", BAD_CSV)
def test_bad_csv_names_the_line_and_caches_nothing(
    case: str, tmp_path: Path, tiny_fer2013: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, message = BAD_CSV[case]
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "fer2013.csv"
    path.write_text(change((tiny_fer2013 / "fer2013.csv").read_text()))
    for _ in range(2):
        with pytest.raises(DataError, match=message) as caught:
            load("fer2013", tmp_path, "train")
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert {entry.name for entry in (tmp_path / "cache").iterdir()} == {"memo", SCRATCH}


def test_bad_parquet(tmp_path: Path, fer2013_writer: Callable[..., Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    fer2013_writer(tmp_path, "parquet")
    path = tmp_path / "fer2013.parquet"
    table = pq.read_table(path)

    def column(name: str, row: int, value: object) -> pa.Table:
        values = table.column(name).to_pylist()
        values[row] = value
        return table.set_column(table.schema.get_field_index(name), name, pa.array(values))

    cases: list[tuple[pa.Table, str]] = [
        (table.drop(["usage"]), "has no column 'usage'"),
        (column("emotion", 5, 7), "row 5: emotion '7'"),
        (column("emotion", 5, None), "row 5: emotion 'None'"),
        (column("usage", 6, "Test"), "row 6: usage 'Test'"),
        (column("image", 7, b"no image"), "row 7: no readable image"),
        (column("image", 7, None), "row 7: no readable image"),
        (table.slice(0, 0), "has no rows"),
    ]
    for bad, message in cases:
        pq.write_table(bad, path)
        with pytest.raises(DataError, match=message) as caught:
            load("fer2013", tmp_path, "train")
        assert str(path) in str(caught.value)
    whole = path.read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"emotion,pixels"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"fer2013\.parquet is not a Parquet file"):
            load("fer2013", tmp_path, "train")


def test_bad_folders(tmp_path: Path, fer2013_writer: Callable[..., Any]) -> None:
    from PIL import Image

    fer2013_writer(tmp_path, "folder")
    bored = tmp_path / "train" / "bored"
    bored.mkdir()
    assert len(load("fer2013", tmp_path, "train")) == 160  # an empty folder says nothing
    Image.new("L", (48, 48)).save(bored / "a.png")
    with pytest.raises(DataError, match="bored is not named after an expression of FER2013"):
        load("fer2013", tmp_path, "train")
    shutil.rmtree(bored)
    odd = tmp_path / "train" / "happy" / "odd.png"
    Image.new("L", (47, 48)).save(odd)
    with pytest.raises(DataError, match=r"odd\.png: 47x48 pixels; expected 48x48"):
        load("fer2013", tmp_path, "train")
    odd.write_bytes(b"\x89PNG broken")
    with pytest.raises(DataError, match=r"odd\.png: no readable image"):
        load("fer2013", tmp_path, "train")
    empty = tmp_path / "empty"
    (empty / "train" / "happy").mkdir(parents=True)
    with pytest.raises(DataError, match="no images in"):
        load("fer2013", empty, "train")


def test_wrong_words_and_places(tmp_path: Path, tiny_fer2013: Path) -> None:
    cases: list[tuple[str, object, str, dict[str, Any], str]] = [
        ("fer2014", tiny_fer2013, "train", {}, "unknown data set 'fer2014'.*did you mean fer2013"),
        ("fer2013", tiny_fer2013, "tset", {}, "unknown split 'tset'.*did you mean test"),
        (
            "fer2013",
            tiny_fer2013,
            "train",
            {"labels": "majority"},
            "unknown option of fer2013 'labels'; expected one of generated",
        ),
        (
            "ferplus",
            tiny_fer2013,
            "train",
            {"label": "majority"},
            "unknown option of ferplus 'label'.*did you mean labels",
        ),
        ("ferplus", tiny_fer2013, "train", {"labels": "major"}, "labels 'major'.*did you mean majority"),
        ("ferplus", tiny_fer2013, "train", {"labels": 3}, "labels 3; expected majority, distribution, mixed"),
        ("fer2013", tmp_path / "nowhere", "train", {}, "nowhere does not exist"),
        ("fer2013", tmp_path, "train", {}, r"no FER2013 in .*expected fer2013\.csv"),
    ]
    for name, root, split, options, message in cases:
        with pytest.raises(DataError, match=message):
            load(name, root, split, **options)  # type: ignore[arg-type]
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(DataError, match=r"a\.txt is neither csv nor Parquet"):
        load("fer2013", tmp_path / "a.txt", "train")


def test_a_split_that_is_not_there(tmp_path: Path, tiny_fer2013: Path) -> None:
    lines = (tiny_fer2013 / "fer2013.csv").read_text().split("\n")
    (tmp_path / "fer2013.csv").write_text("\n".join(lines[:161]))
    assert len(load("fer2013", tmp_path, "train")) == 160
    with pytest.raises(DataError, match="holds no PrivateTest images"):
        load("fer2013", tmp_path, "test")


@pytest.mark.parametrize("change", [("\n0,", "\n5,"), (",Training\n", ",PublicTest\n")], ids=["label", "split"])
def test_the_fingerprint_tells_another_label_and_another_split(
    change: tuple[str, str], tmp_path: Path, fer2013_writer: Callable[..., Any]
) -> None:
    fer2013_writer(tmp_path)
    path = tmp_path / "fer2013.csv"
    before = load("fer2013", tmp_path, "train")
    path.write_text(path.read_text().replace(*change, 1))
    after = load("fer2013", tmp_path, "train")
    assert after.fingerprint != before.fingerprint
    assert load("fer2013", tmp_path, "test").fingerprint not in (before.fingerprint, after.fingerprint)


def test_the_fingerprint_tells_another_pixel(tmp_path: Path, fer2013_writer: Callable[..., Any]) -> None:
    fer2013_writer(tmp_path)
    path = tmp_path / "fer2013.csv"
    before = load("fer2013", tmp_path, "train").fingerprint
    header, first, *rest = path.read_text().splitlines()
    code, pixels, usage = first.split(",")
    pixels = f"{(int(pixels.split()[0]) + 1) % 256} {pixels.partition(' ')[2]}"
    path.write_text("\n".join([header, f"{code},{pixels},{usage}", *rest, ""]))
    assert load("fer2013", tmp_path, "train").fingerprint != before
