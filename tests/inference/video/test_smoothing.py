"""Probabilities averaged in time: per face, at any frame rate, restarted after cuts and absences."""

import math

import numpy as np
import pytest

from mien.errors import UsageError
from mien.face import Face
from mien.inference.video.smoothing import AWAY, Smoother

LABELS = ("neutral", "happiness", "surprise")


def face(happy: float, track: int | None = 1, **more: object) -> Face:
    probs = np.array([1 - happy, happy, 0], np.float32)
    return Face(np.array([0, 0, 9, 9], np.float32), 1.0, labels=LABELS, probs=probs, track_id=track, **more)  # type: ignore[arg-type]


def happiness(faces: list[Face]) -> float:
    assert faces[0].probs is not None
    return float(faces[0].probs[1])


def test_a_step_comes_through_exponentially() -> None:
    smoother = Smoother(0.5)
    assert happiness(smoother.follow([face(0)], 0.0)) == 0
    for k in range(1, 11):
        smoothed = happiness(smoother.follow([face(1)], k / 10))
        assert smoothed == pytest.approx(1 - math.exp(-k / 10 / 0.5), abs=1e-6)


@pytest.mark.parametrize("rate", [5, 10, 25, 60, 120])
def test_the_same_at_any_frame_rate(rate: int) -> None:
    smoother = Smoother(0.5)
    smoother.follow([face(0)], 0.0)
    smoothed = [happiness(smoother.follow([face(1)], k / rate)) for k in range(1, rate + 1)]
    assert smoothed[-1] == pytest.approx(1 - math.exp(-2), abs=1e-6)


def test_irregular_times_count_as_long_as_they_are() -> None:
    smoother = Smoother(1.0)
    for t in (0.0, 0.1, 0.15, 0.9):
        smoothed = smoother.follow([face(float(t > 0))], t)
    assert happiness(smoothed) == pytest.approx(1 - math.exp(-0.9), abs=1e-6)


def test_flicker_is_damped_and_the_mean_stays() -> None:
    smoother, rng = Smoother(0.5), np.random.default_rng(0)
    raw = rng.uniform(0.3, 0.9, 1000)
    smoothed = np.array([happiness(smoother.follow([face(p)], k / 30)) for k, p in enumerate(raw)])
    assert smoothed[100:].std() < 0.3 * raw.std()
    assert smoothed[100:].mean() == pytest.approx(raw.mean(), abs=0.01)


def test_probabilities_sum_to_one() -> None:
    smoother, rng = Smoother(0.3), np.random.default_rng(0)
    for k in range(50):
        probs = rng.dirichlet(np.ones(3)).astype(np.float32) * np.float32(1.001)  # not quite 1, as weights predict
        smoothed = smoother.follow([Face(np.zeros(4, np.float32), 1.0, labels=LABELS, probs=probs, track_id=1)], k / 10)
        assert smoothed[0].probs is not None
        assert smoothed[0].probs.dtype == np.float32
        assert smoothed[0].probs.sum() == pytest.approx(1, abs=1e-6)
        assert smoothed[0].probs.min() >= 0


def test_faces_do_not_mix_whatever_their_order() -> None:
    smoother = Smoother(0.5)
    smoother.follow([face(0, 1), face(1, 2)], 0.0)
    smoothed = smoother.follow([face(1, 2), face(0, 1), face(0.5, 3)], 0.1)
    assert [happiness([one]) for one in smoothed] == [1, 0, 0.5]
    assert [one.track_id for one in smoothed] == [2, 1, 3]


def test_a_cut_starts_again() -> None:
    smoother = Smoother(0.5)
    smoother.follow([face(0)], 0.0)
    assert happiness(smoother.follow([face(1)], 0.1, cut=True)) == 1


@pytest.mark.parametrize(("away", "restarts"), [(AWAY / 2, False), (AWAY * 2, True)])
def test_a_face_that_was_away_starts_again(away: float, restarts: bool) -> None:
    smoother = Smoother(2.0)
    smoother.follow([face(0), face(0, 2)], 0.0)
    for t in np.linspace(0, away, 5)[1:-1]:
        smoother.follow([face(0, 2)], float(t))
    assert (happiness(smoother.follow([face(1)], away)) == 1) == restarts


def test_far_apart_frames_are_no_absence() -> None:
    smoother = Smoother(5.0)
    smoother.follow([face(0)], 0.0)
    assert happiness(smoother.follow([face(1)], 2.0)) == pytest.approx(1 - math.exp(-0.4), abs=1e-6)


def test_memory_holds_those_who_are_there() -> None:
    smoother = Smoother(1.0)
    for k in range(500):
        smoother.follow([face(0.5, k)], k / 10)
    assert len(smoother._states) <= 2 + AWAY * 10


def test_abstaining_is_decided_again() -> None:
    smoother = Smoother(1.0, min_confidence=0.6)
    raw = face(0.9).read(LABELS, np.array([0.1, 0.9, 0], np.float32), 0.6)
    assert not smoother.follow([raw], 0.0)[0].abstained
    torn = smoother.follow([face(0).read(LABELS, np.array([1, 0, 0], np.float32), 0.6)], 0.6)[0]
    assert torn.confidence == pytest.approx(0.9 * math.exp(-0.6) + 0, abs=0.06)
    assert torn.abstained


def test_valence_arousal_and_units_are_averaged_too() -> None:
    smoother = Smoother(0.5)
    smoother.follow([face(0, valence=-1.0, arousal=0.0, action_units={"au04": 0.0, "au12": 1.0})], 0.0)
    smoothed = smoother.follow([face(1, valence=1.0, arousal=0.0, action_units={"au04": 1.0, "au12": 1.0})], 0.5)[0]
    share = 1 - math.exp(-1)
    assert smoothed.valence == pytest.approx(2 * share - 1, abs=1e-4)
    assert smoothed.arousal == 0
    assert smoothed.action_units == pytest.approx({"au04": share, "au12": 1.0}, abs=1e-4)


def test_zero_changes_nothing() -> None:
    smoother, raw = Smoother(0), [face(0), face(1, 2)]
    smoother.follow([face(1), face(0, 2)], 0.0)
    smoothed = smoother.follow(raw, 0.1)
    assert all(a is b for a, b in zip(smoothed, raw, strict=True))


@pytest.mark.parametrize(
    "odd", [face(0.4, None), Face(np.zeros(4, np.float32), 1.0, track_id=1)], ids=["no id", "not read"]
)
def test_faces_that_cannot_be_averaged_come_back(odd: Face) -> None:
    smoother = Smoother(1.0)
    smoother.follow([face(0)], 0.0)
    assert smoother.follow([odd], 0.1)[0] is odd


def test_times_that_go_back_count_as_none() -> None:
    smoother = Smoother(1.0)
    smoother.follow([face(0)], 5.0)
    assert happiness(smoother.follow([face(1)], 4.0)) == 0


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf])
def test_no_length_of_time(seconds: float) -> None:
    with pytest.raises(UsageError, match="`smooth`"):
        Smoother(seconds)
