"""Blinks: both eyes close and open again within half a second.

Eyes close when the openness of both falls below 60 % of its median over the last second, and are open again from 70 %
of it: two thresholds, because a value about a single one would make several blinks.  A wink does not count, nor do eyes
that stay closed longer.

A blink lasts a tenth to four tenths of a second, so that frames further apart than a tenth would miss most of them.
There none is looked for: where that is more than half of the time on screen, the count is unknown, not 0.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from statistics import median

from mien.inference.prediction import Prediction
from mien.inference.video.events import Event

BLINK = "blink"  # what such an event shows
CLOSED, OPEN = 0.6, 0.7  # of the level
LEVEL_SECONDS = 1.0  # whose median openness is the level
MIN_LEVEL = 0.2  # openness, below which eyes are not open
MAX_SECONDS = 0.5  # from the first closed frame to the last
MAX_GAP = 0.1  # seconds between two frames
MIN_WATCHED = 0.5  # of the time on screen, below which the count is unknown
ROUNDING = 0.001  # seconds; times in files are often whole milliseconds

Moment = tuple[float, float]
"""Seconds, and the openness of the wider open eye."""


@dataclass
class _Eyes:
    """One person's eyes: how far they were open lately, and the frames in which they are closed now."""

    seconds: float
    open: deque[Moment] = field(default_factory=deque)
    closed: list[Moment] = field(default_factory=list)
    level: float = 0.0

    def see(self, seconds: float, openness: float) -> list[Moment]:
        """Take the next frame; return the closed frames of a blink that ended with it, or none."""
        if seconds - self.seconds > MAX_GAP + ROUNDING:
            self.open.clear()
            self.closed = []
        self.seconds = seconds
        if self.closed and openness < OPEN * self.level:
            longer = seconds - self.closed[0][0] > MAX_SECONDS + ROUNDING
            self.closed = [self.closed[0], (seconds, openness)] if longer else [*self.closed, (seconds, openness)]
            return []
        ended, self.closed = self.closed, []
        while self.open and self.open[0][0] < seconds - LEVEL_SECONDS:
            self.open.popleft()
        level = median(value for _, value in self.open) if self.open else 0.0
        if level >= MIN_LEVEL and openness < CLOSED * level:
            self.level, self.closed = level, [(seconds, openness)]
        else:
            self.open.append((seconds, openness))
        return ended if ended and ended[-1][0] - ended[0][0] <= MAX_SECONDS + ROUNDING else []


class Blinks:
    """The blinks in one video, as they end.

    Attributes:
        counts: blinks by track id; watched: seconds by track id in which blinks could be seen.
    """

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self.watched: dict[int, float] = {}
        self._eyes: dict[int, _Eyes] = {}

    def add(self, prediction: Prediction, cut: bool = False) -> list[Event]:
        """Take the next frame and return the blinks that ended with it; `cut` says that it starts a new scene."""
        if cut:
            self._eyes.clear()
        seconds, ended = prediction.seconds or 0.0, []
        for face in prediction.faces:
            if face.track_id is None or face.measures is None:
                continue
            track, shown = face.track_id, max(face.measures.eye_openness_right, face.measures.eye_openness_left)
            eyes = self._eyes.setdefault(track, _Eyes(seconds))
            passed = seconds - eyes.seconds
            watched = passed if passed <= MAX_GAP + ROUNDING else 0.0
            self.watched[track] = self.watched.get(track, 0.0) + watched
            if closed := eyes.see(seconds, shown):
                self.counts[track] += 1
                peak, lowest = min(closed, key=lambda moment: moment[1])
                depth = 1 - lowest / eyes.level
                ended.append(Event(prediction.source, track, BLINK, closed[0][0], peak, closed[-1][0], depth))
        return ended
