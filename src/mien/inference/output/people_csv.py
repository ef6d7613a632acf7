"""events.csv and people.csv, written as events and videos end."""

from collections.abc import Callable
from typing import Self

from mien.card import Card
from mien.inference.media.sources import Source
from mien.inference.output import rows
from mien.inference.output.formats import put
from mien.inference.output.rows import Extra
from mien.inference.output.spreadsheet import PLAIN, Csv
from mien.inference.prediction import FrameResult
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
        self._video: VideoSummary | None = None
        self._files: list[Growing] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        for file in self._files:
            file.close()

    def add(self, seen: FrameResult) -> None:
        """Take the next frame of a video; an image only ends what came before it."""
        if seen.source is not self._source:
            self._end()
            self._source = seen.source
        if seen.prediction.seconds is None:
            return
        if self._video is None:
            self._begin()
            self._video = VideoSummary(seen.prediction.source, self._card.labels, self._smooth, self._thresholds)
        self._write(self._video.add(seen))

    def _begin(self) -> None:
        if not self._files:
            self._files = [self._outputs.growing(name) for name in ("events.csv", "people.csv")]
            put(self._files[0], self._form.head(EVENT_COLUMNS))
            put(self._files[1], self._form.head(columns(self._card, self._extra)))

    def _write(self, events: list[Event]) -> None:
        for event in events:
            put(self._files[0], self._form.line(_rounded([getattr(event, name) for name in EVENT_COLUMNS])))

    def _end(self) -> None:
        if self._video is None:
            return
        video, self._video = self._video, None
        try:
            self._write(video.end())
            for person in video.people.values():
                put(self._files[1], self._form.line(_rounded(row(video, person, self._card, self._extra))))
        finally:
            self._ended(video)  # the page may find room where the rows did not


def columns(card: Card, extra: Extra = rows.PLAIN) -> list[str]:
    """Return the columns of people.csv for these weights."""
    known = ["source", "track_id", "first_seen", "last_seen", "seconds", "frames"]
    known += [f"{what}_{name}" for what in ("top_seconds", "top_fraction", "mean") for name in card.labels]
    known += [f"mean_{name}" for name in (("valence", "arousal") if card.valence_arousal else ())]
    known += [f"{what}_{name}" for what in ("peak", "peak_seconds") for name in card.labels]
    known += ["events", "bursts", *(f"bursts_{name}" for name in card.labels if name != "neutral")]
    known += ["peak_expression", "peak_seconds", "peak_confidence"]
    return [*known, "blinks"] if extra.measures else known


def row(video: VideoSummary, person: Person, card: Card, extra: Extra = rows.PLAIN) -> list[object]:
    """Return a person's row, in the order of `columns`."""
    known: list[object] = [video.source, person.track_id, person.first, person.last, person.seconds, person.frames]
    for figures in (person.top_seconds, person.top_fractions, person.means, person.peaks, person.peak_seconds):
        known += figures.tolist()
    best = person.expressed
    peak = (best.expression, best.seconds, best.confidence) if best is not None else (None, None, None)
    bursts = [person.bursts[name] for name in card.labels if name != "neutral"]
    known += [person.count, sum(bursts), *bursts, *peak]
    return [*known, person.blinks] if extra.measures else known


def _rounded(cells: list[object]) -> list[object]:
    return [round(cell, 6) if isinstance(cell, float) else cell for cell in cells]
