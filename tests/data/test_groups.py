"""Groups of near-duplicates: against connected components of all pairs, at the edges, and on FER2013."""

from pathlib import Path

import numpy as np
import pytest

from mien.data import SPLITS, load
from mien.data.audit import members
from mien.data.duplicates import groups

Parts = list[np.ndarray]


def reference(parts: Parts, threshold: float) -> tuple[list[int], list[int]]:
    """The first member of each image's group, of equal images and of connected ones, from the whole matrix."""
    components = pytest.importorskip("scipy.sparse.csgraph").connected_components
    flat = np.concatenate(parts).reshape(sum(map(len, parts)), -1).astype(np.float64)
    same = np.unique(flat, axis=0, return_inverse=True)[1].ravel()
    equal = same[:, None] == same
    with np.errstate(invalid="ignore"):
        close = equal | (np.nan_to_num(np.corrcoef(flat)) >= threshold)
    label = components(close)[1]
    first = [int(np.flatnonzero(label == label[k])[0]) for k in range(len(flat))]
    return equal.argmax(1).tolist(), first


@pytest.mark.parametrize("shape", [(24, 24, 1), (13, 7, 3), (5, 5, 1)])
@pytest.mark.parametrize("threshold", [0.7, 0.9, 0.98])
def test_equal_the_components_of_all_pairs(shape: tuple[int, ...], threshold: float) -> None:
    rng = np.random.default_rng(1)
    faces = rng.integers(0, 256, (20, *shape)).astype(np.uint8)
    noise = rng.normal(0, 1, (300, *shape)) * np.linspace(0, 90, 300).reshape(-1, 1, 1, 1)
    copies = (faces[rng.integers(0, 20, 300)] * rng.uniform(0.5, 1, (300, 1, 1, 1)) + noise).clip(0, 255)
    parts = [faces, copies.astype(np.uint8), faces[:5], np.zeros((3, *shape), np.uint8)]
    joined = groups(parts, threshold)
    assert (joined.exact.tolist(), joined.near.tolist()) == reference(parts, threshold)
    assert 20 < len(np.unique(joined.near)) < len(joined.near) - 8


def test_more_images_than_a_block_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    images = rng.integers(0, 256, (90, 8, 8, 1)).astype(np.uint8)
    images[60:] = images[rng.permutation(60)[:30]] ^ 1
    whole = groups([images])
    for name, value in (("ROWS", 7), ("COLUMNS", 11), ("VALUES", 200)):
        monkeypatch.setattr(f"mien.data.duplicates.{name}", value)
    cut = groups([images[:1], images[1:50], images[50:50], images[50:]])
    assert cut.exact.tolist() == whole.exact.tolist()
    assert cut.near.tolist() == whole.near.tolist()
    assert len(np.unique(whole.near)) == 60


def test_a_video_is_one_group() -> None:
    """Frames drift: the first and the last are not near-duplicates, but neighbours are."""
    rng = np.random.default_rng(3)
    ends = rng.integers(0, 256, (2, 16, 16, 1)).astype(float)
    weight = np.linspace(0, 1, 60).reshape(-1, 1, 1, 1)
    video = (ends[0] * (1 - weight) + ends[1] * weight).astype(np.uint8)
    assert np.corrcoef(video[0].ravel(), video[-1].ravel())[0, 1] < 0.5
    assert set(groups([video]).near.tolist()) == {0}


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_to_compare(count: int) -> None:
    joined = groups([np.zeros((count, 8, 8, 1), np.uint8)])
    assert joined.exact.tolist() == joined.near.tolist() == list(range(count))


def test_progress_counts_every_image() -> None:
    images = np.random.default_rng(4).integers(0, 256, (600, 8, 8, 1)).astype(np.uint8)
    images[500:] = images[:100]
    seen: list[int] = []
    groups([images], advance=seen.append)
    assert sum(seen) == 600


def test_fer2013(mien_data: Path) -> None:
    """1,515 groups of equal images, 3,363 images in them, 34,039 different images; near-duplicates only add to that."""
    joined = groups([load("fer2013", mien_data, split).images for split in SPLITS])
    equal = members(joined.exact)
    assert (len(equal), sum(map(len, equal)), len(np.unique(joined.exact))) == (1515, 3363, 34039)
    assert (joined.near[joined.exact] == joined.near).all()
    assert len(np.unique(joined.near)) == 33799
