"""The border between foreign bytes and mien: a file within its budget, and one line for whatever a parser raises."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mien.errors import DataError, MienError
from mien.printable import printable

MIB = 1 << 20
LONGEST = 160
"""Characters of a library's message that are repeated."""


def content(path: Path, wanted: str, most: int, kind: type[MienError] = DataError, do: str = "") -> bytes:
    """Return a regular file's bytes, at most `most`; an error of `kind` names the file when that cannot be."""
    with parsing(path, wanted, kind, do):
        check_regular(path, wanted, kind, do)
        with path.open("rb") as file:
            found = file.read(most + 1)
    if len(found) > most:
        raise kind(f"{path} is larger than {most / MIB:g} MiB", wanted, do)
    return found


def check_regular(path: Path, wanted: str = "", kind: type[MienError] = DataError, do: str = "") -> None:
    """Refuse what is no regular file with an error of `kind`: a reader would wait for a FIFO, or read without end."""
    if not os.path.isfile(path):  # noqa: PTH113 - Path's own raises for a name that is too long
        kept = "is a folder" if os.path.isdir(path) else "is no regular file"  # noqa: PTH112
        raise kind(f"{path} {kept}" if os.path.lexists(path) else f"no file {path}", wanted, do)


@contextmanager
def parsing(
    path: Path | str,
    wanted: str = "",
    kind: type[MienError] = DataError,
    do: str = "",
    *,
    says: str = "cannot be read",
) -> Iterator[None]:
    """Turn whatever is raised while foreign bytes are parsed into one line of `kind`; what is one already passes.

    >>> with parsing("a.npz", "a result"):
    ...     raise NotImplementedError("compression type 9")
    Traceback (most recent call last):
    mien.errors.DataError: a.npz cannot be read (compression type 9); expected a result
    """
    try:
        yield
    except MienError:
        raise
    except FileNotFoundError:
        raise kind(f"no file {path}", wanted, do) from None
    except Exception as error:
        raise kind(f"{path} {says} ({reason(error)})", wanted, do) from None


def reason(error: BaseException) -> str:
    """Return why, in at most LONGEST printable characters of one line.

    >>> reason(FileNotFoundError(2, "No such file")), reason(MemoryError()), reason(RecursionError("maximum ..."))
    ('No such file', 'it needs more memory than there is', 'it is nested too deeply')
    """
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    told = (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__
    line = printable(" ".join(told.split()))
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."
