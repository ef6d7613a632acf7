"""Agreement with raters, and of raters with each other, against the plain way: person by person."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.metrics import average_precision_score

from mien.data.fer2013.votes import shown
from mien.evaluation.metrics import MIXED, PEOPLE, VOTES


def drawn(n: int = 40, k: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    votes = np.stack([rng.multinomial(rng.integers(2, 11), share) for share in rng.dirichlet(np.ones(k) * 0.5, n)])
    return rng.dirichlet(np.ones(k), n), votes


def persons(row: np.ndarray) -> list[int]:
    return np.repeat(np.arange(len(row)), row).tolist()


def top2_of(others: list[int], k: int) -> set[int]:
    counts = sorted((others.count(label) for label in range(k)), reverse=True)
    return {label for label in range(k) if others.count(label) >= max(1, counts[1])}


def test_against_votes_it_is_the_plain_count() -> None:
    probs, votes = drawn()
    predicted = probs.argmax(1)
    shares = votes / votes.sum(1, keepdims=True)
    assert VOTES["kl"](probs, votes) == pytest.approx(
        np.mean([entropy(s, p) for s, p in zip(shares, probs, strict=True)])
    )
    assert VOTES["soft_accuracy"](probs, votes) == pytest.approx(
        np.mean([persons(v).count(s) / v.sum() for v, s in zip(votes, predicted, strict=True)])
    )
    assert VOTES["accuracy"](probs, votes) == pytest.approx(
        np.mean([v[s] == v.max() for v, s in zip(votes, predicted, strict=True)])
    )
    assert VOTES["within_top2"](probs, votes) == pytest.approx(
        np.mean([s in top2_of(persons(v), 5) for v, s in zip(votes, predicted, strict=True)])
    )


def test_people_are_scored_one_by_one_against_the_others() -> None:
    _, votes = drawn()
    wanted: dict[str, list[float]] = {key: [] for key in PEOPLE}
    for row in votes:
        scores: dict[str, list[float]] = {key: [] for key in PEOPLE}
        for k, own in enumerate(persons(row)):
            others = persons(row)[:k] + persons(row)[k + 1 :]
            most = max(others.count(label) for label in set(others))
            scores["accuracy"].append(others.count(own) == most)
            scores["soft_accuracy"].append(others.count(own) / len(others))
            scores["within_top2"].append(own in top2_of(others, 5))
        for key, values in scores.items():
            wanted[key].append(float(np.mean(values)))
    for key, people in PEOPLE.items():
        assert people(votes) == pytest.approx(np.mean(wanted[key])), key


def test_a_model_that_says_what_people_say_has_no_divergence() -> None:
    _, votes = drawn()
    shares = votes / votes.sum(1, keepdims=True)
    assert VOTES["kl"](shares, votes) == pytest.approx(0, abs=1e-12)
    assert VOTES["accuracy"](shares, votes) == 1.0
    assert VOTES["within_top2"](shares, votes) == 1.0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("votes", [np.zeros((0, 3), int), np.zeros((2, 3), int)])
def test_without_votes_there_is_no_score(votes: np.ndarray) -> None:
    probs = np.full((len(votes), 3), 1 / 3)
    assert all(math.isnan(metric(probs, votes)) for metric in VOTES.values())
    assert all(math.isnan(people(votes)) for people in PEOPLE.values())


def test_images_without_votes_and_lonely_raters_are_left_out() -> None:
    votes = np.array([[9, 1], [0, 0], [1, 0]])
    assert VOTES["soft_accuracy"](np.array([[1.0, 0.0]] * 3), votes) == pytest.approx((0.9 + 1) / 2)
    assert PEOPLE["accuracy"](votes) == pytest.approx(0.9)


def test_on_ferplus_the_ceiling_is_what_ten_people_reach(mien_data: Path) -> None:
    from mien.data import load

    votes = load("ferplus", mien_data, "test").votes
    assert votes is not None
    assert PEOPLE["accuracy"](votes[:, :8]) == pytest.approx(0.8197, abs=1e-4)
    assert (
        PEOPLE["soft_accuracy"](votes[:, :8]) < PEOPLE["accuracy"](votes[:, :8]) < PEOPLE["within_top2"](votes[:, :8])
    )


def test_mixed_images_are_recovered_by_their_votes_and_not_by_others() -> None:
    rng = np.random.default_rng(0)
    votes = np.array([[5, 5, 0, 0], [0, 6, 4, 0], [4, 0, 2, 4], [10, 0, 0, 0], [1, 0, 0, 9], [3, 3, 4, 0]])
    shares = votes / votes.sum(1, keepdims=True)
    assert MIXED["pairs"](shares, votes) == 1.0  # of the first three; the last shows three expressions
    assert MIXED["pairs_kl"](shares, votes) == pytest.approx(0, abs=1e-12)
    assert MIXED["average_precision"](shares, votes) == 1.0
    turned = shares[:, ::-1]
    assert MIXED["pairs"](turned, votes) == pytest.approx(2 / 3)
    assert MIXED["average_precision"](turned, votes) < 0.8
    scores = rng.random(votes.shape)
    expected = [average_precision_score(t, s) for t, s in zip(shown(votes).T, scores.T, strict=True)]
    assert MIXED["average_precision"](scores, votes) == pytest.approx(np.mean(expected))
    assert shown(votes).sum(1).tolist() == [2, 2, 2, 1, 1, 3]
