"""Counts of a run of `mien predict`, as one line for people and as numbers for the run record."""

from dataclasses import dataclass, field, fields
from typing import Any

from mien.html.page import count
from mien.inference.media.sources import OWN, Skipped, Source
from mien.inference.prediction import FrameResult

LISTED = 8  # kinds of skipped files named in the line; the record has all


@dataclass
class Counts:
    """How much was read.

    Attributes:
        images, videos, frames, faces: how many; videos are sources that gave frames.
        failed: sources that could not be read at all; partly: of the videos, those not read to their end.
    """

    images: int = 0
    videos: int = 0
    frames: int = 0
    faces: int = 0
    failed: int = 0
    partly: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(**{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(Counts)})


@dataclass
class Tally(Counts):
    """Counts results; `skipped` is passed to `sources.expand`, which counts skipped files in it.

    Attributes:
        tracks: of faces, in all videos; abstained: faces on which the weights abstained.
        video_seconds: how long the frames that were read lasted (media/durations.py).
        empty: images and frames without a face; lost: annotated files not written.
        skipped: skipped files by kind; own: how many files of mien's own were there before a run that writes a
            folder, or None.
        weak: the expressions predicted that the weights predict poorly (mien.reliability).
    """

    tracks: int = 0
    abstained: int = 0
    video_seconds: float = 0.0
    empty: int = 0
    lost: int = 0
    own: int | None = None
    weak: set[str] = field(default_factory=set)
    skipped: Skipped = field(default_factory=Skipped)
    _source: Source | None = None
    _tracks: set[int] = field(default_factory=set)  # of the video being read

    @property
    def begun(self) -> bool:
        """Whether anything was read."""
        return bool(self.images or self.frames or self.failed)

    def add(self, seen: FrameResult) -> None:
        """Count an image, a frame, or a source that could not be read."""
        if seen.prediction.error is not None:
            partly = seen.source is self._source
            self.partly, self.failed = self.partly + partly, self.failed + (not partly)
            return
        if seen.prediction.seconds is None:
            self.images += 1
        else:
            self._frame(seen)
        self.faces += len(seen.prediction.faces)
        self.weak |= {face.expression for face in seen.prediction.faces if face.weak and face.expression}
        self.abstained += sum(face.abstained for face in seen.prediction.faces)
        self.empty += not seen.prediction.faces

    def _frame(self, seen: FrameResult) -> None:
        """Count a frame and the tracks that begin with it."""
        self.frames += 1
        self.video_seconds += seen.lasts
        if seen.source is not self._source:
            self.videos, self._source, self._tracks = self.videos + 1, seen.source, set()
        known = len(self._tracks)
        self._tracks |= {face.track_id for face in seen.prediction.faces if face.track_id is not None}
        self.tracks += len(self._tracks) - known

    def kinds(self) -> dict[str, int]:
        """Return the skipped files by kind, most frequent first; of mien's own those from before this run."""
        counted = Skipped(self.skipped)
        if self.own is not None:
            counted[OWN] = self.own
        return {kind: number for kind, number in counted.most_common() if number}

    def to_dict(self) -> dict[str, Any]:
        """Return the counts for the run record."""
        names = ("images", "videos", "frames", "faces", "tracks", "abstained")
        counts = {name: getattr(self, name) for name in names} | {"video_seconds": round(self.video_seconds, 3)}
        counts |= {"read_in_part": self.partly, "without_face": self.empty}
        counts |= {"failed": self.failed, "not_annotated": self.lost}
        return {**counts, "skipped": self.kinds()}

    def __str__(self) -> str:
        """Return the summary: "read 648 images, 1,296 faces; 2 failed; skipped: 3 .txt"."""
        read = [count(self.images, "image")] if self.images else []
        videos = f"{count(self.videos, 'video')} ({count(self.frames, 'frame')}"
        read += [f"{videos}; {self.partly:,} only in part)" if self.partly else f"{videos})"] if self.videos else []
        tracks = f", {count(self.tracks, 'track')}" if self.tracks else ""
        parts = [f"read {' and '.join(read)}, {count(self.faces, 'face')}{tracks}" if read else "read 0 images"]
        counted = ((self.empty, "without a face"), (self.failed, "failed"), (self.lost, "not annotated"))
        parts += [f"{number:,} {what}" for number, what in counted if number]
        if kinds := [f"{number:,} {kind}" for kind, number in self.kinds().items()]:
            more = f", {len(kinds) - LISTED:,} more kinds" if len(kinds) > LISTED else ""
            parts.append(f"skipped: {', '.join(kinds[:LISTED])}{more}")
        return "; ".join(parts)
