"""events.csv and people.csv, written as events and videos end.

With a personal baseline each video is summed up twice, as it was read and corrected, and both are written.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Self

from mien.card import Card
from mien.inference.media.sources import Source
from mien.inference.output import rows
from mien.inference.output.formats import put
from mien.inference.output.record import STOPPED
from mien.inference.output.rows import Extra
from mien.inference.output.spreadsheet import PLAIN, Csv
from mien.inference.prediction import FrameResult
from mien.inference.video.blinks import BLINK
from mien.inference.video.events import Event
from mien.inference.video.summary import EVENT_COLUMNS, Person, VideoSummary
from mien.inference.video.thresholds import USUAL, Thresholds
from mien.outputs import Growing, Outputs


class People:
    """Writes events.csv and people.csv inside a `with` block, and passes on the summary of every video that ended."""

    def __init__(
        self,
        outputs: Outputs,
        card: Card,
        smooth: float,
        ended: Callable[[VideoSummary], None],
        thresholds: Thresholds = USUAL,
        form: Csv = PLAIN,
        extra: Extra = rows.PLAIN,
    ) -> None:
        """Take `Pipeline.smooth`, the callback for the `VideoSummary` of each video at its end, and the form of CSV."""
        self._outputs, self._card, self._smooth, self._ended = outputs, card, smooth, ended
        self._thresholds, self._form, self._extra = thresholds, form, extra
        self._source: Source | None = None
        self._videos: list[VideoSummary] = []  # as it is shown, and with a baseline before it as it was read
        self._files: list[Growing] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and self._source is not None and not self._source.live:
            for video in self._videos:
                video.error = video.error or STOPPED
        self._end()
        for file in self._files:
            file.close()

    def add(self, seen: FrameResult) -> None:
        """Take the next frame of a video, as it was read; an image only ends what came before it."""
        if seen.source is not self._source:
            self._end()
            self._source = seen.source
        if seen.prediction.seconds is None:
            for video in self._videos:
                video.error = seen.prediction.error
            return
        readings = [seen.shown()]
        if self._extra.baseline:
            readings = [replace(seen.shown(corrected=False), image=None), *readings]  # the page shows the other
        if not self._videos:
            self._begin()
            known = (seen.prediction.source, self._card.labels, self._smooth, self._thresholds)
            self._videos = [VideoSummary(*known) for _ in readings]
        for video, reading in zip(self._videos, readings, strict=True):
            self._write(video, video.add(reading))

    def _begin(self) -> None:
        if not self._files:
            self._files = [self._outputs.growing(name) for name in ("events.csv", "people.csv")]
            put(self._files[0], self._form.head(event_columns(self._extra)))
            put(self._files[1], self._form.head(columns(self._card, self._extra)))

    def _write(self, video: VideoSummary, events: list[Event]) -> None:
        """Write events; blinks, which a baseline does not correct, once."""
        corrected = len(self._videos) > 1 and video is self._videos[-1]
        for event in events:
            if corrected and event.expression == BLINK:
                continue
            cells: list[object] = [getattr(event, name) for name in EVENT_COLUMNS]
            put(self._files[0], self._form.line(_rounded([*cells, *([corrected] if self._extra.baseline else [])])))

    def _end(self) -> None:
        if not self._videos:
            return
        try:
            for video in self._videos:
                self._write(video, video.end())
            read, *more = self._videos
            for track, person in sorted(read.people.items()):
                corrected = more[0].people[track] if more else None
                cells = row(read, person, self._card, self._extra, corrected)
                put(self._files[1], self._form.line(_rounded(cells)))
        finally:
            shown, self._videos = self._videos[-1], []
            self._ended(shown)  # the page may find room where the rows did not


def event_columns(extra: Extra) -> list[str]:
    """Return the columns of events.csv."""
    return [*EVENT_COLUMNS, *(["corrected"] if extra.baseline else [])]


SEEN = ("source", "track_id", "first_seen", "last_seen", "seconds", "frames", "error")
HEADS = ("mean_valence", "mean_arousal")
"""Columns of heads, which a baseline does not correct."""


def columns(card: Card, extra: Extra = rows.PLAIN) -> list[str]:
    """Return the columns of people.csv for these weights."""
    known = _columns(card, extra)
    corrected = [f"{name}_corrected" for name in known if name not in HEADS] if extra.baseline else []
    return [*SEEN, *known, *(["blinks"] if extra.measures else []), *corrected]


def row(
    video: VideoSummary, person: Person, card: Card, extra: Extra = rows.PLAIN, corrected: Person | None = None
) -> list[object]:
    """Return a person's row, in the order of `columns`; with a baseline beside the person as corrected."""
    known: list[object] = [video.source, person.track_id, person.first, person.last, person.seconds, person.frames]
    known += [video.error, *_values(person, card, extra), *([person.blinks] if extra.measures else [])]
    if corrected is None:
        return known
    values = zip(_columns(card, extra), _values(corrected, card, extra), strict=True)
    return [*known, *(value for name, value in values if name not in HEADS)]


def _columns(card: Card, extra: Extra) -> list[str]:
    """Return the columns of what a person expressed."""
    known = [f"{what}_{name}" for what in ("top_seconds", "top_fraction", "mean") for name in card.labels]
    known += HEADS if card.valence_arousal else ()
    known += [f"{what}_{name}" for what in ("peak", "peak_seconds") for name in card.labels]
    known += ["events", "bursts", *(f"bursts_{name}" for name in card.labels if name != "neutral")]
    known += ["peak_expression", "peak_seconds", "peak_confidence"]
    return [*known, *(("compound", "compound_seconds") if extra.compound else ())]


def _values(person: Person, card: Card, extra: Extra) -> list[object]:
    """Return what a person expressed, in the order of `_columns`."""
    known: list[object] = []
    for figures in (person.top_seconds, person.top_fractions, person.means, person.peaks, person.peak_seconds):
        known += figures.tolist()
    best, mixed = person.expressed, person.mixed
    bursts = [person.bursts[name] for name in card.labels if name != "neutral"]
    known += [person.count, sum(bursts), *bursts]
    known += (best.expression, best.seconds, best.confidence) if best is not None else (None, None, None)
    if extra.compound:
        text = "; ".join(f"{one.expression} {one.confidence:.4f}" for one in mixed)
        known += (text, mixed[0].seconds) if mixed else (None, None)
    return known


def event_row(event: Event) -> dict[str, object]:
    """Return an event as a row of events.csv, by column."""
    return dict(zip(EVENT_COLUMNS, _rounded([getattr(event, name) for name in EVENT_COLUMNS]), strict=True))


def _rounded(cells: list[object]) -> list[object]:
    return [round(cell, 6) if isinstance(cell, float) else cell for cell in cells]
