"""Names that steer a terminal or deceive a reader are shown as escapes, on stderr, in tables and in HTML."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mien.html.markup import escape
from mien.printable import printable, printable_in

ESCAPES = {
    "a\nb": r"a\nb",
    "a\rb\tc": r"a\rb\tc",
    "\x1b[31mred\x1b]0;title\x07": r"\x1b[31mred\x1b]0;title\x07",
    "\x9b31m\x9d0;t\x9c": r"\x9b31m\x9d0;t\x9c",  # the same sequences in one byte each
    "\x00\x7f\x85": r"\x00\x7f\x85",
    "photo\u202egpj.exe": r"photo\u202egpj.exe",
    "\u202a\u202b\u202c\u202d\u2066\u2067\u2068\u2069": r"\u202a\u202b\u202c\u202d\u2066\u2067\u2068\u2069",
    "\u200e\u200f\u061c": r"\u200e\u200f\u061c",
    "\u200b\u200c\u200d\u2060\ufeff\u00ad": r"\u200b\u200c\u200d\u2060\ufeff\xad",
    "\u2028\u2029": r"\u2028\u2029",
    "\u3164\u115f\uffa0": r"\u3164\u115f\uffa0",
    "\U000e0041\ue000": r"\U000e0041\ue000",
    "caf\udce9.jpg": r"caf\xe9.jpg",
    "\ud800": r"\ud800",
    "größer/日本語 　전각 émile ❤️ שלום.jpg": "größer/日本語 　전각 émile ❤️ שלום.jpg",
    r"C:\new\x1b.jpg": r"C:\new\x1b.jpg",
}


@pytest.mark.parametrize(("name", "shown"), ESCAPES.items())
def test_what_is_not_seen_is_escaped(name: str, shown: str) -> None:
    assert printable(name) == shown
    assert printable(shown) == shown
    assert escape(f"<{name}>") == f"&lt;{shown}&gt;"


def test_every_text_of_a_document() -> None:
    assert printable_in({"a\x1b": ["\n", (1, "x\u202e")], "n": 0.5}) == {r"a\x1b": [r"\n", [1, r"x\u202e"]], "n": 0.5}


@pytest.mark.parametrize(
    "words",
    [
        ["predict", "\x1b[31m\u202ea\nb.jpg"],
        ["predict", "x.jpg", "--weights", "\x1b[31m\u202ea\nb"],
        ["predict", "x.jpg", "--\x1b[31m\u202e"],
        ["\x1b[31m\u202e"],
        ["list", "\x1b[31m\u202ea"],
        ["evaluate", "\x1b[31m\u202ea"],
        ["compare", "\x1b[31m\u202ea.csv", "\x1b[31m\u202eb.npz"],
        ["report", "\x1b[31m\u202ea"],
        ["data", "\x1b[31m\u202ea"],
        ["fairness", "\x1b[31m\u202ea", "--groups", "b.csv"],
    ],
)
def test_stderr_of_every_command(words: list[str], tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "mien.cli", *words], capture_output=True, cwd=tmp_path, check=False)
    err = done.stderr.decode("utf-8")
    lines = [line for line in err.splitlines() if not line.startswith("mien: read ")]  # the summary of predict
    assert (done.returncode, len(lines)) == (2, 1)
    assert not {"\x1b", "\u202e"} & set(err)
    assert r"\x1b" in err
    assert b"\x1b" not in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="names of files are bytes on POSIX")
def test_names_in_json_stay_as_given(tmp_path: Path) -> None:
    name = "\x1b[31m\u202ea\nb.jpg"
    (tmp_path / name).write_bytes(b"no")
    words = [sys.executable, "-m", "mien.cli", "predict", name, "--format"]
    done = subprocess.run([*words, "json"], capture_output=True, cwd=tmp_path, check=False)
    assert json.loads(done.stdout)[0]["source"] == name
    wide = os.environ | {"COLUMNS": "120"}
    shown = subprocess.run([*words, "table"], capture_output=True, cwd=tmp_path, env=wide, check=False)
    assert r"\x1b[31m\u202ea\nb.jpg" in shown.stdout.decode()
    assert not {"\x1b", "\u202e"} & set(shown.stdout.decode())
