"""One run of `mien predict`: a pipeline over sources, into a format on stdout and, when asked, into a folder.

What is written is whole however a run ends that can still do something: at the end, after Ctrl-C, and when it is asked
to stop (SIGTERM, as `timeout` and job queues send it; SIGHUP, when the terminal closes).  What a run leaves that is
killed outright (SIGKILL) is told in output/formats.py and media/writer.py.
"""

import io
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self, TextIO, cast

from mien.errors import MediaError, OutputError, UsageError, spelled
from mien.inference.media import camera
from mien.inference.media.camera import CAMERA
from mien.inference.media.sources import OWN, Skipped, Source, expand
from mien.inference.media.video import WHOLE, Clip
from mien.inference.output import record
from mien.inference.output.formats import FORMATS, as_csv
from mien.inference.output.progress import bar
from mien.inference.output.spreadsheet import PLAIN, Csv, for_excel, unknown_locale
from mien.inference.output.tally import Tally
from mien.inference.pipeline import Pipeline
from mien.inference.prediction import FrameResult
from mien.inference.unexpected import Isolated
from mien.outputs import Outputs, cannot_write, output_folder
from mien.outputs.targets import Kinds
from mien.printable import say


def least_confidence(text: str | None) -> float | Literal["auto"] | None:
    """Return what `--abstain` means: nothing, "auto" or a number; UsageError for anything else."""
    if text is None or text == "auto":
        return "auto" if text else None
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"`abstain` {text}", "a number from 0 to 1, or auto") from None


def check_format(name: str, to_file: bool, frames: bool = False, excel: bool = False, force: bool = False) -> None:
    """Refuse a format that does not exist, options that another has, and a stdout that is closed; a MienError."""
    if cast(Any, sys.stdout) is None:  # the next file that is opened would become it, and get what libraries print
        raise OutputError("stdout is closed", "a terminal, a file or a pipe", "send it to /dev/null")
    if name not in FORMATS:
        near = get_close_matches(name, FORMATS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"no format is called {name!r}", f"one of {', '.join(FORMATS)}", hint)
    if name == "parquet" and not to_file and sys.stdout.isatty():
        raise UsageError("Parquet is not for a terminal", do="redirect the output to a file, or give `out`")
    if frames and name != "table":
        raise UsageError(f"`frames` with `format` {name}", "`format` table", f"{name} has every frame as it is")
    if force and not to_file:
        raise UsageError("`force` without `out`", "`out` as well")
    if excel and name != "csv" and not (name == "table" and to_file):
        raise UsageError(f"`excel` with `format` {name}", "`format` csv, or `out`, where rows are CSV")


@dataclass(frozen=True)
class Request:
    """What a run of `mien predict` was asked for.

    Attributes:
        sources, clip: what to read, and which part of videos.
        format: of the rows, on stdout and in the folder; a table is CSV in the folder.
        out: a folder for rows, annotated images and videos, events.csv and people.csv of videos, report.html and
            mien-run.json, or None.
        force: whether to write over what is not mien's own; settings: the options of the command, for mien-run.json.
        frames: whether the table has a line per frame of a video instead of a summary; excel: whether CSV is for Excel.
    """

    sources: Sequence[str]
    format: str = "table"
    out: Path | None = None
    clip: Clip = WHOLE
    force: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    frames: bool = False
    excel: bool = False


def run(pipeline: Pipeline, request: Request) -> int:
    """Read the sources and write what is asked for; return how many could not be read, or not be drawn.

    Rows go to stdout (Parquet goes only to the folder when there is one); failures to stderr, one line each, and a
    summary at the end.  One camera on a terminal shows a live table instead of rows.
    """
    warnings.filterwarnings("ignore", module="PIL")  # an image is read or it is not; its oddities are not the user's
    if request.excel and (name := unknown_locale()):
        say(spelled(f"mien: the locale {name} is not installed; `excel` writes semicolons and decimal commas"))
    tally = Tally()
    try:
        with _Stop() as stop, ExitStack() as stack:
            _read(stack, stop, pipeline, tally, request)
    except (KeyboardInterrupt, SystemExit):
        say(f"mien: {tally}")
        _told(request.out, "stopped before the end; wrote")
        raise
    except BrokenPipeError:
        leave_pipe()
        say(f"mien: {tally}")
        raise
    except OutputError as error:
        raise OutputError(str(error), do=str(tally) if tally.begun else "") from None
    say(f"mien: {tally}")
    _told(request.out, "wrote")
    return tally.failed + tally.partly + tally.lost


def _read(stack: ExitStack, stop: "_Stop", pipeline: Pipeline, tally: Tally, request: Request) -> None:
    """Give everything that is seen to all that write it; what writes is closed by the stack."""
    sources, out = list(request.sources), request.out  # a folder that is read may well be the one that is written to
    live = request.format == "table" and not request.frames and _draws(sys.stdout) and _one_camera(sources)
    takers = list(_takers(stack, pipeline, tally, "live" if live else request.format, request))
    if not live:
        takers.append(stack.enter_context(bar(sources, out, request.clip)))
    for seen in pipeline.stream(sources, request.clip, keep=out is not None, skip=out, skipped=tally.skipped):
        with stop.whole():
            tally.add(seen)
            for take in takers:
                take(seen)
        if seen.prediction.error is not None:
            say(f"mien: {seen.prediction.error}")


def _told(out: Path | None, what: str) -> None:
    if out is not None:
        say(f"mien: {what} {out / 'report.html'}")


def _draws(stream: TextIO) -> bool:
    """Say whether a stream is a terminal that can write over what it shows."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


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


def _takers(
    stack: ExitStack, pipeline: Pipeline, tally: Tally, format: str, request: Request
) -> Iterator[Callable[[FrameResult], None]]:
    if request.out is not None:
        rows = "csv" if format in ("table", "live") else format
        outputs = stack.enter_context(_claimed(request.out, rows, pipeline, tally, request))
        yield from _kept(stack, outputs, pipeline, tally, rows, request)
    if format == "live":
        from mien.inference.output.live import LiveTable

        yield stack.enter_context(LiveTable()).add
    elif request.out is None or format != "parquet":
        both = sys.stdout.isatty() and sys.stderr.isatty()
        yield _rows(stack, pipeline, format, cast(BinaryIO, _AboveTheBar() if both else _Stdout()), request)


@contextmanager
def _claimed(out: Path, format: str, pipeline: Pipeline, tally: Tally, request: Request) -> Iterator[Outputs]:
    """Have the folder to ourselves and leave a record in it; nothing is written before all inputs are known not to be
    among what would be written over."""
    before = Skipped()  # files of an earlier run that stand in a folder that is read, and that this run replaces
    inputs = chain(
        (pipeline.classifier.path, *filter(None, (pipeline.detector_file,))),
        _paths(expand(request.sources, skipped=before), out),
    )
    facts = record.facts(pipeline, request.settings)
    with output_folder(out, "predict", _kinds(format), inputs, request.force, facts) as outputs:
        tally.own = before[OWN]
        if outputs.replaced:
            say(f"mien: {out} held an earlier run, which this one replaces")
        try:
            yield outputs
        finally:
            outputs.facts["counts"] = tally.to_dict()
            for name in outputs.kept:
                say(f"mien: {out / name} is of an earlier run, was changed since, and stays")


def _paths(sources: Iterator[Source], out: Path) -> Iterator[Path]:
    """Yield the paths of sources; MediaError at their end when none can be opened: a typo costs no earlier results."""
    opened, reasons = False, []
    for source in sources:
        yield source.path
        if not opened and (why := source.error or (camera.trouble(source.name) if source.live else None)):
            reasons.append(why)
        else:
            opened = True
    if not opened:
        more = f" (and {len(reasons) - 1:,} more that cannot be opened)" if len(reasons) > 1 else ""
        raise MediaError(f"{reasons[0] if reasons else 'nothing to read'}{more}", do=f"nothing was written to {out}")


def _kinds(format: str) -> Kinds:
    """Return the names that a run writes into its folder."""
    parts: dict[str, tuple[str, ...]] = {"predictions.parquet.parts": (".parquet",)}
    drawn: dict[str, tuple[str, ...]] = {record.ANNOTATED: (".jpg", ".jpeg", ".mp4")}
    tables = tuple(f"predictions.{name}" for name in FORMATS if name != "table")
    now = (f"predictions.{format}", "report.html", "events.csv", "people.csv", record.INPUTS)
    return Kinds(now, drawn | parts if format == "parquet" else drawn, tables, parts, tuple(parts))


def _kept(
    stack: ExitStack, outputs: Outputs, pipeline: Pipeline, tally: Tally, format: str, request: Request
) -> Iterator[Callable[[FrameResult], None]]:
    """Yield what writes the folder; what is entered last is left first, so the report gets the last video's people."""
    from mien.inference.output.annotated import Annotated
    from mien.inference.output.people_csv import People
    from mien.inference.output.report import PredictionReport

    annotated = Annotated(outputs, tally)
    inputs = record.InputList(outputs.growing(record.INPUTS), annotated.name)
    stack.callback(lambda: outputs.facts.update(inputs=inputs.to_dict()))
    yield inputs.add
    name = f"predictions.{format}"
    if format == "parquet":
        from mien.inference.output import parquet

        write = stack.enter_context(parquet.parts(outputs, name, pipeline.card))
        yield lambda seen: write(seen.prediction)
    else:
        yield _rows(stack, pipeline, format, cast(BinaryIO, outputs.growing(name)), request)
    debug = pipeline.debug
    yield Isolated(stack.enter_context(annotated).add, "what is annotated", tally, debug)
    report = stack.enter_context(PredictionReport(outputs, pipeline.card, name))
    yield Isolated(lambda seen: report.add(seen.drawn(), seen.image), "its part of the report", tally, debug)
    people = People(outputs, pipeline.card, pipeline.smooth, report.film, pipeline.thresholds, _csv(request))
    yield Isolated(stack.enter_context(people).add, "its part of people.csv and events.csv", tally, debug)


def _rows(
    stack: ExitStack, pipeline: Pipeline, format: str, stream: BinaryIO, request: Request
) -> Callable[[FrameResult], None]:
    if format == "table" and not request.frames:
        from mien.inference.output.video_table import VideoTable

        return stack.enter_context(VideoTable(stream, pipeline.card, pipeline.smooth, pipeline.thresholds)).add
    write = stack.enter_context(
        as_csv(stream, pipeline.card, _csv(request)) if format == "csv" else FORMATS[format](stream, pipeline.card)
    )
    return lambda seen: write(seen.prediction)


def _csv(request: Request) -> Csv:
    return for_excel() if request.excel else PLAIN


class _Stdout(io.RawIOBase):
    """The process's stdout; what it does not take, as a full disk behind it, is an OutputError."""

    def writable(self) -> bool:
        return True

    def write(self, text: Any) -> int:
        self._do(lambda: sys.stdout.buffer.write(text))
        return len(text)

    def flush(self) -> None:
        self._do(sys.stdout.buffer.flush)

    def isatty(self) -> bool:
        return sys.stdout.isatty()

    def _do(self, work: Callable[[], object]) -> None:
        try:
            work()
        except BrokenPipeError:
            raise
        except OSError as error:
            leave_pipe()  # else Python would try again when it ends, and tell its own way
            raise cannot_write("stdout", error) from None


class _AboveTheBar(_Stdout):
    """The terminal while a progress bar is on it: rich puts what passes through sys.stdout above the bar."""

    def write(self, text: Any) -> int:
        self._do(lambda: sys.stdout.write(bytes(text).decode()))
        return len(text)

    def flush(self) -> None:
        self._do(sys.stdout.flush)
