"""A folder on this machine or on an object store, through pyarrow's file systems.

    store = Store("s3://bucket/faces")          # or a path
    with store.writing("shards/a.parquet") as stream:
        ...                                     # has another name until the block ends

An object store is reached with the keys and the region in the environment (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, ...).
"""

import contextlib
import errno
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

from pyarrow import fs

from mien.errors import OutputError, UsageError, reason
from mien.outputs import cannot_write
from mien.outputs.files import PART

OBJECTS = re.compile(r"(s3|gs|gcs|abfs|abfss|hdfs)://.+")
BUCKETS = ("s3", "gs", "gcs")  # whose addresses begin with the name of a bucket
SECRET = re.compile(r"(key|token|secret|password|credential)[^=&]*=", re.IGNORECASE)
LEFT = 86_400  # seconds after which an unfinished file is certainly that of a killed run


def absolute(place: str | Path) -> str:
    """Return a path as processes with another current folder need it, links as they were named; an address as it is."""
    return str(place) if is_address(str(place)) else os.path.abspath(place)  # noqa: PTH100


def is_address(text: str) -> bool:
    """Whether text is the address of an object store, not a path.

    >>> is_address("s3://bucket/photos"), is_address("photos"), is_address("https://example.org/a.jpg")
    (True, False, False)
    """
    return OBJECTS.fullmatch(text) is not None


def refuse_keys(address: str) -> None:
    """Raise UsageError for an address that holds keys or a password: it would stand in rows and records.

    >>> refuse_keys("abfss://faces@account.dfs.core.windows.net/2024")
    """
    if not is_address(address):
        return
    parts = urlsplit(address)
    user, _, host = parts.netloc.rpartition("@")
    secret = ":" in user or (parts.scheme in BUCKETS and parts.netloc != host.partition(":")[0])
    if secret or SECRET.search(parts.query):
        got = f"an address of {parts.scheme}:// with keys in it"
        raise UsageError(
            got, f"{parts.scheme}://bucket/folder", "keys go into the environment (AWS_ACCESS_KEY_ID, ...)"
        )


@cache
def opened(address: str) -> tuple[Any, str]:
    """Return the file system of an address or absolute path, and the path in it; UsageError where there is none."""
    if not is_address(address):
        return fs.LocalFileSystem(), address
    try:
        system, path = fs.FileSystem.from_uri(address)
    except (OSError, ValueError, NotImplementedError) as error:
        check = "check the address, the network and the keys and region in the environment"
        raise UsageError(f"{address}: {' '.join(reason(error).split())[:300]}", do=check) from None
    return system, path.rstrip("/")


@dataclass(frozen=True)
class Store:
    """A folder to write to, by its address or absolute path."""

    address: str

    @property
    def local(self) -> bool:
        """Whether the folder is on this machine."""
        return not is_address(self.address)

    def names(self, below: str) -> Iterator[str]:
        """Yield the names of the files in the folder `below`, those of hidden ones not."""
        for one in self._listed(below):
            if one.type == fs.FileType.File and not one.base_name.startswith("."):
                yield one.base_name

    def has(self, name: str, end: bytes = b"") -> bool:
        """Whether there is a file of this name; on this machine one that ends so.

        An object is there when it is whole, and is not opened.
        """
        system, path = self._at(name)
        with self._refusals(name):
            if not self.local:
                return bool(system.get_file_info(path).type == fs.FileType.File)
            return Path(path).is_file() and _ends_with(path, end)

    def read(self, name: str) -> bytes | None:
        """Return the bytes of a file, None where there is none."""
        system, path = self._at(name)
        try:
            with self._refusals(name), system.open_input_stream(path) as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            return None

    @contextmanager
    def input(self, name: str) -> Iterator[Any]:
        """Open a file to read at any place."""
        system, path = self._at(name)
        with self._refusals(name), system.open_input_file(path) as file:
            yield file

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all; OutputError where it cannot be."""
        with self.writing(name) as stream:
            stream.write(content)

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """Yield a stream to a file that gets its name at the end of the block, and is removed after an error."""
        system, path = self._at(name)
        folder = path.rpartition("/")[0]
        scratch = f"{folder}/.mien-{secrets.token_hex(4)}{PART}"
        try:
            with self._refusals(name):
                system.create_dir(folder, recursive=True)
                with system.open_output_stream(scratch) as stream:
                    yield cast(BinaryIO, stream)
                if self.local:
                    _on_disk(scratch)  # before it has its name: a machine that stops leaves no empty shard
                system.move(scratch, path)
        except BaseException as error:
            with contextlib.suppress(OSError):
                system.delete_file(scratch)
            if isinstance(error, FileNotFoundError) and self.local and not Path(folder).is_dir():
                raise cannot_write(path, FileNotFoundError(errno.ENOENT, "its folder was removed")) from None
            raise

    def move(self, name: str, to: str) -> None:
        """Give a file another name; nothing happens where another process was first."""
        system, path = self._at(name)
        target = self._at(to)[1]
        with self._refusals(to):
            system.create_dir(target.rpartition("/")[0], recursive=True)
            with contextlib.suppress(FileNotFoundError):
                system.move(path, target)

    def sweep(self, below: str) -> None:
        """Remove what killed runs left unfinished in the folder `below`."""
        for one in self._listed(below):
            old = one.mtime is not None and time.time() - one.mtime.timestamp() > LEFT
            if old and one.base_name.startswith(".mien-") and one.base_name.endswith(PART):
                with contextlib.suppress(OSError):
                    self._at("")[0].delete_file(one.path)

    def _listed(self, below: str) -> list[Any]:
        system, path = self._at(below)
        with self._refusals(below):
            return list(system.get_file_info(fs.FileSelector(path, allow_not_found=True)))

    def _at(self, name: str) -> tuple[Any, str]:
        system, path = opened(self.address)
        return system, f"{path}/{name}".rstrip("/")

    @contextmanager
    def _refusals(self, name: str) -> Iterator[None]:
        """Raise what the system refuses as OutputError, but for a file that is not there."""
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            what = f"{self.address.rstrip('/')}/{name}"
            if error.errno is None:  # an object store tells in its own words
                raise OutputError(f"{what} cannot be used: {' '.join(str(error).split())[:300]}") from None
            raise cannot_write(what, OSError(error.errno, os.strerror(error.errno))) from None


def _ends_with(path: str, end: bytes) -> bool:
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            file.seek(max(file.seek(0, os.SEEK_END) - len(end), 0))
            return file.read() == end
    except FileNotFoundError:  # another process moved it
        return False


def _on_disk(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
