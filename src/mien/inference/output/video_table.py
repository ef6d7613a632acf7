"""The summary of a video in the table, once it has ended: its people, their expressions and events.

    clip.mp4  0:00 to 0:12, 300 frames, 2 people
      #1  12.0 s on screen: happiness 8.1 s (68 %), neutral 3.9 s (32 %)
          highest probability, neutral aside: happiness 97 % at 0:03.2
          event: happiness 0:02.1 to 0:05.0 (2.9 s), up to 97 %

Photos and camera frames, which never end, have a line each.  `--frames` prints one for every video frame too.
"""

import textwrap
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from types import TracebackType
from typing import BinaryIO, Self

from rich.text import Text

from mien.card import Card
from mien.errors import OutputError
from mien.html.page import count, percent, probability
from mien.inference.media.sources import Source
from mien.inference.output import terminal
from mien.inference.output.formats import put
from mien.inference.output.timeline_svg import between, clock, lasting
from mien.inference.output.video_section import NOTHING, blinks, longest, mixes
from mien.inference.prediction import FrameResult
from mien.inference.video.summary import Peak, Person, VideoSummary
from mien.inference.video.thresholds import USUAL, Thresholds
from mien.printable import printable, shortened
from mien.reliability import MARK

PEOPLE = 20  # of a video that are listed, those on screen longest; people.csv has all
EVENTS = 12  # of a person
NAMED = 4  # expressions of a person


class VideoTable:
    """Writes the table inside a `with` block: lines for photos, a summary for each video that has ended."""

    def __init__(
        self,
        stream: BinaryIO,
        card: Card,
        smooth: float = 0.0,
        thresholds: Thresholds = USUAL,
        measures: bool = False,
    ) -> None:
        """Take `Pipeline.smooth`, the thresholds of an event, and whether photos have a column of head pose."""
        self._stream, self._card, self._smooth, self._thresholds = stream, card, smooth, thresholds
        self._layout = terminal.layout(stream, measures)
        self._headed = False
        self._source: Source | None = None
        self._video: VideoSummary | None = None
        self._weak: set[str] = set()  # expressions in it that the weights predict poorly

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or not issubclass(kind, OSError | OutputError):  # the reader has left, or the disk is full
            self._end()

    def add(self, seen: FrameResult) -> None:
        """Take the result of a photo, or of the next frame."""
        if seen.source is not self._source:
            self._end()
            self._source = seen.source
        if seen.prediction.seconds is None or seen.source.live:
            if not self._headed:
                put(self._stream, terminal.head(self._layout))
            self._headed = True
            partly = self._video is not None
            self._end()  # first the summary of the part that was read
            put(self._stream, terminal.lines(self._layout, seen.prediction, partly))
            return
        if self._video is None:
            self._weak = set()
            self._video = VideoSummary(seen.prediction.source, self._card.labels, self._smooth, self._thresholds)
        self._weak |= {face.expression for face in seen.prediction.faces if face.weak and face.expression}
        self._video.add(replace(seen, image=None))  # the table has no images

    def _end(self) -> None:
        video, self._video = self._video, None
        if video is not None:
            video.end()
            put(self._stream, summary(self._layout, video, self._weak))


def summary(layout: terminal.Layout, video: VideoSummary, weak: Collection[str] = ()) -> str:
    """Return the lines of a video that has ended, `weak` expressions with a mark."""
    named = {label: label + MARK * (label in weak) for label in video.labels}
    people = list(video.people.values())
    line = f"{between(video.timeline.start, video.timeline.end, 0)}, {count(video.frames, 'frame')}, "
    line += count(len(people), "person", "people") if people else "no face"
    room = layout.width - len(line) - 2
    name = printable(video.source)
    if room >= min(len(name), terminal.SOURCE):
        first = [f"{shortened(name, room)}  {line}"]
    else:
        first = [shortened(name, layout.width), *_wrapped(line, layout, 2)]
    text = Text("\n".join(first), style="bold")
    for person in longest(people, PEOPLE):
        text.append("".join(f"\n{line}" for line in _person(layout, video, person, named)), style="not bold")
    if len(people) > PEOPLE:
        text.append(f"\n  and {len(people) - PEOPLE:,} more", style="not bold dim")
    return terminal.rendered(layout, text)


def _person(layout: terminal.Layout, video: VideoSummary, person: Person, named: Mapping[str, str]) -> Iterator[str]:
    who = f"#{person.track_id}"
    ranked = sorted(zip(person.top_seconds.tolist(), video.labels, strict=True), key=lambda pair: -pair[0])
    top_labels = (
        f"{named[name]} {lasting(seconds)} ({percent(seconds / max(person.seconds, 1e-9))})"
        for seconds, name in ranked[:NAMED]
        if seconds > 0
    )
    first, *more = _wrapped(f"{lasting(person.seconds)} on screen: {', '.join(top_labels)}", layout, 6)
    yield f"  {who:4}{first[6:]}"
    yield from more
    yield from _wrapped(f"highest probability, neutral aside: {_moment(person.expressed, named)}", layout, 6)
    for event in sorted(person.events[:EVENTS], key=lambda event: event.onset):
        span = f"{between(event.onset, event.offset)} ({lasting(event.duration)})"
        top = f"up to {probability(event.confidence)}"
        yield from _wrapped(f"event: {named[event.expression]} {span}, {top}", layout, 6)
    if person.count > EVENTS:
        yield f"      and {person.count - EVENTS:,} more events"
    if bursts := person.bursts.total():
        counts = ", ".join(f"{named[name]} {number:,}" for name, number in person.bursts.most_common())
        limit = f"{video.thresholds.shortest:g} s"
        yield from _wrapped(f"{count(bursts, 'burst')} (shorter than {limit}): {counts}", layout, 6)
    if mixed := mixes(person):
        yield from _wrapped(f"mixed, where most probable: {mixed}", layout, 6)
    if person.measured:
        yield from _wrapped(blinks(person), layout, 6)


def _moment(peak: Peak | None, named: Mapping[str, str]) -> str:
    if peak is None:
        return NOTHING
    return f"{named[peak.expression]} {probability(peak.confidence)} at {clock(peak.moment, 1)}"


def _wrapped(text: str, layout: terminal.Layout, indent: int) -> list[str]:
    width = max(layout.width, indent + terminal.SOURCE)
    return textwrap.wrap(text, width, initial_indent=" " * indent, subsequent_indent=" " * (indent + 2))
