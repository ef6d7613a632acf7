"""The folder that a command writes: nothing of the user's is touched, and what stands there can be told from data.

    with claimed(out, "predict", Kinds(("report.html",), {"annotated": (".jpg",)}), inputs, force) as outputs:
        outputs.facts["settings"] = {...}
        with outputs.beside("report.html") as path:     # written beside, then renamed
            path.write_text(text)
        rows = outputs.growing("predictions.csv")       # grows under its own name

A target is absent or is a file that our own mark lists (mark.py) and nobody has changed since; anything else is refused
before anything is written.  `force` writes over the names that this command writes, and never over an input.  What an
earlier run of the same command left is removed first, so that a folder holds the figures of one run.  Only standard
library here: `beside` serves every command.
"""

import contextlib
import errno
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import chain, takewhile
from pathlib import Path
from typing import Any

from mien.errors import OutputError
from mien.outputs import mark as marks
from mien.outputs.lock import held
from mien.outputs.mark import JOURNAL, RECORD, Mark
from mien.outputs.targets import ELSEWHERE, PART, Kinds, check, clear, spared

ONE_ALONE = frozenset(
    getattr(errno, name)
    for name in ("ENAMETOOLONG", "EISDIR", "ENOTDIR", "EEXIST", "EINVAL", "EILSEQ", "ELOOP")
    if hasattr(errno, name)
)
"""What is wrong with one name, while others can still be written."""


STOPS = (KeyboardInterrupt, SystemExit, GeneratorExit, BrokenPipeError)
"""What ends a run that nothing is wrong with."""


class NotThisFileError(OutputError):
    """One file that cannot be written, for what is wrong with its name; others still can."""


def refused(path: Path, error: OSError) -> OutputError:
    """Return what to raise for a file that the system does not let us write."""
    kind = NotThisFileError if error.errno in ONE_ALONE else OutputError
    return kind(f"{path} cannot be written: {error.strerror or error}")


@contextmanager
def beside(path: Path, over: bool = True, finished: Callable[[Path], None] | None = None) -> Iterator[Path]:
    """Yield a name beside `path` to write to, which takes the place of `path` at the end of the block.

    After an error nothing is left of it and `path` is what it was.  Without `over` a `path` that exists by then is
    refused.  `finished` is called with the whole file before it gets its name.  OutputError for what the system does
    not let us write.
    """
    scratch = path.with_name(f".mien-{secrets.token_hex(4)}{PART}")
    try:
        yield scratch
        if finished is not None:
            finished(scratch)
        publish(scratch, path, over)
    except OSError as error:
        if not _ours(error, scratch, path):
            raise
        raise refused(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink()


def write(path: Path, content: bytes, over: bool = True) -> None:
    """Write a file whole or not at all; OutputError for what the system does not let us write."""
    with beside(path, over) as scratch:
        scratch.write_bytes(content)


def _ours(error: OSError, *paths: Path) -> bool:
    # an error that names another file comes from what the block reads, not from what it writes
    return error.filename is None or os.fspath(error.filename) in {str(path) for path in paths}


def publish(scratch: Path, path: Path, over: bool) -> None:
    """Give a finished file its name; FileExistsError when it is taken and not to be written over."""
    if over:
        scratch.replace(path)
        return
    try:
        os.link(scratch, path)  # refuses in one step, where renaming would replace
    except FileExistsError:
        raise
    except (OSError, NotImplementedError):  # a file system without hard links
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        scratch.replace(path)


class Growing:
    """A new file that grows under its own name by whole pieces; what the system does not take leaves no half one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = path.open("xb", buffering=0)
        except OSError as error:
            raise refused(path, error) from None
        self._whole = 0
        self.ending = b""
        """What ends the file after every piece and makes it a whole document; the next piece takes its place."""

    def write(self, piece: bytes) -> int:
        """Append a piece; OutputError, and the file as it was before, when the system refuses."""
        try:
            self._put(piece + self.ending)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(self._whole)
                self._put(self.ending)
            raise refused(self.path, error) from None
        self._whole += len(piece)
        return len(piece)

    def _put(self, content: bytes) -> None:
        self._file.seek(self._whole)
        rest = memoryview(content)
        while rest:
            rest = rest[self._file.write(rest) or 0 :]

    def flush(self) -> None:
        """Do nothing: what was written is with the system already."""

    def isatty(self) -> bool:
        """Say no."""
        return False

    def close(self) -> None:
        """Close the file; OutputError when the system refuses what it had taken, or the file is no longer there."""
        if self._file.closed:
            return
        try:
            self.check()
        finally:
            try:
                self._file.close()
            except OSError as error:
                raise refused(self.path, error) from None

    def check(self) -> None:
        """Raise OutputError when the file is no longer there, or another one has its name."""
        try:
            there = os.path.samestat(self.path.lstat(), os.fstat(self._file.fileno()))
        except OSError:
            there = False
        if not there:
            raise OutputError(f"{self.path} was taken away while it was written")


class Outputs:
    """Writes files into a folder and remembers which; made by `claimed`, or plain for a folder without a record."""

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
            raise refused(path.parent, error) from None
        if os.path.realpath(path.parent) != str((self._real / name).parent):
            raise NotThisFileError(f"{path.parent} is a link", "a folder", "remove the link")
        return path

    def free(self, name: str) -> bool:
        """Whether a file of this name can be written without touching another's."""
        return self.force or not os.path.lexists(self.folder / name)

    @contextmanager
    def beside(self, name: str) -> Iterator[Path]:
        """Yield a name to write to; the file is called `name` once it is whole."""
        noted = False

        def note(scratch: Path) -> None:
            nonlocal noted
            noted = True  # first the list, then the name: a kill between them leaves no file that nobody owns
            self._note(name, marks.stamp_of(scratch))

        try:
            with beside(self.place(name), self.force, note) as scratch:
                yield scratch
        except BaseException:
            if noted:
                with contextlib.suppress(OutputError):
                    self._note(name, gone=True)
            raise

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all."""
        with self.beside(name) as scratch:
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
        stamp = marks.stamp_of(self.folder / name)
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

    def _note(self, name: str, stamp: marks.Stamp | None = None, gone: bool = False) -> None:
        entry = marks.entry(name, self.command, stamp) | ({"gone": True} if gone else {})
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
        earlier = marks.earlier(self.folder, self.command)
        self.facts |= {"by": self.command, "status": "running", "start": now(), "earlier": earlier}
        self._record()
        self._journal = Growing(self.folder / JOURNAL)

    def end(self, status: str) -> None:
        """Close what is open and write the record again, with the list of files in it."""
        lost = None
        for name, file in self._growing.items():
            try:
                file.close()
                self._note(name, marks.stamp_of(file.path))
            except OutputError as error:
                lost = error
        status = "failed" if lost and status == "finished" else status
        begun, end = datetime.fromisoformat(self.facts["start"]), now()
        seconds = (datetime.fromisoformat(end) - begun).total_seconds()
        self.facts |= {"status": status, "end": end, "seconds": round(seconds, 3)}
        self.facts.pop(marks.SPARED, None)  # from now on the list has every file
        try:
            self._record()
        except OutputError:  # no room for a new one: the old one can at least be put right
            with contextlib.suppress(OSError):
                put_right(self.folder / RECORD, "failed" if status == "finished" else status)
            raise
        if self._journal is not None:
            self._journal.close()
        with contextlib.suppress(OSError):
            (self.folder / JOURNAL).unlink()
        if lost is not None:
            raise lost

    def _record(self) -> None:
        files = chain(self.carried.values(), marks.settled(marks.journal(self.folder), frozenset(self._gone)))
        with beside(self.folder / RECORD) as scratch, scratch.open("w", encoding="utf-8") as file:
            file.write(json.dumps(self.facts, indent=1, default=str).removesuffix("\n}") + ',\n "files": [')
            for number, entry in enumerate(files):  # a line each, as it comes: there may be a million
                file.write(("," if number else "") + "\n  " + json.dumps(entry))
            file.write("\n ]\n}\n")


def put_right(record: Path, status: str) -> None:
    """Change the status in the record of a run that has begun, without room for more than is there."""
    with record.open("r+b") as file:
        content = file.read()
        at = content.index(old := b'"status": "running"')
        file.seek(at)
        file.write(f'"status": "{status}"'.encode().ljust(len(old)))


def now() -> str:
    """Return the time as records have it."""
    return datetime.now().astimezone().isoformat(timespec="milliseconds")


@contextmanager
def reserved(folder: Path, command: str, kinds: Kinds, inputs: Iterable[Path], force: bool) -> Iterator[Mark]:
    """Have a folder to oneself inside the `with` block, made when it is not there, and yield its mark.

    OutputError, before anything is written or removed, as `claimed` says.
    """
    made = list(takewhile(lambda each: not os.path.lexists(each), (folder, *folder.parents)))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise OutputError(f"`out`: {folder} is a file, or lies in one", "a folder") from None
    except OSError as error:
        raise OutputError(f"`out`: {folder} cannot be written: {error.strerror}", do=ELSEWHERE) from None
    try:
        with held(folder):
            mark = marks.read(folder)
            check(folder, command, kinds, mark, inputs, force)
            yield mark or Mark()
    except BaseException:
        for each in made:  # for nothing, where nothing was written
            with contextlib.suppress(OSError):
                each.rmdir()
        raise


@contextmanager
def recorded(
    folder: Path, command: str, kinds: Kinds, mark: Mark, force: bool, facts: Mapping[str, Any] | None
) -> Iterator[Outputs]:
    """Write into a folder that is reserved: what an earlier run left is removed first, and our record stays."""
    outputs = Outputs(folder, command, force)
    outputs.facts |= facts or {}
    outputs.facts |= {marks.FOLDERS: list(kinds.folders), marks.SPARED: list(spared(folder, kinds, mark))}
    outputs.replaced, outputs.kept = clear(folder, command, kinds, mark)
    outputs.start(mark.standing(folder))
    try:
        yield outputs
    except BaseException as error:
        with contextlib.suppress(OutputError):
            outputs.end("stopped" if isinstance(error, STOPS) else "failed")
        raise
    outputs.end("finished")


@contextmanager
def claimed(
    folder: Path,
    command: str,
    kinds: Kinds,
    inputs: Iterable[Path] = (),
    force: bool = False,
    facts: Mapping[str, Any] | None = None,
) -> Iterator[Outputs]:
    """Have a folder to oneself inside the `with` block, made when it is not there, and leave our record in it.

    Args:
        folder: where to write.
        command: the name of the command; what an earlier run of it left there is removed.
        kinds: the names that it writes.
        inputs: every file that will be read, existing or not; none of them may be a target.
        force: whether to write over files that are not ours, or were changed since.
        facts: what the record says from the start; `outputs.facts` takes more until the end.

    OutputError, before anything is written or removed, when another process has the folder, when a target is an input
    or somebody else's file, or when the system does not let us write there.
    """
    with (
        reserved(folder, command, kinds, inputs, force) as mark,
        recorded(folder, command, kinds, mark, force, facts) as outputs,
    ):
        yield outputs


@contextmanager
def replacing(
    folder: Path, command: str, kinds: Kinds, mark: Mark, facts: Mapping[str, Any] | None
) -> Iterator[Outputs]:
    """Write into a folder that is reserved, over what an earlier run of the command left; the rest of that goes last.

    For commands that write a few files at their end: whatever fails, each file is the old one or the new one.
    """
    outputs = Outputs(folder, command, force=True)
    outputs.facts |= facts or {}
    outputs.start(mark.standing(folder))
    try:
        yield outputs
    except BaseException as error:
        with contextlib.suppress(OutputError):
            outputs.end("stopped" if isinstance(error, STOPS) else "failed")
        raise
    left = {name: stamp for name, stamp in mark.files.items() if name not in outputs.wrote}
    clear(folder, command, kinds, replace(mark, files=left))
    outputs.carried = {each["file"]: each for each in replace(mark, files=left).standing(folder)}
    outputs.end("finished")


def restamp(path: Path) -> None:
    """Take note in the folder's record, where it lists the file, that mien has written it again."""
    mark, stamp = marks.read(path.parent), marks.stamp_of(path)
    if mark is None or path.name not in mark.files or stamp is None:
        return
    told = marks.read_record(path.parent)
    entries = (
        marks.entry(name, mark.by[name], stamp if name == path.name else old) for name, old in mark.files.items()
    )
    write(path.parent / RECORD, f"{json.dumps({**told, 'files': list(entries)}, indent=1)}\n".encode())


def into(out: Path | Outputs) -> Outputs:
    """Return what writes into a folder: a plain folder is written over, without a record."""
    return out if isinstance(out, Outputs) else Outputs(out, force=True)
