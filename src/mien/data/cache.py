"""The cache: arrays built once from files, then opened as memory maps.

An entry is a folder of .npy files and a meta.json, named after the *content* of the files it was built from.  So
copying or touching them costs nothing, and changing them never serves old arrays.  It is written in a folder beside
the entries and renamed into place, so no reader sees half of one and two processes may build the same one at once.
Its meta.json holds the sha256 of every array, checked once per process (0.1 s for FER2013's 83 MB): no score comes from
a corrupted array, which is reported and built again.
Images that are too large for memory lie in shards (shards.py), whose rows are checked when they are read.  They are
written in a folder that survives an interruption (`cached_in_steps`): the next build writes those that are missing.
A second kind of file, the memo, remembers the content hash of a file by its path, size, times and inode.

Lives in MIEN_CACHE, or in the user's cache folder; never in the data root, which is only read.
"""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data.files import unreadable
from mien.data.shards import SHARD_BYTES, Images, Shard, StoredImages, opened
from mien.errors import DataError, OutputError
from mien.outputs import write
from mien.outputs.lock import locked
from mien.printable import say
from mien.reading.arrays import mapped
from mien.reading.digest import sha256_of
from mien.reading.documents import read_json

FORMAT, SHARDED = 1, 2
"""Formats of entries without and with shards.

Increased whenever the arrays of an entry change meaning, so that older entries are not read.
"""

SCRATCH = ".mien-scratch"
"""Folder in the cache folder, on the same file system, for entries being written; nothing else is ever removed."""

ABANDONED = 3600
"""Seconds after which a scratch folder belongs to a build that was killed."""

PARTIAL = ".mien-partial"
"""Folder in the cache folder for shards of entries that are not complete."""

FORGOTTEN = 7 * 86400
"""Seconds after which nobody is expected to complete such an entry."""

IMAGES = "images"
"""Name of the array that may lie in shards."""


@dataclass(frozen=True, eq=False)
class Entry:
    """Arrays, as read-only memory maps, small facts about them, as JSON, and images in shards, if there are any."""

    arrays: Mapping[str, NDArray[Any]]
    facts: Mapping[str, Any]
    shards: StoredImages | None = None

    @property
    def images(self) -> Images:
        """The images: a memory map, or shards, of which rows are read when they are needed."""
        return self.arrays[IMAGES] if self.shards is None else self.shards


def cache_folder() -> Path:
    """Return MIEN_CACHE, or the user's cache folder for mien."""
    if given := os.environ.get("MIEN_CACHE"):
        return Path(given).expanduser()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("mien"))


def cached(kind: str, files: Mapping[str, Path], build: Callable[[], Entry]) -> Entry:
    """Return the entry for these files' content, building it when none is complete.

    `files` by name; the names count as content too.  DataError when a file cannot be read or changes meanwhile,
    or when the cache folder cannot be written.
    """
    stamp = _stamp(files)
    return kept(f"{kind}-{_content(kind, files, stamp)}", lambda: _unchanged(files, stamp, build()))


def cached_in_steps(kind: str, files: Mapping[str, Path], build: Callable[[Path], Entry]) -> Entry:
    """Do as `cached`; `build` gets a folder for shards, which it finds again after an interruption.

    One process builds an entry at a time, the others wait for it.
    """
    stamp = _stamp(files)
    name = f"{kind}-{_content(kind, files, stamp)}"
    return kept_in_steps(name, lambda folder: _unchanged(files, stamp, build(folder)))


def kept_in_steps(name: str, build: Callable[[Path], Entry]) -> Entry:
    """Do as `kept`; see `cached_in_steps`."""
    folder = cache_folder() / name
    if open_entry(folder) is not None and not corrupted(folder):
        return kept(name, lambda: build(folder))
    with partial(folder) as steps:
        return kept(name, lambda: build(steps))


def _unchanged(files: Mapping[str, Path], stamp: str, fresh: Entry) -> Entry:
    if _stamp(files) != stamp:
        raise DataError(f"{next(iter(files.values()))} changed while it was read", do="wait until it is complete")
    return fresh


def kept(name: str, build: Callable[[], Entry]) -> Entry:
    """Return the entry of that name, building it when none is complete; the name must identify the content.

    DataError when the cache folder cannot be written.
    """
    folder = cache_folder() / name
    if (entry := open_entry(folder)) is not None:
        if not (what := corrupted(folder)):
            return entry
        say(f"mien: {folder / what} in the cache was corrupted; building it again")
        _discard(folder)
    with _scratch(folder) as scratch:
        write_entry(scratch, build())
        _publish(scratch, folder)
    if (entry := open_entry(folder)) is None:
        raise DataError(
            f"the cache entry {folder} differs from what was just written", do="set MIEN_CACHE to another folder"
        )
    return entry


def open_entry(folder: Path) -> Entry | None:
    """Return the entry in a folder, or None when there is none or a file has the wrong size."""
    try:
        meta = read_json(folder / "meta.json", "")
        sizes = {name: (folder / f"{name}.npy").stat().st_size for name in meta["bytes"]}
        if meta["format"] not in (FORMAT, SHARDED) or sizes != meta["bytes"]:
            return None
        arrays = {name: mapped(folder / f"{name}.npy", "") for name in sizes}
        paths = [folder / name for name in meta.get("shards", ())]
        large = [arrays[IMAGES]] if IMAGES in arrays and arrays[IMAGES].nbytes > SHARD_BYTES else []
        shards = opened(paths) if paths else StoredImages.of(large) if large else None
        return Entry(arrays, {**meta["facts"]}, shards)
    except (DataError, OSError, ValueError, KeyError, TypeError):
        return None


def corrupted(folder: Path) -> str:
    """Return the name of the first file of an entry that has changed since it was written, "" where none has.

    An entry without digests, written by mien 0.1.0, gets the digests of its present files.
    """
    meta = read_json(folder / "meta.json", "")
    if "sha256" not in meta:
        meta["sha256"] = {name: _digest(folder / f"{name}.npy") for name in meta["bytes"]}
        with contextlib.suppress(OutputError):  # a read-only folder stays unchecked
            _write_meta(folder, meta)
        return ""
    if meta["sha256"].get("facts", "") not in ("", _facts_digest(meta["facts"])):
        return "meta.json"
    arrays = ((name, folder / f"{name}.npy") for name in meta["bytes"])
    return next((path.name for name, path in arrays if _digest(path) != meta["sha256"].get(name)), "")


_known: dict[tuple[int, ...], str] = {}
"""Digests that this process has computed, by what changes when a file is touched; a renamed folder changes nothing."""


def _digest(path: Path) -> str:
    stat = path.stat()
    state = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    if state not in _known:
        _known[state] = sha256_of(path)
    return _known[state]


def _facts_digest(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def write_entry(folder: Path, entry: Entry) -> None:
    """Write an entry's files into an existing folder; meta.json, which makes it valid, comes last.

    Shards are moved there; images that fit into one become an ordinary array.
    """
    sizes, digests = {}, {"facts": _facts_digest(entry.facts)}
    paths = [part.path for part in entry.shards.parts if isinstance(part, Shard)] if entry.shards else []
    for name, array in entry.arrays.items():
        np.save(folder / f"{name}.npy", array)
    if len(paths) == 1:
        paths.pop().rename(folder / f"{IMAGES}.npy")
    for path in (name for shard in paths for name in (shard, shard.with_suffix(".json"))):
        path.rename(folder / path.name)
    for name in dict.fromkeys((*entry.arrays, *([IMAGES] if entry.shards and not paths else ()))):
        sizes[name], digests[name] = (folder / f"{name}.npy").stat().st_size, _digest(folder / f"{name}.npy")
    meta = {"format": FORMAT, "bytes": sizes, "sha256": digests, "facts": dict(entry.facts)}
    _write_meta(folder, meta | ({"format": SHARDED, "shards": [path.name for path in paths]} if paths else {}))


@contextlib.contextmanager
def partial(folder: Path) -> Iterator[Path]:
    """Hold the folder for shards of an entry that is not complete; it stays only where the block is left early.

    Sound shards of an entry that lost one are moved there.
    """
    steps = folder.parent / PARTIAL / folder.name
    with _cannot_write(folder.parent), contextlib.ExitStack() as stack:
        _hold(steps, stack)
        _sweep(steps.parent, FORGOTTEN, but=steps)
        if open_entry(folder) is None or corrupted(folder):
            for path in sorted(folder.glob(f"{IMAGES}.[0-9]*")):
                path.rename(steps / path.name)
        yield steps
        shutil.rmtree(steps, ignore_errors=True)


def _hold(steps: Path, stack: contextlib.ExitStack) -> None:
    """Make the folder and lock it, waiting for the process that has it."""
    waiting = False
    while True:
        steps.mkdir(parents=True, exist_ok=True)
        try:
            stack.enter_context(locked(steps))
            return
        except OutputError as busy:
            if not os.access(steps.parent, os.W_OK):  # steps itself may just have been removed
                raise
            if not waiting:
                say(f"mien: waiting for the process that prepares this data: {str(busy).partition(';')[0]}")
            waiting = True
            time.sleep(1)


def _write_meta(folder: Path, meta: Mapping[str, Any]) -> None:
    write(folder / "meta.json", json.dumps(meta).encode())


def _discard(folder: Path) -> None:
    """Remove an entry; DataError where that is not allowed."""
    aside = _aside(folder)
    try:
        aside.parent.mkdir(exist_ok=True)
        folder.rename(aside)
    except OSError as error:
        got = f"the cache entry {folder} was corrupted and cannot be removed ({error.strerror})"
        raise DataError(got, do="remove it, or set MIEN_CACHE to another folder") from None
    shutil.rmtree(aside, ignore_errors=True)


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Make a folder to write the entry in, before anything slow happens, and remove it at the end."""
    scratch = _aside(folder)
    try:
        with _cannot_write(folder.parent):
            scratch.mkdir(parents=True)
            _sweep(scratch.parent, ABANDONED)
            yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextlib.contextmanager
def _cannot_write(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"cannot write the cache folder {folder} ({error.strerror or error})",
            "a writable folder with free space",
            "set MIEN_CACHE to one",
        ) from None


def _publish(scratch: Path, folder: Path) -> None:
    """Rename scratch to the entry, unless another process has published a complete one meanwhile."""
    try:
        scratch.rename(folder)
    except OSError:
        if open_entry(folder) is not None:
            return
        broken = _aside(folder)
        folder.rename(broken)
        scratch.rename(folder)
        shutil.rmtree(broken, ignore_errors=True)


def _aside(folder: Path) -> Path:
    """Return a new path in the scratch folder, to rename the entry from and to."""
    return folder.parent / SCRATCH / f"{folder.name}.{secrets.token_hex(4)}"


def _sweep(scratch: Path, age: float, but: Path | None = None) -> None:
    """Remove what killed builds left in the scratch folder, from `age` seconds on."""
    for path in scratch.iterdir():
        with contextlib.suppress(OSError):
            if path != but and time.time() - path.stat().st_mtime > age:
                shutil.rmtree(path, ignore_errors=True)


def _stamp(files: Mapping[str, Path]) -> str:
    """Return what changes when a file is touched, replaced or moved, without opening any."""
    state = hashlib.sha256()
    for name, path in files.items():
        try:
            stat = path.stat()
        except OSError as error:
            raise unreadable(path, error) from None
        times = f"{stat.st_mtime_ns} {stat.st_ctime_ns}"
        entry = f"{name}\0{path}\0{stat.st_size} {times} {stat.st_dev} {stat.st_ino}\0"
        state.update(entry.encode(errors="surrogateescape"))  # a name may be bytes that are not UTF-8
    return state.hexdigest()[:32]


def _content(kind: str, files: Mapping[str, Path], stamp: str) -> str:
    """Return the hash of the files' names and bytes, from the memo when the files are unchanged."""
    memo = cache_folder() / "memo" / f"{kind}-{stamp}"
    with contextlib.suppress(OSError):
        if len(known := memo.read_text()) == 32:
            return known
    state = hashlib.sha256()
    for name, path in files.items():
        try:
            with path.open("rb") as stream:
                state.update(f"{name}\0".encode() + hashlib.file_digest(stream, "sha256").digest())
        except OSError as error:
            raise unreadable(path, error) from None
    content = state.hexdigest()[:32]
    with contextlib.suppress(OSError):  # the memo only saves time; an unwritable cache is reported with the entry
        memo.parent.mkdir(parents=True, exist_ok=True)
        scratch = memo.with_name(f".{memo.name}.{secrets.token_hex(4)}")
        scratch.write_text(content)
        scratch.replace(memo)
    return content
