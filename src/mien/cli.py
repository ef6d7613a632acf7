"""The command line.  Each command imports what it needs, calls one function and prints; nothing is computed here.

Exit codes: 0 done, 2 the user's mistake (one line on stderr), 3 a --strict check found a problem, 1 our crash.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from mien.errors import MienError

app = typer.Typer(
    name="mien",
    help="Read apparent facial expressions from pictures; train, measure and compare the models that do it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def train(
    recipe: Annotated[str | None, typer.Argument(help="a packaged recipe (`mien list recipes`) or a YAML file")] = None,
    overrides: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="changes to the recipe")] = None,
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


def main() -> None:
    """Run the command line; a user's mistake becomes one line on stderr and exit code 2."""
    try:
        app()
    except MienError as error:
        print(f"mien: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
