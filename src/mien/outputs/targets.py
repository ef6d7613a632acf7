"""Which files a command may write: absent ones and our own that nobody has changed, never an input.

Everything is looked at before anything is written or removed.  An input is known by device and inode, links resolved,
so that hard links, linked folders, other spellings of a name and file systems that ignore case make no difference.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from stat import S_ISDIR, S_ISLNK

from mien.errors import OutputError
from mien.outputs.files import ELSEWHERE, PART, cannot_write
from mien.outputs.record import JOURNAL, RECORD, SHARDS, STANDING, Record, read_facts

Inode = tuple[int, int]


@dataclass(frozen=True)
class Kinds:
    """The names that a command writes into a folder.

    Attributes:
        now: files that this run may write; folders: folders below, with the suffixes of what it may write into them.
        ever, ever_folders: those that other runs of the command may have written; of files a pattern, as "*.npz".
        alone: of the folders, those in which files of others would count as ours, so that `force` does not help.
    """

    now: tuple[str, ...]
    folders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ever: tuple[str, ...] = ()
    ever_folders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    alone: tuple[str, ...] = ()

    def fits(self, name: str) -> bool:
        """Whether the command writes files of this name."""
        top, _, rest = name.partition("/")
        if not rest:
            return name in self.now or any(fnmatchcase(name, each) for each in self.ever)
        suffixes = {**self.ever_folders, **self.folders}.get(top)
        beside = name.rpartition("/")[2].startswith("._")  # what macOS leaves beside every file is not ours
        return suffixes is not None and name.lower().endswith(suffixes) and not beside


def check(folder: Path, command: str, kinds: Kinds, before: Record | None, inputs: Iterable[Path], force: bool) -> None:
    """Raise OutputError when a file that may be written is an input, or somebody else's and `force` is not given.

    A file of another command is somebody else's.
    """
    if SHARDS in read_facts(folder):
        raise OutputError(f"{folder} holds the shards of an archive", do=ELSEWHERE)
    foreign: list[str] = []
    taken: dict[Inode, str] = {}
    for name in _standing(folder, kinds):
        for inode in _inodes(folder / name):
            taken[inode] = name
        if before is None or not (name in STANDING or before.untouched(folder, name, command)):
            foreign.append(name)
    for name in before.files if before else ():  # at the top, and removed as of an earlier run
        if "/" not in name and kinds.fits(name) and before and before.by[name] == command:
            taken.update((inode, name) for inode in _inodes(folder / name))
    _check_inputs(folder, kinds, taken, inputs)
    if foreign and not force:
        raise _foreign(folder, foreign, before)
    for name in foreign:
        if (top := name.partition("/")[0]) in kinds.alone:
            raise OutputError(
                f"{folder / top} holds files of another run", "no such folder", f"remove it, or {ELSEWHERE}"
            )


def clear(folder: Path, command: str, kinds: Kinds, before: Record) -> tuple[int, list[str]]:
    """Remove what an earlier run of the command left.

    Return how many files that were, and the names of those that were changed since and stay.
    """
    removed, kept = 0, []
    begun = filter(lambda name: name not in before.files, _standing(folder, kinds)) if before.running else ()
    for name in [*before.files, *begun]:
        if not kinds.fits(name) or before.by.get(name, command) != command or _through_link(folder, name):
            continue
        path = folder / name
        if before.untouched(folder, name, command):
            _unlink(path)
            removed += 1
            _prune(path.parent, folder)
        elif name in before.files and os.path.lexists(path):
            kept.append(name)
    for path in _scratch(folder, kinds):
        with contextlib.suppress(OSError):
            path.unlink()
    for top in (*kinds.folders, *kinds.ever_folders) if before.running else ():
        with contextlib.suppress(OSError):  # a killed run made it and wrote nothing into it
            (folder / top).rmdir()
    return removed, kept


def spared(folder: Path, kinds: Kinds, before: Record) -> Iterator[str]:
    """Yield what is in the folders that the command writes, and is not ours."""
    for top in kinds.folders:
        if _mode(folder / top):
            yield from (name for name in _below(folder, top) if not before.owns(name))


def _standing(folder: Path, kinds: Kinds) -> Iterator[str]:
    """Yield the existing names that the command may write; OutputError for anything that is not a file."""
    for name in (*kinds.now, RECORD, JOURNAL):
        mode = _mode(folder / name)
        if S_ISDIR(mode):
            raise OutputError(f"{folder / name} is a folder", "a file, or nothing", ELSEWHERE)
        if mode:
            yield name
    for top in kinds.folders:
        mode = _mode(folder / top)
        if mode and not S_ISDIR(mode):
            what = "a link" if S_ISLNK(mode) else "a file"
            raise OutputError(f"{folder / top} is {what}", "a folder, or nothing", ELSEWHERE)
        if mode:
            yield from (name for name in _below(folder, top) if kinds.fits(name))


def _below(folder: Path, top: str) -> Iterator[str]:
    for where, folders, files in os.walk(folder / top, onerror=_closed):
        for each in folders:
            if os.path.islink(path := os.path.join(where, each)):  # noqa: PTH114, PTH118 - a million of them
                raise OutputError(f"{path} is a link", "a folder, or nothing", ELSEWHERE)
        below = Path(where).relative_to(folder).as_posix()
        yield from (f"{below}/{each}" for each in files)


def _closed(error: OSError) -> None:
    raise OutputError(f"{error.filename} cannot be read: {error.strerror}", do=ELSEWHERE)


def _mode(path: Path) -> int:
    try:
        return path.lstat().st_mode
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise cannot_write(path, error, ELSEWHERE) from None


def _inodes(path: Path) -> Iterator[Inode]:
    """Yield what a name stands for: itself, and where it leads when it is a link."""
    for follow in (False, True):
        with contextlib.suppress(OSError):
            seen = path.stat(follow_symlinks=follow)
            yield seen.st_dev, seen.st_ino


def _check_inputs(folder: Path, kinds: Kinds, taken: Mapping[Inode, str], inputs: Iterable[Path]) -> None:
    real = os.path.realpath(folder)
    for path in inputs:
        name = next((taken[inode] for inode in _inodes(path) if inode in taken), None)
        name = name or _would_be(real, kinds, path)
        if name is not None:
            same = os.path.abspath(path) == os.path.abspath(folder / name)  # noqa: PTH100 - links as they are named
            what = "it" if same else f"{folder / name}, the same file,"
            raise OutputError(f"{path} is an input, and this run would write over {what}", do=ELSEWHERE)


def _would_be(real: str, kinds: Kinds, path: Path) -> str | None:
    """Return the name of an input that is not there yet, and that this run may write before it is read."""
    if os.path.exists(path):  # noqa: PTH110 - Path's own raises for names that cannot be
        return None
    try:
        name = Path(os.path.realpath(path)).relative_to(real).as_posix()
    except (OSError, ValueError):
        return None
    return name if name in (RECORD, JOURNAL) or kinds.fits(name) else None


def _foreign(folder: Path, names: list[str], before: Record | None) -> OutputError:
    first = folder / names[0]
    by = before.by.get(names[0]) if before is not None else None
    what = f"was not written by mien, or is not listed in {folder / RECORD}"
    if before is not None and by is not None:
        edited = not before.untouched(folder, names[0], by)
        what = "was changed since mien wrote it" if edited else f"was written by mien {by}"
    more = f" (and {len(names) - 1:,} more)" if len(names) > 1 else ""
    return OutputError(
        f"{first} {what}{more}", do=f"{ELSEWHERE}, or write over {'them' if more else 'it'} with `force`"
    )


def _through_link(folder: Path, name: str) -> bool:
    return os.path.realpath((folder / name).parent) != os.path.join(os.path.realpath(folder), *name.split("/")[:-1])  # noqa: PTH118


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path} cannot be removed: {error.strerror}", do=ELSEWHERE) from None


def _prune(below: Path, folder: Path) -> None:
    """Remove folders that have become empty."""
    with contextlib.suppress(OSError):
        while below != folder:
            below.rmdir()
            below = below.parent


def _scratch(folder: Path, kinds: Kinds) -> Iterator[Path]:
    """Yield what a killed run left of files that it had not finished."""
    for root in (folder, *(folder / top for top in (*kinds.folders, *kinds.ever_folders))):
        pattern = f".mien-*{PART}"
        yield from root.glob(pattern) if root == folder else root.rglob(pattern)
