"""Commands that measure: weights on data, systems side by side, groups of people, robustness; and reports of it."""

import os
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from mien.cli.options import (
    Data,
    DataOptions,
    Force,
    Json,
    Prior,
    Root,
    Split,
    Weights,
    given,
    input_option,
    output_option,
)
from mien.cli.printing import show, show_path, show_written
from mien.errors import UsageError
from mien.printable import printable, say


def evaluate(
    context: typer.Context,
    weights: Weights,
    options: DataOptions = None,
    data: Data = None,
    root: Root = None,
    split: Split = "val",
    prior: Prior = "natural",
    units: Annotated[Path | None, input_option(metavar="TABLE", help="coded units; WEIGHTS: a table, too")] = None,
    id: Annotated[
        str | None, input_option(metavar="COLUMN", help="units: names the image", show_default="inferred")
    ] = None,
    threshold: Annotated[float, input_option(metavar="P", help="units: from which one is there")] = 0.5,
    out: Annotated[Path | None, output_option(metavar="DIR", help="for result.npz, metrics.json, report.html")] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Measure weights on a data set, with and without near-duplicates."""
    if units is not None:
        others = given(context, "options", "data", "root", "split", "prior", "out", "force")
        return _units(Path(weights), units, id, threshold, others, as_json)
    if alone := given(context, "id", "threshold"):
        raise UsageError(f"`{alone[0]}` without `units`", "a table of coded units", "leave it out")
    from mien.data import read_options
    from mien.evaluation.evaluate import evaluate as measure
    from mien.evaluation.keep import KEPT, keep
    from mien.evaluation.text import to_text
    from mien.evaluation.weights import weights_file
    from mien.outputs.result_folder import result_folder

    with result_folder("evaluate", out, KEPT, [weights_file(weights), _data(root)], context.params) as writing:
        result, scores = measure(weights, data, root, split, out, force, prior, **read_options(options or []))
        show(scores, to_text, as_json)
        if out:
            with writing() as outputs:
                show_written(keep(result, scores, outputs, root))


def _units(table: Path, coded: Path, id: str | None, threshold: float, others: list[str], as_json: bool) -> None:
    """Score the action units of a table against coded ones; `others` are options that say nothing here."""
    from mien.evaluation.units import evaluate_units
    from mien.evaluation.units.text import to_text

    if others:
        raise UsageError(
            f"`units` with {'KEY=VALUE' if others[0] == 'options' else f'`{others[0]}`'}",
            "two tables with `id`, `threshold` and --json alone",
            "redirect --json into a file",
        )
    show(evaluate_units(table, coded, id, threshold), to_text, as_json)


def compare(
    context: typer.Context,
    systems: Annotated[list[Path], typer.Argument(metavar="SYSTEM", help="results, runs, tables, KEY=VALUE")],
    source: Annotated[str, input_option("--from", metavar="auto|csv", help="csv: read tables")] = "auto",
    column: Annotated[
        list[str] | None, input_option(metavar="FIELD=COLUMN", help="e.g. id=path happy=joy ignore=other")
    ] = None,
    data: Annotated[str | None, input_option(metavar="NAME", help="a data set that has the labels")] = None,
    root: Root = None,
    split: Annotated[str | None, input_option(metavar="SPLIT", help="val or test", show_default="test")] = None,
    prior: Annotated[str | None, input_option(metavar="PRIOR", help="uniform, or label=P,... (mien's results)")] = None,
    intersect: Annotated[bool, input_option("--intersect", help="only images that all predict")] = False,
    published: Annotated[bool, output_option("--published", help="list published scores too")] = False,
    out: Annotated[Path | None, output_option(metavar="DIR", help="for compare.json, .csv, .html and results")] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Compare systems on the same images, with tests and a ranking."""
    from mien.data import read_options
    from mien.evaluation.compare import Request, check_same_systems, images, judge, keep, kept, to_text
    from mien.outputs.result_folder import result_folder

    words = [str(path) for path in systems if "=" in str(path) and not path.exists()]
    systems = [path for path in systems if str(path) not in words]
    options = read_options(words)
    request = Request(
        tuple(systems), source, tuple(column or ()), data, root, split, intersect, published, prior, options
    )
    with result_folder("compare", out, kept(systems), systems, context.params, ever=("*.npz",)) as writing:
        comparison, tables = judge(request)
        if not force:
            check_same_systems(comparison, out)
        say(*comparison.notes)
        show(comparison, to_text, as_json)
        if not out:
            return
        with writing() as outputs:
            written = keep(comparison, outputs, images(comparison, root), tables)
        typer.echo("\n".join(f"wrote {printable(path)}" for path in written), err=as_json)


def report(
    results: Annotated[list[Path], typer.Argument(metavar="RUN|RESULT", help="run folders, results")],
    root: Root = None,
    out: Annotated[Path | None, output_option(metavar="DIR|FILE", help="for the page", show_default="RUN or .")] = None,
) -> None:
    """Write one HTML page about runs and results, side by side."""
    from mien.evaluation.report.collect import make

    path, left_out = make(results, root, out)
    say(*left_out)
    show_path(path)


def calibrate(
    val: Annotated[Path, typer.Argument(metavar="VAL", help="result to fit on")],
    other: Annotated[Path, typer.Argument(metavar="TEST", help="result to measure on")],
    coverage: Annotated[float, typer.Option(metavar="P", help="fraction that sets should hold")] = 0.9,
    as_json: Json = False,
) -> None:
    """Fit temperatures, a threshold and conformal sets on a result."""
    from mien.evaluation.calibration import recalibrate
    from mien.evaluation.calibration.text import to_text
    from mien.evaluation.result import load

    show(recalibrate(load(val), load(other), coverage), to_text, as_json)


def fairness(
    context: typer.Context,
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="a result.npz or its folder")],
    groups: Annotated[Path, input_option(metavar="TABLE", help="CSV or Parquet, a row per image")],
    id: Annotated[str | None, input_option(metavar="COLUMN", help="names the image", show_default="inferred")] = None,
    by: Annotated[list[str] | None, input_option(metavar="COLUMN", help="of groups; joined: sex+age")] = None,
    min_group: Annotated[int, typer.Option(min=1, metavar="N", help="fewest images to conclude from")] = 30,
    out: Annotated[Path | None, output_option(metavar="DIR", help="for fairness.json and fairness.html")] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Measure weights by groups of people, with intervals and tests."""
    from mien.evaluation.fairness import fairness as measure
    from mien.evaluation.fairness import text
    from mien.evaluation.fairness.groups import read_groups
    from mien.evaluation.provenance import check_writable, source_facts
    from mien.evaluation.result import load
    from mien.outputs.result_folder import result_folder

    predictions = load(result)
    with result_folder("fairness", out, text.KEPT, [result, groups], context.params) as writing:
        check_writable(out, "fairness.json", source_facts(predictions), force)
        columns, notes = read_groups(groups, predictions.ids, id, by or [])
        say(*notes)
        audit = measure(predictions, columns, min_group)
        show(audit, text.to_text, as_json)
        if out:
            with writing() as outputs:
                show_written(text.keep(predictions, audit, outputs))


def stress(
    context: typer.Context,
    weights: Weights,
    options: DataOptions = None,
    data: Data = None,
    root: Root = None,
    split: Split = "val",
    prior: Prior = "natural",
    baseline: Annotated[
        str | None, input_option(metavar="WEIGHTS", help="weights or stress.json to compare with")
    ] = None,
    images: Annotated[int, input_option(metavar="N", help="how many, evenly spaced")] = 1000,
    out: Annotated[Path | None, output_option(metavar="DIR", help="for stress.json and images")] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Measure weights on corrupted images and under attack."""
    from mien.data import read_options
    from mien.evaluation.stress import KEPT, keep, to_text
    from mien.evaluation.stress import stress as measure
    from mien.evaluation.weights import weights_file
    from mien.outputs.result_folder import result_folder

    settings: dict[str, Any] = {"images": images, "baseline": baseline, "attacks": _gradients(weights)}
    settings |= {"options": read_options(options or []), "out": out, "force": force, "prior": prior}
    with result_folder("stress", out, KEPT, [weights_file(weights), baseline, _data(root)], context.params) as writing:
        subject, result = measure(weights, data, root, split, **settings)
        show(result, to_text, as_json)
        if out:
            with writing() as outputs:
                show_written(keep(subject, result, outputs))


def _gradients(weights: str) -> Any:
    """Return the attacks that the network of a run folder, or of the one run in a folder, allows; None for a file."""
    from mien.evaluation.weights import weights_file

    run = weights_file(weights).parent
    if not Path(weights).is_dir() or not (run / "recipe.yaml").is_file():
        return None

    from mien.models.own import is_own
    from mien.training.gradient_attack import attacks
    from mien.training.train import resume_recipe

    if is_own(name := resume_recipe(run).model.name):
        say(f"without gradient attacks: {name} is imported for training only")
        return None
    return partial(attacks, run)


def _data(root: Path | None) -> Path | str | None:
    return root or os.environ.get("MIEN_DATA")
