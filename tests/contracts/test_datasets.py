"""Every data set in the registry returns Samples that keep the contract, on the drawn set and on the real one."""

import inspect
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mien.cli.maintain import _entries
from mien.data import DATASETS, SPLITS, Samples, load
from mien.data.gated import GATED
from mien.data.overview import overview
from mien.data.registry import READERS
from mien.data.samples import digest
from mien.data.terms import terms_of
from mien.evaluation.evaluate import evaluate
from mien.labels import EXPRESSIONS, label_fault
from mien.training.recipe import parse
from mien.training.run import try_out

from ..gated_files import face
from ..own_files import WRITERS

OPTIONS = {
    "ferplus": [{"labels": "majority"}, {"labels": "distribution"}],
    "synthetic": [{"count": "70"}, {"faces": "ferplus:labels=distribution", "count": "70", "channels": "3"}],
}
"""Options to try, for data sets that take some."""

CASES = [(name, options) for name in DATASETS if name not in GATED for options in OPTIONS.get(name, [{}])]
"""Gated data sets are tested in tests/data/test_gated.py."""

FROM_FER2013 = ("fer2013", "ferplus", "synthetic")

COUNTS = {  # train, val, test of the real data
    ("fer2013", None): (28_709, 3_589, 3_589),
    ("ferplus", "majority"): (25_060, 3_199, 3_153),
    ("ferplus", "distribution"): (28_389, 3_553, 3_546),
}


def check(samples: Samples, name: str, split: str) -> None:
    n, k = len(samples), len(samples.labels)
    assert n > 0
    assert samples.images.dtype == np.uint8
    assert samples.images.ndim == 4
    assert samples.target.shape == (n, k)
    assert samples.target.dtype == np.float32
    assert samples.target.min() >= 0
    assert np.allclose(samples.target.sum(1), 1)
    assert label_fault(samples.labels) == ""
    assert len(set(samples.ids)) == n
    assert samples.ids.dtype.kind == "U"
    assert (samples.name, samples.split) == (name, split)
    assert len(samples.fingerprint) == 16
    assert sum(samples.counts().values()) == n
    if samples.votes is not None:
        assert samples.votes.shape[0] == n
        assert samples.votes.dtype.kind == "i"


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory, tiny_fer2013: Path) -> Callable[[str], Path]:
    """Where the drawn files of a data set are; skips one that has none."""
    roots: dict[str, Path] = dict.fromkeys(FROM_FER2013, tiny_fer2013)

    def root(name: str) -> Path:
        if name not in roots:
            if name not in WRITERS:
                pytest.skip(f"no files are drawn for {name}: WRITERS of tests/own_files.py has what draws them")
            WRITERS[name](folder := tmp_path_factory.mktemp(name))
            roots[name] = folder
        return roots[name]

    return root


@pytest.mark.parametrize(("name", "options"), CASES)
def test_drawn(name: str, options: dict[str, str], drawn: Callable[[str], Path]) -> None:
    prints = set()
    for split in SPLITS:
        samples = load(name, drawn(name), split, **options)
        check(samples, name, split)
        assert min(samples.counts().values()) > 0
        prints.add(samples.fingerprint)
    assert len(prints) == len(SPLITS)


def mine(root: Path, split: str, *, count: int = 24) -> Samples:
    """Draw faces, as a data set that somebody adds."""
    rng = np.random.default_rng(SPLITS.index(split))
    index, labels = np.arange(count) % 3, ("neutral", "happiness", "bored")
    images = np.stack([face(EXPRESSIONS[k], 48, rng) for k in index])[..., None]
    return Samples(
        images=images,
        target=np.eye(3, dtype=np.float32)[index],
        labels=labels,
        ids=np.array([f"{split}-{k}" for k in range(count)]),
        name="mine",
        split=split,
        fingerprint=digest("mine", split, images),
    )


def test_adding_a_data_set_is_one_file_and_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the line alone it loads, is listed, shown, has terms, and can be measured on and trained on."""
    monkeypatch.setitem(DATASETS, "mine", mine)
    monkeypatch.setitem(READERS, "mine", mine)
    check(load("mine", tmp_path, "val", count=12), "mine", "val")
    test_signature_and_words("mine")
    assert "mine" in _entries("datasets")
    assert "ask its publisher" in terms_of("mine")["mine"]
    assert overview("mine", tmp_path).counts("val") is not None
    result, _ = evaluate("fer2013", "mine", tmp_path, "test")
    assert result.labels[-1] == "bored"
    try_out(parse({"name": "t", "data": {"name": "mine"}, "model": {"name": "cnn4"}}, "t"), tmp_path)


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
