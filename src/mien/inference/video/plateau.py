"""The moment at which an expression is shown: near the middle of the longest plateau of its probability.

A probability is not an intensity.  Over a long plateau above 99 % the fourth decimal decides which single frame is the
highest, and that one may have closed eyes.  So a plateau is all frames that round to the same percent as the highest,
and of its longest stretch a frame near the middle stands for it.
"""

from collections.abc import Callable
from math import inf

from mien.html.markup import Html

KEPT = 6  # frames of the open stretch at most, with their images; beyond that every other one is dropped


class Plateau:
    """The longest stretch of frames whose probability rounds to the same percent as the highest."""

    def __init__(self) -> None:
        self._level = -1  # percent
        self._length, self._longest = -1.0, (0.0, Html(""))  # of the stretches that have ended
        self._first: float | None = None  # of the open stretch
        self._last, self._between, self._due = 0.0, 0.0, -inf
        self._frames: list[tuple[float, Html]] = []

    def add(self, seconds: float, share: float, image: Callable[[], Html]) -> None:
        """Take the next frame: its time, the probability in [0, 1], and what makes its image where that is needed."""
        level = round(100 * share)
        if level > self._level:
            self._level, self._length, self._first = level, -1.0, None
        if level < self._level:
            self._end()
            return
        if self._first is None:
            self._first, self._between, self._due, self._frames = seconds, 0.0, -inf, []
        self._last = seconds
        if seconds < self._due or seconds - self._first < self._length / 2:  # cannot be the middle of the longest
            return
        self._frames.append((seconds, image()))
        if len(self._frames) > KEPT:
            del self._frames[1::2]
            self._between = (seconds - self._frames[0][0]) / (len(self._frames) - 1)
        self._due = seconds + self._between

    def middle(self) -> tuple[float, Html]:
        """Return the time and the image of a frame near the middle of the longest stretch, the first of equals."""
        self._end()
        return self._longest

    def _end(self) -> None:
        """End the open stretch."""
        if self._first is not None and self._last - self._first > self._length:
            centre = (self._first + self._last) / 2
            self._length = self._last - self._first
            self._longest = min(self._frames, key=lambda frame: abs(frame[0] - centre))
        self._first = None
