"""Commands about what is there: data sets, the names that other commands take, the state of this machine."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from mien.cli.options import DataOptions, Force, Json, Root, output_option
from mien.cli.printing import show, show_written
from mien.errors import UsageError
from mien.printable import printable, say

TRAINING = ("torch", "onnx", "onnxscript")  # packages that only `mien[train]` brings
LISTS = {  # what `mien list` lists, and where each registry lives
    "weights": ("mien.inference.classify", "names"),
    "detectors": ("mien.inference.detectors", "DETECTORS"),
    "datasets": ("mien.data", "DATASETS"),
    "models": ("mien.models", "MODELS"),
    "recipes": ("mien.training.recipe", "names"),
    "metrics": ("mien.evaluation.metrics", "METRICS"),
    "units": ("mien.units", "MEASURES"),
    "published": ("mien.evaluation.published", "PUBLISHED"),
}
audit_option = partial(typer.Option, rich_help_panel="Audit")


def data(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="see `mien list datasets`")],
    options: DataOptions = None,
    root: Root = None,
    out: Annotated[
        Path | None, output_option(metavar="DIR", help="for images and lists", show_default="NAME-data")
    ] = None,
    hygiene: Annotated[bool, audit_option("--hygiene", help="find near-duplicates, leaks, blanks")] = False,
    detector: Annotated[str | None, audit_option(metavar="NAME", help="find images without a face")] = None,
    strict: Annotated[bool, audit_option("--strict", help="exit 3 when splits leak")] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Show a data set: counts, sample images, near-duplicates."""
    from mien.data import overview, read_options
    from mien.data.audit import summary
    from mien.data.audit.report import AuditReport
    from mien.outputs.result_folder import result_folder

    if not hygiene and (detector or strict):
        raise UsageError("--detector or --strict alone", "--hygiene as well")
    chosen, folder = read_options(options or []), out or Path(f"{name}-data")
    look: Callable[..., Any] = partial(summary.look, detector=detector) if hygiene else overview.look
    with result_folder("data", folder, (summary if hygiene else overview).KEPT, [root], context.params) as writing:
        report = look(name, root, writing, options=chosen)
    show(report, str, as_json)
    show_written(report.files.values())
    if strict and isinstance(report, AuditReport) and report.leak:
        say(f"mien: {report.leak}")
        raise typer.Exit(3)


def list_names(
    kind: Annotated[str | None, typer.Argument(metavar="KIND", help="one list alone: weights, published, ...")] = None,
    as_json: Json = False,
) -> None:
    """List the names that other commands take, or `published` scores."""
    if kind is not None:
        if kind not in LISTS:
            raise UsageError(f"there is no list of {kind!r}", f"one of {', '.join(LISTS)}")
        entries = _entries(kind)
        return typer.echo(json.dumps(entries, default=asdict) if as_json else "\n".join(map(str, entries)))
    lists = {kind: _names_if_installed(kind) for kind in LISTS}
    lines = (f"{kind:10} {_in_words(kind, names)}" for kind, names in lists.items())
    typer.echo(json.dumps(lists) if as_json else "\n".join(lines))


def doctor(
    strict: Annotated[bool, output_option("--strict", help="exit 3 when something is missing")] = False,
    as_json: Json = False,
) -> None:
    """Check this machine: packages, weights, codecs, folders."""
    from mien.data.cache import cache_folder
    from mien.inference.doctor import checks, folder, line
    from mien.serving import doctor as serving

    results = [
        *checks(),
        *serving.checks(),
        folder("cache", cache_folder()),
        folder("MIEN_DATA", os.environ.get("MIEN_DATA")),
    ]
    lines = (printable(line(check)) for check in results)
    typer.echo(json.dumps([asdict(check) for check in results]) if as_json else "\n".join(lines))
    if strict and any(check.ok is False for check in results):
        raise typer.Exit(3)


def _entries(kind: str) -> list[Any]:
    """Return what a list holds: names, or records that print as a line each."""
    module, name = LISTS[kind]
    value = getattr(import_module(module), name)
    return list(value() if callable(value) else value)


def _names_if_installed(kind: str) -> list[str] | int | None:
    """Return the names of a list, or how many records it holds; None where it needs what is not installed."""
    try:
        entries = _entries(kind)
        return entries if all(isinstance(entry, str) for entry in entries) else len(entries)
    except ModuleNotFoundError as error:
        if error.name not in TRAINING:
            raise
        return None


def _in_words(kind: str, names: list[str] | int | None) -> str:
    if isinstance(names, int):
        return f"{names} scores: `mien list {kind}`"
    return ", ".join(names) if names else "needs mien[train]"
