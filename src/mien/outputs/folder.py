"""A folder that holds the output of one command: checked, locked, and described by a record.

    with output_folder(out, "predict", Kinds(("report.html",), {"annotated": (".jpg",)}), inputs, force) as outputs:
        outputs.facts["settings"] = {...}
        with outputs.staged("report.html") as path:
            path.write_text(text)
        rows = outputs.growing("predictions.csv")

A target is absent, or is a file that the folder's record lists (record.py) and nobody has changed since.  Anything else
is refused before anything is written.  `force` writes over the names that this command writes, and never over an
input.  What an earlier run of the same command left is removed first, so that a folder holds the output of one run.
"""

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import chain, takewhile
from pathlib import Path
from typing import Any

from mien.errors import OutputError
from mien.outputs import record
from mien.outputs.files import ELSEWHERE, Growing, NotThisFileError, cannot_write, staged
from mien.outputs.lock import locked
from mien.outputs.record import JOURNAL, RECORD, Record
from mien.outputs.targets import Kinds, check, clear, spared
from mien.version import __version__

NOT_SETTINGS = ("force", "as_json")
STOPS = (KeyboardInterrupt, SystemExit, GeneratorExit, BrokenPipeError)
"""What ends a run that nothing is wrong with."""


class Outputs:
    """Writes files into a folder and remembers which; made by `output_folder`, or plain: then there is no record."""

    def __init__(self, folder: Path, command: str = "", force: bool = False) -> None:
        self.folder, self.command, self.force = folder, command, force
        self.facts: dict[str, Any] = {}
        self.wrote: set[str] = set()  # names at the top, folders too
        self._real = Path(os.path.realpath(folder))
        self._journal: Growing | None = None
        self._gone: set[str] = set()
        self._growing: dict[str, Growing] = {}
        self.carried: dict[str, dict[str, Any]] = {}  # entries of what stays of earlier runs and other commands
        self.replaced = 0  # files of earlier runs that were removed
        self.kept: list[str] = []  # files of earlier runs that somebody changed, and that this run does not write

    def place(self, name: str) -> Path:
        """Return where a file goes, its folder made; OutputError where a link would lead elsewhere."""
        path = self.folder / name
        if self._journal is not None and not self.folder.is_dir():  # do not make it again: its other files are gone
            raise OutputError(f"{self.folder} was taken away while it was written")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(path.parent, error) from None
        if os.path.realpath(path.parent) != str((self._real / name).parent):
            raise NotThisFileError(f"{path.parent} is a link", "a folder", "remove the link")
        return path

    def free(self, name: str) -> bool:
        """Whether a file of this name can be written without touching another's."""
        return self.force or not os.path.lexists(self.folder / name)

    @contextmanager
    def staged(self, name: str) -> Iterator[Path]:
        """Yield a name to write to; the file is called `name` once it is whole."""
        noted = False

        def note(scratch: Path) -> None:
            nonlocal noted
            noted = True  # first the list, then the name: a kill between them leaves no file that nobody owns
            self._note(name, record.stamp_of(scratch))

        try:
            with staged(self.place(name), self.force, note) as scratch:
                yield scratch
        except BaseException:
            if noted:
                with contextlib.suppress(OutputError):
                    self._note(name, gone=True)
            raise

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all."""
        with self.staged(name) as scratch:
            scratch.write_bytes(content)

    def growing(self, name: str) -> Growing:
        """Return a new file that grows under its own name."""
        file = Growing(self._fresh(name))
        self._note(name)
        self._growing[name] = file
        return file

    def begin(self, name: str) -> Path:
        """Return a new, empty file for a library that writes it under its own name; `done` ends it."""
        path = self._fresh(name)
        Growing(path).close()
        self._note(name)
        return path

    def done(self, name: str) -> None:
        """Take note of how a file ended; one that holds nothing is removed."""
        stamp = record.stamp_of(self.folder / name)
        if stamp is not None and stamp[0]:
            self._note(name, stamp)
        else:
            self.remove(name)

    def remove(self, name: str) -> None:
        """Remove a file that this run wrote."""
        with contextlib.suppress(FileNotFoundError):
            (self.folder / name).unlink()
        self._note(name, gone=True)

    def _fresh(self, name: str) -> Path:
        path = self.place(name)
        if self.force:  # never through the old file: it may have other names
            with contextlib.suppress(FileNotFoundError, IsADirectoryError, PermissionError):
                path.unlink()
        return path

    def _note(self, name: str, stamp: record.Stamp | None = None, gone: bool = False) -> None:
        entry = record.entry(name, self.command, stamp) | ({"gone": True} if gone else {})
        (self._gone.add if gone else self._gone.discard)(name)
        self.carried.pop(name, None)
        if name in self.kept:
            self.kept.remove(name)
        if not gone:
            self.wrote.add(name.partition("/")[0])
        elif "/" not in name:
            self.wrote.discard(name)
        if self._journal is not None:
            self._journal.write((json.dumps(entry) + "\n").encode())

    def start(self, carried: Iterable[dict[str, Any]]) -> None:
        """Write the record of a run that has begun, and begin the list of files; `carried` are those that stay."""
        self.carried = {each["file"]: each for each in carried}
        with contextlib.suppress(FileNotFoundError):
            (self.folder / JOURNAL).unlink()
        earlier = record.earlier(self.folder, self.command)
        self.facts |= {"by": self.command, "status": "running", "start": now(), "earlier": earlier}
        self._record()
        self._journal = Growing(self.folder / JOURNAL)

    @contextmanager
    def recorded(self, before: Record) -> Iterator[None]:
        """Keep the record of a run inside the `with` block; the files that `before` lists and that stay are carried."""
        self.start(before.standing(self.folder))
        try:
            yield
        except BaseException as error:
            with contextlib.suppress(OutputError):
                self.end(status_after(error))
            raise
        self.end("finished")

    def end(self, status: str) -> None:
        """Close what is open and write the record again, with the list of files in it."""
        lost = None
        for name, file in self._growing.items():
            try:
                file.close()
                self._note(name, record.stamp_of(file.path))
            except OutputError as error:
                lost = error
        status = "failed" if lost and status == "finished" else status
        begun, end = datetime.fromisoformat(self.facts["start"]), now()
        seconds = (datetime.fromisoformat(end) - begun).total_seconds()
        self.facts |= {"status": status, "end": end, "run_seconds": round(seconds, 3)}
        self.facts.pop(record.SPARED, None)  # from now on the list has every file
        try:
            self._record()
        except OutputError:  # no room for a new one: the old one can at least be put right
            with contextlib.suppress(OSError):
                replace_status(self.folder / RECORD, "failed" if status == "finished" else status)
            raise
        if self._journal is not None:
            self._journal.close()
        with contextlib.suppress(OSError):
            (self.folder / JOURNAL).unlink()
        if lost is not None:
            raise lost

    def _record(self) -> None:
        files = chain(self.carried.values(), record.settled(record.journal(self.folder), frozenset(self._gone)))
        with staged(self.folder / RECORD) as scratch, scratch.open("w", encoding="utf-8") as file:
            file.write(json.dumps(self.facts, indent=1, default=str).removesuffix("\n}") + ',\n "files": [')
            for number, entry in enumerate(files):  # a line each, as it comes: there may be a million
                file.write(("," if number else "") + "\n  " + json.dumps(entry))
            file.write("\n ]\n}\n")


def replace_status(path: Path, status: str) -> None:
    """Change the status in the record of a run that has begun, in no more room than it takes."""
    with path.open("r+b") as file:
        content = file.read()
        at = content.index(old := b'"status": "running"')
        file.seek(at)
        file.write(f'"status": "{status}"'.encode().ljust(len(old)))


def status_after(error: BaseException) -> str:
    """Return how a run ended that this error ended."""
    return "stopped" if isinstance(error, STOPS) else "failed"


def run_facts(settings: Mapping[str, Any], leave_out: Sequence[str] = NOT_SETTINGS) -> dict[str, Any]:
    """Return the facts that every record has of its run: the version, the command line and the settings."""
    kept = {name: value for name, value in settings.items() if name not in leave_out}
    return {"mien": __version__, "command": ["mien", *sys.argv[1:]], "settings": kept}


def now() -> str:
    """Return the time as records have it."""
    return datetime.now().astimezone().isoformat(timespec="milliseconds")


@contextmanager
def claimed(folder: Path, command: str, kinds: Kinds, inputs: Iterable[Path], force: bool) -> Iterator[Record]:
    """Lock a folder inside the `with` block, made when it is absent, check its targets, and yield its record.

    OutputError, before anything is written or removed, as `output_folder` says.
    """
    made = list(takewhile(lambda each: not os.path.lexists(each), (folder, *folder.parents)))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise OutputError(f"`out`: {folder} is a file, or lies in one", "a folder") from None
    except OSError as error:
        raise cannot_write(f"`out`: {folder}", error, ELSEWHERE) from None
    try:
        with locked(folder):
            before = record.read(folder)
            check(folder, command, kinds, before, inputs, force)
            yield before or Record()
    except BaseException:
        for each in made:  # for nothing, where nothing was written
            with contextlib.suppress(OSError):
                each.rmdir()
        raise


@contextmanager
def output_folder(
    folder: Path,
    command: str,
    kinds: Kinds,
    inputs: Iterable[Path] = (),
    force: bool = False,
    facts: Mapping[str, Any] | None = None,
) -> Iterator[Outputs]:
    """Write into a folder as the `with` block goes on: it is locked, emptied of the earlier run, and has our record.

    Args:
        folder: where to write; made when it is absent.
        command: the name of the command; what an earlier run of it left there is removed.
        kinds: the names that it writes.
        inputs: every file that will be read, existing or not; none of them may be a target.
        force: whether to write over files that are not ours, or were changed since.
        facts: what the record says from the start; `outputs.facts` takes more until the end.

    OutputError, before anything is written or removed, when another process has the folder, when a target is an input
    or somebody else's file, or when the system does not let us write there.
    """
    with claimed(folder, command, kinds, inputs, force) as before:
        outputs = Outputs(folder, command, force)
        outputs.facts |= facts or {}
        outputs.facts |= {record.FOLDERS: list(kinds.folders), record.SPARED: list(spared(folder, kinds, before))}
        outputs.replaced, outputs.kept = clear(folder, command, kinds, before)
        with outputs.recorded(before):
            yield outputs


@contextmanager
def replaced(
    folder: Path, command: str, kinds: Kinds, before: Record, facts: Mapping[str, Any] | None
) -> Iterator[Outputs]:
    """Write into a claimed folder over what an earlier run of the command left; the rest of that is removed last.

    For commands that write a few files at their end: whatever fails, each file is the old one or the new one.
    """
    outputs = Outputs(folder, command, force=True)
    outputs.facts |= facts or {}
    with outputs.recorded(before):
        yield outputs
        left = {name: stamp for name, stamp in before.files.items() if name not in outputs.wrote}
        clear(folder, command, kinds, replace(before, files=left))
        outputs.carried = {each["file"]: each for each in replace(before, files=left).standing(folder)}


def into(out: Path | Outputs) -> Outputs:
    """Return what writes into a folder: a plain folder is written over, without a record."""
    return out if isinstance(out, Outputs) else Outputs(out, force=True)
