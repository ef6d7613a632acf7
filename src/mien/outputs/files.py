"""One file, whole or not at all: a staged write gets its name at the end, a growing file takes whole pieces.

    with staged(Path("report.html")) as path:       # written under another name, then renamed
        path.write_text(text)
    rows = Growing(Path("predictions.csv"))         # grows under its own name

Only the standard library here: every command writes through this.
"""

import contextlib
import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mien.errors import OutputError, reason

PART = ".part"  # ends the hidden name of a file that is being written
ELSEWHERE = "choose another folder with `out`"

ONE_ALONE = frozenset(
    getattr(errno, name)
    for name in ("ENAMETOOLONG", "EISDIR", "ENOTDIR", "EEXIST", "EINVAL", "EILSEQ", "ELOOP")
    if hasattr(errno, name)
)
"""What is wrong with one name, while others can still be written."""


class NotThisFileError(OutputError):
    """One file that cannot be written, for what is wrong with its name; others still can."""


def cannot_write(what: Path | str, error: OSError, do: str = "") -> OutputError:
    """Return what to raise for a file that the system does not let us write.

    >>> print(cannot_write(Path("a.csv"), OSError(errno.ENOSPC, "No space left on device")))
    a.csv cannot be written: No space left on device
    """
    kind = NotThisFileError if error.errno in ONE_ALONE else OutputError
    return kind(f"{what} cannot be written: {reason(error)}", do=do)


@contextmanager
def staged(path: Path, over: bool = True, finished: Callable[[Path], None] | None = None) -> Iterator[Path]:
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
        raise cannot_write(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink()


def write(path: Path, content: bytes, over: bool = True) -> None:
    """Write a file whole or not at all; OutputError for what the system does not let us write."""
    with staged(path, over) as scratch:
        scratch.write_bytes(content)


def check_new(path: Path, force: bool, source: Path | None = None) -> None:
    """Refuse to write over a file unless `force`, and over `source`, another name of it included, always."""
    if source is not None and source.exists() and path.exists() and path.samefile(source):
        raise OutputError(f"`out`: {path} is the file that is read", "a new file")
    if os.path.lexists(path) and not (force and path.is_file()):
        raise OutputError(
            f"`out`: {path} is there already", do="choose another name, or write over a file with `force`"
        )


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
            raise cannot_write(path, error) from None
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
            raise cannot_write(self.path, error) from None
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
                raise cannot_write(self.path, error) from None

    def check(self) -> None:
        """Raise OutputError when the file is no longer there, or another one has its name."""
        try:
            there = os.path.samestat(self.path.lstat(), os.fstat(self._file.fileno()))
        except OSError:
            there = False
        if not there:
            raise OutputError(f"{self.path} was taken away while it was written")
