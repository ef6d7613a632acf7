"""Work as blocks of sources: a video is a block of its own, images come in blocks of about N.

A block's key is the sha256 of the settings and of the name, bytes and time of last change of each source.  That is what
a listing tells: the content is not read, so that a second run over a million photos takes seconds.  A file that changes
without another size or time is not noticed; one that is copied with a new time is read again.

Where a block of images ends depends on the names in it alone, so that a new photo changes its own block and no other.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath

from mien.errors import UsageError
from mien.inference.media.filetype import IMAGE_SUFFIXES


@dataclass(frozen=True)
class Item:
    """One source.

    Attributes:
        name: as it stands in the rows.
        path: the file, or the key of the object.
        store: the address that the object was listed from; empty for a local file.
        size, changed: bytes, and the time of the last change in ns; 0 where they are not known.
        error: why there is nothing to read, or None.
    """

    name: str
    path: str
    store: str = ""
    size: int = 0
    changed: int = 0
    error: str | None = None

    @property
    def is_image(self) -> bool:
        """Whether the name is that of an image; anything else may take hours."""
        return PurePosixPath(self.name).suffix.lower() in IMAGE_SUFFIXES


@dataclass(frozen=True)
class Block:
    """The sources of one shard, and the key in its name."""

    key: str
    items: tuple[Item, ...]


def blocks(items: Iterable[Item], size: int, settings: str) -> Iterator[Block]:
    """Yield the blocks of items: half of `size` to twice `size` images, or one of anything else.

    `settings` is the digest of what else decides the rows.
    """
    held: list[Item] = []
    least = max(size // 2, 1)
    for item in items:
        if not item.is_image:
            yield _block([item], settings)
            continue
        held.append(item)
        if len(held) >= 2 * size or (len(held) >= least and _ends(item, size - least + 1)):
            yield _block(held, settings)
            held = []
    if held:
        yield _block(held, settings)


def part_of(every: Iterable[Block], part: str | None) -> Iterator[Block]:
    """Yield each N-th block from the K-th on, for a `part` "K/N"; all without one.  UsageError for other text.

    >>> [block.key for block in part_of([Block("a", ()), Block("b", ()), Block("c", ())], "1/2")]
    ['a', 'c']
    """
    if part is None:
        return iter(every)
    number = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", part)
    if number is None or not 1 <= int(number[1]) <= int(number[2]):
        raise UsageError(f"`shard` {part}", "K/N with K from 1 to N, such as 3/16")
    return islice(every, int(number[1]) - 1, None, int(number[2]))


def _block(items: list[Item], settings: str) -> Block:
    digest = hashlib.sha256(settings.encode())
    for item in items:
        digest.update(f"\n{item.name}\0{item.store}\0{item.size}\0{item.changed}\0{item.error}".encode())
    return Block(digest.hexdigest()[:32], tuple(items))


def _ends(item: Item, one_in: int) -> bool:
    """Whether a block may end with an item: one in so many does."""
    digest = hashlib.sha256(item.name.encode()).digest()
    return int.from_bytes(digest[:8]) % one_in == 0
