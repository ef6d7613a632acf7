"""One run of `mien predict`: a pipeline over sources, into a format on stdout and, when asked, into a folder."""

import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import BinaryIO, Literal, cast

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from mien.errors import UsageError
from mien.inference.pipeline import Pipeline, Seen
from mien.inference.sinks import FORMATS
from mien.inference.sources import expand
from mien.inference.video import Clip


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


def run(pipeline: Pipeline, sources: Sequence[str], format: str, out: Path | None, every: int) -> int:
    """Read the sources and write what is told; return how many could not be read.

    Rows go to stdout in `format` (Parquet goes only to the folder when there is one); failures to stderr, one line
    each.  A folder `out` receives the rows in the same format (CSV for "table"), annotated pictures and report.html.
    """
    warnings.filterwarnings("ignore", module="PIL")  # a picture is read or it is not; its oddities are not the user's
    failures = 0
    skip = out / "annotated" if out else None  # a folder that is read may well be the one that is written to
    with ExitStack() as stack:
        takers = list(_takers(stack, pipeline, format, out))
        advance = stack.enter_context(_progress(sources, skip))
        for seen in pipeline.stream(sources, Clip(every), keep=out is not None, skip=skip):
            for take in takers:
                take(seen)
            if seen.prediction.error is not None:
                failures += 1
                print(f"mien: {seen.prediction.error}", file=sys.stderr, flush=True)
            advance(seen)
    if out is not None:
        print(f"mien: wrote {out / 'report.html'}", file=sys.stderr)
    return failures


def leave_pipe() -> None:
    """Let the process end in peace after whoever read its stdout has left, as `head` does."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _takers(stack: ExitStack, pipeline: Pipeline, format: str, out: Path | None) -> Iterator[Callable[[Seen], None]]:
    if out is not None:
        from mien.inference.annotated import Annotated
        from mien.inference.report import PredictionReport

        name = "csv" if format == "table" else format
        yield _rows(stack, pipeline, name, stack.enter_context(_create(out / f"predictions.{name}")))
        yield stack.enter_context(Annotated(out)).add
        report = stack.enter_context(PredictionReport(out, pipeline.card))
        yield lambda seen: report.add(seen.drawn(), seen.image)
    if out is None or format != "parquet":
        both = sys.stdout.isatty() and sys.stderr.isatty()
        yield _rows(stack, pipeline, format, cast(BinaryIO, _AboveTheBar()) if both else sys.stdout.buffer)


def _rows(stack: ExitStack, pipeline: Pipeline, format: str, stream: BinaryIO) -> Callable[[Seen], None]:
    write = stack.enter_context(FORMATS[format](stream, pipeline.card))
    return lambda seen: write(seen.prediction)


def _create(path: Path) -> BinaryIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb")
    except OSError as error:
        raise UsageError(f"--out: {path} cannot be written: {error.strerror}", "a folder") from None


class _AboveTheBar:
    """The terminal while a progress bar is on it: rich puts what passes through sys.stdout above the bar."""

    def write(self, text: bytes) -> None:
        sys.stdout.write(text.decode())

    def flush(self) -> None:
        sys.stdout.flush()

    def isatty(self) -> bool:
        return True


@contextmanager
def _progress(sources: Sequence[str], skip: Path | None) -> Iterator[Callable[[Seen], None]]:
    """Show a bar on stderr when that is a terminal; it advances with the sources, not with video frames."""
    if not sys.stderr.isatty():
        yield lambda seen: None
        return
    columns = (
        SpinnerColumn(),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}", markup=False),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty()) as bar:
        task = bar.add_task("", total=sum(1 for _ in expand(sources, skip)))
        last: list[object] = [None]

        def advance(seen: Seen) -> None:
            new = seen.source is not last[0]
            last[0] = seen.source
            bar.update(task, advance=1 if new else 0, description=seen.source.below.name)

        yield advance
