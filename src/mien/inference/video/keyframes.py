"""Face detection in a video at key frames; faces in between are interpolated.

A detector costs more than everything else, so it runs on frames some time apart.  Where the faces of two of them match,
it also runs on the frame halfway, and where a face is not there where a straight line puts it, halfway again, down to
key frames GAP seconds apart.  Where faces do not match (one came, left or jumped) it goes on to neighbouring frames.
Between key frames, faces move in a straight line.  It always runs on both sides of a scene cut.

A detector that can look in parts of a frame reads the whole frame only WHOLE seconds apart, and looks around the known
faces in between.  This holds where as many faces are in the whole frames on both sides and are found near each other
all the way; otherwise the frames between are read whole.  So a face is overlooked only beside others, and only when it
comes and goes between two whole frames.  `benchmarks/interval.py` measures what this costs.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.face import Face
from mien.inference.media.durations import VideoFrame
from mien.inference.prefetch import MAX_BUFFERED_BYTES
from mien.inference.video.tracking import overlap

Pixels = NDArray[np.uint8]
Detect = Callable[[Pixels], list[Face]]
Near = Callable[[Pixels, Sequence[Face]], list[Face]]


WAITING = 2  # stretches between whole frames whose detection is queued
GAP = 0.15  # seconds between key frames where faces move: benchmarks/interval.py
WHOLE = 0.5  # seconds between those that are read whole: likewise
STRAIGHT = 0.95  # overlap with a straight line's box at which a face moves along it: likewise
RECENT = 4  # whole frames back to where a face that is lost is still looked for
MIN_OVERLAP = 0.4  # of a face in two key frames that moved steadily
CHANGE = 28.0  # mean difference of two thumbnails, of 255, from which a frame starts a new scene
THUMBNAIL = (16, 9)


@dataclass(frozen=True, eq=False)
class Frame:
    """A decoded frame, whether it starts a new scene, how long it lasts, and its faces once they are detected."""

    index: int
    seconds: float
    image: Pixels
    cut: bool = False
    lasts: float = 0.0
    faces: tuple[Face, ...] = ()


@dataclass(frozen=True, eq=False)
class _Stretch:
    """The frames after one whole frame up to the next, whose faces are being detected.

    Attributes:
        frames: the frames.
        keys: the whole frame before, without pixels, and those of the frames that were looked at, with their faces.
    """

    frames: list[Frame]
    keys: Future[list[Frame]]


class _Changed(Exception):
    """Other faces than the known ones are near them."""


def watched(
    pool: Executor,
    frames: Iterable[VideoFrame],
    detect: Detect,
    gap: float = GAP,
    live: bool = False,
    near: Near | None = None,
) -> Iterator[Frame]:
    """Yield every frame of a video in order with the faces in it.

    The detector runs on frames `gap` seconds apart, and between those whose faces differ; 0 means on every frame.
    With `near`, most of these looks are around the known faces.  Boxes, landmarks and scores between key frames are
    interpolated.  Nothing waits when `live`.
    """
    if live:
        yield from (replace(frame, faces=tuple(detect(frame.image))) for frame in _scenes(frames))
        return
    waiting: deque[_Stretch] = deque()
    whole: deque[Future[Frame]] = deque(maxlen=RECENT)
    steady = True  # of the last stretch that left `waiting`, so that it does not depend on the threads' pace
    for stretch in _stretches(_scenes(frames), gap if near is None else WHOLE):
        before = list(whole)
        whole.append(pool.submit(_seen, stretch[-1], detect))
        keys = pool.submit(_keys, before, stretch[:-1], whole[-1], detect, near if steady else None, gap)
        waiting.append(_Stretch(stretch, keys))
        while len(waiting) > WAITING or (len(waiting) > 1 and _held(waiting) > MAX_BUFFERED_BYTES):
            done = waiting.popleft()
            yield from _filled(done)
            steady = done.frames[0].cut or _same(done.keys.result())
    for done in waiting:
        yield from _filled(done)


def _scenes(frames: Iterable[VideoFrame]) -> Iterator[Frame]:
    """Mark the frames that start a scene: those unlike the one before, and those before which time was lost."""
    last: NDArray[np.int16] | None = None
    for frame in frames:
        small = np.asarray(cv2.resize(frame.image, (96, 54), interpolation=cv2.INTER_NEAREST), np.uint8)
        seen = np.asarray(cv2.resize(small, THUMBNAIL, interpolation=cv2.INTER_AREA), np.int16)
        cut = frame.lost or (last is not None and float(np.abs(seen - last).mean()) > CHANGE)
        last = seen
        yield Frame(frame.index, frame.seconds, frame.image, cut, frame.lasts)


def _stretches(frames: Iterable[Frame], gap: float) -> Iterator[list[Frame]]:
    """Group frames so that the last of each group is read whole; a scene's first and last frame always are."""
    group: list[Frame] = []
    whole = float("-inf")
    for frame in frames:
        if frame.cut:
            if group:
                yield group
            group, whole = [], float("-inf")
        group.append(frame)
        if frame.seconds - whole >= gap or _bytes(group) >= MAX_BUFFERED_BYTES:
            yield group
            group, whole = [], frame.seconds
    if group:
        yield group


def _held(waiting: Iterable[_Stretch]) -> int:
    return sum(_bytes(stretch.frames) for stretch in waiting)


def _bytes(frames: Sequence[Frame]) -> int:
    return len(frames) * frames[0].image.nbytes


def _seen(frame: Frame, detect: Detect) -> Frame:
    return replace(frame, faces=tuple(detect(frame.image)))


def _keys(
    before: Sequence[Future[Frame]],
    frames: Sequence[Frame],
    last: Future[Frame],
    detect: Detect,
    near: Near | None,
    gap: float,
) -> list[Frame]:
    """Return the last of the whole frames before, the frames that are looked at, and the last one, with their faces."""
    *earlier, a = [frame.result() for frame in before] or [last.result()]
    b = last.result()
    if near and frames and a.faces:
        lost = [face for frame in earlier for face in frame.faces if not _any_overlaps(face, a.faces)]
        try:
            return [a, *_near_keys(a, frames, b, lambda image, known: near(image, [*known, *lost]), gap), b]
        except _Changed:
            pass
    return [a, *_whole_keys(a, frames, b, detect, gap), b]


def _whole_keys(a: Frame, frames: Sequence[Frame], b: Frame, detect: Detect, gap: float) -> list[Frame]:
    """Return the key frames between two, with their faces, by looks at whole frames."""
    if not frames or (_close(a, frames, gap) and _paired(a.faces, b.faces) is not None):
        return []
    half = len(frames) // 2
    middle = _seen(frames[half], detect)
    left = _whole_keys(a, frames[:half], middle, detect, gap)
    return [*left, middle, *_whole_keys(middle, frames[half + 1 :], b, detect, gap)]


def _near_keys(
    a: Frame, frames: Sequence[Frame], b: Frame, near: Near, gap: float, moving: Sequence[Face] | None = None
) -> list[Frame]:
    """Return the key frames between two, with their faces, by looks near these; _Changed where others are found.

    It looks for the faces of either frame that are `moving`, by default all; others move in a straight line.
    """
    pairs = _paired(a.faces, b.faces)
    if pairs is None:
        raise _Changed
    if not frames or _close(a, frames, gap):
        return []
    half = len(frames) // 2
    line = _on_line(frames[half], a, b, pairs)
    places = [place for place, pair in zip(line, pairs, strict=True) if moving is None or {*pair} & {*moving}]
    still = [place for place in line if place not in places]
    found = [face for face in near(frames[half].image, places) if not _any_overlaps(face, still, MIN_OVERLAP)]
    met = _paired(places, found)
    if met is None:
        raise _Changed
    middle = replace(frames[half], faces=_left_to_right([*found, *still]))
    moving = [face for place, face in met if overlap(place.box, face.box) < STRAIGHT]
    if not moving:
        return [middle]
    left = _near_keys(a, frames[:half], middle, near, gap, moving)
    return [*left, middle, *_near_keys(middle, frames[half + 1 :], b, near, gap, moving)]


def _close(a: Frame, frames: Sequence[Frame], gap: float) -> bool:
    return frames[-1].seconds - a.seconds < gap


def _left_to_right(faces: Iterable[Face]) -> tuple[Face, ...]:
    return tuple(sorted(faces, key=lambda face: float(face.box[0])))


def _any_overlaps(face: Face, others: Sequence[Face], least: float = 0.0) -> bool:
    return any(overlap(face.box, other.box) > least for other in others)


def _same(frames: Sequence[Frame]) -> bool:
    return all(_paired(a.faces, b.faces) is not None for a, b in pairwise(frames))


def _filled(stretch: _Stretch) -> Iterator[Frame]:
    """Yield a stretch's frames with their faces."""
    frames = iter(stretch.frames)
    for a, b in pairwise(stretch.keys.result()):
        pairs = _paired(a.faces, b.faces) or ()
        for frame in frames:
            if frame.index == b.index:
                yield b
                break
            yield replace(frame, faces=_left_to_right(_on_line(frame, a, b, pairs)))


def _on_line(frame: Frame, a: Frame, b: Frame, pairs: Iterable[tuple[Face, Face]]) -> list[Face]:
    """Return the faces of a frame between two, on a straight line between theirs."""
    share = (frame.seconds - a.seconds) / ((b.seconds - a.seconds) or 1.0)
    return [_between(*pair, share) for pair in pairs]


def _paired(before: Sequence[Face], after: Sequence[Face]) -> list[tuple[Face, Face]] | None:
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
