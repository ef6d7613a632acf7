"""One run of `mien predict`: a pipeline over sources, into a format on stdout and, when asked, into a folder.

Files are complete at the end, after Ctrl-C, and after a request to stop (SIGTERM from `timeout` and job queues, SIGHUP
when the terminal closes).  For a killed run (SIGKILL) see output/formats.py and media/writer.py.
"""

import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Literal, TextIO, cast

from mien.errors import MediaError, OutputError, UsageError, spelled
from mien.inference.media import camera
from mien.inference.media.camera import CAMERA
from mien.inference.media.sources import OWN, Skipped, Source, expand
from mien.inference.media.video import WHOLE, Clip
from mien.inference.output import record
from mien.inference.output.formats import FILES, FORMATS, as_csv
from mien.inference.output.measures import ASSUMED
from mien.inference.output.progress import bar
from mien.inference.output.rows import Columns, columns
from mien.inference.output.spreadsheet import PLAIN, Csv, for_excel, unknown_locale
from mien.inference.output.stdout import AboveProgressBar, Stdout, leave_pipe
from mien.inference.output.tally import Tally
from mien.inference.pipeline import Pipeline
from mien.inference.prediction import FrameResult
from mien.inference.stop import StopSignals
from mien.inference.unexpected import Isolated
from mien.outputs import Outputs, output_folder
from mien.outputs.targets import Kinds
from mien.printable import say
from mien.reliability import MARK, reliabilities, weak


def min_confidence(text: str | None) -> float | Literal["auto"] | None:
    """Return the value of `--abstain`: None, "auto" or a number; UsageError for other text."""
    if text is None or text == "auto":
        return "auto" if text else None
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"`abstain` {text}", "a number from 0 to 1, or auto") from None


def check_format(name: str, to_file: bool, frames: bool = False, excel: bool = False, force: bool = False) -> None:
    """Raise a MienError for an unknown format, options of another format, and a closed stdout."""
    if cast(Any, sys.stdout) is None:  # the next opened file would become stdout
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
    """The options of a run of `mien predict`.

    Attributes:
        sources, clip: what to read, and which part of videos.
        format: of the rows, on stdout and in the folder; `table` becomes CSV in the folder.
        out: a folder for rows, annotated images and videos, events.csv and people.csv of videos, report.html and
            mien-run.json, or None.
        force: whether to replace files that are not mien's own.
        settings: the options of the command, for mien-run.json.
        frames: whether the table has a line per frame of a video instead of a summary; excel: whether CSV is for Excel.
        landmarks: an NPZ file for the landmarks and blendshapes of all measured faces, or None.
    """

    sources: Sequence[str]
    format: str = "table"
    out: Path | None = None
    clip: Clip = WHOLE
    force: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    frames: bool = False
    excel: bool = False
    landmarks: Path | None = None


def run(pipeline: Pipeline, request: Request) -> int:
    """Read the sources and write the outputs; return how many could not be read or drawn.

    Rows go to stdout (Parquet only to the folder when there is one).  Failures go to stderr, one line each, with a
    summary at the end.  One camera on a terminal shows a live table instead of rows.
    """
    warnings.filterwarnings("ignore", module="PIL")  # its warnings about odd files are not for the user
    if request.excel and (name := unknown_locale()):
        say(spelled(f"mien: the locale {name} is not installed; `excel` writes semicolons and decimal commas"))
    if pipeline.baseline is not None:
        for source in request.sources:
            pipeline.baseline.refuse(source)  # before the folder is claimed
        pipeline.baseline.refuse_all(expand(request.sources, request.out))
    tally = Tally()
    try:
        with StopSignals() as stop, ExitStack() as stack:
            _read(stack, stop, pipeline, tally, request)
    except (KeyboardInterrupt, SystemExit):
        say(f"mien: {tally}")
        _report_path(request.out, "stopped before the end; wrote")
        raise
    except BrokenPipeError:
        leave_pipe()
        say(f"mien: {tally}")
        raise
    except OutputError as error:
        raise OutputError(str(error), do=str(tally) if tally.begun else "") from None
    say(f"mien: {tally}")
    if folders := tally.skipped.folders_line():
        say(f"mien: {folders}")
    if pipeline.shown_as and request.format == "table":
        say(f"mien: {pipeline.shown_as}")
    if pipeline.extra.measures and request.format == "table":
        say(f"mien: {ASSUMED[0].lower()}{ASSUMED[1:]}")
    _report_weak(pipeline, tally)
    _report_path(request.out, "wrote")
    if request.landmarks is not None:
        say(f"mien: {'wrote' if tally.images or tally.frames else 'nothing was written to'} {request.landmarks}")
    return tally.failed + tally.partly + tally.lost


def _read(stack: ExitStack, stop: StopSignals, pipeline: Pipeline, tally: Tally, request: Request) -> None:
    """Pass every result to all writers, which the stack closes."""
    sources, out = list(request.sources), request.out  # the output folder may also be read
    live = request.format == "table" and not request.frames and _overwrites(sys.stdout) and _one_camera(sources)
    writers = list(_writers(stack, pipeline, tally, "live" if live else request.format, request))
    if not live:
        writers.append(stack.enter_context(bar(sources, out, request.clip)))
    noted: Source | None = None
    for result in pipeline.stream(sources, request.clip, keep=out is not None, skip=out, skipped=tally.skipped):
        with stop.complete():
            tally.add(result)
            for write in writers:
                write(result)
        if result.prediction.error is not None:
            say(f"mien: {result.prediction.error}")
        elif result.prediction.seconds is not None and result.prediction.note and result.source is not noted:
            noted = result.source
            say(f"mien: {noted.name}: {result.prediction.note}")


def _report_weak(pipeline: Pipeline, tally: Tally) -> None:
    known = {label: one for label, one in reliabilities(pipeline.card).items() if label in tally.weak}
    if known:
        say(f"mien: {MARK} weak: {weak(known)}")


def _report_path(out: Path | None, what: str) -> None:
    if out is not None:
        say(f"mien: {what} {out / 'report.html'}")


def _overwrites(stream: TextIO) -> bool:
    """Return whether a stream is a terminal that can overwrite its lines."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _one_camera(sources: Sequence[str]) -> bool:
    return len(sources) == 1 and sources[0].startswith(CAMERA)


def _writers(
    stack: ExitStack, pipeline: Pipeline, tally: Tally, format: str, request: Request
) -> Iterator[Callable[[FrameResult], None]]:
    if request.out is not None:
        rows = "csv" if format in ("table", "live") else format
        outputs = stack.enter_context(_claimed(request.out, rows, pipeline, tally, request))
        yield from _kept(stack, outputs, pipeline, tally, rows, request)
    if request.landmarks is not None and pipeline.measurer is not None:
        from mien.inference.output.landmarks import landmarks

        keep = stack.enter_context(landmarks(request.landmarks, pipeline.measurer.names, request.force))
        yield lambda result: keep(result.prediction)
    if format == "live":
        from mien.inference.output.live import LiveTable

        yield _shown(stack.enter_context(LiveTable()).add)
    elif request.out is None or format != "parquet":
        both = sys.stdout.isatty() and sys.stderr.isatty()
        yield _rows(stack, pipeline, format, cast(BinaryIO, AboveProgressBar() if both else Stdout()), request)


@contextmanager
def _claimed(out: Path, format: str, pipeline: Pipeline, tally: Tally, request: Request) -> Iterator[Outputs]:
    """Claim the folder and leave a record in it; first check that no input would be overwritten."""
    before = Skipped()  # files of an earlier run in an input folder, which this run replaces
    inputs = chain(
        (pipeline.classifier.path, *filter(None, (pipeline.detector_file, pipeline.baseline_file))),
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
                say(f"mien: {out / name} is from an earlier run, was changed since, and is kept")


def _paths(sources: Iterator[Source], out: Path) -> Iterator[Path]:
    """Yield the paths of sources; MediaError at the end when none can be opened, so that a typo replaces no results."""
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
    """Return the names of the files that a run writes."""
    parts: dict[str, tuple[str, ...]] = {"predictions.parquet.parts": (".parquet",)}
    drawn: dict[str, tuple[str, ...]] = {record.ANNOTATED: (".jpg", ".jpeg", ".mp4")}
    tables = tuple(f"predictions.{name}" for name in FORMATS if name != "table")
    now = (f"predictions.{format}", "report.html", "events.csv", "people.csv", record.INPUTS)
    return Kinds(now, drawn | parts if format == "parquet" else drawn, tables, parts, tuple(parts))


def _kept(
    stack: ExitStack, outputs: Outputs, pipeline: Pipeline, tally: Tally, format: str, request: Request
) -> Iterator[Callable[[FrameResult], None]]:
    """Yield the writers of the folder; the last is closed first, so that the report gets the last video's people."""
    from mien.inference.output.annotated import Annotated
    from mien.inference.output.people_csv import People
    from mien.inference.output.report import PredictionReport

    annotated = Annotated(outputs, tally)
    inputs = record.InputList(outputs.growing(record.INPUTS), annotated.name)

    def listed(kind: type[BaseException] | None, *_: object) -> None:
        outputs.facts.update(inputs=inputs.to_dict(stopped=kind is not None))

    stack.push(listed)
    yield inputs.add
    name = f"predictions.{format}"
    if format in FILES:
        write = stack.enter_context(FILES[format](outputs, name, _columns(pipeline, request)))
        yield lambda result: write(result.prediction)
    else:
        yield _rows(stack, pipeline, format, cast(BinaryIO, outputs.growing(name)), request)
    debug = pipeline.debug
    yield Isolated(_shown(stack.enter_context(annotated).add), "the annotated copy", tally, debug)
    prior, shown_as = pipeline.classifier.prior.name, pipeline.shown_as
    report = stack.enter_context(PredictionReport(outputs, pipeline.card, name, prior, shown_as))
    drawn = _shown(lambda result: report.add(result.drawn(), result.image))
    yield Isolated(drawn, "its part of the report", tally, debug)
    kept = (outputs, pipeline.shown_card, pipeline.smooth, report.add_video, pipeline.thresholds, _csv(request))
    people = stack.enter_context(People(*kept, pipeline.extra))
    yield Isolated(people.add, "its part of people.csv and events.csv", tally, debug)


def _shown(write: Callable[[FrameResult], None]) -> Callable[[FrameResult], None]:
    """Return a writer that gets faces as they are shown: with groups at their level, corrected by a baseline."""
    return lambda result: write(result.shown())


def _rows(
    stack: ExitStack, pipeline: Pipeline, format: str, stream: BinaryIO, request: Request
) -> Callable[[FrameResult], None]:
    if format == "table" and not request.frames:
        from mien.inference.output.video_table import VideoTable

        table = VideoTable(stream, pipeline.shown_card, pipeline.smooth, pipeline.thresholds, pipeline.extra.measures)
        return _shown(stack.enter_context(table).add)
    write = stack.enter_context(
        as_csv(stream, pipeline.columns, _csv(request))
        if format == "csv"
        else FORMATS[format](stream, _columns(pipeline, request))
    )
    return lambda result: write(result.prediction)


def _columns(pipeline: Pipeline, request: Request) -> Columns:
    """Return the columns of the rows, with lists of landmarks where they were requested; CSV has no lists."""
    return columns(pipeline.card, replace(pipeline.extra, landmarks=request.landmarks is not None))


def _csv(request: Request) -> Csv:
    return for_excel() if request.excel else PLAIN
