"""report.html: the page that `mien predict --out` writes for people.

One self-contained file: counts, the card of the weights, failures, the people of every video with their timelines
(video_section.py), a card for each of the first images with its faces and probabilities, and a table.  Everything is
capped, so that ten thousand images or two hours of video need no more memory, and no larger page, than a few hundred
images.  The page states what was left out; the data files have everything.
"""

from collections import Counter
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mien.card import Card, licences
from mien.html.markup import EMPTY, Html, element, escape, join, markup
from mien.html.page import bars, count, dot, facts, note, page, percent, probability, table, tiles
from mien.inference.output import video_section
from mien.inference.output.affect_figure import Points
from mien.inference.output.image_card import STYLE, WEAK_WORD, shot, when
from mien.inference.output.measures import ASSUMED
from mien.inference.output.units_section import UnitMeans
from mien.inference.prediction import Prediction
from mien.inference.video.summary import VideoSummary
from mien.outputs import Outputs
from mien.outputs.record import RECORD
from mien.prior import NATURAL, Adjustment
from mien.reliability import reliabilities, weak

SHOWN = 200  # image cards on the page
ROWS = 1000  # rows of its table
FAILED = 200  # failures listed
BETWEEN = 1.0  # minimum seconds between two shown frames of a video, at first
FRAMES = 12  # frames shown of a video; beyond that every other one is dropped
TIMELINES = 150  # figures of people on the page
VIDEOS = 100  # videos with a section
CALIBRATED = (
    "Probabilities are calibrated for photographs like the training images. On others, such as posed faces, they can "
    "be far too high."
)
NOT_FOR = "people's grades, jobs, credit, treatment or liberty: it reads images, not feelings (law: foot of this page)"


class PredictionReport:
    """Collects predictions inside a `with` block and writes report.html when it ends, also after an error."""

    def __init__(self, outputs: Outputs, card: Card, rows: str, prior: str = NATURAL, shown: str = "") -> None:
        """Take the folder, the card of the weights, the name of the file of rows in the folder, and the prior.

        `shown` says what faces show, where that is not the expression as read.
        """
        self._outputs, self._card, self._file, self._prior, self._what = outputs, card, rows, prior, shown
        self._shots: list[Html] = []
        self._rows: list[list[Html]] = []
        self._failures: list[list[Html]] = []
        self._expressions: Counter[str | None] = Counter()
        self._affect, self._units = Points(), UnitMeans()
        self._images = self._from_videos = self._empty = self._failed = 0
        self._measured = False
        self._video: str | None = None  # whose frames are being shown, how far apart, and since when
        self._between, self._due, self._seconds = BETWEEN, 0.0, 0.0
        self._frames: list[Html] = []
        self._video_sections: list[Html] = []
        self._timelines = self._ended = self._tracks = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_frames()
        videos = self._videos_shown()
        images = self._images_shown()
        overview = self._headline(), self._calibrated(), self._beside(), self._summary(), self._failed_table()
        sections = (*overview, videos, images, self._units.section(), self._table())
        lede = f"Predicted by the weights {self._card.name}: {', '.join(self._card.labels)}."
        lede += f" {self._what}" if self._what else ""
        lede += " The run was stopped before its end." if kind is not None else ""
        text = page("Apparent facial expressions", join(sections, "\n"), lede=lede, style=STYLE + video_section.STYLE)
        self._outputs.write("report.html", text.encode())

    def add(self, prediction: Prediction, image: NDArray[np.uint8] | None) -> None:
        """Count a prediction, and show it while there is room; `image` is uint8 RGB (H, W, 3), as the boxes."""
        if prediction.error is not None:
            self._failed += 1
            if len(self._failures) < FAILED:
                why = prediction.error.removeprefix(prediction.source).lstrip(": ")  # the name is in its own column
                self._failures.append([escape(prediction.source), escape(why or prediction.error)])
            return
        self._images += 1
        self._from_videos += prediction.seconds is not None
        self._empty += not prediction.faces
        self._expressions.update(None if face.abstained else face.expression for face in prediction.faces)
        if len(self._rows) < ROWS:
            self._rows += _rows(prediction)[: ROWS - len(self._rows)]
        again = prediction.seconds is not None and prediction.seconds < self._seconds  # the same video, a second time
        if prediction.seconds is None or prediction.source != self._video or again:
            self._end_frames()
            self._video = None if prediction.seconds is None else prediction.source
        self._seconds = prediction.seconds or 0.0
        for face in prediction.faces:
            self._units.add(face)
            self._measured |= face.measures is not None
            if prediction.seconds is None:
                self._affect.add(face)
        if image is None or len(self._shots) >= SHOWN:
            return
        if prediction.seconds is None:
            self._shots.append(shot(prediction, image))
        else:
            self._frame(prediction, prediction.seconds, image)

    def add_video(self, video: VideoSummary) -> None:
        """Show the people of a video that has ended, while there is room."""
        self._ended += 1
        self._tracks += len(video.people)
        if len(self._video_sections) < VIDEOS:
            text, count = video_section.section(video, TIMELINES - self._timelines)
            self._video_sections.append(text)
            self._timelines += count

    def _frame(self, prediction: Prediction, seconds: float, image: NDArray[np.uint8]) -> None:
        """Show a frame of a video when it lies far enough from the last one that is shown."""
        if self._frames and seconds < self._due:
            return
        self._frames.append(shot(prediction, image))
        if len(self._frames) > FRAMES:
            self._frames, self._between = self._frames[::2], 2 * self._between
        self._due = seconds + self._between

    def _end_frames(self) -> None:
        self._shots += self._frames
        self._frames, self._between = [], BETWEEN

    def _headline(self) -> Html:
        faces = self._expressions.total()
        return tiles(
            [
                (f"{self._images:,}", f"{self._read()} read", _some(self._empty, "without a face")),
                (
                    f"{faces:,}",
                    f"{_plural(faces, 'face')} in {self._images:,} {self._read()}" if faces else "faces",
                    self._whose(self._expressions[None]),
                ),
                (f"{self._failed:,}", "could not be read", "or only in part" if self._failed else ""),
            ]
        )

    def _calibrated(self) -> Html:
        """Return for which images the probabilities are calibrated; empty where the card says nothing that holds."""
        text = CALIBRATED if (self._card.metrics.get("test") or {}).get("ece") is not None and not self._what else ""
        if self._prior != NATURAL:
            text = f"Probabilities are under the prior {self._prior}, for which they were not compared with accuracy."
        return element("p", escape(text), cls="soft beside") if text else EMPTY

    def _read(self) -> str:
        """Return the name of what was read: images, frames of videos or both."""
        if self._from_videos:
            return "images and frames" if self._images > self._from_videos else _plural(self._images, "frame")
        return _plural(self._images, "image")

    def _whose(self, unsure: int) -> str:
        """Return how many tracks the videos have, and on how many faces the weights abstained."""
        tracks = f"{count(self._tracks, 'track')} in {count(self._ended, 'video')}" if self._ended else ""
        return "; ".join(part for part in (tracks, _some(unsure, "abstained")) if part)

    def _beside(self) -> Html:
        """Return links to the files of the run."""
        named = [name for name in ("events.csv", "people.csv", "annotated") if name in self._outputs.wrote]
        links = join((element("a", escape(name), href=name) for name in (self._file, *named, RECORD)), ", ")
        return markup('<p class="soft beside">Files: {}.</p>', links)

    def _summary(self) -> Html:
        faces = self._expressions.total()
        counted = [(name, n) for name, n in self._expressions.most_common() if name is not None]
        listed = bars((name, n / faces, f"{n:,}") for name, n in counted)
        unsure = markup(
            '<p class="soft">The weights abstained on {1:,} of {0:,} faces.</p>', faces, self._expressions[None]
        )
        shares = markup(
            '<div class="box"><h2>Faces by expression</h2>{}{}</div>',
            listed,
            unsure if self._expressions[None] else EMPTY,
        )
        left = join([shares, self._affect.figure()]) if faces else EMPTY
        return markup('<div class="two"><div>{}</div>{}</div>', left, _about(self._card, self._prior))

    def _failed_table(self) -> Html:
        if not self._failures:
            return EMPTY
        more = (
            markup('<p class="soft">The first {:,} of {:,}.</p>', FAILED, self._failed)
            if self._failed > FAILED
            else EMPTY
        )
        return markup(
            "<h2>Could not be read, or only in part</h2>{}{}",
            more,
            table(("source", "why"), self._failures, words=True),
        )

    def _images_shown(self) -> Html:
        if not self._shots:
            return EMPTY
        more = f"{len(self._shots):,} of {self._images:,} are shown; {self._file} has all."
        cut = note(more) if self._images > len(self._shots) else EMPTY
        pose = note(ASSUMED) if self._measured else EMPTY
        return markup('<h2>Images</h2>{}{}<div class="shots">{}</div>', cut, pose, join(self._shots))

    def _videos_shown(self) -> Html:
        more = f"The first {VIDEOS} of {self._ended:,} videos are shown; people.csv has all."
        return join([*self._video_sections, note(more) if self._ended > len(self._video_sections) else EMPTY])

    def _table(self) -> Html:
        if not self._rows:
            return EMPTY
        rows = self._expressions.total() + self._empty
        more = f"The first {ROWS:,} of {rows:,} rows; {self._file} has all."
        cut = note(more) if rows > len(self._rows) else EMPTY
        head = ("source", "expression", "confidence", "next", "detector's score")
        return markup('<h2>Table</h2>{}<div class="rows">{}</div>', cut, table(head, self._rows))


def _rows(prediction: Prediction) -> list[list[Html]]:
    """Return the cells of each face, or of the image where there is none; HTML."""
    source = escape(when(prediction))
    if not prediction.faces:
        message = f"no face ({prediction.remark})" if prediction.remark else "no face"
        return [[source, escape(message), EMPTY, EMPTY, EMPTY]]
    rows = []
    for face in prediction.faces:
        predicted = None if face.abstained else face.expression
        probs = [] if face.probs is None else zip(face.labels, map(float, face.probs), strict=True)
        ranked = sorted(probs, key=lambda pair: -pair[1])[1:3]
        then = escape(", ".join(f"{name} {probability(share)}" for name, share in ranked))
        named = join([dot(predicted), escape(predicted or "not sure"), WEAK_WORD if predicted and face.weak else EMPTY])
        rows.append([source, named, escape(probability(face.confidence)), then, markup("{:.2f}", face.score)])
    return rows


def _about(card: Card, prior: str) -> Html:
    test = card.metrics.get("test") or {}
    low, high = test.get("accuracy_interval") or (None, None)
    under = "" if prior == NATURAL else ", with the natural prior"
    measured = f"{percent(test.get('accuracy'), 1)} of {test.get('n')} images of {test.get('dataset')}{under}"
    known = {
        "name": card.name,
        "expressions": ", ".join(card.labels),
        "test accuracy": measured if test else "not in the card",
        "95 % interval": f"{percent(low, 1)} to {percent(high, 1)}{under}" if low is not None else "",
        "without near-duplicates": _clean(test.get("clean") or {}, under),
        "weak expressions": f"{weak(known) or 'none'}{under}" if (known := reliabilities(card)) else "not in the card",
        "prior": _described(prior, card.prior),
        "calibration": f"temperature {card.temperature:.2f}{under}",
        "calibration error": f"{percent(test['ece'], 1)} on these images{under}" if test.get("ece") is not None else "",
        **licences(card.model_dump()),
        "notes": card.notes,
        "not for": NOT_FOR,
    }
    return markup('<div class="box"><h2>The weights</h2>{}</div>', facts(known))


def _clean(clean: dict[str, Any], under: str) -> str:
    """Return the accuracy without near-duplicates of training images, `under` some prior; empty where not known."""
    return f"{percent(clean.get('accuracy'), 1)} of {clean['n']}{under}" if clean.get("n") else ""


def _described(prior: str, adjustment: Adjustment | None) -> str:
    """Return a prior by its name, and how the probabilities were brought to it."""
    if prior == NATURAL or adjustment is None:
        return prior
    return f"{prior} (strength {adjustment.strength:.2f}, temperature {adjustment.temperature:.2f})"


def _plural(number: int, noun: str) -> str:
    return noun if number == 1 else f"{noun}s"


def _some(number: int, what: str) -> str:
    return f"{number:,} {what}" if number else ""
