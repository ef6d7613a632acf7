"""CK+: peaks with their labels, one neutral frame per subject, splits by subject; bad files are named."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from mien.data import SPLITS, load
from mien.data.ckplus import UNITS, subjects
from mien.errors import DataError


@pytest.fixture
def tree(tmp_path: Path, gated_writer: Callable[[str, Path], None]) -> Path:
    gated_writer("ckplus", tmp_path)
    return tmp_path


def test_peaks_and_neutral_frames(tree: Path) -> None:
    parts = [load("ckplus", tree, split) for split in SPLITS]
    assert sum(map(len, parts)) == 10 * (2 + 1)
    assert all(samples.images.shape[1:] == (128, 128, 1) for samples in parts)
    people = [set(samples.group.tolist()) for samples in parts if samples.group is not None]
    assert sum(map(len, people)) == len(set.union(*people)) == 10
    for samples in parts:
        assert samples.group is not None
        for row, name in enumerate(samples.ids):
            assert name.startswith(samples.group[row])
            label = samples.labels[samples.target[row].argmax()]
            assert (label == "neutral") == name.endswith("_00000001")
    (code,) = [path.read_text().split() for path in (tree / "Emotion/S005/002").iterdir()]
    row = parts[0].ids.tolist().index("S005_002_00000003")
    assert ("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")[
        int(float(code[0]))
    ] == parts[0].labels[parts[0].target[row].argmax()]


def test_action_units(tree: Path) -> None:
    train = load("ckplus", tree, "train")
    assert train.units is not None
    assert train.units.shape == (len(train), len(UNITS))
    neutral = np.array([name.endswith("_00000001") for name in train.ids])
    assert np.isnan(train.units[neutral]).all()
    happy = train.target[:, train.labels.index("happiness")] == 1
    assert happy.any()
    for row in train.units[happy]:
        assert {unit for unit, seen in zip(UNITS, row, strict=True) if seen} == {"au6", "au12"}
    for path in (tree / "FACS").rglob("*.txt"):
        path.unlink()
    assert load("ckplus", tree, "train").units is None


def test_the_face_is_detected(tree: Path) -> None:
    photo = np.zeros((490, 640), np.uint8)
    photo[:, 64:576] = skimage.data.astronaut()[:490].mean(2)
    peak = tree / "cohn-kanade-images/S005/001/S005_001_00000003.png"
    Image.fromarray(photo).save(peak)
    split = next(name for name, who in subjects([f"S{k:03d}" for k in range(5, 15)]).items() if "S005" in who)
    samples = load("ckplus", tree, split)
    face = samples.images[samples.ids.tolist().index(peak.stem), ..., 0].astype(float)
    known = np.asarray(Image.fromarray(photo[62:177, 64 + 165 : 64 + 280]).resize((128, 128)), float)  # Eileen Collins
    assert np.corrcoef(face.ravel(), known.ravel())[0, 1] > 0.5
    Image.fromarray(np.full((490, 640), 7, np.uint8)).save(peak)
    assert "of 30 frames" in load("ckplus", tree, split).about


def test_splits_are_the_same_whatever_the_order() -> None:
    names = [f"S{k:03d}" for k in range(118)]
    assert subjects(names) == subjects(names[::-1])
    assert [len(who) for who in subjects(names).values()] == [12, 12, 94]


def damaged_label(text: str) -> Callable[[Path], None]:
    return lambda root: next((root / "Emotion/S007/001").iterdir()).write_text(text) and None


def lose_peak(root: Path) -> None:
    (root / "cohn-kanade-images/S007/001/S007_001_00000003.png").unlink()


def damaged_peak(root: Path) -> None:
    (root / "cohn-kanade-images/S007/001/S007_001_00000003.png").write_bytes(b"\x89PNG")


def lose_labels(root: Path) -> None:
    for path in (root / "Emotion").rglob("*.txt"):
        path.unlink()


def damaged_units(root: Path) -> None:
    next((root / "FACS/S007/001").iterdir()).write_text("4.0 1.0 17.0")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (damaged_label("8.0\n"), ["S007_001_00000003_emotion.txt", "8.0", "0 (neutral) to 7"]),
        (damaged_label("2.5\n"), ["_emotion.txt", "2.5"]),
        (damaged_label("1.0 2.0\n"), ["_emotion.txt", "1.0 2.0", "one number"]),
        (damaged_label("happy\n"), ["_emotion.txt", "not a list of numbers"]),
        (damaged_label("\n"), ["_emotion.txt", "one number"]),
        (lose_peak, ["_emotion.txt labels S007_001_00000003.png", "not in"]),
        (damaged_peak, ["S007_001_00000003.png is not an image"]),
        (lose_labels, ["has no labels"]),
        (damaged_units, ["_facs.txt", "3 numbers", "pairs"]),
    ],
)
def test_bad_files(spoil: Callable[[Path], None], words: list[str], tree: Path) -> None:
    spoil(tree)
    with pytest.raises(DataError) as caught:
        load("ckplus", tree, "train")
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_too_few_subjects(tree: Path) -> None:
    for path in sorted((tree / "Emotion").iterdir())[2:]:
        path.rename(tree / path.name)
    with pytest.raises(DataError, match="too few subjects"):
        load("ckplus", tree, "train")


def test_no_subject_is_in_two_splits() -> None:
    parts = subjects([f"S{k:03d}" for k in range(123)])
    everyone = [name for part in parts.values() for name in part]
    assert len(everyone) == len(set(everyone)) == 123
    assert {name: len(part) for name, part in parts.items()} == {"val": 12, "test": 12, "train": 99}


def test_what_macos_leaves_behind_is_passed_over(tree: Path) -> None:
    before = [load("ckplus", tree, split).fingerprint for split in SPLITS]
    for path in [*tree.rglob("*.png"), *tree.rglob("*.txt")]:
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7Mac OS X")
    for folder in [path for path in tree.rglob("*") if path.is_dir()]:
        (folder / ".DS_Store").write_bytes(b"Bud1")
        (folder / "Thumbs.db").write_bytes(b"\xd0\xcf")
    assert [load("ckplus", tree, split).fingerprint for split in SPLITS] == before
