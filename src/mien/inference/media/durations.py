"""How long each frame of a video is on screen: until the next decoded one, unless time between them was lost.

Time is lost where packets are damaged, where a broadcast breaks off and where the clock of a file jumps.  Nobody knows
who was on screen then, so it counts for nobody.  Containers do not mark it: an interval is lost when it is longer than
MAX_STILL seconds and than TIMES the usual one.  The frame before it then lasts as long as is usual.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from math import inf
from statistics import median_low

from mien.inference.media.image import Pixels

FRAME = 0.04  # seconds that the only frame of a video lasts
MAX_STILL = 1.0  # seconds; a variable frame rate leaves shorter intervals
TIMES = 3.0
RECENT = 25  # intervals whose median is the usual one

Decoded = tuple[int, float, Pixels | None]
"""Index, seconds, and the image where it was wanted."""


@dataclass(frozen=True, eq=False)
class VideoFrame:
    """A frame of a video.

    Attributes:
        index, seconds: its number and its time in the video; image: uint8 RGB (H, W, 3).
        lasts: seconds for which it is on screen, until the next one that is read, the end, or time that was lost.
        lost: whether time right before it was lost.
    """

    index: int
    seconds: float
    image: Pixels
    lasts: float = 0.0
    lost: bool = False


class _Intervals:
    """The recent times between decoded frames; `stated` says that the file itself states them, so that none is lost."""

    def __init__(self, known: Iterable[float] = (), stated: bool = False) -> None:
        self._recent = deque(known, maxlen=RECENT)
        self._stated = stated

    def add(self, interval: float) -> tuple[float, bool]:
        """Return how long the frame before the interval lasts, and whether time was lost in it."""
        self._recent.append(interval)
        usual = median_low(self._recent)
        lost = interval > max(MAX_STILL, TIMES * usual) and not self._stated
        return (usual if lost else interval), lost


def lasting(decoded: Iterable[Decoded], end: float = inf, stated: bool = False) -> Iterator[VideoFrame]:
    """Yield the frames that have an image, each once the next is known; `decoded` has all, also those not wanted.

    The last one lasts until that after it, wanted or not, at most until `end`; where there is none, as long as the one
    before it.  An error of `decoded` is raised after the frames before it.
    """
    errors: list[Exception] = []
    decoded = _until_error(decoded, errors)
    first = list(islice(decoded, 3))  # so that it is known what is usual when the first interval is judged
    intervals = _Intervals([first[2][1] - first[1][1]] if len(first) == 3 else (), stated)
    held: VideoFrame | None = None
    before, interval, lasts, lost = 0.0, FRAME, 0.0, False
    for place, (index, seconds, image) in enumerate(chain(first, decoded)):
        if place:
            interval, jumped = intervals.add(seconds - before)
            lasts += 0.0 if lost else min(interval, max(0.0, end - before))
            lost = lost or jumped
        if image is not None:
            if held is not None:
                yield replace(held, lasts=lasts)
            held, lasts, lost = VideoFrame(index, seconds, image, lost=lost), 0.0, False
        before = seconds
    if held is not None:
        yield replace(held, lasts=lasts + (0.0 if lost else min(interval or FRAME, max(0.0, end - before))))
    if errors:
        raise errors[0]


def lasting_live(decoded: Iterable[Decoded]) -> Iterator[VideoFrame]:
    """Yield the frames of a camera that have an image at once: each counts for the time since the one before it."""
    intervals = _Intervals()
    before, lasts, lost = -FRAME, 0.0, False
    for place, (index, seconds, image) in enumerate(decoded):
        interval, jumped = intervals.add(seconds - before) if place else (FRAME, False)
        before, lasts, lost = seconds, lasts + interval, lost or jumped
        if image is not None:
            yield VideoFrame(index, seconds, image, lasts, lost)
            lasts, lost = 0.0, False


def _until_error(decoded: Iterable[Decoded], errors: list[Exception]) -> Iterator[Decoded]:
    try:
        yield from decoded
    except Exception as error:
        errors.append(error)
