"""The people of a video: when each was on screen, their expressions over the whole video, and their events.

    video = VideoSummary(source, card.labels, smooth=0.0)
    for result in results:
        events = video.add(result)                # as they end
    events = video.end()

A person is a tracked face (one track id): someone who leaves and is not recognised again counts again.  Seconds,
fractions and means are weighted by how long each frame lasts (media/durations.py), so that uneven frame rates count
right and time that was lost does not count.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cache, partial
from heapq import nlargest

import numpy as np
from numpy.typing import NDArray

from mien.compound import SHOWN
from mien.face import Face
from mien.html.markup import EMPTY, Html
from mien.inference.prediction import FrameResult, Prediction
from mien.inference.video.blinks import MIN_WATCHED, Blinks
from mien.inference.video.events import SMOOTH, Event, Events, Key
from mien.inference.video.plateau import Plateau
from mien.inference.video.portrait import portrait
from mien.inference.video.thresholds import USUAL, Thresholds
from mien.inference.video.timeline import Timeline

PEAKS = 8  # events of a person with an image
EVENTS = 200  # events of a person on the page, and as many blinks; events.csv has all
DETAILED = 256  # people of a video with images and a timeline; the others have numbers only
EXPRESSED = 0.4  # minimum of the highest probability, neutral aside, without an event; below it nothing was expressed
EVENT_COLUMNS = ("source", "track_id", "expression", "onset", "peak", "offset", "duration", "confidence")


@dataclass(frozen=True)
class Peak:
    """Where an expression had its highest probability.

    Attributes:
        seconds, confidence: of the single frame with the highest probability.
        shown: when it is shown, a frame near the middle of the plateau (plateau.py); None: at `seconds`.
        image: a data URI of the face as shown, "" where it was not kept.
    """

    expression: str
    seconds: float
    confidence: float
    image: Html = EMPTY
    shown: float | None = None

    @property
    def moment(self) -> float:
        """When it is shown, in seconds of the video."""
        return self.seconds if self.shown is None else self.shown


@dataclass
class Person:
    """One face of a video.

    Attributes:
        first, last: when it was first and last seen, in seconds of the video; seconds: for how long altogether.
        frames: in how many frames; count: how many events; sums: the probabilities times the seconds they lasted.
        top_seconds: for how long each expression had the highest probability; peaks, peak_seconds: the highest
            probability of each in a single frame, and when.
        best: the highest probability, neutral aside: that of the strongest event, else that of all frames.
        bursts: the number of bursts by expression; known when the video has ended.
        moments: images of the strongest events; mixes: the frame in which each compound expression was most probable,
            where these were requested; shut: the first blinks.
        measured: whether any frame has measures; blinks: how many there were, None where none could be looked for in
            most of the time on screen; both are known when the video has ended.
    """

    track_id: int
    first: float
    last: float
    seconds: float = 0.0
    frames: int = 0
    count: int = 0
    sums: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    top_seconds: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    peaks: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    peak_seconds: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    best: Peak | None = None
    events: list[Event] = field(default_factory=list)
    moments: dict[Event, Peak] = field(default_factory=dict)
    mixes: dict[str, Peak] = field(default_factory=dict)
    shut: list[Event] = field(default_factory=list)
    bursts: Counter[str] = field(default_factory=Counter)
    measured: bool = False
    blinks: int | None = None

    @property
    def expressed(self) -> Peak | None:
        """The highest probability; None where nothing was expressed: no event, and no probability of EXPRESSED."""
        best = self.best
        return best if best is not None and (self.count or best.confidence >= EXPRESSED) else None

    @property
    def mixed(self) -> list[Peak]:
        """The most probable compound expressions of single frames, best first; empty where they were not requested."""
        return nlargest(SHOWN, self.mixes.values(), key=lambda one: one.confidence)

    @property
    def top_fractions(self) -> NDArray[np.float64]:
        """The fraction of the time on screen for which each expression had the highest probability."""
        return self.top_seconds / max(self.seconds, 1e-9)

    @property
    def means(self) -> NDArray[np.float64]:
        """Mean probability of each expression, then mean valence and arousal if the weights have them."""
        return self.sums / max(self.seconds, 1e-9)

    def add(self, event: Event, peak: Peak) -> None:
        """Count an event and keep it while it is among the strongest."""
        if not self.count or self.best is None or peak.confidence > self.best.confidence:
            self.best = peak
        self.count += 1
        self.events = nlargest(EVENTS, [*self.events, event], key=lambda one: one.confidence)
        self.moments[event] = peak
        for weaker in self.events[PEAKS:]:
            self.moments.pop(weaker, None)

    def see(self, seconds: float, lasts: float, face: Face) -> None:
        """Take a frame that shows the person for `lasts` seconds."""
        self.last = seconds
        self.frames += 1
        probs = _probs(face)
        self.seconds += lasts
        self.sums = self.sums + lasts * _values(face)
        self.top_seconds[int(np.argmax(probs))] += lasts
        higher = probs > self.peaks
        self.peaks = np.where(higher, probs, self.peaks)
        self.peak_seconds = np.where(higher, seconds, self.peak_seconds)
        for mix in face.compound or ():
            if mix.label not in self.mixes or mix.probability > self.mixes[mix.label].confidence:
                self.mixes[mix.label] = Peak(mix.label, seconds, mix.probability)


class VideoSummary:
    """One video while it is read: its people, their timelines and events."""

    def __init__(self, source: str, labels: tuple[str, ...], smooth: float, thresholds: Thresholds = USUAL) -> None:
        """Take the value of `Pipeline.smooth`, and the thresholds of an event."""
        self.source, self.labels, self.thresholds = source, labels, thresholds
        self.people: dict[int, Person] = {}
        self.detailed: set[int] = set()  # those with images and timelines: of what they show, and of yaw and eyes
        self.timeline, self.measured = Timeline(), Timeline()
        self.frames = 0
        self.error: str | None = None  # why it could not be read to its end
        self._blinks = Blinks()
        self._events = Events(0.0 if smooth else SMOOTH, thresholds)
        self._here: set[int | None] = set()  # the track ids of the last frame
        self._plateaus: dict[Key, Plateau] = {}  # of what may become events
        self._highest: dict[int, Plateau] = {}  # of people without an event

    @property
    def affect(self) -> bool:
        """Whether the weights predict valence and arousal."""
        return any(len(person.sums) > len(self.labels) for person in self.people.values())

    @property
    def measures(self) -> bool:
        """Whether faces were measured."""
        return any(self.measured.means(track).size for track in self.detailed)

    def add(self, seen: FrameResult) -> list[Event]:
        """Take the next frame, its faces in pixels of its image, and return the events that ended with it."""
        prediction, drawn = seen.prediction, seen.drawn()
        seconds = prediction.seconds or 0.0
        self.timeline.reach(seconds)
        self.measured.reach(seconds)
        for face in prediction.faces:
            if face.track_id is not None and face.probs is not None:
                self._see(face, seconds, seen.lasts)
        events = self._assigned(self._events.add(prediction, seen.cut))
        still = set() if seen.cut else set(self._events.open)
        self._plateaus = {key: one for key, one in self._plateaus.items() if key in still}
        self._look(drawn, seconds, seen.image)
        self._here = {face.track_id for face in prediction.faces}
        self.frames += 1
        blinks = self._blinks.add(prediction, seen.cut)
        for blink in blinks:
            if blink.track_id in self.people and len(self.people[blink.track_id].shut) < EVENTS:
                self.people[blink.track_id].shut.append(blink)
        return [*events, *blinks]

    def end(self) -> list[Event]:
        """Return the events that were still open at the end."""
        ended = self._assigned(self._events.end())
        for track, plateau in self._highest.items():
            person, (shown, image) = self.people[track], plateau.middle()
            person.best = replace(person.best, shown=shown, image=image) if person.best is not None else None
        for (track, expression), count in self._events.bursts.items():
            self.people[track].bursts[expression] = count
        for track, watched in self._blinks.watched.items():
            if track in self.people:
                person = self.people[track]
                person.measured = True
                person.blinks = self._blinks.counts[track] if watched >= MIN_WATCHED * person.seconds else None
        return ended

    def _see(self, face: Face, seconds: float, lasts: float) -> None:
        track = face.track_id or 0
        values = _values(face)
        if track not in self.people:
            self._thin()
            top, peaks, at = (np.zeros(len(self.labels)) for _ in range(3))
            self.people[track] = Person(track, seconds, seconds, 0.0, 0, 0, np.zeros(len(values)), top, peaks, at)
            self.detailed.add(track)
        self.people[track].see(seconds, lasts, face)
        if track in self.detailed:
            self.timeline.add(track, seconds, values, lasts)
            if face.measures is not None:
                eyes = (face.measures.eye_openness_right + face.measures.eye_openness_left) / 2
                self.measured.add(track, seconds, np.array([face.measures.yaw, eyes]), lasts)

    def _look(self, drawn: Prediction, seconds: float, image: NDArray[np.uint8] | None) -> None:
        """Follow the plateaus of faces, in what may become events, and in the whole video until there is an event."""
        candidates = self._events.open
        for face in drawn.faces:
            track = face.track_id or 0
            person = self.people.get(track)
            if person is None or face.probs is None:
                continue
            thumbnail = cache(partial(_portrait, image, face))
            shares = {name: float(p) for name, p in zip(face.labels, face.probs, strict=True) if name != "neutral"}
            if track in self.detailed:
                for key in candidates:
                    if key[0] == track:
                        self._plateaus.setdefault(key, Plateau()).add(seconds, shares[key[1]], thumbnail)
            if person.count or not shares:
                continue
            expression = max(shares, key=lambda name: shares[name])
            best = person.best
            if best is None or shares[expression] > best.confidence:
                if track in self.detailed and (best is None or best.expression != expression):
                    self._highest[track] = Plateau()
                person.best = best = Peak(expression, seconds, shares[expression])
            if track in self._highest:
                self._highest[track].add(seconds, shares[best.expression], thumbnail)

    def _assigned(self, events: list[Event]) -> list[Event]:
        """Add ended events to their people, with the images of their peaks."""
        for event in events:
            plateau = self._plateaus.pop(event.key, None)
            shown, image = plateau.middle() if plateau is not None else (None, EMPTY)
            if event.track_id in self.people:
                peak = Peak(event.expression, event.peak, event.confidence, image, shown)
                self.people[event.track_id].add(event, peak)
                self._highest.pop(event.track_id, None)
        return events

    def _thin(self) -> None:
        """Before too many people have images, drop those of the half that was seen least; their numbers stay."""
        if len(self.detailed) < DETAILED:
            return
        ranked = sorted(self.detailed, key=lambda track: (track in self._here, self.people[track].seconds))
        for track in ranked[: DETAILED // 2]:
            person = self.people[track]
            person.events, person.moments, person.shut = [], {}, []
            person.best = replace(person.best, image=EMPTY) if person.best is not None else None
            self._highest.pop(track, None)
            self.timeline.drop(track)
            self.measured.drop(track)
            self.detailed.remove(track)
        self._plateaus = {key: one for key, one in self._plateaus.items() if key[0] in self.detailed}


def _portrait(image: NDArray[np.uint8] | None, face: Face) -> Html:
    return portrait(image, face) if image is not None else EMPTY


def _probs(face: Face) -> NDArray[np.float64]:
    return np.array(() if face.probs is None else face.probs, np.float64)


def _values(face: Face) -> NDArray[np.float64]:
    affect = (face.valence, face.arousal) if face.valence is not None and face.arousal is not None else ()
    return np.array([*_probs(face), *affect], np.float64)
