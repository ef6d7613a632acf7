"""The record of a folder that a command goes on writing for hours: a run, a sweep, the rows of a reproduction.

    with held(run), signed(run, "train", FILES, settings):
        ...                                 # writes files of these names, each whole or not at all

Unlike a folder of results (taken.py), such a folder is resumed, and its files are written over again and again.  The
record lists the names from the start, so that a killed run's files are known as ours, and at the end those that are
there, as they then are.
"""

import contextlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mien
from mien.errors import OutputError
from mien.outputs import STOPS, now, put_right, write
from mien.outputs import mark as marks
from mien.outputs.mark import RECORD, Mark
from mien.outputs.taken import NOT_SETTINGS
from mien.outputs.targets import PART


@contextmanager
def signed(folder: Path, command: str, names: Iterable[str], settings: Mapping[str, Any]) -> Iterator[None]:
    """Leave our record in a folder that is held, before and after what the `with` block writes into it.

    `names` are those of the files that the block may write, relative to the folder.  What the record says of other
    files stays in it.  OutputError when the record cannot be written.
    """
    names = tuple(dict.fromkeys(names))
    facts = begin(folder, command, names, settings)
    try:
        yield
    except BaseException as error:
        with contextlib.suppress(OutputError):
            _end(folder, names, facts, "stopped" if isinstance(error, STOPS) else "failed")
        raise
    _end(folder, names, facts, "finished")


def begin(folder: Path, command: str, names: Iterable[str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Write the record of a run that has begun, and return what it says beside its files."""
    for left in folder.glob(f".mien-*{PART}"):  # of a killed run
        with contextlib.suppress(OSError):
            left.unlink()
    facts = {
        "mien": mien.__version__,
        "by": command,
        "command": ["mien", *sys.argv[1:]],
        "settings": {name: value for name, value in settings.items() if name not in NOT_SETTINGS},
        "earlier": marks.earlier(folder, command),
        "start": now(),
        "status": "running",
    }
    before = marks.read(folder) or Mark()
    _record(folder, facts, [*_others(before, names), *(marks.entry(name, command) for name in names)])
    return facts


def _end(folder: Path, names: Iterable[str], facts: dict[str, Any], status: str) -> None:
    facts |= {"status": status, "end": now()}
    there = ((name, marks.stamp_of(folder / name)) for name in names)
    ours = [marks.entry(name, facts["by"], stamp) for name, stamp in there if stamp]
    try:
        _record(folder, facts, [*_others(marks.read(folder) or Mark(), names), *ours])
    except OutputError:  # no room for a new one: the old one can at least be put right
        with contextlib.suppress(OSError, ValueError):
            put_right(folder / RECORD, status)
        raise


def _others(mark: Mark, names: Iterable[str]) -> Iterator[dict[str, Any]]:
    ours = frozenset(names)
    return (marks.entry(name, mark.by[name], stamp) for name, stamp in mark.files.items() if name not in ours)


def _record(folder: Path, facts: Mapping[str, Any], files: list[dict[str, Any]]) -> None:
    text = json.dumps({**facts, "files": files}, indent=1, default=str)
    write(folder / RECORD, f"{text}\n".encode())
