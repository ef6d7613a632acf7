"""Messages of the library name parameters (`min_score`); only the command line writes options (--min-score)."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from inspect import signature
from pathlib import Path

import pytest
from typer.main import get_command

import mien
from mien.cli import app
from mien.errors import UsageError, options_named

SOURCE = Path(__file__).parents[2] / "src" / "mien"
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]
OPTIONS = {parameter.name for command in COMMANDS.values() for parameter in command.params}
FUNCTIONS = (mien.Pipeline, mien.train, mien.evaluate, mien.compare, mien.load)
PARAMETERS = OPTIONS | {name for function in FUNCTIONS for name in signature(function).parameters}


def messages() -> Iterator[tuple[str, str]]:
    """Yield the literal text of every error that the library raises, with its place."""
    for path in sorted(SOURCE.rglob("*.py")):
        if "cli" in path.relative_to(SOURCE).parts[0]:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise):
                texts = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
                yield f"{path.relative_to(SOURCE)}:{node.lineno}", "".join(map(str, texts))


def test_errors_of_the_library_name_parameters() -> None:
    for where, text in messages():
        without_commands = re.sub(r"`mien [^`]*`|mien train --resume|pip install --force-reinstall", "", text)
        assert not re.search(r"(?<![\w-])--[a-z]", without_commands), where
        assert set(re.findall("`([a-z_]+)`", text)) <= PARAMETERS, where


def test_options_are_spelled_only_within_the_block() -> None:
    with options_named({"min_score": "--min-score"}):
        assert (
            str(UsageError("`min_score` 2 and `other`", do="`mien list`")) == "--min-score 2 and `other`; `mien list`"
        )
    assert str(UsageError("`min_score` 2")) == "`min_score` 2"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["predict", "x.jpg", "--min-score", "2"], "mien: --min-score 2.0; expected a number from 0 to 1\n"),
        (["predict", "x.jpg", "--force"], "mien: --force without --out; expected --out as well\n"),
        (["compare", "a.npz", "b.npz", "--from", "xml"], "mien: --from 'xml'; expected auto or csv\n"),
    ],
)
def test_the_command_line_spells_options(words: list[str], message: str) -> None:
    done = subprocess.run([sys.executable, "-m", "mien.cli", *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, message)
