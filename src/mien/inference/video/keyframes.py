"""Face detection in a video at key frames; faces in between are interpolated.

A detector costs more than everything else, so it runs on key frames GAP seconds apart.  Where the faces of two key
frames match, faces in between move in a straight line from one to the other.  Where they do not (a face came, left or
jumped), it also runs on the frame halfway, and so on.  It always runs on both sides of a scene cut.

A detector that can look in parts of a frame reads the whole frame only WHOLE seconds apart, and looks around the known
faces in the key frames between.  This holds where the same faces are in the whole frames on both sides and are found
near each other all the way; otherwise the key frames between are read whole.  So a face is overlooked only beside
others, and only when it comes and goes between two whole frames.  `benchmarks/interval.py` measures what this costs.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.face import Face
from mien.inference.prefetch import MAX_BUFFERED_BYTES
from mien.inference.video.tracking import overlap

Pixels = NDArray[np.uint8]
Detect = Callable[[Pixels], list[Face]]
Near = Callable[[Pixels, Sequence[Face]], list[Face]]

WAITING = 2  # stretches between whole frames whose detection is queued
GAP = 0.15  # seconds between key frames: benchmarks/interval.py
WHOLE = 0.45  # seconds between those that are read whole: likewise
RECENT = 4  # whole frames back to where a face that is lost is still looked for
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


Windows = list[list[Frame]]
"""Frames of which the last of each list is a key frame, and the last of all is read whole."""


@dataclass(frozen=True, eq=False)
class _Stretch:
    """The frames after one whole frame up to the next, whose faces are being detected.

    Attributes:
        windows: the frames.
        known: what is near the faces before in the key frames but the last, or None where that is not all.
        faces: those of the last frame.
    """

    windows: Windows
    known: Future[list[list[Face]] | None]
    faces: Future[list[Face]]


def watched(
    pool: Executor,
    frames: Iterable[tuple[int, float, Pixels]],
    detect: Detect,
    gap: float = GAP,
    live: bool = False,
    near: Near | None = None,
) -> Iterator[Frame]:
    """Yield every frame of a video, (index, seconds, uint8 RGB), in order with the faces in it.

    The detector runs on frames `gap` seconds apart, and between those whose faces differ; 0 means on every frame.
    With `near`, most of these looks are around the known faces.  Boxes, landmarks and scores between key frames are
    interpolated.  Nothing waits when `live`.
    """
    if live:
        yield from (replace(frame, faces=tuple(detect(frame.image))) for frame in _scenes(frames))
        return
    before: Frame | None = None
    waiting: deque[_Stretch] = deque()
    recent: deque[Future[list[Face]]] = deque(maxlen=RECENT)
    steady = True  # of the last stretch that left `waiting`, so that it does not depend on the threads' pace
    for windows in _stretches(_windows(_scenes(frames), gap), 0.0 if near is None else WHOLE):
        between = [window[-1].image for window in windows[:-1]]
        known = pool.submit(_followed, near if steady else None, list(recent), between)
        recent.append(pool.submit(detect, windows[-1][-1].image))
        waiting.append(_Stretch(windows, known, recent[-1]))
        while len(waiting) > WAITING or (len(waiting) > 1 and _held(waiting) > MAX_BUFFERED_BYTES):
            before, steady = yield from _filled(waiting.popleft(), before, detect, pool)
    while waiting:
        before, _ = yield from _filled(waiting.popleft(), before, detect, pool)


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


def _stretches(windows: Iterable[list[Frame]], gap: float) -> Iterator[Windows]:
    """Group windows so that the last frame of each group is read whole; a scene's first and last frame always are."""
    group: Windows = []
    whole: float | None = None
    for window in windows:
        if window[0].cut:
            if group:
                yield group
            group, whole = [], None
        group.append(window)
        if whole is None or window[-1].seconds - whole >= gap or _bytes(group) >= MAX_BUFFERED_BYTES:
            yield group
            group, whole = [], window[-1].seconds
    if group:
        yield group


def _held(waiting: Iterable[_Stretch]) -> int:
    return sum(_bytes(stretch.windows) for stretch in waiting)


def _bytes(windows: Windows) -> int:
    return sum(len(window) * window[0].image.nbytes for window in windows)


def _followed(
    near: Near | None, recent: Sequence[Future[list[Face]]], images: Sequence[Pixels]
) -> list[list[Face]] | None:
    """Return the faces of images that follow the last of the recent whole frames, or None where others are found.

    Where another face was in an earlier one, it is looked for as well: some are detected in every other frame.
    """
    if not images:
        return []
    *earlier, faces = [faces.result() for faces in recent]
    lost = [face for known in earlier for face in known if not _any_overlaps(face, faces)]
    out: list[list[Face]] = []
    for image in images:
        now = near(image, [*faces, *lost]) if near and faces else []
        if not now or _paired(tuple(faces), tuple(now)) is None:
            return None
        out.append(now)
        faces = now
    return out


def _any_overlaps(face: Face, others: Sequence[Face]) -> bool:
    return any(overlap(face.box, other.box) > 0 for other in others)


def _filled(
    stretch: _Stretch, before: Frame | None, detect: Detect, pool: Executor
) -> Generator[Frame, None, tuple[Frame | None, bool]]:
    """Yield a stretch's frames with their faces; return its last one, without pixels, and whether its faces stayed."""
    last, known = stretch.faces.result(), stretch.known.result()
    if known is None or not _same([*known, last]):
        known = list(pool.map(detect, [window[-1].image for window in stretch.windows[:-1]]))
    for window, faces in zip(stretch.windows, [*known, last], strict=True):
        *between, end = window
        key = replace(end, faces=tuple(faces))
        if before:  # else the key frame is a video's first, and alone
            yield from _bridged(before, between, key, detect)
        yield key
        before = replace(key, image=key.image[:0])
    return before, _same([*known, last])


def _same(looks: Sequence[Sequence[Face]]) -> bool:
    return all(_paired(tuple(a), tuple(b)) is not None for a, b in pairwise(looks))


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
