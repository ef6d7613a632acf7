"""Guards around untrusted bytes: files within a size budget, and one line for any exception of a parser."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mien.errors import DataError, MienError, reason
from mien.printable import printable

MIB = 1 << 20
MAX_LETTERS = 160
"""Of a library's message."""


def content(path: Path, wanted: str, max_bytes: int, kind: type[MienError] = DataError, do: str = "") -> bytes:
    """Return a regular file's bytes, at most `max_bytes`; if it cannot, an error of `kind` names the file."""
    with parsing(path, wanted, kind, do):
        check_regular(path, wanted, kind, do)
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise kind(f"{path} is larger than {max_bytes / MIB:g} MiB", wanted, do)
    return data


def check_regular(path: Path, wanted: str = "", kind: type[MienError] = DataError, do: str = "") -> None:
    """Refuse anything that is not a regular file with an error of `kind`: reading a FIFO might never end."""
    if not os.path.isfile(path):  # noqa: PTH113 - Path's own raises for a name that is too long
        kept = "is a folder" if os.path.isdir(path) else "is not a regular file"  # noqa: PTH112
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
    """Turn any exception raised while foreign bytes are parsed into one line of `kind`; a MienError passes unchanged.

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
        raise kind(f"{path} {says} ({short_reason(error)})", wanted, do) from None


def short_reason(error: BaseException) -> str:
    """Return why an exception was raised, in at most MAX_LETTERS printable characters of one line.

    >>> short_reason(ValueError("a\\nlong " + 99 * "long "))[:20], short_reason(RecursionError("maximum ..."))
    ('a long long long lon', 'it is nested too deeply')
    """
    line = printable(" ".join(reason(error).split()))
    return line if len(line) <= MAX_LETTERS else f"{line[:MAX_LETTERS]}..."
