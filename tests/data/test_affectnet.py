"""AffectNet: boxes, codes, valence and arousal as in the tables; errors name file, line, got and expected."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.data import load, shards
from mien.data.affectnet import COLUMNS, IMAGES
from mien.errors import DataError
from mien.labels import EXPRESSIONS

Line = list[object]


def put(root: Path, lines: list[Line], heading: bool = True, table: str = "training.csv") -> None:
    with (root / table).open("w", newline="") as file:
        csv.writer(file).writerows([*([list(COLUMNS)] if heading else []), *lines])


def image(root: Path, name: str, left: int = 0, red: int = 250) -> str:
    """A black photo with a coloured square of 20 pixels whose left upper corner is at (left, 10)."""
    photo = np.zeros((60, 90, 3), np.uint8)
    photo[10:30, left : left + 20] = (red, 120, 10)
    (root / IMAGES / name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(photo).save(root / IMAGES / name)
    return name


def line(name: str, left: int = 0, code: object = 1, valence: object = 0.5, **changes: object) -> Line:
    cells = [name, left, 10, 20, 20, "1;2", code, valence, -0.25]
    for key, value in changes.items():
        cells[COLUMNS.index(key)] = value
    return cells


def test_cropped_along_the_box_with_its_labels(tmp_path: Path) -> None:
    put(tmp_path, [line(image(tmp_path, f"{k}/p{k}.png", 3 * k), 3 * k, code=k, valence=-2 if k == 2 else k / 10)
                   for k in range(8)], table="validation.csv")  # fmt: skip
    (tmp_path / "training.csv").touch()
    samples = load("affectnet", tmp_path, "test")
    assert samples.images.shape == (8, 224, 224, 3)
    assert (samples.images[:, 20:-20, 20:-20] == (250, 120, 10)).all()
    assert [samples.labels[k] for k in samples.target.argmax(1)] == list(EXPRESSIONS)
    assert samples.regression is not None
    expected = [[np.nan if k == 2 else k / 10, -0.25] for k in range(8)]
    np.testing.assert_allclose(samples.regression, expected, rtol=1e-6)


def test_val_is_a_fixed_part_of_training(tmp_path: Path, gated_writer: Callable[[str, Path], None]) -> None:
    gated_writer("affectnet", tmp_path)
    train, val, test = (load("affectnet", tmp_path, split) for split in ("train", "val", "test"))
    codes = [int(row["expression"]) for row in csv.DictReader((tmp_path / "training.csv").open())]
    assert len(train) + len(val) == sum(code < 8 for code in codes) < len(codes)
    assert len(val) == (len(train) + len(val)) // 10
    assert all(name.split("/")[1].startswith("validation") for name in test.ids)
    assert isinstance(train.images, np.memmap)
    assert list(train.ids) == sorted(train.ids, key=lambda name: name.split("/")[1])  # as in the table


def test_validation_table_without_a_heading(tmp_path: Path) -> None:
    put(tmp_path, [line(image(tmp_path, "1/a.png"))], heading=False, table="validation.csv")
    assert len(load("affectnet", tmp_path, "test")) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"expression": "11"}, ["line 3", "expression '11'", "0 (neutral) to 10"]),
        ({"expression": "1.5"}, ["line 3", "expression"]),
        ({"expression": "happy"}, ["line 3", "'happy'", "a number"]),
        ({"valence": "1.2"}, ["line 3", "valence", "-1 to 1, or -2"]),
        ({"arousal": "nan"}, ["line 3", "arousal"]),
        ({"face_width": "0"}, ["line 3", "0 x 20", "above 0"]),
        ({"face_x": ""}, ["line 3", "face_x", "a number"]),
        ({"subDirectory_filePath": "9/gone.png"}, ["gone.png", "No such file"]),
        ({"subDirectory_filePath": "1/a.png"}, ["lists an image twice"]),
        ({"subDirectory_filePath": "1/text.png"}, ["text.png is not an image"]),
        ({"subDirectory_filePath": "1/empty.png"}, ["empty.png is not an image"]),
    ],
)
def test_bad_lines(change: dict[str, object], words: list[str], tmp_path: Path) -> None:
    good = line(image(tmp_path, "1/a.png"))
    image(tmp_path, "1/b.png")
    (tmp_path / IMAGES / "1/text.png").write_text("no image")
    (tmp_path / IMAGES / "1/empty.png").touch()
    put(tmp_path, [good, line("1/b.png", **change)], table="validation.csv")
    with pytest.raises(DataError) as caught:
        load("affectnet", tmp_path, "test")
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def no_table(root: Path) -> None:
    (root / "validation.csv").unlink()


def no_column(root: Path) -> None:
    (root / "validation.csv").write_text("subDirectory_filePath,face_x\na,1\n")


def short_line(root: Path) -> None:
    (root / "validation.csv").write_text(",".join(COLUMNS) + "\n1/a.png,3\n")


def no_text(root: Path) -> None:
    (root / "validation.csv").write_bytes(b"\x81\x00")


def only_faceless(root: Path) -> None:
    put(root, [line("1/a.png", code=10, face_width="NULL")], table="validation.csv")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (no_table, ["validation.csv", "No such file"]),
        (no_column, ["validation.csv has no column", "arousal"]),
        (short_line, ["line 2", "2 cells"]),
        (no_text, ["validation.csv cannot be read"]),
        (only_faceless, ["no face with an expression"]),
    ],
)
def test_bad_tables(spoil: Callable[[Path], None], words: list[str], tmp_path: Path) -> None:
    put(tmp_path, [line(image(tmp_path, "1/a.png"))], table="validation.csv")
    spoil(tmp_path)
    with pytest.raises(DataError) as caught:
        load("affectnet", tmp_path, "test")
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_missing_images_are_left_out_with_the_option(tmp_path: Path) -> None:
    put(tmp_path, [line(image(tmp_path, f"p{k}.png")) for k in range(4)], table="validation.csv")
    (tmp_path / "training.csv").touch()
    (tmp_path / IMAGES / "p2.png").unlink()
    (tmp_path / IMAGES / "._p1.png").write_bytes(b"Mac OS X")
    with pytest.raises(DataError, match=r"p2\.png"):
        load("affectnet", tmp_path, "test")
    samples = load("affectnet", tmp_path, "test", skip_missing=True)
    assert samples.ids.tolist() == ["p0.png", "p1.png", "p3.png"]
    assert samples.about == "1 missing image of validation.csv left out"


def test_images_added_before_a_build_is_resumed_keep_their_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SHARD_BYTES", 2 * 224 * 224 * 3)
    monkeypatch.setattr("mien.data.faces.PREFETCH", 1)
    put(tmp_path, [line(f"p{k}.png", 9 * k, code=k) for k in range(8)], table="validation.csv")
    (tmp_path / "training.csv").touch()
    for k in (2, 3, 5, 7):
        image(tmp_path, f"p{k}.png", 9 * k, red=30 * k)
    (tmp_path / IMAGES / "p7.png").write_bytes(b"cut")  # the build ends here, with one shard written
    with pytest.raises(DataError, match=r"p7\.png is not an image"):
        load("affectnet", tmp_path, "test", skip_missing=True)
    for k in (0, 4, 7):
        image(tmp_path, f"p{k}.png", 9 * k, red=30 * k)
    samples = load("affectnet", tmp_path, "test", skip_missing=True)
    present = (0, 2, 3, 4, 5, 7)
    assert samples.ids.tolist() == [f"p{k}.png" for k in present]
    assert [samples.labels[k] for k in samples.target.argmax(1)] == [EXPRESSIONS[k] for k in present]
    assert np.asarray(samples.images)[:, 112, 112, 0].tolist() == [30 * k for k in present]
