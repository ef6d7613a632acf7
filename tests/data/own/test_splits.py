"""Drawn splits go by the names of images and groups: neither the order of rows nor what is added elsewhere matters."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.data import load
from mien.data.own.options import Options
from mien.data.own.splits import divide

from ...own_files import write_classes, write_csv

HALVES: dict[str, Any] = {"val": 0.2, "test": 0.2}
DRAWS: dict[str, tuple[dict[str, Any], int]] = {
    "labels": (HALVES, 0),
    "labels, other seed": ({**HALVES, "seed": 3}, 0),
    "labels, folds": ({"folds": 5, "fold": 1}, 0),
    "groups": (HALVES, 40),
    "groups, folds": ({"folds": 5, "fold": 1}, 40),
    "groups, some unknown": (HALVES, -40),
}
"""Options, and how many subjects; negative: every third image is of none that is known."""

NAMES = np.array([f"{k:03d}.png" for k in range(500)])


def drawn(case: str, rows: np.ndarray) -> dict[str, str]:
    """The split of each image, of 500 images of which some rows are there, in that order."""
    options, groups = DRAWS[case]
    rng = np.random.default_rng(7)
    label, subject = rng.choice(4, 500, p=[0.5, 0.3, 0.15, 0.05]), rng.integers(0, abs(groups) or 1, 500)
    group = np.array(["" if groups < 0 and k % 3 == 0 else f"S{one}" for k, one in enumerate(subject)])
    splits = divide(
        Path("faces"), [""] * len(rows), label[rows], NAMES[rows], group[rows] if groups else None, Options(**options)
    )
    return {str(NAMES[rows[k]]): name for name, part in splits.rows.items() for k in part}


@pytest.mark.parametrize("case", DRAWS)
def test_the_order_of_rows_is_nothing_and_added_images_move_few(case: str) -> None:
    groups = DRAWS[case][1]
    before = drawn(case, np.arange(490))
    assert drawn(case, np.random.default_rng(1).permutation(490)) == before
    for name in {"val", "test"} & set(before.values()):
        assert abs(list(before.values()).count(name) - 98) <= 6
    after = drawn(case, np.arange(500))
    moved = [(before[name], after[name]) for name in before if before[name] != after[name]]
    assert len(moved) <= (50 if groups else 14)  # of 490; groups of a dozen images each
    assert ("train", "test") not in moved
    assert ("test", "train") not in moved


@pytest.mark.parametrize("case", ["labels, folds", "groups, folds"])
def test_each_image_is_in_one_fold(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    vals = []
    for fold in range(5):
        monkeypatch.setitem(DRAWS, case, ({"folds": 5, "fold": fold}, DRAWS[case][1]))
        vals.append([name for name, split in drawn(case, np.arange(500)).items() if split == "val"])
    assert sorted(name for val in vals for name in val) == NAMES.tolist()
    assert max(map(len, vals)) - min(map(len, vals)) <= 15


@pytest.mark.parametrize("groups", [8, 10, 12])
def test_a_rare_label_in_few_subjects_does_not_draw_half_of_the_data(groups: int) -> None:
    """One label in sixty, as disgust in FER2013; subjects show each label in proportions of their own."""
    common, parts = np.array([0.17, 0.25, 0.17, 0.11, 0.14, 0.015, 0.145]), []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        group = np.repeat(np.arange(groups), rng.integers(20, 120, groups))
        mix = rng.dirichlet(5 * common, groups)
        label = np.array([rng.choice(7, p=mix[one]) for one in group])
        names = np.char.mod("%d.png", np.arange(len(group)))
        splits = divide(Path("faces"), [""] * len(group), label, names, group.astype(str), Options(val=0.1, seed=seed))
        val, part = splits.rows["val"], len(splits.rows["val"]) / len(group)
        parts.append(part)
        assert part <= 0.2 or len(set(group[val])) == 1
        assert set(label[splits.rows["train"]]) == set(label)
        said = f"val 0.1 (asked 0.1, drawn {part:.2g}), drawn by group" if abs(part - 0.1) > 0.025 else "val 0.1, drawn"
        assert splits.rule.startswith(said)
    assert np.mean(parts) < 0.16


def test_a_sorted_table_is_the_same_data(tmp_path: Path) -> None:
    """By paths, by ids, and without either, as numbers in a column: by pixels."""
    write_classes(tmp_path, {"happy": 10, "sad": 10})
    paths = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png"))
    pixels = [" ".join(map(str, np.random.default_rng(k).integers(0, 256, 256))) for k in range(20)]
    heads = {
        "paths": (["image", "label"], [(path, path.split("/")[0]) for path in paths]),
        "ids": (["image", "label", "id"], [(path, path.split("/")[0], f"x{k}") for k, path in enumerate(paths)]),
        "pixels": (["pixels", "emotion"], [(one, 3 + k % 2) for k, one in enumerate(pixels)]),
    }
    for name, (head, rows) in heads.items():
        read = []
        for order in (range(20), reversed(range(20))):
            write_csv(tmp_path / f"{name}.csv", head, [rows[k] for k in order])
            read.append(
                [load("table", tmp_path / f"{name}.csv", split, **HALVES) for split in ("train", "val", "test")]
            )
        for one, other in zip(*read, strict=True):
            assert one.fingerprint == other.fingerprint, name
            assert one.split_from == "drawn"
            if name != "pixels":
                assert one.ids.tolist() == other.ids.tolist(), name
        more = [rows[k] for k in range(19)]
        write_csv(tmp_path / f"{name}.csv", head, more)
        assert load("table", tmp_path / f"{name}.csv", "test").fingerprint not in {one.fingerprint for one in read[0]}


@pytest.mark.parametrize("case", DRAWS)
def test_copies_of_an_image_stay_together_and_move_no_other(case: str) -> None:
    options, groups = DRAWS[case]
    rng = np.random.default_rng(7)
    label = rng.choice(4, 500, p=[0.5, 0.3, 0.15, 0.05])
    group = np.array(["" if k % 3 == 0 else f"S{k % 40}" for k in range(500)]) if groups < 0 else None
    copies = np.repeat(np.arange(500), np.where(np.arange(500) % 25 == 0, 7, 1))
    splits = divide(
        Path("faces"), [], label[copies], NAMES[copies], None if group is None else group[copies], Options(**options)
    )
    where: dict[int, set[str]] = {}
    for name, rows in splits.rows.items():
        for row in rows:
            where.setdefault(int(copies[row]), set()).add(name)
    assert len(where) == 500
    apart = [k for k, names in where.items() if len(names) > 1]
    assert not [k for k in apart if group is None or not group[k]]


def test_a_label_of_copies_alone_is_not_taken_from_train() -> None:
    label, names = np.repeat([0, 1], [5, 10]), np.array([*["a.png"] * 5, *NAMES[:10]])
    splits = divide(Path("faces"), [], label, names, None, Options(val=0.4))
    assert set(label[splits.rows["val"]].tolist()) == {1}


def test_copies_are_found_by_their_pixels(tmp_path: Path) -> None:
    from shutil import copy

    write_classes(tmp_path / "faces", {"happy": 20, "sad": 20})
    before = {name: set(load("folder", tmp_path / "faces", name, **HALVES).ids.tolist()) for name in ("val", "test")}
    for path in sorted((tmp_path / "faces").rglob("*.png")):
        copy(path, path.with_name(f"z {path.name}"))
    happy = sorted((tmp_path / "faces" / "happy").glob("S*.png"))[0]
    copy(happy, tmp_path / "faces" / "sad" / "other label.png")
    for name, ids in before.items():
        after = load("folder", tmp_path / "faces", name, **HALVES)
        assert {one for one in after.ids.tolist() if "other" not in one} == ids | {
            one.replace("/", "/z ") for one in ids
        }
        assert "3 images with a copy with another label: splits may separate them" in after.about
