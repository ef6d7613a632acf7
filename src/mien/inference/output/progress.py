"""The bar of `mien predict` on a terminal: over images by their number, over videos by their time.

Every source is one unit.  A video moves the bar by the fraction of its duration that has passed, if the file states
one, and shows the frames read per second.  Libraries are imported only where a bar is shown: most runs show none.
"""

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mien.errors import MediaError
from mien.inference.media.sources import Source, expand
from mien.inference.media.video import Clip
from mien.inference.output.timeline_svg import clock
from mien.inference.prediction import FrameResult
from mien.printable import printable, shortened

RECENT = 60  # frames over which their rate is taken
MIN_NAME = 8  # columns left for a name; else the rate is not shown
BAR, WIDE = 40, 90  # columns of the bar, and of the terminal from which there is room for one


class Position:
    """The progress of a run: sources done, and the position in the current video."""

    def __init__(self, clip: Clip, room: int = 1000) -> None:
        """Take the part of videos that is read, and the columns that the text may take."""
        self._clip, self._room = clip, room
        self._source: Source | None = None
        self._length: float | None = None
        self._times: deque[float] = deque(maxlen=RECENT)
        self._begun = 0

    def at(self, seen: FrameResult, now: float) -> tuple[float, str]:
        """Return how many sources are done, with the fraction of the current one, and the text to show for it."""
        name, seconds = printable(seen.source.below.name), seen.prediction.seconds
        if seen.source is not self._source:
            self._source, self._begun = seen.source, self._begun + 1
            self._times.clear()
            self._length = None if seconds is None or seen.source.live else duration(seen.source.path)
        if seconds is None:
            return self._begun, shortened(name, self._room)
        self._times.append(now)
        passed = now - self._times[0]
        rate = f", {(len(self._times) - 1) / passed:.0f} frames/s" if passed > 0 else ""
        length = f" / {clock(self._length)}" if self._length else ""
        place = f" {clock(seconds)}{length}"
        if len(place) + len(rate) + MIN_NAME > self._room:
            rate = ""
        return self._begun - 1 + self._fraction(
            seconds
        ), f"{shortened(name, self._room - len(place + rate))}{place}{rate}"

    def _fraction(self, seconds: float) -> float:
        if not self._length:
            return 0.0
        end = min(self._length, self._length if self._clip.end is None else self._clip.end)
        return min(1.0, max(0.0, seconds - self._clip.start) / max(end - self._clip.start, 1e-9))


def duration(path: Path) -> float | None:
    """Return the duration of a video in seconds, as the file states it, or None."""
    import av

    from mien.inference.media import ffmpeg

    try:
        with ffmpeg.opened(path) as file:
            stream = ffmpeg.video_stream(file, path)
            if stream.duration and stream.time_base:
                return float(stream.duration * stream.time_base)
            return float(file.duration / av.time_base) if file.duration else None
    except MediaError:
        return None


@contextmanager
def bar(sources: Sequence[str], skip: Path | None, clip: Clip) -> Iterator[Callable[[FrameResult], None]]:
    """Show a bar on stderr when that is a terminal that can draw, and yield the function to call with every result."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda seen: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
    from rich.table import Column

    console = Console(stderr=True)
    wide = console.width >= WIDE
    text = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True))
    drawn = BarColumn(BAR), MofNCompleteColumn(), text, TimeRemainingColumn()
    columns = (SpinnerColumn(), *(drawn if wide else drawn[1:]))
    with Progress(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty()) as shown:
        total = sum(1 for _ in expand(sources, skip))
        task = shown.add_task("", total=total)
        around = sum(len(part) + 1 for part in ("-", f"{total}/{total}", "0:00:00")) + (BAR + 1 if wide else 0)
        position = Position(clip, max(console.width - around, MIN_NAME))

        def advance(seen: FrameResult) -> None:
            done, text = position.at(seen, time.monotonic())
            shown.update(task, completed=done, description=text)

        yield advance
