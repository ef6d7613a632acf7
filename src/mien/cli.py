"""The command line.  Each command imports what it needs, calls one function and prints; nothing is computed here.

Exit codes: 0 done, 2 the user's mistake (one line on stderr), 3 a --strict check found a problem, 1 our crash.
"""

import os
import sys
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from mien.errors import MienError, UsageError, options_named, refusal
from mien.printable import printable, printable_in, say
from mien.usage_errors import mistake

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

FORCE = "write over files in --out that are not mien's own"
TRAINING = ("torch", "onnx", "onnxscript")  # packages that only `mien[train]` brings

app = typer.Typer(
    name="mien",
    help="Read apparent facial expressions from images; train, measure and compare the models that do it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="print the version and stop")] = False,
) -> None:
    """Read apparent facial expressions from images; train, measure and compare the models that do it."""
    if version:
        from mien import __version__

        typer.echo(f"mien {__version__}")
        raise typer.Exit
    context.with_resource(options_named(_options(context)))


@app.command()
def predict(
    context: typer.Context,
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE...", help="photos, folders, globs, videos, camera:0")],
    format: Annotated[str, typer.Option(help="table, json, jsonl, csv or parquet")] = "table",
    out: Annotated[
        Path | None, typer.Option(help="for annotated images and videos, rows, events.csv, people.csv, report.html")
    ] = None,
    weights: Annotated[str, typer.Option(help="a shipped name (`mien list weights`) or a file")] = "ferplus",
    detector: Annotated[str, typer.Option(help="yunet, haar or whole (the image is the face)")] = "yunet",
    detector_file: Annotated[Path | None, typer.Option(help="your own copy of the detector's file")] = None,
    min_score: Annotated[float | None, typer.Option(help="least score of a detected face, 0 to 1")] = None,
    abstain: Annotated[str | None, typer.Option(help="least confidence to answer: 0 to 1, or auto")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda")] = "cpu",
    every: Annotated[int, typer.Option(help="read every N-th frame of a video")] = 1,
    start: Annotated[float, typer.Option(help="read a video from so many seconds on")] = 0.0,
    end: Annotated[float | None, typer.Option(help="read a video up to so many seconds")] = None,
    max_fps: Annotated[float | None, typer.Option(help="read at most so many frames a second")] = None,
    smooth: Annotated[float, typer.Option(help="seconds over which a video's probabilities are averaged")] = 0.0,
    force: Annotated[bool, typer.Option("--force", help=FORCE)] = False,
    rotate: Annotated[
        str, typer.Option(help="auto (images only): also look for faces in the image turned; or off")
    ] = "off",
    max_pixels: Annotated[int, typer.Option(help="refuse images and frames of more pixels")] = 100_000_000,
    event_high: Annotated[float, typer.Option(help="the probability that an event of a video reaches")] = 0.6,
    event_low: Annotated[float, typer.Option(help="the probability that an event keeps")] = 0.4,
    event_min: Annotated[float, typer.Option(help="seconds that an event lasts at least; shorter are bursts")] = 0.5,
    debug: Annotated[bool, typer.Option("--debug", help="raise what nobody expected, with its traceback")] = False,
    frames: Annotated[bool, typer.Option("--frames", help="table: a line per frame of a video, no summary")] = False,
    excel: Annotated[bool, typer.Option("--excel", help="write CSV as Excel opens it")] = False,
) -> None:
    """Read the apparent facial expressions in photos, folders, videos or a camera."""
    from mien.inference import run as session
    from mien.inference.media.chatter import silenced
    from mien.inference.media.video import Clip
    from mien.inference.pipeline import Pipeline

    session.check_format(format, out is not None, frames, excel, force)
    clip = Clip(every, start, end, max_fps)
    least = session.least_confidence(abstain)
    reading = (weights, detector, detector_file, min_score, least, device, smooth, rotate, max_pixels)
    pipeline = Pipeline(*reading, event_high, event_low, event_min, debug)
    request = session.Request(sources, format, out, clip, force, context.params, frames, excel)
    try:
        with silenced():
            failures = session.run(pipeline, request)
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
    test: Annotated[bool, typer.Option("--test", help="open the test split, once, when training has ended")] = False,
) -> None:
    """Train a recipe into a run folder: weights, log, scores on val and, with --test, once on test."""
    from mien.training.run import run_recipe, show_recipe

    if show:
        typer.echo(show_recipe(recipe, overrides or []), nl=False)
    else:
        run_recipe(recipe, overrides or [], root=root, out=out, resume=resume, device=device, test=test)


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="a run folder that `mien train` made")],
    root: Annotated[Path | None, typer.Option(help="the data; MIEN_DATA or the run's own when not given")] = None,
) -> None:
    """Write a run's weights as ONNX: uint8 crops in, calibrated probabilities out."""
    from mien.training.run import export_run

    _print_path(export_run(run, root=root))


@app.command()
def reproduce(
    recipes: Annotated[list[str] | None, typer.Argument(metavar="[RECIPE]...", help="cnn4, svm, ... [all]")] = None,
    root: Annotated[Path | None, typer.Option(help="the data; MIEN_DATA when not given")] = None,
    out: Annotated[Path, typer.Option(help="where run folders are made, or gone on with")] = Path("runs"),
    results: Annotated[Path, typer.Option(help="for the rows, TABLE.md and figures/")] = Path("results"),
    budget: Annotated[float | None, typer.Option(help="minutes for all; shortens recipes and says so")] = None,
    seeds: Annotated[int, typer.Option(help="runs of each recipe, with seeds 0, 1, ...")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    list_: Annotated[bool, typer.Option("--list", help="print the recipes and what was published, run none")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Run the recipes of published systems and print the published figure beside ours."""
    from mien.experiments import text as show
    from mien.experiments.reproduce import Place

    place = Place(root, out, results, device)
    if list_:
        return show.show(found := show.listed(place), show.to_list(printable_in(found)), as_json=as_json)
    raise typer.Exit(show.run(recipes or [], place, budget, seeds, as_json=as_json))


@app.command()
def sweep(
    recipe: Annotated[str, typer.Argument(help="a packaged recipe or a YAML file")],
    grid: Annotated[list[str], typer.Argument(metavar="KEY=A,B,C...", help="values of recipe keys, commas between")],
    runs: Annotated[int, typer.Option(help="runs of each setting, with seeds 0, 1, ...")] = 1,
    root: Annotated[Path | None, typer.Option(help="the data; MIEN_DATA when not given")] = None,
    out: Annotated[Path | None, typer.Option(help="for runs, table and plot [default: sweeps/RECIPE-KEYS]")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Run a recipe over a grid of its keys: a table and a plot of what val says."""
    from mien.experiments import text as show
    from mien.experiments.sweep import sweep as run

    try:
        found = run(recipe, grid, runs=runs, root=root, out=out, device=device)
    except KeyboardInterrupt:
        say("", "stopped; the same command goes on where this one was")
        raise typer.Exit(130) from None
    show.show(found, show.to_sweep(printable_in(found)), as_json=as_json)


@app.command()
def generate(
    name: Annotated[str, typer.Argument(help="the data set whose training split is learnt")] = "fer2013",
    options: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="e.g. labels=distribution")
    ] = None,
    root: Annotated[Path | None, typer.Option(help="the data; MIEN_DATA when not given")] = None,
    out: Annotated[Path, typer.Option(help="the generator's folder, made or gone on with")] = Path("generator"),
    steps: Annotated[int, typer.Option(help="batches of 256 that it learns from")] = 3000,
    per_class: Annotated[int, typer.Option(help="images to draw of every class")] = 500,
    seed: Annotated[int, typer.Option(help="of everything random")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    force: Annotated[bool, typer.Option("--force", help=FORCE)] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Train a class-conditional generator of faces and draw images for `data.train.generated` of a recipe."""
    from mien.data import read_options
    from mien.training.generate import Settings, to_text
    from mien.training.generate import generate as make

    asked = read_options(options or [])
    found = make(name, root, out, asked, Settings(steps, seed), per_class=per_class, device=device, force=force)
    _print(found, to_text, as_json)


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
    plain = found.to_dict() if hasattr(found, "to_dict") else found
    typer.echo(json.dumps(plain) if as_json else "\n".join(lines))


@app.command()
def doctor(
    strict: Annotated[bool, typer.Option("--strict", help="exit 3 when something needed is missing")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Show whether everything that mien needs is available: packages, weights, detectors, codecs, folders."""
    import json
    from dataclasses import asdict

    from mien.data.cache import cache_folder
    from mien.inference.doctor import checks, folder, line

    places = [folder("cache", cache_folder()), folder("MIEN_DATA", os.environ.get("MIEN_DATA"))]
    found = [*checks(), *places]
    typer.echo(
        json.dumps([asdict(check) for check in found])
        if as_json
        else "\n".join(printable(line(check)) for check in found)
    )
    if strict and any(check.ok is False for check in found):
        raise typer.Exit(3)


@app.command()
def data(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="a data set (`mien list datasets`)")],
    options: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="e.g. labels=distribution")
    ] = None,
    root: Annotated[Path | None, typer.Option(help="the data; MIEN_DATA when not given")] = None,
    out: Annotated[Path | None, typer.Option(help="for images, pages and clean ids [default: NAME-data]")] = None,
    hygiene: Annotated[
        bool, typer.Option("--hygiene", help="audit: near-duplicates, leaks, conflicts, blanks")
    ] = False,
    detector: Annotated[str | None, typer.Option(help="yunet or haar: look for faces too (--hygiene)")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="exit 3 when splits leak (--hygiene)")] = False,
    force: Annotated[bool, typer.Option("--force", help=FORCE)] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Show a data set: counts, a contact sheet, and the test images without near-duplicates in Training."""
    from mien.data import overview, read_options
    from mien.data.audit import summary
    from mien.data.audit.report import AuditReport
    from mien.outputs.taken import taken

    if not hygiene and (detector or strict):
        raise UsageError("--detector or --strict alone", "--hygiene beside it")
    chosen, folder = read_options(options or []), out or Path(f"{name}-data")
    look: Callable[..., Any] = partial(summary.look, detector=detector) if hygiene else overview.look
    with taken("data", folder, (summary if hygiene else overview).KEPT, [root], context.params) as begin:
        report = look(name, root, begin, options=chosen)
    _print(report, str, as_json)
    _wrote(report.files.values())
    if strict and isinstance(report, AuditReport) and report.leak:
        say(f"mien: {report.leak}")
        raise typer.Exit(3)


@app.command()
def evaluate(
    context: typer.Context,
    weights: Annotated[str, typer.Argument(metavar="WEIGHTS", help="a shipped name, an ONNX file or a run folder")],
    options: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="e.g. labels=distribution")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="a data set (`mien list datasets`) [default: what the weights learnt]")
    ] = None,
    root: Annotated[Path | None, typer.Option(help="the data; MIEN_DATA when not given")] = None,
    split: Annotated[str, typer.Option(help="val or test")] = "val",
    out: Annotated[Path | None, typer.Option(help="for result.npz, metrics.json and report.html")] = None,
    force: Annotated[bool, typer.Option("--force", help=FORCE)] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Measure weights on a data set: all of it and its twin-free part, with intervals."""
    from mien.data import read_options
    from mien.evaluation.evaluate import KEPT, keep, weights_file
    from mien.evaluation.evaluate import evaluate as measure
    from mien.evaluation.text import to_text
    from mien.outputs.taken import taken

    with taken("evaluate", out, KEPT, [weights_file(weights), _data(root)], context.params) as begin:
        result, scores = measure(weights, data, root, split, out, force, **read_options(options or []))
        _print(scores, to_text, as_json)
        if out:
            with begin() as outputs:
                _wrote(keep(result, scores, outputs, root))


@app.command()
def compare(
    context: typer.Context,
    systems: Annotated[
        list[Path], typer.Argument(metavar="A B...", help="results, run folders, tables of predictions")
    ],
    source: Annotated[str, typer.Option("--from", help="csv: read every input but .npz as a table")] = "auto",
    column: Annotated[
        list[str] | None, typer.Option(help="[FILE:]FIELD=COLUMN, e.g. id=path happy=joy ignore=other sad=WORD")
    ] = None,
    data: Annotated[str | None, typer.Option(help="data set with the labels, where no system has them")] = None,
    root: Annotated[Path | None, typer.Option(help="the data; MIEN_DATA when not given")] = None,
    split: Annotated[str | None, typer.Option(help="val or test [default: test of --data and of folders]")] = None,
    intersect: Annotated[bool, typer.Option("--intersect", help="only images with predictions from all")] = False,
    published: Annotated[bool, typer.Option("--published", help="list published results below")] = False,
    out: Annotated[Path | None, typer.Option(help="for compare.json, .csv and .html, and tables as results")] = None,
    force: Annotated[bool, typer.Option("--force", help=FORCE)] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Compare systems image by image: differences with intervals, tests, a ranking, where they disagree."""
    from mien.evaluation.compare import Request, check_same_systems, judge, keep, kept, to_text
    from mien.evaluation.compare import images as compared_images
    from mien.outputs.taken import taken

    request = Request(tuple(systems), source, tuple(column or ()), data, root, split, intersect, published)
    with taken("compare", out, kept(systems), systems, context.params, ever=("*.npz",)) as begin:
        comparison, tables = judge(request)
        if not force:
            check_same_systems(comparison, out)
        for note in comparison.notes:
            say(note)
        _print(comparison, to_text, as_json)
        if not out:
            return
        with begin() as outputs:
            written = keep(comparison, outputs, compared_images(comparison, root), tables)
        typer.echo("\n".join(f"wrote {printable(path)}" for path in written), err=as_json)


@app.command()
def report(
    results: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN|RESULT...",
            help="run folders, results, side by side; what `mien stress` or `mien fairness` wrote",
        ),
    ],
    root: Annotated[Path | None, typer.Option(help="the data, for images; MIEN_DATA when not given")] = None,
    out: Annotated[
        Path | None, typer.Option(help="a folder or a file.html [default: the one folder given, else here]")
    ] = None,
) -> None:
    """Write one self-contained HTML page about a run or a result, or about several side by side."""
    from mien.evaluation.report.collect import make

    path, left_out = make(results, root, out)
    for note in left_out:
        say(note)
    _print_path(path)


@app.command()
def calibrate(
    val: Annotated[Path, typer.Argument(metavar="VAL", help="a result.npz (or its folder) to fit on")],
    other: Annotated[Path, typer.Argument(metavar="TEST", help="a result of the same weights to measure on")],
    coverage: Annotated[float, typer.Option(help="share of labels that the sets of expressions should hold")] = 0.9,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Fit temperatures, a threshold and conformal sets on one result; measure them on another."""
    from mien.evaluation.calibration import load, recalibrate, to_text

    figures = recalibrate(load(val), load(other), coverage)
    _print(figures, to_text, as_json)


@app.command()
def fairness(
    context: typer.Context,
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="a result.npz, or the folder that holds it")],
    groups: Annotated[Path, typer.Option(help="a table (CSV or Parquet) with a row per image")],
    id: Annotated[str | None, typer.Option(help="the column that names the image [default: guessed, and said]")] = None,
    by: Annotated[list[str] | None, typer.Option(help="a column of groups, or several joined: sex+age")] = None,
    min_group: Annotated[int, typer.Option(min=1, help="fewest images to conclude from")] = 30,
    out: Annotated[Path | None, typer.Option(help="for fairness.json and fairness.html")] = None,
    force: Annotated[bool, typer.Option("--force", help=FORCE)] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Measure weights by groups of people: accuracy, error rates and calibration, with intervals and tests."""
    from mien.evaluation import calibration
    from mien.evaluation.fairness import fairness as measure
    from mien.evaluation.fairness import text as fairness_show
    from mien.evaluation.fairness.groups import read_groups
    from mien.evaluation.provenance import check_writable, source_facts
    from mien.outputs.taken import taken

    answers = calibration.load(result)
    with taken("fairness", out, fairness_show.KEPT, [result, groups], context.params) as begin:
        check_writable(out, "fairness.json", source_facts(answers), force)
        columns, notes = read_groups(groups, answers.ids, id, by or [])
        for note in notes:
            say(note)
        figures = measure(answers, columns, min_group)
        _print(figures, fairness_show.to_text, as_json)
        if out:
            with begin() as outputs:
                _wrote(fairness_show.keep(answers, figures, outputs))


@app.command()
def stress(
    context: typer.Context,
    weights: Annotated[str, typer.Argument(metavar="WEIGHTS", help="a shipped name, an ONNX file or a run folder")],
    options: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="e.g. labels=distribution")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="a data set (`mien list datasets`) [default: what the weights learnt]")
    ] = None,
    root: Annotated[Path | None, typer.Option(help="the data; MIEN_DATA when not given")] = None,
    split: Annotated[str, typer.Option(help="val or test")] = "val",
    baseline: Annotated[str | None, typer.Option(help="weights, or a stress.json, to set errors against")] = None,
    images: Annotated[int, typer.Option(help="how many images, evenly spaced over the split")] = 1000,
    out: Annotated[Path | None, typer.Option(help="for stress.json, stress.svg and corruptions.png")] = None,
    force: Annotated[bool, typer.Option("--force", help=FORCE)] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Measure weights on blurred, noisy, dark, covered and askew images, and under attack."""
    from mien.data import read_options
    from mien.evaluation.evaluate import weights_file
    from mien.evaluation.stress import KEPT, keep, to_text
    from mien.evaluation.stress import stress as measure
    from mien.outputs.taken import taken

    more, attacks = read_options(options or []), _gradients(weights)
    with taken("stress", out, KEPT, [weights_file(weights), baseline, _data(root)], context.params) as begin:
        subject, figures = measure(
            weights,
            data,
            root,
            split,
            images=images,
            baseline=baseline,
            attacks=attacks,
            options=more,
            out=out,
            force=force,
        )
        _print(figures, to_text, as_json)
        if out:
            with begin() as outputs:
                _wrote(keep(subject, figures, outputs))


def _wrote(paths: Iterable[Path | str]) -> None:
    """Say on stderr what was written."""
    say(*(f"wrote {path}" for path in paths))


def _print(found: Any, to_text: Callable[[Any], str], as_json: bool) -> None:
    """Print what was found as one JSON document, with names as they are, or as text to look at."""
    import json

    plain = found.to_dict() if hasattr(found, "to_dict") else found
    typer.echo(json.dumps(plain) if as_json else to_text(printable_in(found)))


def _print_path(path: Path) -> None:
    """Print a path for whatever reads stdout; on a terminal, as it can be looked at."""
    typer.echo(printable(path) if sys.stdout.isatty() else path)


def _gradients(weights: str) -> Any:
    """Return the attacks that a run folder's network allows, None for weights that are only a file."""
    if not (Path(weights) / "recipe.yaml").is_file():
        return None

    from mien.training.gradient_attack import attacks

    return partial(attacks, Path(weights))


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


def _options(context: typer.Context) -> dict[str, str]:
    """Return the long option of each parameter of the command that was given, by the parameter's name."""
    command = cast(Any, context.command).commands.get(context.invoked_subcommand)
    return (
        {option.name: option.opts[0] for option in command.params if option.opts[0].startswith("--")} if command else {}
    )


def _data(root: Path | None) -> Path | str | None:
    return root or os.environ.get("MIEN_DATA")


def _refuse_nameless(words: list[str]) -> None:
    """Refuse `--out ''`, which a shell makes of a variable that is not set: it would mean the folder we are in."""
    if "--out=" in words or ("--out", "") in pairwise(words):
        raise UsageError("--out ''", "a folder", "--out . is the one you are in")


def main() -> None:
    """Run the command line; a user's mistake becomes one line on stderr and exit code 2."""
    if cast(Any, sys.stderr) is None:  # closed: what is meant for it must not reach stdout, nor a file
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - until the end
    try:
        _refuse_nameless(sys.argv)
        sys.exit(app(sys.argv[1:] or ["--help"], standalone_mode=False))
    except WordsError as error:
        say(f"mien: {mistake(error, sys.argv[1:])}")
        sys.exit(2)
    except typer.Abort as stopped:  # what some Typers make of Ctrl-C, and all of an EOFError, which is our crash
        if isinstance(stopped.__cause__, EOFError):
            raise
        sys.exit(130)
    except MienError as error:
        say(f"mien: {error}")
        sys.exit(2)
    except OSError as error:  # a name, a right or room that the system refuses, wherever that shows
        if not (told := refusal(error)):
            raise
        say(f"mien: {told}")
        sys.exit(2)
    except ModuleNotFoundError as error:
        if error.name not in TRAINING:
            raise
        say(f"mien: this needs {error.name}, which is not installed; pip install 'mien[train]'")
        sys.exit(2)


if __name__ == "__main__":
    main()
