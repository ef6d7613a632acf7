"""Identities within a video: place, motion and looks, faces that hide, leave, cross and come back."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from mien.face import Face
from mien.inference.video.tracking import MAX_LOST_SECONDS, MAX_TRACKS, Tracks, assigned, overlap, overlaps


def face(x: float, y: float = 0, side: float = 10, looks: Sequence[float] | None = None) -> Face:
    """A face with its left upper corner there; looks are made length one."""
    features = None if looks is None else np.array(looks, np.float32) / np.float32(np.linalg.norm(looks) or 1)
    return Face(np.array([x, y, x + side, y + side], np.float32), 1.0, features=features)


ANNA, BEN, CLEO = (1.0, 0.1, 0.0), (0.1, 1.0, 0.1), (0.0, 0.1, 1.0)


def ids(faces: list[Face]) -> list[int | None]:
    return [f.track_id for f in faces]


def run(frames: Sequence[Sequence[Face]], step: float = 0.1, cuts: Sequence[int] = ()) -> list[list[int | None]]:
    """The ids of every frame of a video of its own."""
    tracks = Tracks()
    return [ids(tracks.follow(faces, k * step, k in cuts)) for k, faces in enumerate(frames)]


def test_overlap() -> None:
    assert overlap(face(0).box, face(0).box) == 1
    assert overlap(face(0).box, face(20).box) == 0
    assert overlap(face(0, side=0).box, face(0, side=0).box) == 0


def test_overlaps_are_those_of_every_pair() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 20, (2, 30, 2)).astype(np.float32)
    a, b = (np.hstack([c, c + rng.uniform(0, 12, c.shape).astype(np.float32)]) for c in corners)
    a[0, 2:] = a[0, :2]  # an empty box
    np.testing.assert_allclose(overlaps(a, b), [[overlap(x, y) for y in b] for x in a], atol=1e-6)
    assert overlaps(a, b)[0].max() == 0


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 6), (6, 2), (7, 7), (1, 40)])
def test_assigned_is_the_best_there_is(shape: tuple[int, int]) -> None:
    optimize = pytest.importorskip("scipy.optimize", reason="the reference is scipy's")
    rng = np.random.default_rng(sum(shape))
    for k in range(100):
        fit = rng.normal(0, 1, shape).round(1 if k % 2 else 6)  # every other one with many ties
        columns = assigned(fit)
        padded = np.maximum(np.hstack([fit, np.zeros((shape[0], shape[0]))]), 0)
        best = padded[optimize.linear_sum_assignment(-padded)].sum()
        assert sum(fit[pair] for pair in columns.items()) == pytest.approx(best)
        assert len(set(columns.values())) == len(columns)
        assert all(fit[pair] > 0 for pair in columns.items())


def test_nothing_to_assign() -> None:
    assert assigned(np.zeros((0, 3))) == assigned(np.zeros((3, 0))) == assigned(np.full((2, 2), -1.0)) == {}


def test_faces_keep_their_ids_when_they_move_and_swap_order() -> None:
    tracks = Tracks()
    assert ids(tracks.follow([face(0), face(40)], 0.0)) == [1, 2]
    assert ids(tracks.follow([face(38), face(3)], 0.1)) == [2, 1]
    assert ids(tracks.follow([], 0.2)) == []
    assert ids(tracks.follow([face(5), face(200), face(36)], 0.3)) == [1, 3, 2]


def test_what_else_a_face_carries_stays() -> None:
    read = face(0, looks=ANNA).read(("neutral", "anger"), np.array([0.3, 0.7], np.float32), 0.8)
    (tracked,) = Tracks().follow([read], 0.0)
    assert (tracked.expression, tracked.abstained, tracked.score, tracked.track_id) == ("anger", True, 1.0, 1)
    assert "features" not in tracked.to_dict()


def test_the_best_pair_wins() -> None:
    assert run([[face(0), face(6)], [face(5)]])[-1] == [2]


def test_the_best_for_all_wins() -> None:
    # the left track fits the right face best, but then the right track would be left with nothing
    numbers = run([[face(0), face(5.5)], [face(2.5), face(8)]])
    assert numbers == [[1, 2], [1, 2]]


@pytest.mark.parametrize("step", [0.02, 0.05, 0.1])
def test_a_steady_face_is_followed_at_any_frame_rate(step: float) -> None:
    # 40 pixels a second; hidden for 0.4 s it is found again where it would have got to, 16 pixels on
    seen = [k * step for k in range(int(2 / step))]
    tracks, numbers = Tracks(), []
    for t in seen:
        there = [] if 1.0 <= t < 1.4 else [face(40 * t)]
        numbers += ids(tracks.follow(there, t))
    assert set(numbers) == {1}


def test_a_face_that_jumps_is_another_unless_it_looks_the_same() -> None:
    assert run([[face(0)], [face(90)]]) == [[1], [2]]
    assert run([[face(0, looks=ANNA)], [face(90, looks=ANNA)]]) == [[1], [1]]
    assert run([[face(0, looks=ANNA)], [face(90, looks=BEN)]]) == [[1], [2]]


def test_another_face_in_the_same_place_is_another() -> None:
    assert run([[face(0, looks=ANNA)], [face(2, looks=BEN)]]) == [[1], [2]]


def test_a_change_of_expression_is_none_of_person() -> None:
    assert run([[face(0, looks=(1, 0.1, 0))], [face(0.5, looks=(0.8, 0.9, 0))]]) == [[1], [1]]


def test_faces_that_cross_keep_their_ids() -> None:
    def at(k: int) -> list[Face]:
        left, right = face(4.0 * k, looks=ANNA), face(80 - 4.0 * k, 3, looks=BEN)
        return [left] if 8 <= k <= 12 else [left, right] if k % 2 else [right, left]  # the left one is in front

    numbers = run([at(k) for k in range(21)], 0.05)
    assert [one[0] for one in numbers[8:13]] == [numbers[7][0]] * 5
    assert numbers[19] == numbers[7]
    assert {i for frame in numbers for i in frame} == {1, 2}


def test_faces_without_looks_that_cross_at_speed_keep_their_ids() -> None:
    numbers = run([[face(4.0 * k), face(60 - 4.0 * k, 2)] for k in range(16)], 0.05)
    assert numbers == [[1, 2]] * 16


def test_who_leaves_and_comes_back_elsewhere_is_known_again() -> None:
    away = [[face(50, 50, looks=CLEO)]] * 30
    numbers = run([[face(0, looks=ANNA), face(50, 50, looks=CLEO)]] * 3 + away + [[face(200, looks=ANNA)]])
    assert numbers[-1] == [1]


@pytest.mark.parametrize("looks", [None, ANNA])
def test_lost_faces_are_forgotten_and_ids_never_return(looks: Sequence[float] | None) -> None:
    tracks = Tracks()
    tracks.follow([face(0, looks=looks)], 0.0)
    assert ids(tracks.follow([face(0, looks=looks)], MAX_LOST_SECONDS + 0.1)) == [2]
    assert ids(tracks.follow([face(0, looks=looks)], MAX_LOST_SECONDS + 0.2)) == [2]


def test_after_a_cut_looks_decide_and_places_do_not() -> None:
    before = [face(0, looks=ANNA), face(50, looks=BEN)]
    assert run([before, [face(0, looks=BEN), face(50, looks=ANNA)]], cuts=[1])[-1] == [2, 1]
    assert run([before, [face(0, looks=CLEO), face(50, looks=BEN)]], cuts=[1])[-1] == [3, 2]
    assert run([[face(0), face(50)], [face(0), face(50)]], cuts=[1])[-1] == [3, 4]


def test_after_a_cut_places_count_again() -> None:
    assert run([[face(0, looks=ANNA)], [face(90, looks=ANNA)], [face(91)]], cuts=[1]) == [[1], [1], [1]]


def test_what_is_remembered_is_bounded() -> None:
    tracks, rng = Tracks(), np.random.default_rng(0)
    for k in range(300):
        numbers = tracks.follow([face(float(x), looks=rng.normal(size=64)) for x in rng.uniform(0, 9000, 2)], k * 0.01)
    assert numbers[-1].track_id == 600
    assert len(tracks._tracks) == MAX_TRACKS


def test_more_faces_than_are_remembered() -> None:
    crowd = [face(20.0 * k) for k in range(MAX_TRACKS + 20)]
    tracks = Tracks()
    first, second = tracks.follow(crowd, 0.0), tracks.follow(crowd, 0.1)
    assert len(set(ids(first))) == len(set(ids(second))) == MAX_TRACKS + 20


@pytest.mark.parametrize(
    "odd",
    [
        face(0, side=0),  # empty
        face(0, looks=(0.0, 0.0, 0.0)),  # without any looks
        face(0, looks=(1.0, 0.0)),  # of other weights
        Face(np.array([5, 5, 0, 0], np.float32), 1.0),  # inside out
    ],
    ids=["empty", "blank", "other", "inverted"],
)
def test_odd_faces_harm_no_other(odd: Face) -> None:
    numbers = run([[face(50, looks=ANNA)], [odd, face(51, looks=ANNA)], [face(52, looks=ANNA), odd]])
    assert [numbers[0][0], numbers[1][1], numbers[2][0]] == [1, 1, 1]
    assert all(len(set(frame)) == len(frame) for frame in numbers)


@pytest.mark.parametrize("times", [(0.0, 0.0, 0.0), (5.0, 1.0, 1.1), (0.0, 9.0, 0.1)], ids=["same", "back", "jump"])
def test_odd_times(times: tuple[float, ...]) -> None:
    tracks = Tracks()
    assert [ids(tracks.follow([face(k, looks=ANNA)], t)) for k, t in enumerate(times)] == [[1], [1], [1]]


def test_a_real_face_among_others(moved: list[np.ndarray], pipeline: object) -> None:
    """Two portraits walk past each other; each keeps its id, also behind the other and in a new scene."""
    from mien.inference.pipeline import Pipeline

    assert isinstance(pipeline, Pipeline)
    portraits = real_portraits()
    tracks, numbers = Tracks(), []
    for k in range(16):
        scene = np.full((200, 520, 3), 120, np.uint8)
        places = (200, 20) if k >= 12 else (10 + 28 * k, 330 - 28 * k)  # in the last scene they stand still
        for portrait, x in reversed(list(zip(portraits, places, strict=True))):
            scene[20:180, x : x + 160] = portrait
        detected, crops = pipeline.align(scene, pipeline.detect(scene))
        features = pipeline.classifier.heads(crops)["embedding"]
        faces = [Face(f.box, f.score, features=row) for f, row in zip(detected, features, strict=True)]
        followed = tracks.follow(faces, k / 10, cut=k == 12)
        numbers.append({f.track_id: float(f.box[[0, 2]].mean()) for f in followed})
    assert set(itertools.chain(*numbers)) == {1, 2}
    start = {number: x < 200 for number, x in numbers[0].items()}  # which of them is the one on the left
    for number, left in start.items():
        assert (numbers[11][number] > 260) == left
        assert (numbers[15][number] > 190) == left


def real_portraits() -> list[np.ndarray]:
    """Eileen Collins and Grace Hopper, 160 pixels a side."""
    from pathlib import Path

    import cv2
    import matplotlib
    import skimage.data

    hopper = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    images = skimage.data.astronaut()[0:240, 100:340], cv2.imread(str(hopper))[0:400, 50:450, ::-1]
    return [cv2.resize(image, (160, 160), interpolation=cv2.INTER_AREA) for image in images]


@pytest.mark.parametrize(("away", "moved", "same"), [(1.0, 20, True), (1.0, 40, False), (0.4, 16, True)])
def test_who_is_out_of_sight_is_thought_to_move_on_for_half_a_second(away: float, moved: float, same: bool) -> None:
    tracks, numbers = Tracks(), []
    for k in range(11):  # 40 pixels a second
        numbers = ids(tracks.follow([face(4.0 * k)], k * 0.1))
    assert numbers == [1]
    assert (ids(tracks.follow([face(40 + moved)], 1 + away)) == [1]) == same


@pytest.mark.parametrize(("away", "same"), [(0.5, True), (1.4, True), (1.6, False), (3.0, False)])
def test_a_place_counts_less_the_longer_nobody_was_there(away: float, same: bool) -> None:
    tracks = Tracks()
    tracks.follow([face(0)], 0.0)
    assert (ids(tracks.follow([face(0)], away)) == [1]) == same


def test_features_are_ignored_where_faces_overlap() -> None:
    both = (1.0, 1.0, 0.0)  # what a face looks like that is half covered by another
    crowd = [[face(0, looks=ANNA), face(5, looks=BEN)]] + [[face(0, looks=both), face(5, looks=both)]] * 3
    assert run(crowd)[-1] == [1, 2]
    apart = [[face(0, looks=ANNA), face(50, looks=BEN)]] + [[face(0, looks=both), face(50, looks=both)]] * 3
    assert run([*apart, [face(200, looks=both)]], cuts=[4])[-1] == [1], "taken where they are apart"
    assert run([*crowd, [face(200, looks=both)]], cuts=[4])[-1] == [3]


@pytest.mark.parametrize(("likeness", "same"), [(0.70, False), (0.78, False), (0.83, True), (0.95, True)])
def test_looks_alone_decide_from_a_likeness_of_80_in_a_hundred(likeness: float, same: bool) -> None:
    other = (likeness, (1 - likeness**2) ** 0.5, 0.0)
    assert (run([[face(0, looks=(1, 0, 0))], [face(90, looks=other)]])[-1] == [1]) == same


@pytest.mark.parametrize(("shift", "same"), [(5.5, True), (6.5, False)])
def test_without_looks_a_quarter_of_overlap_is_enough(shift: float, same: bool) -> None:
    assert (run([[face(0)], [face(shift)]])[-1] == [1]) == same  # (10 - 5.5) / (10 + 5.5) is 0.29, of 6.5 it is 0.21
