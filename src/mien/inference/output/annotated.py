"""Annotated images and videos under DIR/annotated, named after what they show.

An image becomes a JPEG, a video an MP4 (media/writer.py).  Sources with the same name get a number.  On a video the
printed probabilities of a face change at most five times a second, so that they can be read.  Its expression and box
are those of the frame.
"""

import hashlib
import io
import os
from dataclasses import replace
from pathlib import Path
from typing import Self

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.errors import MediaError, OutputError, reason
from mien.face import Face
from mien.inference.media.sources import Source
from mien.inference.media.writer import Movie, trim
from mien.inference.output.draw import annotate
from mien.inference.output.record import ANNOTATED
from mien.inference.output.tally import Tally
from mien.inference.prediction import FrameResult, Prediction
from mien.inference.video.blinks import Blinks
from mien.outputs import NotThisFileError, Outputs
from mien.printable import say

MAX_SIDE = 8192  # pixels; a JPEG has at most 65,535
MAX_NAME_BYTES = 255  # on the usual file systems
NUMBER = 7  # bytes of them for the number of a source with the same name
STILL, MOVIE = (".jpg", ".jpeg"), (".mp4",)  # suffixes
BLINK = 0.4  # seconds after a blink for which it is named: that it was one is known when it has ended
HOLD = 0.2  # seconds for which the probabilities on a video stay the same


class Annotated:
    """Writes images and videos with boxes and expressions drawn in, until the `with` block ends."""

    def __init__(self, outputs: Outputs, tally: Tally | None = None) -> None:
        """Take the folder, and the tally that counts files that could not be written."""
        self._outputs, self._tally = outputs, tally or Tally()
        self._name = ""  # of the movie
        self._named: tuple[Source, str] | None = None  # the last source, and what shows it
        self._without: Source | None = None  # whose video was given up
        self._taken: set[str] = set()
        self._source: Source | None = None
        self._movie: Movie | None = None
        self._held: dict[int | None, tuple[float, Face]] = {}
        self._blinks = Blinks()
        self._blinked: dict[int, float] = {}  # when the last blink of a person ended

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end_movie()

    def add(self, seen: FrameResult) -> None:
        """Write an image, or the next frame of a video; unreadable sources are skipped."""
        if seen.source is not self._source:
            self._end_movie()
            self._source = seen.source
        if seen.image is None:
            return
        prediction = seen.drawn()
        try:
            if prediction.seconds is None:
                self._draw(str(self.name(seen)), seen.image, prediction.faces)
            elif seen.source is not self._without:
                self._film(str(self.name(seen)), seen, prediction, prediction.seconds)
        except (NotThisFileError, MediaError, av.error.FFmpegError) as error:
            self._lose(seen.source, error)
        except OutputError:  # no room: the run ends
            self._tally.lost += 1
            raise

    def name(self, seen: FrameResult) -> str | None:
        """Return the name in the folder under which a source is drawn; None where it has no image."""
        if seen.image is None:
            return None
        if self._named is None or seen.source is not self._named[0]:
            place = self._place(seen.source.below, STILL if seen.prediction.seconds is None else MOVIE)
            self._named = seen.source, place
        return self._named[1]

    def _draw(self, name: str, image: NDArray[np.uint8], faces: tuple[Face, ...]) -> None:
        drawing, file = Image.fromarray(annotate(image, faces)), io.BytesIO()
        drawing.thumbnail((MAX_SIDE, MAX_SIDE))
        drawing.save(file, "JPEG", quality=90)
        self._outputs.write(name, file.getvalue())

    def _film(self, name: str, seen: FrameResult, prediction: Prediction, seconds: float) -> None:
        assert seen.image is not None
        if self._movie is None:
            self._name = name
            self._movie = Movie(self._outputs.begin(self._name), None if seen.source.live else seen.source.path)
        self._blinked |= {blink.track_id: seconds for blink in self._blinks.add(prediction, seen.cut)}
        blinked = {track for track, ended in self._blinked.items() if seconds < ended + BLINK}
        self._movie.add(annotate(seen.image, self._steady(prediction.faces, seconds), blinked), seconds)

    def _lose(self, source: Source | None, error: Exception) -> None:
        """Report a file that could not be written, once per video, and continue."""
        if source is not self._without:
            self._tally.lost, self._without = self._tally.lost + 1, source
            whole = isinstance(error, NotThisFileError)
            path = self._outputs.folder / self._name
            say(f"mien: {error}" if whole else f"mien: {path} cannot be written: {reason(error)}")
        self._end_movie()

    def _steady(self, faces: tuple[Face, ...], seconds: float) -> list[Face]:
        """Return the faces with the probabilities held for HOLD; a change of expression is drawn at once."""
        held = {}
        for face in faces:
            since, shown = self._held.get(face.track_id, (seconds, face))
            same = (shown.expression, shown.abstained) == (face.expression, face.abstained)
            held[face.track_id] = (since, shown) if same and seconds < since + HOLD else (seconds, face)
        self._held = held
        return [replace(face, probs=held[face.track_id][1].probs) for face in faces]

    def _end_movie(self) -> None:
        movie, self._movie, self._held = self._movie, None, {}
        self._blinks, self._blinked = Blinks(), {}
        if movie is None:
            return
        try:
            movie.close()
        except (av.error.FFmpegError, ValueError, ArithmeticError, MemoryError) as error:
            trim(self._outputs.folder / self._name)
            self._lose(self._source, error)
        finally:
            self._outputs.done(self._name)

    def _place(self, below: Path, suffixes: tuple[str, ...]) -> str:
        """Return a name under the folder that nothing has yet; one that is too long for a file is cut."""
        name = below.name.replace(":", "-")  # of a camera
        stem, suffix = (below.stem, below.suffix) if below.suffix.lower() in suffixes else (name, suffixes[0])
        folder, stem, number = "/".join((ANNOTATED, *below.parts[:-1])), short(stem, suffix), 1
        place = f"{folder}/{stem}{suffix}"
        while place.casefold() in self._taken or not self._outputs.free(place):
            number += 1
            place = f"{folder}/{stem}-{number}{suffix}"
        self._taken.add(place.casefold())
        return place


def short(stem: str, suffix: str) -> str:
    """Return a name's stem, shortened where the name would be too long for a file; a digest keeps short names distinct.

    >>> len(short("a" * 300, ".jpg")), short("a.png", ".jpg")
    (244, 'a.png')
    """
    content = os.fsencode(stem)
    if len(content) + len(os.fsencode(suffix)) <= MAX_NAME_BYTES - NUMBER:
        return stem
    cut = content[: MAX_NAME_BYTES - NUMBER - 9 - len(os.fsencode(suffix))].decode("utf-8", "ignore")
    return f"{cut}~{hashlib.sha256(content).hexdigest()[:8]}"
