"""One run of `mien predict`: a pipeline over sources, into a format on stdout and, when asked, into a folder.

What is written is whole however a run ends that can still do something: at the end, after Ctrl-C, and when it is asked
to stop (SIGTERM, as `timeout` and job queues send it; SIGHUP, when the terminal closes).  What a run leaves that is
killed outright (SIGKILL) is told in sinks.py and movie.py.
"""

import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self, cast

from mien.errors import UsageError
from mien.inference.camera import CAMERA
from mien.inference.pipeline import Pipeline, Seen
from mien.inference.progress import bar
from mien.inference.sinks import FORMATS
from mien.inference.video import Clip
from mien.printable import say


def least_confidence(text: str | None) -> float | Literal["auto"] | None:
    """Return what `--abstain` means: nothing, "auto" or a number; UsageError for anything else."""
    if text is None or text == "auto":
        return "auto" if text else None
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"--abstain {text}", "a number from 0 to 1, or auto") from None


def check_format(name: str, to_file: bool) -> None:
    """Refuse a format that does not exist, and Parquet on a terminal; UsageError."""
    if name not in FORMATS:
        near = get_close_matches(name, FORMATS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"no format is called {name!r}", f"one of {', '.join(FORMATS)}", hint)
    if name == "parquet" and not to_file and sys.stdout.isatty():
        raise UsageError("Parquet is not for a terminal", do="redirect the output to a file, or give --out DIR")


def run(pipeline: Pipeline, sources: Sequence[str], format: str, out: Path | None, clip: Clip) -> int:
    """Read the sources and write what is told; return how many could not be read.

    Rows go to stdout in `format` (Parquet goes only to the folder when there is one); failures to stderr, one line
    each.  A folder `out` receives the rows in the same format (CSV for "table"), annotated pictures and videos,
    events.csv and people.csv of the videos, and report.html.  One camera on a terminal shows a live table instead of
    rows.
    """
    warnings.filterwarnings("ignore", module="PIL")  # a picture is read or it is not; its oddities are not the user's
    failures = 0
    skip = out / "annotated" if out else None  # a folder that is read may well be the one that is written to
    try:
        with _Stop() as stop, ExitStack() as stack:
            live = format == "table" and sys.stdout.isatty() and _one_camera(sources)
            takers = list(_takers(stack, pipeline, "live" if live else format, out))
            if not live:
                takers.append(stack.enter_context(bar(sources, skip, clip)))
            for seen in pipeline.stream(sources, clip, keep=out is not None, skip=skip):
                with stop.whole():
                    for take in takers:
                        take(seen)
                if seen.prediction.error is not None:
                    failures += 1
                    say(f"mien: {seen.prediction.error}")
    except (KeyboardInterrupt, SystemExit):
        _told(out, "stopped before the end; wrote")
        raise
    _told(out, "wrote")
    return failures


def _told(out: Path | None, what: str) -> None:
    if out is not None:
        say(f"mien: {what} {out / 'report.html'}")


def _one_camera(sources: Sequence[str]) -> bool:
    return len(sources) == 1 and sources[0].startswith(CAMERA)


class _Stop:
    """Ends the `with` block with an exception when the process is asked to end, so that all files are closed.

    Ctrl-C is KeyboardInterrupt, SIGTERM and SIGHUP are SystemExit.  While `whole` is entered the first request waits
    until it is left: half a written frame costs a video all that follows in its fragment.  Ctrl-C after that does not
    wait; `timeout` may well send its SIGTERM twice.
    """

    def __init__(self) -> None:
        self._usual: dict[int, Any] = {}
        self._busy = False
        self._asked: int | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            ends = {signal.SIGINT: signal.default_int_handler}
            ends |= {getattr(signal, name): signal.SIG_DFL for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)}
            self._usual = {n: signal.signal(n, self._ask) for n, usual in ends.items() if signal.getsignal(n) == usual}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._usual.items():
            signal.signal(number, handler)

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Do what is in the block to its end before the process ends."""
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
        if self._asked is not None:
            self._leave(self._asked)

    def _ask(self, number: int, frame: object) -> None:
        if self._busy and (self._asked is None or number != signal.SIGINT):
            self._asked = self._asked or number
        else:
            self._leave(number)

    def _leave(self, number: int) -> None:
        for each in self._usual:  # asked once is enough: the files are being closed; Ctrl-C again does not wait for it
            signal.signal(each, signal.default_int_handler if each == signal.SIGINT else signal.SIG_IGN)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)


def leave_pipe() -> None:
    """Let the process end in peace after whoever read its stdout has left, as `head` does."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _takers(stack: ExitStack, pipeline: Pipeline, format: str, out: Path | None) -> Iterator[Callable[[Seen], None]]:
    if out is not None:
        yield from _kept(stack, pipeline, "csv" if format in ("table", "live") else format, out)
    if format == "live":
        from mien.inference.live import LiveTable

        yield stack.enter_context(LiveTable()).add
    elif out is None or format != "parquet":
        both = sys.stdout.isatty() and sys.stderr.isatty()
        yield _rows(stack, pipeline, format, cast(BinaryIO, _AboveTheBar()) if both else sys.stdout.buffer)


def _kept(stack: ExitStack, pipeline: Pipeline, format: str, out: Path) -> Iterator[Callable[[Seen], None]]:
    """Yield what writes the folder; what is entered last is left first, so the report gets the last video's people."""
    from mien.inference.annotated import Annotated
    from mien.inference.people import People
    from mien.inference.report import PredictionReport

    if (out / "report.html").exists():
        say(f"mien: {out} holds an earlier run: what has the same name is replaced, the rest stays")
    path = out / f"predictions.{format}"
    file = stack.enter_context(_create(path))
    if format == "parquet":
        from mien.inference import parquet

        file.close()
        write = stack.enter_context(parquet.parts(path, pipeline.card))
        yield lambda seen: write(seen.prediction)
    else:
        yield _rows(stack, pipeline, format, file)
    yield stack.enter_context(Annotated(out)).add
    report = stack.enter_context(PredictionReport(out, pipeline.card, path.name))
    yield lambda seen: report.add(seen.drawn(), seen.image)
    yield stack.enter_context(People(out, pipeline.card, pipeline.smooth, report.film)).add


def _rows(stack: ExitStack, pipeline: Pipeline, format: str, stream: BinaryIO) -> Callable[[Seen], None]:
    write = stack.enter_context(FORMATS[format](stream, pipeline.card))
    return lambda seen: write(seen.prediction)


def _create(path: Path) -> BinaryIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb")
    except OSError as error:
        raise UsageError(f"--out: {error.filename} cannot be written: {error.strerror}", "a folder") from None


class _AboveTheBar:
    """The terminal while a progress bar is on it: rich puts what passes through sys.stdout above the bar."""

    def write(self, text: bytes) -> None:
        sys.stdout.write(text.decode())

    def flush(self) -> None:
        sys.stdout.flush()

    def isatty(self) -> bool:
        return True
