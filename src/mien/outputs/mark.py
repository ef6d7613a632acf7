"""The mark of a folder that mien wrote: `mien-run.json` lists the files in it that are ours.

    mark = read(folder)                       # None where there is no mark
    mark.owns("annotated/a.jpg")              # written by mien, whatever happened to it since
    mark.untouched(folder, "report.html", "predict")     # by that command, and still as it was written

The list stands in the record once a run has ended.  While it runs, and after it was killed, it stands beside it, a line
per file, in JOURNAL.  A name that leads out of the folder is no name of ours, whatever a record says.
"""

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from typing import Any

RECORD = "mien-run.json"
JOURNAL = ".mien-files.jsonl"
FOLDERS, SPARED = "folders", "spared"  # keys of the record
STANDING = frozenset((RECORD, JOURNAL))
REMEMBERED = 64  # folders whose marks are kept while a tree is walked
SECOND = 1_000_000_000

Stamp = tuple[int, int]
"""Bytes and time of the last change in ns."""


@dataclass(frozen=True)
class Mark:
    """What a folder says about the files that mien wrote into it.

    Attributes:
        files: every name, relative to the folder with "/" between, with its stamp; None where the run was killed while
            the file was being written.
        by: which command wrote each.
        folders: those into which a run writes that is `running`; spared: what was in them before, and is not ours.
        running: whether the run has not ended, or was killed.
    """

    files: dict[str, Stamp | None] = field(default_factory=dict)
    by: dict[str, str] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    running: bool = False
    spared: frozenset[str] = frozenset()

    def owns(self, name: str) -> bool:
        """Whether mien wrote the file of this name."""
        below = self.running and name.startswith(tuple(f"{each}/" for each in self.folders))
        return name in self.files or (below and name not in self.spared)

    def untouched(self, folder: Path, name: str, command: str) -> bool:
        """Whether the command wrote the file and it is still as it was.

        What a killed run was writing counts as so, and what it had made but not noted yet: an empty file.
        """
        seen = stamp_of(folder / name)
        if seen is None or name not in self.files:
            return seen is not None and self.running and seen[0] == 0 and name not in self.spared
        stamp = self.files[name]
        return self.by[name] == command and (stamp is None or _equal(stamp, seen))

    def standing(self, folder: Path) -> Iterator[dict[str, Any]]:
        """Yield the entries of files that are there, whoever wrote them and whatever was done to them since."""
        for name, stamp in self.files.items():
            if os.path.lexists(folder / name):
                yield entry(name, self.by[name], stamp)


def entry(name: str, by: str, stamp: Stamp | None = None) -> dict[str, Any]:
    """Return what a list says about a file."""
    return {"file": name, "by": by} | ({"bytes": stamp[0], "mtime_ns": stamp[1]} if stamp else {})


def read(folder: Path) -> Mark | None:
    """Return the mark of a folder, or None where it has none that can be read."""
    told = _record(folder)
    if not isinstance(told.get("mien"), str) or not isinstance(told.get("files"), list):
        return None
    entries = [*told["files"], *journal(folder)]
    folders, spared = (
        filter(_inside, told[key] if isinstance(told.get(key), list) else ()) for key in (FOLDERS, SPARED)
    )
    mark = Mark(folders=tuple(folders), running=told.get("status") == "running", spared=frozenset(spared))
    for each in entries:
        name, stamp = _read(each)
        if name and each.get("gone"):
            mark.files.pop(name, None)
        elif name:
            mark.files[name] = stamp
            mark.by[name] = str(each.get("by", ""))
    return mark


def read_record(folder: Path) -> dict[str, Any]:
    """Return what the record of a folder says beside its files; empty where there is none that can be read."""
    return {key: value for key, value in _record(folder).items() if key != "files"}


def earlier(folder: Path, command: str) -> list[dict[str, Any]]:
    """Return what the record says of the last run of every other command: its files stay in the folder."""
    told = read_record(folder)
    before = told.pop("earlier", [])
    runs = [*(before if isinstance(before, list) else []), told]
    return [run for run in runs if isinstance(run, dict) and run.get("by", command) != command]


def _record(folder: Path) -> dict[str, Any]:
    """Return the content of the record; empty where there is none that can be read: anybody may have written it."""
    if not _regular(folder / RECORD):
        return {}
    try:
        told = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, MemoryError):
        return {}
    return told if isinstance(told, dict) else {}


def journal(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a run that has not ended, or was killed; the last one may be half."""
    if not _regular(folder / JOURNAL):
        return
    with contextlib.suppress(OSError), (folder / JOURNAL).open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            with contextlib.suppress(ValueError, RecursionError):
                entry = json.loads(line)
                if isinstance(entry, dict) and isinstance(entry.get("file"), str):
                    yield entry


def _regular(path: Path) -> bool:
    try:
        return S_ISREG(path.stat().st_mode)  # a pipe of that name would never end
    except (OSError, ValueError):
        return False


class Own:
    """Tells mien's own files in a tree, by the marks of the folders from `root` down to them.

    Marks above `root` do not count: who names the folder that results were drawn into wants to read it.  That of
    `writing` always does: a run does not read what it writes.
    """

    def __init__(self, root: Path, writing: Path | None = None) -> None:
        self._root = root
        self._writing = writing and Path(os.path.realpath(writing))
        self._parent = (root, Path(os.path.realpath(root)))  # a folder, and where it is, links resolved
        self._marks: dict[Path, Mark | None] = {}

    def __call__(self, path: Path) -> bool:
        """Whether a file below the root was written by mien."""
        for folder in path.parents:
            if self._owned(folder, path):
                return True
            if folder == self._root:
                break
        return self._being_written(path)

    def _being_written(self, path: Path) -> bool:
        if self._writing is None:
            return False
        if self._parent[0] != path.parent:
            self._parent = (path.parent, Path(os.path.realpath(path.parent)))
        real = self._parent[1] / path.name
        return real.is_relative_to(self._writing) and self._owned(self._writing, real)

    def _owned(self, folder: Path, path: Path) -> bool:
        mark = self._mark(folder)
        return mark is not None and (path.name in STANDING or mark.owns(path.relative_to(folder).as_posix()))

    def _mark(self, folder: Path) -> Mark | None:
        if folder not in self._marks:
            if len(self._marks) >= REMEMBERED:
                self._marks.clear()
            self._marks[folder] = read(folder)
        return self._marks[folder]


def settled(entries: Iterable[dict[str, Any]], gone: frozenset[str]) -> Iterator[dict[str, Any]]:
    """Yield one entry per file: that of its end where it has one; those of `gone` have none."""
    begun: dict[str, dict[str, Any]] = {}
    for each in entries:
        if each["file"] in gone or each.get("gone"):
            continue
        if "bytes" in each:
            begun.pop(each["file"], None)
            yield each
        else:
            begun[each["file"]] = each
    yield from begun.values()


def stamp_of(path: Path) -> Stamp | None:
    """Return the stamp of a regular file; None where there is none, or a link."""
    try:
        seen = path.lstat()
    except (OSError, ValueError):
        return None
    return (seen.st_size, seen.st_mtime_ns) if S_ISREG(seen.st_mode) else None


def _equal(written: Stamp, seen: Stamp) -> bool:
    coarse = seen[1] % SECOND == 0  # a file system that keeps seconds, or two of them
    return written[0] == seen[0] and (abs(written[1] - seen[1]) < 2 * SECOND if coarse else written[1] == seen[1])


def _read(told: Any) -> tuple[str, Stamp | None]:
    if not isinstance(told, dict) or not _inside(told.get("file")):
        return "", None
    size, time = told.get("bytes"), told.get("mtime_ns")
    return told["file"], (size, time) if isinstance(size, int) and isinstance(time, int) else None


def _inside(name: Any) -> bool:
    if not isinstance(name, str) or not name or "\0" in name or Path(name).is_absolute():
        return False
    return not {"", ".", ".."} & set(name.split("/"))
