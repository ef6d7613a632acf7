"""The record of a folder that mien wrote: `mien-run.json` describes the run and lists the files in it that are ours.

    record = read(folder)                       # None where there is none
    record.owns("annotated/a.jpg")              # written by mien, whatever happened to it since
    record.untouched(folder, "report.html", "predict")     # by that command, and still as it was written

The list is in the record once a run has ended.  While it runs, and after it was killed, the list is in JOURNAL, a line
per file.  A name that leads out of the folder is never ours, whatever a record lists.
"""

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from typing import Any

from mien.outputs.files import write

RECORD = "mien-run.json"
JOURNAL = ".mien-files.jsonl"
FOLDERS, SPARED = "folders", "spared"  # keys of the record
SHARDS = "shards"  # key of the record of a folder of shards (scale/record.py)
STANDING = frozenset((RECORD, JOURNAL))
REMEMBERED = 64  # folders whose records are kept while a tree is walked
SECOND = 1_000_000_000

Stamp = tuple[int, int]
"""Bytes and time of the last change in ns."""


@dataclass(frozen=True)
class Record:
    """The files that mien wrote into a folder.

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
        """Yield the entries of files that still exist, even if they were changed since."""
        for name, stamp in self.files.items():
            if os.path.lexists(folder / name):
                yield entry(name, self.by[name], stamp)


def entry(name: str, by: str, stamp: Stamp | None = None) -> dict[str, Any]:
    """Return a file's entry in the list."""
    return {"file": name, "by": by} | ({"bytes": stamp[0], "mtime_ns": stamp[1]} if stamp else {})


def read(folder: Path) -> Record | None:
    """Return the record of a folder, or None where it has none that can be read."""
    content = _content(folder)
    if not isinstance(content.get("mien"), str) or not isinstance(content.get("files"), list):
        return None
    entries = [*content["files"], *journal(folder)]
    folders, spared = (
        filter(_inside, content[key] if isinstance(content.get(key), list) else ()) for key in (FOLDERS, SPARED)
    )
    record = Record(folders=tuple(folders), running=content.get("status") == "running", spared=frozenset(spared))
    for each in entries:
        name, stamp = _read(each)
        if name and each.get("gone"):
            record.files.pop(name, None)
        elif name:
            record.files[name] = stamp
            record.by[name] = str(each.get("by", ""))
    return record


def read_facts(folder: Path) -> dict[str, Any]:
    """Return the record of a folder without its files; empty where there is none that can be read."""
    return {key: value for key, value in _content(folder).items() if key != "files"}


def earlier(folder: Path, command: str) -> list[dict[str, Any]]:
    """Return the facts of the last run of every other command: its files stay in the folder."""
    last = read_facts(folder)
    before = last.pop("earlier", [])
    runs = [*(before if isinstance(before, list) else []), last]
    return [run for run in runs if isinstance(run, dict) and run.get("by", command) != command]


def _content(folder: Path) -> dict[str, Any]:
    """Return the content of the record; empty where none can be read, since the file is not trusted."""
    if not _regular(folder / RECORD):
        return {}
    try:
        content = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, MemoryError):
        return {}
    return content if isinstance(content, dict) else {}


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


class OwnFiles:
    """Tells mien's own files in a tree, by the records of the folders from `root` down to them.

    Records above `root` do not count: a user who names the folder of annotated images wants to read it.  That of
    `writing` always counts: a run does not read what it writes.
    """

    def __init__(self, root: Path, writing: Path | None = None) -> None:
        self._root = root
        self._writing = writing and Path(os.path.realpath(writing))
        self._parent = (root, Path(os.path.realpath(root)))  # a folder, and where it is, links resolved
        self._records: dict[Path, Record | None] = {}

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
        record = self._record(folder)
        return record is not None and (path.name in STANDING or record.owns(path.relative_to(folder).as_posix()))

    def _record(self, folder: Path) -> Record | None:
        if folder not in self._records:
            if len(self._records) >= REMEMBERED:
                self._records.clear()
            self._records[folder] = read(folder)
        return self._records[folder]


def restamp(path: Path) -> None:
    """Note in the folder's record, where it lists the file, that mien has written it again."""
    record, stamp = read(path.parent), stamp_of(path)
    if record is None or path.name not in record.files or stamp is None:
        return
    files = [entry(name, record.by[name], stamp if name == path.name else old) for name, old in record.files.items()]
    write(path.parent / RECORD, f"{json.dumps({**read_facts(path.parent), 'files': files}, indent=1)}\n".encode())


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


def _read(listed: Any) -> tuple[str, Stamp | None]:
    if not isinstance(listed, dict) or not _inside(listed.get("file")):
        return "", None
    size, time = listed.get("bytes"), listed.get("mtime_ns")
    return listed["file"], (size, time) if isinstance(size, int) and isinstance(time, int) else None


def _inside(name: Any) -> bool:
    if not isinstance(name, str) or not name or "\0" in name or Path(name).is_absolute():
        return False
    return not {"", ".", ".."} & set(name.split("/"))
