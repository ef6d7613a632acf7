"""When an expression comes, is strongest and goes: "surprise onset 12.4 s, peak 13.0 s, 0.91".

An event is one stretch of one face's video in which an expression other than neutral stays at LEAVE or above, reaches
ENTER, and lasts.  Two thresholds (hysteresis), because with one a probability that hovers about it makes a dozen
events.  The onset and the end are where LEAVE is crossed, so both sides of the peak are measured alike.  Scene cuts,
the end of the source and a face that goes away end events.
"""

from dataclasses import dataclass, replace

from mien.face import Face
from mien.inference.pipeline import Prediction
from mien.inference.smooth import AWAY, Smoother

ENTER = 0.6  # over one half: two expressions cannot reach it at once
LEAVE = 0.4  # under one half: the expression has lost its majority, and by more than the last tremor
SHORTEST = 0.5  # seconds; what is shorter is called a micro-expression (Matsumoto & Hwang 2011), or is noise
SMOOTH = 0.3  # seconds; half a second is seen, a single frame is not


@dataclass(frozen=True)
class Event:
    """An expression that a face showed for a while.

    Attributes:
        source: the video, as in its predictions; track_id: the face in it; expression: what it showed.
        onset, peak, offset: seconds in the video at which it began, was strongest and was last seen.
        confidence: the (smoothed) probability in [0, 1] at the peak.
    """

    source: str
    track_id: int
    expression: str
    onset: float
    peak: float
    offset: float
    confidence: float

    def __str__(self) -> str:
        return f"{self.expression} onset {self.onset:.1f} s, peak {self.peak:.1f} s, {self.confidence:.2f}"


class Events:
    """The events of one video after another, told as they end."""

    def __init__(self, smooth: float = SMOOTH) -> None:
        """Smooth the probabilities over about `smooth` seconds first: 0 when the predictions are smoothed already."""
        self._smooth = smooth
        self._smoother = Smoother(smooth)
        self._source: str | None = None
        self._open: dict[tuple[int, str], Event] = {}

    def add(self, prediction: Prediction, cut: bool = False) -> list[Event]:
        """Take the next frame and return the events that ended with it.

        `cut` says that the frame starts a new scene.  Another source than the last one's ends all events; pictures,
        which have no time, and frames that could not be read show nothing.
        """
        ended = self.end() if cut or prediction.source != self._source else []
        self._source = prediction.source
        if prediction.seconds is None:
            return ended
        for face in self._smoother.follow(prediction.faces, prediction.seconds, cut):
            ended += self._watch(face, prediction.seconds)
        here = {face.track_id for face in prediction.faces}
        late = prediction.seconds - AWAY
        return ended + self._close([k for k, event in self._open.items() if k[0] not in here and event.offset < late])

    def end(self) -> list[Event]:
        """Return the events that were still going on; the next frame starts anew."""
        self._smoother = Smoother(self._smooth)
        self._source = None
        return self._close(list(self._open))

    def _watch(self, face: Face, seconds: float) -> list[Event]:
        """Open, move on or close the events of one face; return those closed."""
        if face.track_id is None or face.probs is None:
            return []
        below = []
        for expression, p in zip(face.labels, map(float, face.probs), strict=True):
            key = (face.track_id, expression)
            event = self._open.get(key)
            if p < LEAVE:
                below += [key] if event else []
            elif event:
                event = replace(event, peak=seconds, confidence=p) if p > event.confidence else event
                self._open[key] = replace(event, offset=seconds)
            elif expression != "neutral":
                self._open[key] = Event(self._source or "", face.track_id, expression, seconds, seconds, seconds, p)
        return self._close(below)

    def _close(self, keys: list[tuple[int, str]]) -> list[Event]:
        stretches = [self._open.pop(key) for key in keys]
        events = [one for one in stretches if one.confidence >= ENTER and one.offset - one.onset >= SHORTEST]
        return sorted(events, key=lambda event: event.onset)
