"""The square attack against predictions that can be computed by hand, and its limits on the image."""

import numpy as np
import pytest

from mien.evaluation.stress.attack import HALVINGS, black_box, margin, side, square

CROPS = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 1), np.uint8)
WEIGHT = np.random.default_rng(1).normal(size=(256, 3))


def linear(crops: np.ndarray) -> np.ndarray:
    scores = crops.reshape(len(crops), -1) / 255 @ WEIGHT / 4
    return np.exp(scores - scores.max(1, keepdims=True)) / np.exp(scores - scores.max(1, keepdims=True)).sum(1)[:, None]


class Counted:
    """Predictions, with a count of the images in each query."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        self.rows.append(len(crops))
        return linear(crops)


def attack(epsilon: int = 16, queries: int = 80, seed: int = 0) -> np.ndarray:
    label = linear(CROPS).argmax(1)
    return square(linear, CROPS, label, epsilon, queries, np.random.default_rng(seed))


def test_stays_within_epsilon_and_misleads() -> None:
    label, changed = linear(CROPS).argmax(1), attack()
    assert np.abs(changed.astype(int) - CROPS).max() <= 16
    assert (linear(changed).argmax(1) == label).mean() < 0.5
    assert np.mean(margin(linear(changed), label)) < np.mean(margin(linear(CROPS), label))


def test_a_larger_epsilon_and_more_queries_help_it() -> None:
    label = linear(CROPS).argmax(1)

    def right(**how: int) -> float:
        return float((linear(attack(**how)).argmax(1) == label).mean())

    assert right(epsilon=1) > right(epsilon=8) > right(epsilon=24)
    assert right(epsilon=16, queries=3) > right(epsilon=16, queries=150)


def test_repeats_itself_and_leaves_its_input() -> None:
    before = CROPS.copy()
    assert np.array_equal(attack(seed=3), attack(seed=3))
    assert not np.array_equal(attack(seed=3), attack(seed=4))
    assert np.array_equal(CROPS, before)


def test_what_is_misread_already_is_left_alone() -> None:
    wrong = (linear(CROPS).argmax(1) + 1) % 3
    assert np.array_equal(square(linear, CROPS, wrong, 6, 50, np.random.default_rng(0)), CROPS)


def test_asks_no_more_than_it_may() -> None:
    counted = Counted()
    square(counted, CROPS, linear(CROPS).argmax(1), 1, 30, np.random.default_rng(0))
    assert len(counted.rows) <= 30
    assert sorted(counted.rows, reverse=True) == counted.rows, "those misled drop out"


def test_a_margin_is_negative_when_misread_and_stands_zeros() -> None:
    probs = np.array([[0.2, 0.8], [1.0, 0.0]])
    assert margin(probs, np.array([0, 0]))[0] == pytest.approx(np.log(0.25))
    assert np.isfinite(margin(probs, np.array([0, 1]))).all()


def test_squares_shrink_to_a_pixel_but_never_to_nothing() -> None:
    sides = [side(progress, 48) for progress in np.linspace(0, 1, 50)]
    assert sides == sorted(sides, reverse=True)
    assert len(set(sides)) == len(HALVINGS) + 1
    assert side(1.0, 2) == 1


def test_the_black_box_says_what_it_does() -> None:
    (one,) = black_box(linear)
    changed = one.run(CROPS, linear(CROPS).argmax(1))
    assert (one.name, one.queries) == ("square", 150)
    assert np.abs(changed.astype(int) - CROPS).max() <= one.epsilon
