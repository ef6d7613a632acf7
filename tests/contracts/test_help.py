"""`--help`: one line per option in a terminal of 80 columns, in panels; the commands in panels, too."""

import re
import subprocess
import sys

import pytest
from typer.main import get_command

from mien.cli import COMMANDS, app

CLICK = get_command(app).commands  # type: ignore[attr-defined]


def panels(*words: str) -> dict[str, list[str]]:
    """Return the lines of each panel that `mien WORDS --help` prints on a terminal of 80 columns."""
    command = [sys.executable, "-c", "from mien.cli import main; main()", *words, "--help"]
    environment = {"COLUMNS": "80", "PATH": "", "PYTHONPATH": ":".join(sys.path), "PYTHONIOENCODING": "utf-8"}
    text = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    assert max(map(len, text.splitlines())) <= 80
    return {name: body.strip().splitlines() for name, body in re.findall(r"╭─ (.*?) ─*╮\n(.*?)╰─", text, re.S)}


@pytest.mark.parametrize("name", CLICK)
def test_every_option_takes_one_line_and_has_a_panel(name: str) -> None:
    shown = panels(name)
    assert sum(map(len, shown.values())) == len(CLICK[name].params) + 1, shown  # and --help
    assert all(parameter.help for parameter in CLICK[name].params)
    if len(CLICK[name].params) > 6 and name != "serve":  # which reads and writes no file of the user's
        assert {"Input", "Output"} <= set(shown)


def test_commands_take_one_line_and_have_a_panel() -> None:
    shown = panels()
    assert list(shown) == ["Options", "Use", "Train", "Measure", "Maintain"]
    assert {name: len(commands) for name, commands in COMMANDS.items()} == {
        name: len(lines) for name, lines in shown.items() if name != "Options"
    }
