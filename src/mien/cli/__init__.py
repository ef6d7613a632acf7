"""The command line.  Each command imports what it needs, calls one function and prints; nothing is computed here.

Exit codes: 0 done, 2 the user's mistake (one line on stderr), 3 a --strict check found a problem, 1 our crash.
"""

import os
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from mien.cli import card, demo, explain, maintain, measure, predict, sample, serve, train
from mien.cli.usage_errors import mistake
from mien.errors import MienError, UsageError, options_named, refusal
from mien.printable import say
from mien.torchrun import quiet, rank, several

COMMANDS: dict[str, dict[str, Callable[..., None]]] = {  # by the panel of `mien --help` that lists them
    "Use": {
        "predict": predict.predict,
        "sample": sample.sample,
        "explain": explain.explain,
        "serve": serve.serve,
        "demo": demo.demo,
    },
    "Train": {
        "init": train.init,
        "train": train.train,
        "export": train.export,
        "card": card.card,
        "reproduce": train.reproduce,
        "sweep": train.sweep,
        "generate": train.generate,
    },
    "Measure": {
        "evaluate": measure.evaluate,
        "compare": measure.compare,
        "report": measure.report,
        "calibrate": measure.calibrate,
        "fairness": measure.fairness,
        "stress": measure.stress,
    },
    "Maintain": {"data": maintain.data, "list": maintain.list_names, "doctor": maintain.doctor},
}
EXTRAS = {"train": maintain.TRAINING, "serve": serve.SERVING}  # packages that each extra brings
WordsError = cast("type[typer.BadParameter]", typer.BadParameter.__base__)
"""Typer's UsageError: words that are not a valid command.  Older Typers keep it in click, newer ones in a copy."""

app = typer.Typer(
    name="mien",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for panel, commands in COMMANDS.items():
    for name, command in commands.items():
        app.command(name, rich_help_panel=panel)(command)


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="print the version and stop")] = False,
) -> None:
    """Read apparent facial expressions from images; train, measure and compare the models that do it."""
    if version:
        from mien.version import __version__

        typer.echo(f"mien {__version__}")
        raise typer.Exit
    if several() and context.invoked_subcommand != "train":
        refused = UsageError(f"`mien {context.invoked_subcommand}` under torchrun", "mien train", "run it by itself")
        refused.shared = True
        raise refused
    context.with_resource(options_named(_options(context)))


def _options(context: typer.Context) -> dict[str, str]:
    """Return the option of each parameter of the command that runs, by the parameter's name."""
    command = cast(Any, context.command).commands.get(context.invoked_subcommand)
    return {p.name: p.opts[0] for p in command.params if p.opts[0].startswith("--")} if command else {}


def _refuse_nameless(words: list[str]) -> None:
    """Refuse `--out ''`, which a shell makes of a variable that is not set: it would mean the current folder."""
    if "--out=" in words or ("--out", "") in pairwise(words):
        raise UsageError("--out ''", "a folder", "--out . is the current one")


def main() -> None:
    """Run the command line; a user's mistake becomes one line on stderr and exit code 2."""
    if cast(Any, sys.stderr) is None:  # closed: what is meant for it must not reach stdout, nor a file
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - until the end
    quiet()
    try:
        _refuse_nameless(sys.argv)
        sys.exit(app(sys.argv[1:] or ["--help"], standalone_mode=False))
    except typer.Abort as stopped:  # what some Typers make of Ctrl-C, and all of an EOFError, which is our crash
        if isinstance(stopped.__cause__, EOFError):
            raise
        sys.exit(130)
    except (WordsError, MienError, OSError, ModuleNotFoundError) as error:
        message = _message(error)
        if message is None:
            raise
        if not rank() or not (isinstance(error, WordsError) or getattr(error, "shared", False)):
            say(f"mien: {message}")
        sys.exit(2)


def _message(error: Exception) -> object | None:
    """Return what to tell the user about an error, None for a bug, which shows its traceback."""
    if isinstance(error, WordsError):
        return mistake(error, sys.argv[1:])
    if isinstance(error, OSError):  # a name, a permission or space that the system refuses
        return refusal(error)
    if isinstance(error, ModuleNotFoundError):
        extra = next((extra for extra, packages in EXTRAS.items() if error.name in packages), None)
        return f"this needs {error.name}, which is not installed; pip install 'mien[{extra}]'" if extra else None
    return error
