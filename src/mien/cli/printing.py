"""What commands print: results on stdout, as JSON or as text, and the files that were written on stderr."""

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import typer

from mien.printable import printable, printable_in, say


def show(result: Any, to_text: Callable[[Any], str], as_json: bool) -> None:
    """Print a result as one JSON document, with names as they are, or as text to look at."""
    plain = result.to_dict() if hasattr(result, "to_dict") else result
    typer.echo(json.dumps(plain) if as_json else to_text(printable_in(result)))


def show_path(path: Path) -> None:
    """Print a path: as it is for another program, printable on a terminal."""
    typer.echo(printable(path) if sys.stdout.isatty() else path)


def show_written(paths: Iterable[Path | str]) -> None:
    """List on stderr the files that were written."""
    say(*(f"wrote {path}" for path in paths))
