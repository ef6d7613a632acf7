"""Frames of videos and cameras (being written)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mien.errors import UsageError
from mien.inference import media
from mien.inference.media import Pixels


@dataclass(frozen=True)
class Clip:
    """Which frames of a video to read."""

    every: int = 1
    start: float = 0.0
    end: float | None = None
    max_fps: float | None = None

    def __post_init__(self) -> None:
        if self.every < 1:
            raise UsageError(f"--every {self.every}", "a whole number of frames, at least 1")


def frames(source: str | Path, clip: Clip = Clip()) -> Iterator[tuple[int, float, Pixels]]:
    """Yield (index, seconds, image)."""
    yield from media.frames(source, clip.every)
