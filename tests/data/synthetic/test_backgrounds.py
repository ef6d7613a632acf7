"""Backgrounds: which images, shared out among the splits, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.data.synthetic import backgrounds as module
from mien.data.synthetic.backgrounds import LONG, PACKAGED, SHORT, backgrounds, distributed
from mien.data.synthetic.procedural import KINDS, scenes
from mien.errors import DataError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "photos" / "below").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for k, size in enumerate([(300, 400), (100, 900), (40, 60), (600, 500), (148, 148), (200, 300), (96, 96)]):
        noise = rng.integers(0, 256, (*size, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / "photos" / ("below" if k % 2 else "") / f"{k}.png")
    return tmp_path / "photos"


@pytest.mark.parametrize("count", [3, 4, 5, 12, 2000])
def test_every_photo_serves_one_split_and_every_split_has_some(count: int) -> None:
    parts = [distributed(range(count), split) for split in ("train", "val", "test")]
    assert sorted(photo for part in parts for photo in part) == list(range(count))
    assert all(parts)


def test_a_folder_is_distributed_by_names_alone(folder: Path) -> None:
    parts = {split: backgrounds(str(folder), split) for split in ("train", "val", "test")}
    assert [len(parts[split].images) for split in parts] == [3, 2, 2]
    assert parts["train"].name == "3 photos of the folder photos"
    assert len({each.fingerprint for each in parts.values()}) == 3
    moved = folder.rename(folder.parent / "elsewhere")
    assert backgrounds(str(moved), "val").fingerprint == parts["val"].fingerprint


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_small_and_large_enough(folder: Path, channels: int) -> None:
    for split in ("train", "val", "test"):
        for image in backgrounds(str(folder), split, channels=channels).images:
            assert image.dtype == np.uint8
            assert min(image.shape[:2]) == SHORT
            assert max(image.shape[:2]) <= LONG
            assert image.shape[2] == channels


def test_packages_bring_eight_photos_without_a_face() -> None:
    parts = [backgrounds("packages", split) for split in ("train", "val", "test")]
    assert sum(len(each.images) for each in parts) == len(PACKAGED)
    assert parts[0].name == "4 photos inside scikit-image and scikit-learn"
    assert min(image.std() for each in parts for image in each.images) > 10


def test_no_detector_finds_a_face_in_the_packaged_photos() -> None:
    from mien.data.synthetic.backgrounds import _packaged
    from mien.inference.detectors import DETECTORS
    from mien.inference.media.image import read_image

    detector = DETECTORS["yunet"]()
    assert [path.name for path in _packaged() if detector(read_image(path))] == []


def test_missing_packages_name_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="pip install scikit-image scikit-learn"):
        backgrounds("packages", "train")


def test_a_folder_of_two_photos_is_too_small(folder: Path) -> None:
    for path in sorted(folder.rglob("*.png"))[2:]:
        path.unlink()
    with pytest.raises(DataError, match=r"2 photos in .*expected at least three"):
        backgrounds(str(folder), "train")


def test_a_broken_photo_is_named(folder: Path) -> None:
    for path in folder.rglob("*.png"):
        path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match=r"\.png.*remove it from the folder of backgrounds"):
        backgrounds(str(folder), "train")


def test_scenes_are_of_all_kinds_and_follow_the_seed() -> None:
    one, again, other = scenes(10, 1), scenes(10, 1), scenes(10, 2)
    assert len(KINDS) == 5
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert min(scene.std() for scene in one) > 3


def test_splits_draw_scenes_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SCENES", 5)
    parts = [backgrounds("procedural", split, seed=seed) for split in ("train", "val", "test") for seed in (0, 1)]
    assert len({each.fingerprint for each in parts}) == 6
    assert parts[0].name == "5 drawn scenes"
