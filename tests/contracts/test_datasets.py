"""Every data set in the registry returns Samples that keep the contract, on the drawn set and on the real one."""

import inspect
import time
from pathlib import Path

import numpy as np
import pytest

from mien.data import DATASETS, SPLITS, Samples, load
from mien.data.gated import GATED
from mien.labels import EXPRESSIONS, ordered

OPTIONS = {
    "fer2013": [{}],
    "ferplus": [{"labels": "majority"}, {"labels": "distribution"}],
    "synthetic": [{"count": "70"}, {"faces": "ferplus:labels=distribution", "count": "70", "channels": "3"}],
}
CASES = [(name, options) for name, several in OPTIONS.items() for options in several]

COUNTS = {  # train, val, test of the real data
    ("fer2013", None): (28_709, 3_589, 3_589),
    ("ferplus", "majority"): (25_060, 3_199, 3_153),
    ("ferplus", "distribution"): (28_389, 3_553, 3_546),
}


def test_no_data_set_is_forgotten() -> None:
    """Gated data sets are tested in tests/data/test_gated.py."""
    assert set(OPTIONS) | set(GATED) == set(DATASETS)


def check(samples: Samples, name: str, split: str) -> None:
    n, k = len(samples), len(samples.labels)
    assert n > 0
    assert samples.images.dtype == np.uint8
    assert samples.images.ndim == 4
    assert samples.target.shape == (n, k)
    assert samples.target.dtype == np.float32
    assert samples.target.min() >= 0
    assert np.allclose(samples.target.sum(1), 1)
    assert samples.labels == ordered(samples.labels)
    assert set(samples.labels) <= set(EXPRESSIONS)
    assert len(set(samples.ids)) == n
    assert samples.ids.dtype.kind == "U"
    assert (samples.name, samples.split) == (name, split)
    assert len(samples.fingerprint) == 16
    assert sum(samples.counts().values()) == n
    if samples.votes is not None:
        assert samples.votes.shape[0] == n
        assert samples.votes.dtype.kind == "i"


@pytest.mark.parametrize(("name", "options"), CASES)
def test_drawn(name: str, options: dict[str, str], tiny_fer2013: Path) -> None:
    prints = set()
    for split in SPLITS:
        samples = load(name, tiny_fer2013, split, **options)
        check(samples, name, split)
        assert min(samples.counts().values()) > 0
        prints.add(samples.fingerprint)
    assert len(prints) == len(SPLITS)


@pytest.mark.parametrize("name", DATASETS)
def test_signature_and_words(name: str) -> None:
    assert list(inspect.signature(DATASETS[name]).parameters)[:2] == ["root", "split"]
    assert DATASETS[name].__doc__


@pytest.mark.parametrize(("name", "options"), [case for case in CASES if case[0] in {name for name, _ in COUNTS}])
def test_real(name: str, options: dict[str, str], mien_data: Path) -> None:
    for split, n in zip(SPLITS, COUNTS[name, options.get("labels")], strict=True):
        samples = load(name, mien_data, split, **options)
        check(samples, name, split)
        assert len(samples) == n


def test_real_class_counts_tell_the_split(mien_data: Path) -> None:
    order = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
    published = {"val": (467, 56, 496, 895, 653, 415, 607), "test": (491, 55, 528, 879, 594, 416, 626)}
    for split, expected in published.items():
        counts = load("fer2013", mien_data, split).counts()
        assert tuple(counts[label] for label in order) == expected


def test_real_opens_in_milliseconds(mien_data: Path) -> None:
    """The promise is 50 ms; the test allows a busy machine four times that, on the best of five."""
    load("fer2013", mien_data, "train")
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        samples = load("fer2013", mien_data, "train")
        seconds.append(time.perf_counter() - start)
    assert isinstance(samples.images, np.memmap)
    assert min(seconds) < 0.2
