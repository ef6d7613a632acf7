"""The sources of a run as items, from this machine and from object stores, one at a time and in order.

On this machine they are those of `mien predict` without shards (inference/media/sources.py).  On an object store an
address is one object, or stands for all images and videos below it.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from pyarrow import fs

from mien.errors import MienError, UsageError
from mien.inference.media.camera import CAMERA
from mien.inference.media.sources import KNOWN, SAME, Skipped, Source, expand
from mien.printable import writable
from mien.scale.store import absolute, is_address, opened
from mien.scale.work import Item


def listed(sources: Sequence[str], out: str, skipped: Skipped) -> Iterator[Item]:
    """Yield the items of sources, each file or object once, except what is written into `out`.

    Files that are passed over are counted in `skipped`.
    """
    if live := next((name for name in sources if name.startswith(CAMERA)), None):
        raise UsageError(f"`shards` with {live}", "files", "a camera has no end")
    seen: set[str] = set()
    for item in _every(sources, out, skipped):
        place = item.name if item.store else item.path
        if place in seen:
            skipped[SAME] += 1
        else:
            seen.add(place)
            yield item


def _every(sources: Sequence[str], out: str, skipped: Skipped) -> Iterator[Item]:
    here = [name for name in sources if not is_address(name)]
    if here:
        yield from map(_file, expand(here, None if is_address(out) else Path(out), skipped))
    for address in filter(is_address, sources):
        yield from _objects(address, skipped)


def _file(source: Source) -> Item:
    item = Item(source.name, absolute(source.path), error=source.error)
    if source.error is not None:
        return item
    try:
        seen = source.path.stat()
    except (OSError, ValueError):  # it is gone by now: reading it says so
        return item
    return Item(source.name, item.path, size=seen.st_size, changed=seen.st_mtime_ns)


def _objects(address: str, skipped: Skipped) -> Iterator[Item]:
    """Yield the objects at and below an address; one item with the reason where there is none."""
    name = writable(address.partition("?")[0].rstrip("/"))
    try:
        system, path = opened(address)
        at = system.get_file_info(path)
        below = [at] if at.type == fs.FileType.File else _below(system, path)
    except (MienError, OSError) as error:
        yield Item(name, address, address, error=f"{name}: {' '.join(str(error).split())[:300]}")
        return
    empty = True
    for one in below:
        rest = one.path[len(path) :].strip("/")
        if one is at or _wanted(rest, skipped):
            empty = False
            full = writable(f"{name}/{rest}" if rest else name)
            yield Item(full, one.path, address, one.size or 0, one.mtime_ns or 0)
    if empty:
        yield Item(name, address, address, error=f"{name}: no image or video there")


def _below(system: Any, path: str) -> Iterable[Any]:
    found = system.get_file_info(fs.FileSelector(path, recursive=True, allow_not_found=True))
    return sorted((one for one in found if one.type == fs.FileType.File), key=lambda one: str(one.path))


def _wanted(below: str, skipped: Skipped) -> bool:
    """Whether an object is an image or a video by its suffix, and not hidden."""
    suffix = PurePosixPath(below).suffix.lower()
    hidden = any(part.startswith(".") for part in below.split("/"))
    if hidden or suffix not in KNOWN:
        skipped["hidden" if hidden else suffix or "without a suffix"] += 1
        return False
    return True
