"""The record of a folder that a command writes into for hours: a run, a sweep, the rows of a reproduction.

    with locked(run), recorded(run, "train", FILES, settings):
        ...                                 # writes files of these names, each whole or not at all

Unlike a folder of results (result_folder.py), such a folder is resumed and its files are rewritten again and again.
The record lists the names from the start, so that a killed run's files are known as ours.  At the end it lists the
files that are there, as they then are.
"""

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mien.errors import OutputError
from mien.outputs import record
from mien.outputs.files import PART, write
from mien.outputs.folder import now, replace_status, run_facts, status_after
from mien.outputs.record import RECORD, Record


@contextmanager
def recorded(folder: Path, command: str, names: Iterable[str], settings: Mapping[str, Any]) -> Iterator[None]:
    """Write our record into a locked folder, before and after what the `with` block writes into it.

    `names` are those of the files that the block may write, relative to the folder.  What the record says of other
    files stays in it.  OutputError when the record cannot be written.
    """
    names = tuple(dict.fromkeys(names))
    facts = begin_record(folder, command, names, settings)
    try:
        yield
    except BaseException as error:
        with contextlib.suppress(OutputError):
            _end(folder, names, facts, status_after(error))
        raise
    _end(folder, names, facts, "finished")


def begin_record(folder: Path, command: str, names: Iterable[str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Write the record of a run that has begun, and return its facts."""
    for left in folder.glob(f".mien-*{PART}"):  # of a killed run
        with contextlib.suppress(OSError):
            left.unlink()
    facts = {
        "by": command,
        **run_facts(settings),
        "earlier": record.earlier(folder, command),
        "start": now(),
        "status": "running",
    }
    before = record.read(folder) or Record()
    _record(folder, facts, [*_others(before, names), *(record.entry(name, command) for name in names)])
    return facts


def _end(folder: Path, names: Iterable[str], facts: dict[str, Any], status: str) -> None:
    facts |= {"status": status, "end": now()}
    there = ((name, record.stamp_of(folder / name)) for name in names)
    ours = [record.entry(name, facts["by"], stamp) for name, stamp in there if stamp]
    try:
        _record(folder, facts, [*_others(record.read(folder) or Record(), names), *ours])
    except OutputError:  # no room for a new one: the old one can at least be put right
        with contextlib.suppress(OSError, ValueError):
            replace_status(folder / RECORD, status)
        raise


def _others(before: Record, names: Iterable[str]) -> Iterator[dict[str, Any]]:
    ours = frozenset(names)
    return (record.entry(name, before.by[name], stamp) for name, stamp in before.files.items() if name not in ours)


def _record(folder: Path, facts: Mapping[str, Any], files: list[dict[str, Any]]) -> None:
    text = json.dumps({**facts, "files": files}, indent=1, default=str)
    write(folder / RECORD, f"{text}\n".encode())
