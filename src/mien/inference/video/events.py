"""Events: onset, peak and offset of an expression, as in "surprise onset 12.4 s, peak 13.0 s, 0.91".

An event is a stretch of one face's video in which an expression other than neutral stays at `low` or above, reaches
`high`, and lasts long enough.  There are two thresholds (hysteresis) because a probability that hovers about a single
one would make a dozen events.  Onset and offset are where `low` is crossed, so both sides of the peak are measured
alike.  Scene cuts, the end of the source and a face that leaves end events.  Both are looked for in averages, the peak
in single frames: an average rises for as long as an expression lasts, and would peak at its end.

A stretch that reaches `high` but is too short for an event is a burst, and is counted.  Bursts are detected in the raw
probabilities, because the average in which events are detected hides the shortest.  Part of an event is not a burst.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mien.face import Face
from mien.inference.prediction import Prediction
from mien.inference.video.smoothing import AWAY, Smoother
from mien.inference.video.thresholds import USUAL, Thresholds

SMOOTH = 0.3  # seconds; half a second is detected, a single frame is not

Key = tuple[int, str]
"""A track id and an expression."""


@dataclass(frozen=True)
class Event:
    """An expression that a face showed for a while.

    Attributes:
        source: the video, as in its predictions; track_id: the face in it; expression: what it showed.
        onset, peak, offset: seconds in the video at which it began, was strongest and was last seen.
        confidence: the probability in [0, 1] at the peak, the strongest single frame.
    """

    source: str
    track_id: int
    expression: str
    onset: float
    peak: float
    offset: float
    confidence: float

    @property
    def duration(self) -> float:
        """Seconds from the onset to the offset."""
        return round(self.offset - self.onset, 9)  # no 0.4999999 where the clock says half a second

    @property
    def key(self) -> Key:
        """The track id and the expression."""
        return self.track_id, self.expression

    def __str__(self) -> str:
        return f"{self.expression} onset {self.onset:.1f} s, peak {self.peak:.1f} s, {self.confidence:.2f}"


class Events:
    """The events of one video after another, returned as they end.

    Attributes:
        bursts: the number of bursts by track id and expression; complete after `end`.
    """

    def __init__(self, smooth: float = SMOOTH, thresholds: Thresholds = USUAL) -> None:
        """Smooth the probabilities over about `smooth` seconds first: 0 when the predictions are smoothed already."""
        self.bursts: Counter[Key] = Counter()
        self._smooth, self._thresholds = smooth, thresholds
        self._smoother = Smoother(smooth)
        self._source: str | None = None
        self._averages, self._frames = _Stretches(thresholds.low), _Stretches(thresholds.low)
        self._peaks: dict[Key, tuple[float, float]] = {}  # seconds and probability in the open stretches
        self._short: list[Event] = []  # that ended a moment ago
        self._inside: Counter[Key] = Counter()  # short ones within an open stretch of averages

    def add(self, prediction: Prediction, cut: bool = False) -> list[Event]:
        """Take the next frame and return the events that ended with it.

        `cut` says that the frame starts a new scene.  Another source than the last one's ends all events; images,
        which have no time, and frames that could not be read show nothing.
        """
        ended = self.end() if cut or prediction.source != self._source else []
        self._source = prediction.source
        if prediction.seconds is None:
            return ended
        smoothed = self._smoother.follow(prediction.faces, prediction.seconds, cut)
        closed = self._averages.add(prediction.source, smoothed, prediction.seconds)
        raw = self._frames.add(prediction.source, prediction.faces, prediction.seconds) if self._smooth else closed
        ended += self._events_among(closed, raw, prediction.seconds)
        self._climb(prediction.faces, prediction.seconds)
        return ended

    @property
    def open(self) -> list[Key]:
        """What may become events."""
        return list(self._averages.open)

    def end(self) -> list[Event]:
        """Return the events that were still open; the next frame starts a new video."""
        self._smoother = Smoother(self._smooth)
        self._source = None
        closed = self._averages.end()
        return self._events_among(closed, self._frames.end() if self._smooth else closed, math.inf)

    def _events_among(self, closed: list[Event], raw: list[Event], seconds: float) -> list[Event]:
        """Return the events among closed stretches of averages, and count the bursts among those of frames."""
        at = self._thresholds
        events = sorted((one for one in closed if at.met(one.confidence, one.duration)), key=lambda event: event.onset)
        for stretch in closed:
            inside = self._inside.pop(stretch.key, 0)
            if inside and stretch not in events:
                self.bursts[stretch.key] += inside
        short = [*self._short, *(one for one in raw if at.too_short(one.confidence, one.duration))]
        self._short = []
        for one in short:
            running = self._averages.open.get(one.key)
            if running and self._part(one, running):
                self._inside[one.key] += 1
            elif not any(self._part(one, event) for event in events):
                self._wait(one, seconds)
        peaks = {one.key: self._peaks.pop(one.key) for one in closed}
        return [replace(one, peak=peaks[one.key][0], confidence=peaks[one.key][1]) for one in events]

    def _climb(self, faces: Sequence[Face], seconds: float) -> None:
        """Move the peaks of open stretches to the frame at `seconds` where it is stronger."""
        for face in faces:
            for expression, p in zip(face.labels, () if face.probs is None else map(float, face.probs), strict=False):
                key = (face.track_id or 0, expression)
                if key in self._averages.open and p > self._peaks.get(key, (0.0, -1.0))[1]:
                    self._peaks[key] = seconds, p

    def _wait(self, one: Event, seconds: float) -> None:
        """Keep a short stretch while the average, which rises later, may still make an event of it."""
        if one.offset > seconds - self._smooth:
            self._short.append(one)
        else:
            self.bursts[one.key] += 1

    def _part(self, one: Event, event: Event) -> bool:
        return one.key == event.key and one.offset >= event.onset - self._smooth and one.onset <= event.offset


class _Stretches:
    """Where faces show an expression at `low` or above without a break, however long and high."""

    def __init__(self, low: float) -> None:
        self.open: dict[Key, Event] = {}
        self._low = low

    def add(self, source: str, faces: Sequence[Face], seconds: float) -> list[Event]:
        """Take the faces of the next frame and return the stretches that ended with it."""
        ended = [one for face in faces for one in self._watch(source, face, seconds)]
        here = {face.track_id for face in faces}
        late = seconds - AWAY
        return ended + self._close([k for k, one in self.open.items() if k[0] not in here and one.offset < late])

    def end(self) -> list[Event]:
        """Return the stretches that were still open."""
        return self._close(list(self.open))

    def _watch(self, source: str, face: Face, seconds: float) -> list[Event]:
        """Open, move on or close the stretches of one face; return those closed."""
        if face.track_id is None or face.probs is None:
            return []
        below = []
        for expression, p in zip(face.labels, map(float, face.probs), strict=True):
            key = (face.track_id, expression)
            one = self.open.get(key)
            if p < self._low:
                below += [key] if one else []
            elif one:
                one = replace(one, peak=seconds, confidence=p) if p > one.confidence else one
                self.open[key] = replace(one, offset=seconds)
            elif expression != "neutral":
                self.open[key] = Event(source, face.track_id, expression, seconds, seconds, seconds, p)
        return self._close(below)

    def _close(self, keys: list[Key]) -> list[Event]:
        return [self.open.pop(key) for key in keys]
