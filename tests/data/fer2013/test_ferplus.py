"""FERPlus: the authors' rules on hand-made votes, both vote files, and votes that belong to other images."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.data import load
from mien.data.fer2013.ferplus import distribution, majority
from mien.data.fer2013.votes import COMPLETE, FOLDERS, LAST, UNNUMBERED, rows_of, votes_by_row
from mien.errors import DataError
from mien.labels import EXPRESSIONS

#         neutral hap sad sur fear dis ang cont unk nf
RULES = {
    "clear": ([8, 1, 1, 0, 0, 0, 0, 0, 0, 0], "neutral", {"neutral": 1.0}),
    "half is not a majority": ([5, 0, 5, 0, 0, 0, 0, 0, 0, 0], None, {"neutral": 0.5, "sadness": 0.5}),
    "slips do not count": ([5, 4, 1, 0, 0, 0, 0, 0, 0, 0], "neutral", {"neutral": 5 / 9, "happiness": 4 / 9}),
    "most frequent only": ([4, 3, 3, 0, 0, 0, 0, 0, 0, 0], None, {"neutral": 0.4, "happiness": 0.3, "sadness": 0.3}),
    "unknown wins": ([4, 0, 0, 0, 0, 0, 0, 0, 6, 0], None, None),
    "not a face wins": ([0, 0, 0, 0, 0, 0, 0, 0, 0, 10], None, None),
    "unknown ties": ([0, 0, 0, 0, 0, 0, 0, 5, 5, 0], None, {"contempt": 1.0}),
    "nothing but slips": ([1, 1, 1, 1, 1, 1, 1, 1, 1, 1], None, None),
    "no votes": ([0] * 10, None, None),
}


@pytest.mark.parametrize("case", RULES)
def test_rules(case: str) -> None:
    votes, winner, shares = RULES[case]
    keep, target = majority(np.array([votes]))
    assert keep[0] == (winner is not None)
    if winner:
        assert target[0].tolist() == [float(label == winner) for label in EXPRESSIONS]
    keep, target = distribution(np.array([votes]))
    assert keep[0] == (shares is not None)
    if shares:
        assert target[0] == pytest.approx([shares.get(label, 0) for label in EXPRESSIONS])
        assert target.dtype == np.float32


def test_joins_fer2013_by_id(tiny_fer2013: Path) -> None:
    for split in ("train", "val", "test"):
        images = load("fer2013", tiny_fer2013, split)
        for labels in ("majority", "distribution"):
            samples = load("ferplus", tiny_fer2013, split, labels=labels)
            place = {name: k for k, name in enumerate(images.ids)}
            assert np.array_equal(samples.images, images.images[[place[name] for name in samples.ids]])
            assert samples.labels == EXPRESSIONS
            assert samples.target.sum(1) == pytest.approx(np.ones(len(samples)))
            assert samples.votes is not None
            assert (samples.votes.sum(1) == 10).all()


def test_majority_is_the_default(tiny_fer2013: Path) -> None:
    default = load("ferplus", tiny_fer2013, "val")
    chosen = load("ferplus", tiny_fer2013, "val", labels="majority")
    other = load("ferplus", tiny_fer2013, "val", labels="distribution")
    assert default.fingerprint == chosen.fingerprint != other.fingerprint
    assert (len(default), len(other)) == (36, 38)


@pytest.mark.parametrize("place", [".", "data", "fer2013"])
def test_label_csv(
    place: str,
    tmp_path: Path,
    tiny_fer2013: Path,
    fer2013_writer: Callable[..., Any],
    label_csv_writer: Callable[..., None],
) -> None:
    """The FERPlus repository's per-split files, beside the images, in its data folder, or above them."""
    root = tmp_path / "fer2013"
    tiny = fer2013_writer(root)
    (root / "fer2013new.csv").unlink()
    with pytest.raises(DataError, match=r"no FERPlus votes in .*fer2013new\.csv, or label\.csv in FER2013Train/"):
        load("ferplus", root, "train")
    label_csv_writer(tmp_path if place == "fer2013" else root / place, tiny)
    for split in ("train", "val", "test"):
        expected = load("ferplus", tiny_fer2013, split)
        samples = load("ferplus", root, split)
        assert samples.fingerprint == expected.fingerprint
        assert np.array_equal(samples.votes, expected.votes)


def test_numbers_of_the_complete_set() -> None:
    """FERPlus numbers skip 85 rows; figures read off fer2013new.csv."""
    number = np.array([0, 58, 59, 28638, 32219, 32220, 35801])
    assert rows_of(number).tolist() == [0, 58, 60, 28709, 32297, 32298, 35886]
    assert len(UNNUMBERED) == 85 == COMPLETE - 35802


def test_numbers_match_the_names_in_the_vote_file(mien_data: Path) -> None:
    lines = next(mien_data.rglob("fer2013new.csv")).read_text().splitlines()[1:]
    names = [line.split(",")[1] for line in lines]
    rows = np.array([row for row, name in enumerate(names) if name])
    number = np.array([int(name[3:10]) for name in names if name])
    other = rows[rows_of(number) != rows]
    assert other.tolist() == [5274, 5348, 15835, 34334]  # images that carry the number of an equal one


BAD_VOTES = {
    "a row too few": (lambda lines: lines[:-1], "has 239 rows; expected 240"),
    "a row too many": (lambda lines: [*lines, lines[-1]], "has 241 rows; expected 240"),
    "no header": (lambda lines: lines[1:], "line 1: columns"),
    "columns swapped": (
        lambda lines: [lines[0].replace("happiness,surprise", "surprise,happiness"), *lines[1:]],
        "line 1: columns",
    ),
    "a column too few": (
        lambda lines: [*lines[:9], lines[9].rsplit(",", 1)[0], *lines[10:]],
        "line 10: 11 fields; expected 12",
    ),
    "a fraction": (lambda lines: [*lines[:9], lines[9][:-1] + "0.5", *lines[10:]], "line 10: vote '0.5'"),
    "a negative vote": (lambda lines: [*lines[:9], lines[9][:-1] + "-1", *lines[10:]], "line 10: vote '-1'"),
    "no vote": (lambda lines: [*lines[:9], lines[9][:-1], *lines[10:]], "line 10: vote ''"),
    "unknown usage": (lambda lines: [*lines[:9], "x" + lines[9], *lines[10:]], "line 10: usage 'xTraining'"),
    "other order": (
        lambda lines: [lines[0], lines[-1], *lines[2:-1], lines[1]],
        "line 2: usage PrivateTest; expected Training",
    ),
    "empty": (lambda lines: [], "is empty"),
    "header only": (lambda lines: lines[:1], "has a header and no rows; expected one row per image"),
}


@pytest.mark.parametrize("case", BAD_VOTES)
def test_bad_votes_name_the_line_and_leave_fer2013_alone(
    case: str, tmp_path: Path, fer2013_writer: Callable[..., Any]
) -> None:
    change, message = BAD_VOTES[case]
    fer2013_writer(tmp_path)
    path = tmp_path / "fer2013new.csv"
    path.write_text("\n".join(change(path.read_text().splitlines())))
    with pytest.raises(DataError, match=message) as caught:
        load("ferplus", tmp_path, "train")
    assert str(path) in str(caught.value)
    assert len(load("fer2013", tmp_path, "train")) == 160


def test_bad_label_csv(
    tmp_path: Path, fer2013_writer: Callable[..., Any], label_csv_writer: Callable[..., None]
) -> None:
    tiny = fer2013_writer(tmp_path)
    (tmp_path / "fer2013new.csv").unlink()
    label_csv_writer(tmp_path, tiny)
    path = tmp_path / "FER2013Valid" / "label.csv"
    whole = path.read_text()
    cases = {
        "fer0000165.png": ("fer0000900.png", r"Valid/label\.csv line 6: image 900; expected numbers below 240"),
        "fer0000168.png": (
            "fer0000167.png",
            r"Valid/label\.csv line 9: image 167 for the second time; expected each",
        ),
        "fer0000169.png": ("fer0000003.png", r"Valid/label\.csv line 10: image 3 for the second time"),
        "fer0000166.png": ("fer0000042.png", r"Valid/label\.csv line 7: image 42 of PublicTest; expected Training"),
        "fer0000167.png": ("face.png", r"label\.csv line 8: image 'face\.png'"),
    }
    for old, (new, message) in cases.items():
        path.write_text(whole.replace(old, new))
        with pytest.raises(DataError, match=message):
            load("ferplus", tmp_path, "val")


COMPLETE_NUMBERS = {"Training": [0, 7, 28_637], "PublicTest": [28_638, 32_219], "PrivateTest": [32_220, 35_801]}

BAD_NUMBERS = {
    "Training cut": (
        "Training",
        [0, 7],
        "Train/label.csv line 2, the last, is about image 7; expected image 28637",
    ),
    "test cut": ("PrivateTest", [32_220], "Test/label.csv line 1, the last, is about image 32220; expected image"),
    "too high": ("PrivateTest", [35_801, 35_802], "Test/label.csv line 2: image 35802; expected numbers below 35802"),
    "far too high": ("Training", [0, 9_999_999], "Train/label.csv line 2: image 9999999; expected numbers below"),
    "twice": ("Training", [7, 7, 28_637], "Train/label.csv line 2: image 7 for the second time"),
}


def write_numbers(root: Path, numbers: dict[str, list[int]]) -> dict[str, Path]:
    files = {usage: root / folder / "label.csv" for usage, folder in FOLDERS.items()}
    for usage, path in files.items():
        path.parent.mkdir()
        path.write_text("".join(f'fer{k:07d}.png,"(0, 0, 48, 48)",9,0,0,0,0,0,0,0,1,0\n' for k in numbers[usage]))
    return files


def test_label_csv_of_the_complete_set(tmp_path: Path) -> None:
    split = np.repeat(np.arange(3, dtype=np.int8), [28_709, 3_589, 3_589])
    votes = votes_by_row(write_numbers(tmp_path, COMPLETE_NUMBERS), split)
    assert np.flatnonzero(votes.any(axis=1)).tolist() == [0, 7, 28_708, 28_709, 32_297, 32_298, 35_886]
    assert list(LAST.values()) == [numbers[-1] for numbers in COMPLETE_NUMBERS.values()]


@pytest.mark.parametrize("case", BAD_NUMBERS)
def test_bad_label_csv_of_the_complete_set(case: str, tmp_path: Path) -> None:
    usage, numbers, message = BAD_NUMBERS[case]
    split = np.repeat(np.arange(3, dtype=np.int8), [28_709, 3_589, 3_589])
    with pytest.raises(DataError, match=re.escape(message)):
        votes_by_row(write_numbers(tmp_path, {**COMPLETE_NUMBERS, usage: numbers}), split)


def test_folder_layout_is_refused(tmp_path: Path, fer2013_writer: Callable[..., Any], tiny_fer2013: Path) -> None:
    fer2013_writer(tmp_path, "folder")
    (tmp_path / "fer2013new.csv").write_bytes((tiny_fer2013 / "fer2013new.csv").read_bytes())
    with pytest.raises(DataError, match=r"loses the row order.*expected fer2013\.csv or fer2013\.parquet"):
        load("ferplus", tmp_path, "train")


def test_the_fingerprint_tells_other_votes_for_the_same_images(
    tmp_path: Path, fer2013_writer: Callable[..., Any]
) -> None:
    """A vote more or less that keeps the same images still changes the targets."""
    fer2013_writer(tmp_path)
    path = tmp_path / "fer2013new.csv"
    before = {labels: load("ferplus", tmp_path, "train", labels=labels) for labels in ("majority", "distribution")}
    header, first, *rest = path.read_text().splitlines()
    cells = first.split(",")
    votes = [0, 0, 9, 0, 0, 0, 0, 0, 0, 0]  # surprise for neutral
    path.write_text("\n".join([header, ",".join([*cells[:2], *map(str, votes)]), *rest, ""]))
    for labels, old in before.items():
        new = load("ferplus", tmp_path, "train", labels=labels)
        assert new.ids.tolist() == old.ids.tolist()
        assert new.fingerprint != old.fingerprint


@pytest.mark.parametrize("labels", ["majority", "distribution"])
def test_votes_are_for_the_expressions_that_were_drawn(labels: str, tiny_fer2013: Path) -> None:
    """Every drawn face has seven votes for what it shows, but rows 40 to 43 of Training and 180 to 183."""
    drawn = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral", "contempt")
    for split in ("train", "val", "test"):
        samples = load("ferplus", tiny_fer2013, split, labels=labels)
        rows = samples.ids.astype(int)
        usual = ~np.isin(rows, [*range(40, 44), *range(180, 184)])
        shown = [drawn[row % 8] for row in rows[usual]]
        assert [samples.labels[k] for k in samples.target[usual].argmax(1)] == shown
        assert samples.votes is not None
        assert [EXPRESSIONS[k] for k in samples.votes[usual, :8].argmax(1)] == shown
