"""The command line.  Each command imports what it needs, calls one function and prints; nothing is computed here.

Exit codes: 0 done, 2 the user's mistake (one line on stderr), 3 a --strict check found a problem, 1 our crash.
"""

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, cast

import typer

from mien.errors import MienError, UsageError

LISTS = {  # what `mien list` lists, and where each registry lives
    "weights": ("mien.inference.classify", "names"),
    "detectors": ("mien.inference.detectors", "DETECTORS"),
    "datasets": ("mien.data", "DATASETS"),
    "models": ("mien.models", "MODELS"),
    "recipes": ("mien.training.recipe", "names"),
    "metrics": ("mien.evaluation.metrics", "METRICS"),
}
WordsError = cast("type[typer.BadParameter]", typer.BadParameter.__base__)
"""Typer's UsageError: words that make no command.  Older Typers keep it in click, newer ones in a private copy."""

TRAINING = ("torch", "onnx", "onnxscript")  # packages that only `mien[train]` brings

app = typer.Typer(
    name="mien",
    help="Read apparent facial expressions from pictures; train, measure and compare the models that do it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def predict(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE...", help="photos, folders, globs, videos, camera:0")],
    format: Annotated[str, typer.Option(help="table, json, jsonl, csv or parquet")] = "table",
    out: Annotated[Path | None, typer.Option(help="for annotated pictures, the rows and report.html")] = None,
    weights: Annotated[str, typer.Option(help="a shipped name (`mien list weights`) or a file")] = "ferplus",
    detector: Annotated[str, typer.Option(help="yunet, haar or whole (the picture is the face)")] = "yunet",
    detector_file: Annotated[Path | None, typer.Option(help="your own copy of the detector's file")] = None,
    min_score: Annotated[float | None, typer.Option(help="least score of a detected face, 0 to 1")] = None,
    abstain: Annotated[str | None, typer.Option(help="least confidence to answer: 0 to 1, or auto")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda")] = "cpu",
    every: Annotated[int, typer.Option(help="read every N-th frame of a video")] = 1,
) -> None:
    """Read the apparent facial expressions in photos, folders, videos or a camera."""
    from mien.inference import session
    from mien.inference.pipeline import Pipeline

    session.check_format(format, to_file=out is not None)
    least = session.least_confidence(abstain)
    pipeline = Pipeline(weights, detector, detector_file, min_score, least, device)
    try:
        failures = session.run(pipeline, sources, format, out, every)
    except BrokenPipeError:
        return session.leave_pipe()
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if failures:
        raise typer.Exit(2)


@app.command()
def train(
    recipe: Annotated[str | None, typer.Argument(help="a packaged recipe (`mien list recipes`) or a YAML file")] = None,
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="changes to the recipe")
    ] = None,
    root: Annotated[Path | None, typer.Option(help="the data; MIEN_DATA when not given")] = None,
    out: Annotated[Path, typer.Option(help="where run folders are made")] = Path("runs"),
    resume: Annotated[Path | None, typer.Option(help="a run folder to go on with, instead of a recipe")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    show: Annotated[bool, typer.Option("--show", help="print the full recipe and stop")] = False,
) -> None:
    """Train a recipe into a run folder: weights, log, scores on val and, once, on test."""
    from mien.training.session import run_recipe, show_recipe

    if show:
        typer.echo(show_recipe(recipe, overrides or []), nl=False)
    else:
        run_recipe(recipe, overrides or [], root=root, out=out, resume=resume, device=device)


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="a run folder that `mien train` made")],
    root: Annotated[Path | None, typer.Option(help="the data; MIEN_DATA or the run's own when not given")] = None,
) -> None:
    """Write a run's weights as ONNX: uint8 crops in, calibrated probabilities out."""
    from mien.training.session import export_run

    typer.echo(export_run(run, root=root))


@app.command("list")
def list_names(
    kind: Annotated[str | None, typer.Argument(help="weights, detectors, datasets, models, recipes or metrics")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """List the names that other commands take."""
    import json

    if kind is not None:
        if kind not in LISTS:
            raise UsageError(f"there is no list of {kind!r}", f"one of {', '.join(LISTS)}")
        names = _names(kind)
        return typer.echo(json.dumps(names) if as_json else "\n".join(names))
    found = {kind: _names_if_there(kind) for kind in LISTS}
    lines = (f"{k:10} {', '.join(names) if names else 'needs mien[train]'}" for k, names in found.items())
    typer.echo(json.dumps(found) if as_json else "\n".join(lines))


@app.command()
def doctor(
    strict: Annotated[bool, typer.Option("--strict", help="exit 3 when something needed is missing")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Show whether everything that mien needs stands ready: packages, weights, detectors, codecs, folders."""
    import json
    from dataclasses import asdict

    from mien.data.cache import cache_folder
    from mien.inference.doctor import checks, folder, line

    places = [folder("cache", cache_folder()), folder("MIEN_DATA", os.environ.get("MIEN_DATA"))]
    found = [*checks(), *places]
    typer.echo(json.dumps([asdict(check) for check in found]) if as_json else "\n".join(map(line, found)))
    if strict and any(check.ok is False for check in found):
        raise typer.Exit(3)


@app.command()
def data(
    name: Annotated[str, typer.Argument(help="fer2013 or ferplus")],
    options: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="e.g. labels=distribution")
    ] = None,
    root: Annotated[Path | None, typer.Option(help="the data; MIEN_DATA when not given")] = None,
    out: Annotated[Path | None, typer.Option(help="for contact.png and clean.txt [default: NAME-data]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Show a data set: counts, a contact sheet, and the test pictures that have no twin in Training."""
    import json

    from mien.data import read_options
    from mien.data.show import overview, to_dict, to_text, write

    view = overview(name, root, **read_options(options or []))
    files = write(view, out or Path(f"{name}-data"))
    text = to_text(view) + "".join(f"\nwrote {path}" for path in files.values())
    typer.echo(json.dumps({**to_dict(view), "files": files}) if as_json else text)


@app.command()
def evaluate(
    weights: Annotated[str, typer.Argument(help="a shipped name, an ONNX file or a run folder")],
    options: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="e.g. labels=distribution")
    ] = None,
    data: Annotated[str | None, typer.Option(help="fer2013 or ferplus [default: what the weights learnt]")] = None,
    root: Annotated[Path | None, typer.Option(help="the data; MIEN_DATA when not given")] = None,
    split: Annotated[str, typer.Option(help="val or test")] = "val",
    out: Annotated[Path | None, typer.Option(help="for result.npz, metrics.json and report.html")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Measure weights on a data set: all of it and its twin-free part, with intervals."""
    import json

    from mien.data import read_options
    from mien.evaluation.evaluate import evaluate as measure
    from mien.evaluation.evaluate import keep
    from mien.evaluation.show import to_text

    result, figures = measure(weights, data, root, split, **read_options(options or []))
    typer.echo(json.dumps(figures) if as_json else to_text(figures))
    if out:
        keep(result, figures, out)


def _names(kind: str) -> list[str]:
    module, name = LISTS[kind]
    value = getattr(import_module(module), name)
    return list(value() if callable(value) else value)


def _names_if_there(kind: str) -> list[str] | None:
    try:
        return _names(kind)
    except ModuleNotFoundError as error:
        if error.name not in TRAINING:
            raise
        return None


def main() -> None:
    """Run the command line; a user's mistake becomes one line on stderr and exit code 2."""
    try:
        sys.exit(app(sys.argv[1:] or ["--help"], standalone_mode=False))
    except WordsError as error:
        command = f"see `{error.ctx.command_path} --help`" if error.ctx else ""
        print(f"mien: {UsageError(error.format_message().rstrip('.'), do=command)}", file=sys.stderr)
        sys.exit(2)
    except typer.Abort as stopped:  # what some Typers make of Ctrl-C, and all of an EOFError, which is our crash
        if isinstance(stopped.__cause__, EOFError):
            raise
        sys.exit(130)
    except MienError as error:
        print(f"mien: {error}", file=sys.stderr)
        sys.exit(2)
    except ModuleNotFoundError as error:
        if error.name not in TRAINING:
            raise
        print(f"mien: this needs {error.name}, which is not installed; pip install 'mien[train]'", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
