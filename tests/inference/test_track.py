"""Identities within a video."""

import numpy as np

from mien.face import Face
from mien.inference.track import PATIENCE, Tracks, overlap


def face(x: float, y: float = 0, side: float = 10) -> Face:
    return Face(np.array([x, y, x + side, y + side], np.float32), 1.0)


def ids(faces: list[Face]) -> list[int | None]:
    return [f.track_id for f in faces]


def test_overlap() -> None:
    assert overlap(face(0).box, face(0).box) == 1
    assert overlap(face(0).box, face(20).box) == 0
    assert overlap(face(0, side=0).box, face(0, side=0).box) == 0


def test_faces_keep_their_ids_when_they_move_and_swap_order() -> None:
    tracks = Tracks()
    assert ids(tracks.follow([face(0), face(40)])) == [1, 2]
    assert ids(tracks.follow([face(38), face(3)])) == [2, 1]
    assert ids(tracks.follow([])) == []
    assert ids(tracks.follow([face(5), face(200), face(36)])) == [1, 3, 2]


def test_the_best_pair_wins() -> None:
    tracks = Tracks()
    tracks.follow([face(0), face(6)])
    assert ids(tracks.follow([face(5)])) == [2]


def test_lost_faces_are_forgotten_and_ids_never_return() -> None:
    tracks = Tracks()
    tracks.follow([face(0)])
    for _ in range(PATIENCE):
        tracks.follow([])
    assert ids(tracks.follow([face(0)])) == [2]
