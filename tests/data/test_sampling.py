"""Selected and merged classes, and what an epoch shows of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.data.fer2013.votes import CHOICES
from mien.data.samples import Samples, one_hot
from mien.data.sampling import class_weights, epoch_indices, keep, limit, merge, select, sources, top_labels
from mien.errors import DataError
from mien.labels import EXPRESSIONS

LABELS = ("neutral", "happiness", "sadness", "anger")


def samples(target: Any, labels: tuple[str, ...] = LABELS, **more: Any) -> Samples:
    target = np.asarray(target, np.float32)
    images = np.arange(len(target), dtype=np.uint8)[:, None, None, None].repeat(2, 1).repeat(2, 2)
    ids = np.array([f"{k}" for k in range(len(target))], np.str_)
    return Samples(images, target, labels, ids, name="drawn", split="train", fingerprint="f", **more)


def test_select_keeps_the_classes_and_renormalises() -> None:
    given = samples([[0.5, 0.25, 0.25, 0], [0, 0, 0, 1], [0.25, 0.25, 0.5, 0], [0.1, 0.2, 0.1, 0.6], [np.nan] * 4])
    chosen = select(given, ["happiness", "neutral"])
    assert chosen.labels == ("neutral", "happiness")
    assert chosen.ids.tolist() == ["0", "4"]  # an even half lies outside for 2, more for 1 and 3
    np.testing.assert_allclose(chosen.target[0], [2 / 3, 1 / 3], rtol=1e-6)
    assert np.isnan(chosen.target[1]).all()
    assert chosen.images[:, 0, 0, 0].tolist() == [0, 4]
    assert chosen.fingerprint != given.fingerprint


def test_select_merges() -> None:
    given = samples([[0.4, 0, 0.35, 0.25], [0, 1, 0, 0], [0, 0, 0, 1]])
    chosen = select(given, {"happiness": ["happiness"], "sadness": ["sadness", "anger"]})
    assert chosen.labels == ("happiness", "sadness")
    assert chosen.ids.tolist() == ["0", "1", "2"]
    np.testing.assert_allclose(chosen.target, [[0, 1], [1, 0], [0, 1]], atol=1e-6)


def test_selecting_every_label_changes_no_target() -> None:
    given = samples(one_hot(np.array([3, 0, 1, 2]), 4))
    np.testing.assert_array_equal(select(given, list(LABELS)).target, given.target)


def test_merge_keeps_every_sample_and_the_other_labels() -> None:
    votes = np.zeros((1, len(CHOICES)), np.int16)
    votes[0, [EXPRESSIONS.index("sadness"), EXPRESSIONS.index("anger"), EXPRESSIONS.index("neutral")]] = 3, 4, 1
    given = samples([[0.2, 0.1, 0.4, 0.3]], votes=votes)
    merged = merge(given, {"sadness": ["sadness", "anger", "contempt"], "happiness": ["happiness"]})
    assert merged.labels == ("neutral", "happiness", "sadness")
    np.testing.assert_allclose(merged.target, [[0.2, 0.1, 0.7]], rtol=1e-6)
    assert merged.votes is not None
    assert merged.votes[0, EXPRESSIONS.index("sadness")] == 7
    assert votes[0, EXPRESSIONS.index("sadness")] == 3
    assert merged.fingerprint != given.fingerprint
    assert merge(given, ["neutral", "sadness"]) is given


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        (["happiness"], "two or more"),
        (["happiness", "joy"], "'joy'.*some of neutral"),
        (["happiness", "fear"], "drawn has no fear.*neutral, happiness, sadness, anger"),
        ({"happiness": ["happiness"], "sadness": ["anger"]}, "each including itself"),
        ({"happiness": ["happiness", "anger"], "sadness": ["sadness", "anger"]}, "no duplicates"),
        ({"happiness": ["happiness"], "sadness": []}, "each including itself"),
        (["happiness", "happiness", "anger"], "no duplicates"),
    ],
)
def test_impossible_classes(classes: Any, words: str) -> None:
    with pytest.raises(DataError, match=f"data.classes: .*{words}"):
        select(samples(one_hot(np.arange(4), 4)), classes)


def test_sources_follow_the_vocabulary() -> None:
    assert list(sources({"anger": ["anger", "fear"], "neutral": ["neutral"]})) == ["neutral", "anger"]


def test_limit_is_the_same_draw_always() -> None:
    given = samples(one_hot(np.arange(100) % 4, 4))
    some = limit(given, 30)
    assert len(some) == 30
    assert some.ids.astype(int).tolist() == sorted(some.ids.astype(int).tolist())
    assert some.fingerprint == limit(given, 30).fingerprint
    assert limit(given, 100) is given


def test_limit_draws_from_all_of_it_and_not_from_one_end() -> None:
    """Data sets are sorted by class or by source, so the first rows are not representative."""
    given = samples(one_hot(np.repeat([0, 1, 2, 3], 100), 4))
    rows = limit(given, 120).ids.astype(int)
    assert len(set(rows.tolist())) == 120
    assert (np.bincount(rows // 100, minlength=4) > 15).all()
    assert rows.tolist() != list(range(0, 400, 400 // 120))[:120]


TARGET = one_hot(np.repeat([0, 1, 2], [50, 20, 5]), 4)  # the fourth class never occurs


def shown(rows: np.ndarray, target: np.ndarray = TARGET) -> list[int]:
    return np.bincount(top_labels(target)[rows], minlength=4).tolist()


@pytest.mark.parametrize(
    ("imbalance", "per_class", "repeat", "expected"),
    [
        ("none", None, 1, [50, 20, 5, 0]),
        ("weighted", None, 3, [150, 60, 15, 0]),
        ("down", None, 1, [5, 5, 5, 0]),
        ("down", 10, 1, [10, 10, 5, 0]),
        ("down", 10, 4, [40, 40, 20, 0]),
        ("up", None, 1, [50, 50, 50, 0]),
        ("up", 30, 1, [50, 30, 30, 0]),
        ("up", 13, 2, [100, 40, 26, 0]),
    ],
)
def test_arms(imbalance: str, per_class: int | None, repeat: int, expected: list[int]) -> None:
    rows = epoch_indices(TARGET, imbalance, per_class, repeat)
    assert shown(rows) == expected
    assert (np.diff(rows) >= 0).all()


def test_up_shows_every_row_nearly_equally_often() -> None:
    times = np.bincount(epoch_indices(TARGET, "up"))
    assert set(times[:50]) == {1}
    assert set(times[50:70]) == {2, 3}
    assert set(times[70:]) == {10}


def test_the_seed_decides_which_are_left_out() -> None:
    one, same, other = (epoch_indices(TARGET, "down", seed=seed).tolist() for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_rows_without_a_label_are_always_shown() -> None:
    target = TARGET.copy()
    target[:3] = np.nan
    assert epoch_indices(target, "down")[:3].tolist() == [0, 1, 2]


def test_class_weights_are_shares_of_the_rarest() -> None:
    np.testing.assert_allclose(class_weights(TARGET), [5 / 50, 5 / 20, 1, 1])
    votes = np.array([[0.5, 0.5], [0.75, 0.25], [np.nan, np.nan]], np.float32)
    np.testing.assert_allclose(class_weights(votes), [0.75 / 1.25, 1])


def test_keep_takes_what_the_file_lists_and_passes_over_other_ids(tmp_path: Path) -> None:
    given = samples(np.eye(4, dtype=np.float32))
    (tmp_path / "ids.txt").write_text("3\n\n 1 \nanother\n", encoding="utf-8")
    kept = keep(given, tmp_path / "ids.txt")
    assert kept.ids.tolist() == ["1", "3"]
    assert kept.images[:, 0, 0, 0].tolist() == [1, 3]


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read"), (b"", "is empty"), (b"\n \n", "is empty"), (b"x\n", "lists none of drawn's train"),
     (b"\xff\xfe", "cannot be read")],
)  # fmt: skip
def test_keep_refuses_what_lists_nothing(content: bytes | None, words: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "ids.txt").write_bytes(content)
    with pytest.raises(DataError, match=rf"data\.keep: .*{words}"):
        keep(samples(np.eye(4, dtype=np.float32)), tmp_path / "ids.txt")
