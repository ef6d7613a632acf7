"""Expands the SOURCE arguments of a command to files, one at a time and in order.

A folder is searched recursively, sorted, for known image and video suffixes.  Hidden files, special files (FIFOs,
sockets, devices) and files already read in this run under another name or through a link are skipped.  Links in a
folder are followed after everything else in it, so that what they lead to is read under its own name.  A glob expands
as in a shell.  A file named explicitly is always read, as often as it is named, but special files, which might block
forever, and camera raw files are refused.  A missing file keeps its place, with the reason.
"""

import glob
import os
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from stat import S_ISDIR, S_ISFIFO, S_ISREG, S_ISSOCK

from mien.inference.media import camera_raw, video
from mien.inference.media.camera import CAMERA
from mien.inference.media.filetype import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from mien.outputs.record import RECORD, OwnFiles
from mien.printable import writable

AMBIGUOUS = ".ts"  # a video, or TypeScript: the content decides
ONLY_OWN = "only what mien wrote itself; name the files to read them"
OWN = "of mien's own"
"""The kind of files that mien wrote: they are skipped in folders with its record (record.py), and in patterns."""
SAME, FOLDER = "already read", "folder already read"
"""Kinds of files read in this run under another name: hard links, links, arguments that overlap."""
NAMED = 3  # skipped folders whose names are kept
KNOWN = IMAGE_SUFFIXES | VIDEO_SUFFIXES
ADDRESS = re.compile(r"\w{2,}:/")  # a single letter is a drive


class Skipped(Counter[str]):
    """Number of skipped files in folders by kind; a kind follows a number in messages: "3 camera raw .cr2".

    Attributes:
        folders: the first folders that were already read.
    """

    def __init__(self, *counts: Mapping[str, int]) -> None:
        super().__init__(*counts)
        self.folders: list[str] = []

    def add_folder(self, folder: Path) -> None:
        """Count a folder that was already read."""
        self[FOLDER] += 1
        if len(self.folders) < NAMED:
            self.folders.append(str(folder))

    def folders_line(self) -> str:
        """Return "folder already read: a/latest", with the names that are kept; empty without any."""
        more = self[FOLDER] - len(self.folders)
        named = ", ".join(self.folders) + (f" and {more:,} more" if more else "")
        return f"{FOLDER}: {named}" if self.folders else ""


@dataclass(frozen=True)
class Source:
    """One image, video or camera to read.

    Attributes:
        name: the argument as given, joined with the path below it for folders; characters that UTF-8 lacks are
            replaced.
        path: the file, or the "camera:0" of a camera.
        below: the path below the argument, or the file's own name: where results about it are written.
        error: one line saying why there is nothing to read, or None.
    """

    name: str
    path: Path
    below: Path
    error: str | None = None

    @property
    def live(self) -> bool:
        """Whether this is a camera."""
        return self.name.startswith(CAMERA)


class _Visited:
    """The files and folders visited in this run, by device and inode."""

    def __init__(self) -> None:
        self._files: set[int] = set()
        self._folders: set[int] = set()

    def file(self, status: os.stat_result) -> bool:
        """Return whether a file was visited before, and remember it."""
        return _visited(self._files, status)

    def folder(self, status: os.stat_result) -> bool:
        """Return whether a folder was visited before, and remember it."""
        return _visited(self._folders, status)


def _visited(known: set[int], status: os.stat_result) -> bool:
    key = status.st_dev << 64 | status.st_ino
    before = key in known and bool(status.st_ino)  # 0 on systems without inodes
    known.add(key)
    return before


def expand(
    arguments: Iterable[str | Path], skip: Path | None = None, skipped: Skipped | None = None
) -> Iterator[Source]:
    """Yield the sources of arguments, except the files that a run writes into the folder `skip`.

    Files skipped in folders are counted in `skipped` by kind.
    """
    skipped, seen = Skipped() if skipped is None else skipped, _Visited()
    given = arguments if isinstance(arguments, list | tuple) else ()
    owns, first = _by_shell(given, skip), str(given[0]) if given else ""
    empty = True
    for argument in map(str, arguments):
        path = Path(argument)
        own = next((own for folder, own in owns.items() if folder in path.parents), None)
        if own and (own(path) or (skip and not os.path.lexists(path))):  # a file that the run has just replaced
            skipped[OWN] += 1
            continue
        for source in _expand(argument, path, skip, skipped, seen, own):
            empty = False
            yield source
    if empty and owns and not (skipped[SAME] or skipped[FOLDER]):
        yield _source(first, Path(first), f"{first}: {ONLY_OWN}")


def _by_shell(arguments: list[str | Path] | tuple[str | Path, ...], skip: Path | None) -> Mapping[Path, OwnFiles]:
    """Return the folders whose run record applies to the arguments in them.

    The record is itself one of several arguments: a shell expanded DIR/* to DIR/mien-run.json and others.
    """
    named = (Path(argument) for argument in arguments if len(arguments) > 1)
    return {path.parent: OwnFiles(path.parent, skip) for path in named if path.name == RECORD}


def _expand(
    argument: str, path: Path, skip: Path | None, skipped: Skipped, seen: _Visited, own: OwnFiles | None = None
) -> Iterator[Source]:
    """Yield the sources of one argument; `own` is given for a match of a pattern."""
    status = _status(path)
    if argument.startswith(CAMERA):
        yield _source(argument, path)
    elif status and S_ISREG(status.st_mode):
        seen.file(status)
        raw = path.suffix.lower() in camera_raw.SUFFIXES
        yield _source(argument, path, f"{argument}: {camera_raw.REFUSAL}" if raw else None)
    elif argument and status and S_ISDIR(status.st_mode):
        yield from _folder(argument, path, own or OwnFiles(path, skip), skipped, seen, matched=own is not None)
    elif glob.has_magic(argument) and (matches := glob.glob(argument, recursive=True)):  # noqa: PTH207 - absolute and relative alike
        yield from _matches(argument, sorted(matches, key=Path), skip, skipped, seen)
    else:
        what = "the pattern matches nothing" if glob.has_magic(argument) else _why(path)
        yield _source(argument, path, f"{argument or repr(argument)}: {what}")


def _matches(
    argument: str, matches: list[str], skip: Path | None, skipped: Skipped, seen: _Visited
) -> Iterator[Source]:
    """Yield the matches of a pattern, except mien's own files below its literal part."""
    own = OwnFiles(Path(*takewhile(lambda part: not glob.has_magic(part), Path(argument).parts)), skip)
    empty, before = True, Skipped(skipped)
    for match in matches:
        path = Path(match)
        status = _status(path)
        if own(path):
            skipped[OWN] += 1
        elif status and S_ISREG(status.st_mode) and seen.file(status):
            skipped[SAME] += 1
        else:
            for source in _expand(match, path, skip, skipped, seen, own):
                empty = False
                yield source
    passed = skipped - before
    if empty and not (passed[SAME] or passed[FOLDER]):
        yield _source(argument, Path(argument), f"{argument}: {ONLY_OWN}")


def _status(path: Path) -> os.stat_result | None:
    """Return the status of a path, or None: a missing file, a name that is too long, a folder without permission."""
    try:
        return path.stat()
    except (OSError, ValueError):
        return None


def _why(path: Path) -> str:
    if ADDRESS.match(str(path)):
        return "URLs are not read; download the file first"
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return "a broken link" if _is_link(path) else "no such file or folder"
    except OSError as error:
        return error.strerror or str(error)
    if S_ISDIR(mode):
        return "no such file or folder"  # an empty argument
    return f"a {_special(mode)} is not read; write what comes out of it to a file"


def _is_link(path: Path) -> bool:
    try:
        return path.is_symlink()
    except (OSError, ValueError):
        return False


def _special(mode: int) -> str:
    return "fifo" if S_ISFIFO(mode) else "socket" if S_ISSOCK(mode) else "device"


def _source(name: str, path: Path, error: str | None = None, below: Path | None = None) -> Source:
    return Source(writable(name), path, below or Path(path.name), error and " ".join(error.split()))


def _folder(
    argument: str, folder: Path, own: OwnFiles, skipped: Skipped, seen: _Visited, matched: bool = False
) -> Iterator[Source]:
    """Yield the sources in a folder; one that was `matched` by a pattern may hold only mien's own files."""
    empty, before = True, Skipped(skipped)
    for path, readable in _walk(folder, skipped, own, seen):
        empty = False
        below = path.relative_to(folder)
        name = os.path.join(argument, below)  # noqa: PTH118 - Path would drop a leading "./" of the argument
        yield _source(name, path, None if readable else f"{name}: the folder cannot be read", below)
    passed = skipped - before
    if empty and not (passed[SAME] or passed[FOLDER] or (matched and passed[OWN])):
        what = ONLY_OWN if passed[OWN] else "no image or video in this folder"
        yield _source(argument, folder, f"{argument}: {what}")


def _walk(folder: Path, skipped: Skipped, own: OwnFiles, seen: _Visited) -> Iterator[tuple[Path, bool]]:
    """Yield known files below a folder, with True, and unreadable folders, with False.

    They come in the order of their paths, and what links lead to after the rest.
    """
    links: deque[Path] = deque()
    yield from _below(folder, skipped, own, seen, links)
    while links:
        yield from _entry(links.popleft(), skipped, own, seen, links)


def _below(
    folder: Path, skipped: Skipped, own: OwnFiles, seen: _Visited, links: deque[Path]
) -> Iterator[tuple[Path, bool]]:
    status = _status(folder)
    if status and seen.folder(status):
        skipped.add_folder(folder)  # through a link, perhaps to a parent
        return
    if not os.access(folder, os.X_OK):  # its names can be listed at best, and no file opened
        yield folder, False
        return
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        yield folder, False
        return
    for path in paths:
        if _is_link(path):
            links.append(path)
        else:
            yield from _entry(path, skipped, own, seen, links)


def _entry(
    path: Path, skipped: Skipped, own: OwnFiles, seen: _Visited, links: deque[Path]
) -> Iterator[tuple[Path, bool]]:
    status = _status(path)
    if path.name.startswith("."):
        if status and S_ISDIR(status.st_mode):
            skipped["hidden folder"] += 1
        elif path.suffix.lower() in KNOWN:
            skipped["hidden"] += 1
    elif status and S_ISDIR(status.st_mode):
        yield from _below(path, skipped, own, seen, links)
    elif what := _skipped_kind(path, status, own, seen):
        skipped[what] += 1
    else:
        yield path, True


def _skipped_kind(path: Path, status: os.stat_result | None, own: OwnFiles, seen: _Visited) -> str:
    """Return the kind of a path in a folder that is skipped, or an empty string for a source."""
    suffix = path.suffix.lower()
    if status is None and _is_link(path):
        return "broken link"
    if status and not S_ISREG(status.st_mode):
        return _special(status.st_mode)
    if own(path):
        return OWN
    if suffix in camera_raw.SUFFIXES:
        return f"camera raw {suffix}"
    if suffix not in KNOWN and not (suffix == AMBIGUOUS and video.is_video(path)):
        return suffix or "without a suffix"
    return SAME if status and seen.file(status) else ""
