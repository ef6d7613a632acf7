"""Face detection in a video at key frames; faces in between are interpolated.

A detector costs ten times as much as everything else, so it runs on key frames GAP seconds apart.  Where the faces of
two key frames match, faces in between move in a straight line from one to the other.  Where they do not (a face came,
left or jumped), it also runs on the frame halfway, and so on.  It always runs on both sides of a scene cut.
`benchmarks/interval.py` measures what GAP costs.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.face import Face
from mien.inference.prefetch import MAX_BUFFERED_BYTES
from mien.inference.video.tracking import overlap

Pixels = NDArray[np.uint8]
Detect = Callable[[Pixels], list[Face]]

WINDOWS = 4  # stretches between key frames whose detection is queued
GAP = 0.15  # seconds between key frames: benchmarks/interval.py
MIN_OVERLAP = 0.4  # of a face in two key frames that moved steadily
CHANGE = 28.0  # mean difference of two thumbnails, of 255, from which a frame starts a new scene
THUMBNAIL = (16, 9)


@dataclass(frozen=True, eq=False)
class Frame:
    """A decoded frame, whether it starts a new scene, and its faces once they are detected."""

    index: int
    seconds: float
    image: Pixels
    cut: bool = False
    faces: tuple[Face, ...] = ()


@dataclass(frozen=True, eq=False)
class _Window:
    """The frames after a key frame up to the next one, its last, whose faces are being detected."""

    frames: list[Frame]
    faces: Future[list[Face]]


def watched(
    pool: Executor, frames: Iterable[tuple[int, float, Pixels]], detect: Detect, gap: float = GAP, live: bool = False
) -> Iterator[Frame]:
    """Yield every frame of a video, (index, seconds, uint8 RGB), in order with the faces in it.

    The detector runs on frames `gap` seconds apart, and between those whose faces differ; 0 means on every frame.
    Boxes, landmarks and scores between key frames are interpolated.  Nothing waits when `live`.
    """
    if live:
        yield from (replace(frame, faces=tuple(detect(frame.image))) for frame in _scenes(frames))
        return
    before: Frame | None = None
    waiting: deque[_Window] = deque()
    for group in _windows(_scenes(frames), gap):
        waiting.append(_Window(group, pool.submit(detect, group[-1].image)))
        while len(waiting) > WINDOWS or (len(waiting) > 1 and _held(waiting) > MAX_BUFFERED_BYTES):
            before = yield from _filled(waiting.popleft(), before, detect)
    while waiting:
        before = yield from _filled(waiting.popleft(), before, detect)


def _scenes(frames: Iterable[tuple[int, float, Pixels]]) -> Iterator[Frame]:
    last: NDArray[np.int16] | None = None
    for index, seconds, image in frames:
        small = np.asarray(cv2.resize(image, (96, 54), interpolation=cv2.INTER_NEAREST), np.uint8)
        seen = np.asarray(cv2.resize(small, THUMBNAIL, interpolation=cv2.INTER_AREA), np.int16)
        cut = last is not None and float(np.abs(seen - last).mean()) > CHANGE
        last = seen
        yield Frame(index, seconds, image, cut)


def _windows(frames: Iterable[Frame], gap: float) -> Iterator[list[Frame]]:
    """Group frames so that the last of each group is a key frame; a scene's first and last frame are key frames."""
    group: list[Frame] = []
    key = float("-inf")
    for frame in frames:
        if frame.cut:
            if group:
                yield group
            group, key = [], float("-inf")
        group.append(frame)
        if frame.seconds - key >= gap or len(group) * frame.image.nbytes >= MAX_BUFFERED_BYTES:
            yield group
            group, key = [], frame.seconds
    if group:
        yield group


def _held(waiting: Iterable[_Window]) -> int:
    return sum(frame.image.nbytes for window in waiting for frame in window.frames)


def _filled(window: _Window, before: Frame | None, detect: Detect) -> Generator[Frame, None, Frame]:
    """Yield a window's frames with their faces; return its key frame, without pixels."""
    *between, last = window.frames
    key = replace(last, faces=tuple(window.faces.result()))
    if before:  # else the key frame is a scene's first, and alone
        yield from _bridged(before, between, key, detect)
    yield key
    return replace(key, image=key.image[:0])


def _bridged(a: Frame, between: list[Frame], b: Frame, detect: Detect) -> Iterator[Frame]:
    """Yield the frames between two key frames with their faces; where those do not match, halve the stretch."""
    if not between:
        return
    pairs = _paired(a.faces, b.faces)
    if pairs is not None:
        for frame in between:
            share = (frame.seconds - a.seconds) / ((b.seconds - a.seconds) or 1.0)
            faces = (_between(*pair, share) for pair in pairs)
            yield replace(frame, faces=tuple(sorted(faces, key=lambda face: float(face.box[0]))))
        return
    half = len(between) // 2
    middle = replace(between[half], faces=tuple(detect(between[half].image)))
    yield from _bridged(a, between[:half], middle, detect)
    yield middle
    yield from _bridged(middle, between[half + 1 :], b, detect)


def _paired(before: tuple[Face, ...], after: tuple[Face, ...]) -> list[tuple[Face, Face]] | None:
    """Return each face of a key frame with the same face in the next one, or None when they do not match."""
    if len(before) != len(after):
        return None
    pairs = []
    for face in after:
        partner = max(before, key=lambda other: overlap(other.box, face.box))
        if overlap(partner.box, face.box) < MIN_OVERLAP:
            return None
        pairs.append((partner, face))
    return pairs if len({id(partner) for partner, _ in pairs}) == len(pairs) else None


def _between(a: Face, b: Face, share: float) -> Face:
    weight = np.float32(share)
    points = None
    if a.landmarks is not None and b.landmarks is not None:
        points = a.landmarks + (b.landmarks - a.landmarks) * weight
    return Face(a.box + (b.box - a.box) * weight, a.score + (b.score - a.score) * share, points)
