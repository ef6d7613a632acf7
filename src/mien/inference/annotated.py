"""Annotated pictures and videos under DIR/annotated, named after what they show.

A picture becomes a JPEG, a video an MP4 (movie.py).  Two sources that would share a name get a number.  On a video the
figures of a face change at most five times a second, so that they can be read; its expression and its box are those
of the frame.
"""

from dataclasses import replace
from pathlib import Path
from typing import Self

from PIL import Image

from mien.face import Face
from mien.inference.draw import annotate
from mien.inference.movie import Movie
from mien.inference.pipeline import Seen
from mien.inference.sources import Source

LONGEST = 8192  # a JPEG ends at 65,535 pixels, and nobody looks at that many
HOLD = 0.2  # seconds for which the figures on a video stand


class Annotated:
    """Writes what was seen, with boxes and expressions drawn in, until the `with` block is left."""

    def __init__(self, out: Path) -> None:
        self._folder = out / "annotated"
        self._taken: set[str] = set()
        self._source: Source | None = None
        self._movie: Movie | None = None
        self._held: dict[int | None, tuple[float, Face]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end_movie()

    def add(self, seen: Seen) -> None:
        """Write a picture, or the next frame of a video; what could not be read is passed over."""
        if seen.source is not self._source:
            self._end_movie()
            self._source = seen.source
        if seen.image is None:
            return
        prediction = seen.drawn()
        if prediction.seconds is None:
            picture = Image.fromarray(annotate(seen.image, prediction.faces))
            picture.thumbnail((LONGEST, LONGEST))
            picture.save(self._place(seen.source.below, (".jpg", ".jpeg")), "JPEG", quality=90)
            return
        if self._movie is None:
            place = self._place(seen.source.below, (".mp4",))
            self._movie = Movie(place, None if seen.source.live else seen.source.path)
        self._movie.add(annotate(seen.image, self._steady(prediction.faces, prediction.seconds)), prediction.seconds)

    def _steady(self, faces: tuple[Face, ...], seconds: float) -> list[Face]:
        """Return the faces with the figures that stand; a change of expression is shown at once."""
        held = {}
        for face in faces:
            since, shown = self._held.get(face.track_id, (seconds, face))
            same = (shown.expression, shown.abstained) == (face.expression, face.abstained)
            held[face.track_id] = (since, shown) if same and seconds < since + HOLD else (seconds, face)
        self._held = held
        return [replace(face, probs=held[face.track_id][1].probs) for face in faces]

    def _end_movie(self) -> None:
        if self._movie is not None:
            self._movie.close()
            self._movie = None
            self._held = {}

    def _place(self, below: Path, suffixes: tuple[str, ...]) -> Path:
        name = str(below).replace(":", "-")
        stem, suffix = (
            (below.with_suffix(""), below.suffix) if below.suffix.lower() in suffixes else (name, suffixes[0])
        )
        place, number = f"{stem}{suffix}", 1
        while place.casefold() in self._taken:
            number += 1
            place = f"{stem}-{number}{suffix}"
        self._taken.add(place.casefold())
        path = self._folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
