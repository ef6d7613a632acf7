"""Near-duplicates: against a plain product of all pairs, at the edges, on drawn data and on FER2013."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.data import duplicates, load
from mien.data.duplicates import near_duplicates, near_duplicates_between, near_duplicates_in_training
from mien.data.samples import Samples


def plain_correlations(train: np.ndarray, images: np.ndarray) -> np.ndarray:
    return np.corrcoef(np.concatenate([images, train]).reshape(len(images) + len(train), -1))[
        : len(images), len(images) :
    ]


@pytest.mark.parametrize("shape", [(48, 48, 1), (13, 7, 3), (5, 5, 1)])
@pytest.mark.parametrize("threshold", [0.5, 0.9, 0.98])
def test_equals_the_plain_product(shape: tuple[int, ...], threshold: float) -> None:
    rng = np.random.default_rng(0)
    train = rng.integers(0, 256, (60, *shape)).astype(np.uint8)
    noise = rng.normal(0, 1, (50, *shape)) * np.linspace(0, 400, 50).reshape(-1, 1, 1, 1)
    images = (train[rng.integers(0, 60, 50)] * 0.8 + 20 + noise).clip(0, 255).astype(np.uint8)
    matches = near_duplicates(train, images, threshold)
    best = plain_correlations(train, images)
    expected = np.where(best.max(1) >= threshold, best.argmax(1), -1)
    assert 0 < (expected >= 0).sum() < 50
    assert matches.index.tolist() == expected.tolist()
    assert matches.correlation[expected >= 0] == pytest.approx(best.max(1)[expected >= 0], abs=1e-6)
    assert (matches.correlation[expected < 0] == 0).all()
    assert not matches.exact.any()


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 2, 1), (2, 2, 1), (6, 6, 1)])
def test_many_cells_leave_no_pair_out(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "ROWS", 4)
    monkeypatch.setattr(duplicates, "COLUMNS", 8)
    faces = np.random.default_rng(0).integers(0, 256, (700, *shape)).astype(np.uint8)
    faces[400:] = np.clip(faces[:300] * 0.7 + np.random.default_rng(1).normal(30, 8, (300, *shape)), 0, 255)
    left, right = duplicates._projected([faces[:450]], [faces[450:]])
    between = [pair for a, b in duplicates._close_pairs(right, left, 0.04) for pair in zip(a, b, strict=True)]
    within = [pair for a, b in duplicates._close_pairs(left, None, 0.04) for pair in zip(a, b, strict=True)]
    for found, one, other in ((between, right, left), (within, left, left)):
        apart = ((one[:, None] - other[None]) ** 2).sum(2)
        close = {(i, j) for i, j in np.argwhere(apart <= 0.04).tolist() if found is between or i < j}
        assert len({tuple(sorted(pair)) if found is within else pair for pair in found}) == len(found)
        assert close <= {tuple(sorted(pair)) if found is within else pair for pair in found}
        assert close or shape == (1, 1, 1)


def test_blank_images_match_only_equal_images() -> None:
    blank = [np.full((8, 8, 1), value, np.uint8) for value in (0, 0, 255, 7)]
    rng = np.random.default_rng(0)
    face = rng.integers(0, 256, (8, 8, 1)).astype(np.uint8)
    matches = near_duplicates(np.stack([face, blank[0], blank[2]]), np.stack([*blank, face, 255 - face]))
    assert matches.index.tolist() == [1, 1, 2, -1, 0, -1]
    assert matches.exact.tolist() == [True, True, True, False, True, False]


def test_the_first_equal_image_is_the_match() -> None:
    face = np.random.default_rng(0).integers(0, 256, (8, 8, 1)).astype(np.uint8)
    assert near_duplicates(np.stack([face // 2, face, face]), face[None]).index.tolist() == [1]


def test_near_duplicates_of_the_drawn_set(tiny_fer2013: Path) -> None:
    for split, first in (("val", 160), ("test", 200)):
        samples = load("fer2013", tiny_fer2013, split)
        matches = near_duplicates_in_training(samples, tiny_fer2013)
        assert matches.exact.nonzero()[0].tolist() == [0, 1, 2]
        assert (matches.index >= 0).nonzero()[0].tolist() == [0, 1, 2, 3, 4]
        assert matches.index[:5].tolist() == list(range(first - 160, first - 155))


def test_ferplus_searches_all_of_training(tiny_fer2013: Path) -> None:
    """Rows 40 and 41 of Training have no majority label, yet their near-duplicates in test are not clean."""
    whole, part = load("fer2013", tiny_fer2013, "test"), load("ferplus", tiny_fer2013, "test")
    kept = load("ferplus", tiny_fer2013, "train")
    assert not {"00040", "00041"} & set(kept.ids)
    index_of = dict(zip(whole.ids, near_duplicates_in_training(whole, tiny_fer2013).index, strict=True))
    assert near_duplicates_in_training(part, tiny_fer2013).index.tolist() == [index_of[name] for name in part.ids]


def test_kept_in_the_cache(tiny_fer2013: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = load("fer2013", tiny_fer2013, "test")
    first = near_duplicates_in_training(samples, tiny_fer2013)
    monkeypatch.setattr("mien.data.duplicates.near_duplicates", None)
    again = near_duplicates_in_training(samples, tiny_fer2013)
    for name, array in vars(first).items():
        assert np.array_equal(getattr(again, name), array)


@pytest.mark.parametrize(("split", "exact", "clean"), [("test", 288, 3257), ("val", 279, 3289)])
def test_fer2013(split: str, exact: int, clean: int, mien_data: Path) -> None:
    samples = load("fer2013", mien_data, split)
    matches = near_duplicates_in_training(samples, mien_data)
    assert matches.exact.sum() == exact
    assert (matches.index < 0).sum() == clean
    assert matches.correlation[matches.index >= 0].min() >= 0.98


def alike(face: np.ndarray, correlation: float) -> np.ndarray:
    """Return an image with this correlation to `face`, as closely as whole numbers allow."""
    rng = np.random.default_rng(1)
    own = face - face.mean()
    other = rng.normal(size=face.shape)
    other -= other.mean() + own * ((other - other.mean()) * own).sum() / (own**2).sum()
    other *= np.sqrt((own**2).sum() / (other**2).sum())
    mixed = correlation * own + np.sqrt(1 - correlation**2) * other
    return np.rint(128 + mixed * 100 / np.abs(mixed).max()).astype(np.uint8)


@pytest.mark.parametrize(("correlation", "expected"), [(0.96, False), (0.978, False), (0.982, True), (0.999, True)])
def test_the_minimum_correlation_is_0_98(correlation: float, expected: bool) -> None:
    face = np.random.default_rng(0).integers(0, 256, (48, 48, 1)).astype(np.uint8)
    other = alike(face.astype(float), correlation)
    assert np.corrcoef(face.ravel(), other.ravel())[0, 1] == pytest.approx(correlation, abs=1e-3)
    assert (near_duplicates(face[None], other[None]).index[0] == 0) == expected


def test_a_correlation_equal_to_the_threshold_counts() -> None:
    face = np.random.default_rng(0).integers(0, 100, (8, 8, 1)).astype(np.uint8)
    matches = near_duplicates(face[None], (2 * face)[None], threshold=1 - 1e-12)
    assert matches.index.tolist() == [0]
    exact = float(near_duplicates(face[None], (face // 2)[None], 0.5).correlation[0])
    assert exact < 1
    measured = np.corrcoef(face.ravel(), (face // 2).ravel())[0, 1]
    for minimum, place in ((measured - 1e-9, 0), (measured + 1e-9, -1)):
        assert near_duplicates(face[None], (face // 2)[None], minimum).index.tolist() == [place]
    first = np.zeros(1, np.int64)
    (itself,) = duplicates._correlations(face[None].__getitem__, first, (face // 2)[None].__getitem__, first).tolist()
    assert near_duplicates(face[None], (face // 2)[None], itself).index.tolist() == [0]


def test_images_that_are_all_alike_are_standardised_a_few_times_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """As frames of one scene: 120,000 pairs are computed, which in pairs would be 240,000 images."""
    rng = np.random.default_rng(0)
    scene = rng.integers(60, 200, (16, 16, 1))
    frames = (scene + rng.integers(-12, 13, (700, 16, 16, 1))).astype(np.uint8)
    train, images = frames[:400], frames[400:]
    expected = plain_correlations(train, images)
    assert 0.9 < (expected < 0.98).mean() < 1
    counted: list[int] = []
    standardised = duplicates._standardised

    def counting(given: np.ndarray, kind: Any) -> Any:
        counted.append(len(given))
        return standardised(given, kind)

    monkeypatch.setattr(duplicates, "_standardised", counting)
    found = near_duplicates(train, images)
    np.testing.assert_array_equal(found.index >= 0, (expected >= 0.98).any(1))
    assert sum(counted) < 12_000


def test_frames_that_are_in_one_group_are_not_compared_again(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    scene = rng.integers(60, 200, (16, 16, 1))
    frames = (scene + rng.integers(-5, 6, (1000, 16, 16, 1))).astype(np.uint8)
    counted: list[int] = []
    tiles = duplicates._tiles

    def counting(one: np.ndarray, other: np.ndarray, images: np.ndarray) -> Any:
        counted.append(len(one))
        return tiles(one, other, images)

    monkeypatch.setattr(duplicates, "_tiles", counting)
    assert set(duplicates.groups([frames]).near.tolist()) == {0}
    assert len(counted) > 2
    assert sum(counted) < 0.7 * 1000 * 999 / 2


def test_the_cache_key_depends_on_both_sets_of_images() -> None:
    rng = np.random.default_rng(7)

    def samples_of(mark: str, images: np.ndarray) -> Samples:
        target = np.eye(2, dtype=np.float32)[[0] * len(images)]
        return Samples(images, target, ("neutral", "anger"), np.arange(len(images)).astype(str), fingerprint=mark)

    a, b = (rng.integers(0, 256, (3, 8, 8, 1)).astype(np.uint8) for _ in range(2))
    train, other = samples_of("hygiene-a", a), samples_of("hygiene-b", b)
    later, swapped = (
        samples_of("hygiene-c", np.concatenate([a[:1], b[:1]])),
        samples_of("hygiene-d", np.concatenate([b[:1], a[:1]])),
    )
    assert near_duplicates_between(train, later).index.tolist() == [0, -1]
    assert near_duplicates_between(other, later).index.tolist() == [-1, 0]
    assert near_duplicates_between(train, swapped).index.tolist() == [-1, 0]


def test_another_threshold_is_searched_again(tiny_fer2013: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    val, searched = load("fer2013", tiny_fer2013, "val"), []
    real = duplicates.near_duplicates
    monkeypatch.setattr(
        duplicates, "near_duplicates", lambda *images: searched.append(duplicates.THRESHOLD) or real(*images)
    )
    for threshold in (0.981, 0.982, 0.981):
        monkeypatch.setattr(duplicates, "THRESHOLD", threshold)
        near_duplicates_in_training(val, tiny_fer2013)
    assert searched == [0.981, 0.982]
