"""The stages of a stream: order, bounds, what is looked at and what is interpolated."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mien.face import Face
from mien.inference.media.durations import VideoFrame
from mien.inference.prefetch import PREFETCH, background, in_order
from mien.inference.video.keyframes import watched
from mien.inference.video.tracking import overlap


def size(item: object) -> int:
    return 1


def box(*corners: float) -> Face:
    return Face(np.array(corners, np.float32), 0.9, np.array([corners[:2]] * 5, np.float32))


def numbered(number: int, level: int = 100) -> np.ndarray:
    """A frame that carries its number in its first pixel, so that a detector can tell which one it was shown."""
    image = np.full((54, 96, 3), level, np.uint8)
    image[0, 0] = number
    return image


class Detector:
    """Finds what a table says about each frame, and remembers which frames it was shown."""

    def __init__(self, faces: dict[int, list[Face]]) -> None:
        self.faces, self.shown = faces, set()

    def __call__(self, image: np.ndarray) -> list[Face]:
        number = int(image[0, 0, 0])
        self.shown.add(number)
        return self.faces[number]


def watch(detect, frames, gap=0.15, live=False, near=None, workers=2):
    with ThreadPoolExecutor(workers) as pool:
        return list(watched(pool, frames, detect, gap, live, near))


def clip(count: int, rate: float = 20, levels=None):
    return [VideoFrame(k, k / rate, numbered(k, 100 if levels is None else levels[k])) for k in range(count)]


def moving(count: int, step: float = 2) -> dict[int, list[Face]]:
    return {k: [box(10 + step * k, 5, 40 + step * k, 35)] for k in range(count)}


def test_a_steady_face_is_detected_now_and_then_and_interpolated_between():
    detect = Detector(moving(13))
    seen = watch(detect, clip(13))
    assert detect.shown == {0, 3, 6, 9, 12}
    assert [frame.index for frame in seen] == list(range(13))
    for k, frame in enumerate(seen):
        np.testing.assert_allclose(frame.faces[0].box, [10 + 2 * k, 5, 40 + 2 * k, 35], atol=1e-4)
        np.testing.assert_allclose(frame.faces[0].landmarks, [[10 + 2 * k, 5]] * 5, atol=1e-4)
        assert frame.faces[0].score == pytest.approx(0.9)


def test_uneven_times_weigh_by_time_not_by_count():
    frames = [VideoFrame(k, seconds, numbered(k)) for k, seconds in enumerate((0.0, 0.09, 0.10, 0.2))]
    detect = Detector({0: [box(0, 0, 30, 30)], 3: [box(10, 0, 40, 30)]})
    seen = watch(detect, frames)
    np.testing.assert_allclose([frame.faces[0].box[0] for frame in seen], [0, 4.5, 5, 10], atol=1e-4)
    assert detect.shown == {0, 3}


ANOTHER = box(60, 5, 90, 35)


@pytest.mark.parametrize(
    ("changed", "shown", "why"),
    [
        ({5: [], 6: []}, {0, 3, 4, 5, 6}, "the face left"),
        ({5: [box(20, 5, 50, 35), ANOTHER], 6: [box(22, 5, 52, 35), ANOTHER]}, {0, 3, 4, 5, 6}, "another came"),
        ({6: [box(60, 20, 90, 50)]}, {0, 3, 5, 6}, "it jumped"),
        ({4: [], 5: [], 6: []}, {0, 3, 4, 5, 6}, "the face left at once"),
        ({5: [box(14, 5, 44, 35)] * 2, 6: [box(16, 5, 46, 35), box(60, 5, 90, 35)]}, {0, 3, 4, 5, 6}, "two on one"),
    ],
)
def test_between_unlike_key_frames_it_looks_until_they_pair_off(changed, shown, why):
    detect = Detector(moving(7) | changed)
    seen = watch(detect, clip(7))
    assert detect.shown == shown, why
    assert [len(frame.faces) for frame in seen] == [len(detect.faces[k]) for k in range(7)]


def test_a_scene_cut_is_reported_and_detected_on_both_sides():
    detect = Detector({k: [] for k in range(10)})
    seen = watch(detect, clip(10, levels=[50] * 5 + [200] * 5))
    assert [frame.cut for frame in seen] == [False] * 5 + [True] + [False] * 4
    assert {4, 5} <= detect.shown


def test_slow_changes_of_light_are_no_cut():
    seen = watch(Detector({k: [] for k in range(10)}), clip(10, levels=[100 + 12 * k for k in range(10)]))
    assert not any(frame.cut for frame in seen)


@pytest.mark.parametrize(("gap", "live", "shown"), [(0.0, False, 7), (0.15, True, 7), (9.0, False, 2)])
def test_how_often_it_looks(gap, live, shown):
    detect = Detector(moving(7))
    seen = watch(detect, clip(7), gap, live)
    assert len(detect.shown) == shown
    assert [round(float(frame.faces[0].box[0])) for frame in seen] == [10 + 2 * k for k in range(7)]


def test_live_frames_are_not_waited_for():
    read = []

    def camera() -> Iterator[VideoFrame]:
        for frame in clip(5):
            read.append(frame.index)
            yield frame

    with ThreadPoolExecutor(1) as pool:
        for frame in watched(pool, camera(), Detector(moving(5)), live=True):
            assert read[-1] == frame.index


class Near(Detector):
    """Finds what a detector finds, but only faces that overlap known ones."""

    def __call__(self, image: np.ndarray, known: list[Face] | None = None) -> list[Face]:
        faces = super().__call__(image)
        return faces if known is None else [f for f in faces if any(overlap(f.box, k.box) > 0 for k in known)]


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_between_whole_frames_it_looks_near_the_known_faces(workers):
    detect, near = Detector(moving(21, 1)), Near(moving(21, 1))
    seen = watch(detect, clip(21, rate=16), near=near, workers=workers)
    assert detect.shown == {0, 8, 16, 20}
    assert near.shown == {4, 12, 18}
    assert [frame.index for frame in seen] == list(range(21))
    np.testing.assert_allclose([frame.faces[0].box[0] for frame in seen], [10 + k for k in range(21)], atol=1e-4)


@pytest.mark.parametrize(("turns_at", "shown"), [(4, {2, 4, 6}), (2, {2, 4, 6}), (9, {4})])
def test_where_a_face_leaves_its_line_it_looks_halfway_again(turns_at, shown):
    path = {k: [box(x := 10 + 1.5 * min(k, turns_at), 5, x + 30, 35)] for k in range(9)}
    detect, near = Detector(path), Near(path)
    seen = watch(detect, clip(9, rate=16), near=near)
    assert (detect.shown, near.shown) == ({0, 8}, shown)
    off = [abs(frame.faces[0].box[0] - path[k][0].box[0]) for k, frame in enumerate(seen)]
    assert max(off) < 0.01


def test_it_looks_again_only_for_the_faces_that_left_their_line() -> None:
    faces = {k: [box(10, 5, 40, 35), box(x := 60 + min(k, 4), 5, x + 20, 25)] for k in range(9)}
    looks: list[tuple[int, list[float]]] = []

    def near(image: np.ndarray, known: list[Face]) -> list[Face]:
        looks.append((int(image[0, 0, 0]), [round(float(face.box[0])) for face in known]))
        return Near(faces)(image, known)

    seen = watch(Detector(faces), clip(9, rate=16), near=near)
    assert sorted(looks) == [(2, [62]), (4, [10, 62]), (6, [64])]
    for k, frame in enumerate(seen):
        np.testing.assert_allclose([face.box[0] for face in frame.faces], [10, 60 + min(k, 4)], atol=0.01)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({k: [] for k in range(9)}, id="no face is known"),
        pytest.param({k: [box(10 + 2 * k, 5, 40 + 2 * k, 35), ANOTHER] for k in range(5, 9)}, id="another came"),
        pytest.param({k: [] for k in range(5, 9)}, id="the face left"),
        pytest.param({4: [box(60, 20, 90, 50)]}, id="it jumped there and back"),
    ],
)
def test_where_other_faces_are_found_it_reads_whole_frames(changed):
    detect, alone = Detector(moving(9) | changed), Detector(moving(9) | changed)
    seen = watch(detect, clip(9, rate=16), near=Near(detect.faces))
    expected = watch(alone, clip(9, rate=16), near=lambda image, known: [])
    assert {2, 4, 6} <= detect.shown == alone.shown
    assert [[face.box.tolist() for face in frame.faces] for frame in seen] == [
        [face.box.tolist() for face in frame.faces] for frame in expected
    ]
    assert [len(frame.faces) for frame in seen] == [len(detect.faces[k]) for k in range(9)]


def test_a_face_that_was_lost_is_looked_for_again():
    flickers = {k: [*moving(25)[k], *([box(200, 5, 230, 35)] if k in (8, 20) else [])] for k in range(25)}
    detect, near = Detector(flickers), Near(flickers)
    seen = watch(detect, clip(25, rate=16), near=near)
    assert {16, 24} <= detect.shown  # whole, without the other face
    assert [frame.index for frame in seen if len(frame.faces) == 2] == [8, 20]


def test_a_scene_is_read_whole_on_both_sides_of_a_cut():
    faces = moving(20, 1) | {k: [ANOTHER] for k in range(10, 20)}
    detect, near = Detector(faces), Near(faces)
    seen = watch(detect, clip(20, levels=[50] * 10 + [200] * 10), near=near)
    assert {0, 9, 10, 19} == detect.shown
    assert [frame.faces[0].box[0] == 60 for frame in seen] == [False] * 10 + [True] * 10


def test_frames_that_are_far_apart_are_read_whole():
    detect = Detector(moving(5))
    watch(detect, clip(5, rate=2), near=Near(moving(5)))
    assert detect.shown == set(range(5))


def test_what_a_detector_raises_is_raised():
    def broken(image: np.ndarray) -> list[Face]:
        raise RuntimeError("out of order")

    with pytest.raises(RuntimeError, match="out of order"):
        watch(broken, clip(3))


def test_no_frames_give_none():
    assert watch(Detector({}), []) == []


def test_only_a_few_frames_are_held():
    made, held = [0], []

    def frames() -> Iterator[VideoFrame]:
        for k in range(200):
            made[0] += 1
            yield VideoFrame(k, k / 20, np.zeros((1080, 1920, 3), np.uint8))

    with ThreadPoolExecutor(2) as pool:
        for k, _ in enumerate(watched(pool, background(frames(), lambda frame: frame.image.nbytes), lambda image: [])):
            held.append(made[0] - k)
    assert max(held) < 50  # 128 MB of full HD are 21 frames: decoded, being looked at, and a window more


def test_a_stretch_between_key_frames_holds_few_bytes():
    shown: list[int] = []

    def detect(image: np.ndarray) -> list[Face]:
        shown.append(1)
        return []

    frames = (VideoFrame(k, k / 120, np.zeros((2160, 3840, 3), np.uint8)) for k in range(18))
    assert len(watch(detect, frames)) == 18
    assert len(shown) == 4  # not two: six frames of 4K are more than is held


def test_background_keeps_the_order_and_stays_a_little_ahead():
    made: list[int] = []

    def items() -> Iterator[int]:
        for k in range(50):
            made.append(k)
            yield k

    for k in background(items(), size):
        assert len(made) <= k + PREFETCH + 2
    assert made == list(range(50))


def test_background_holds_few_bytes():
    made: list[int] = []

    def items() -> Iterator[int]:
        for k in range(20):
            made.append(k)
            yield k

    for k in background(items(), lambda item: 100_000_000):
        time.sleep(0.005)
        assert len(made) <= k + 4
    assert len(made) == 20


def test_background_raises_after_what_came_before():
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("torn")

    taken = []
    with pytest.raises(ValueError, match="torn"):
        taken.extend(background(items(), size))
    reader = background(items(), size)
    assert next(reader) == 1
    with pytest.raises(ValueError, match="torn"):
        next(reader)


def test_leaving_early_ends_the_thread():
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            yield from range(10_000)
        finally:
            closed.set()

    before = threading.active_count()
    reader = background(items(), size)
    assert next(reader) == 0
    reader.close()
    assert threading.active_count() == before
    assert closed.wait(2)


def test_jobs_in_order():
    def job(k: int) -> int:
        time.sleep(0.02 if k % 3 == 0 else 0)
        return k

    with ThreadPoolExecutor(3) as pool:
        assert list(in_order(pool, ((lambda k=k: job(k)) for k in range(30)), 5)) == list(range(30))
