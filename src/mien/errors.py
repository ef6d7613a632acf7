"""Every error that mien raises on purpose.

    MienError            a user's mistake: one line, exit code 2
    ├── DataError        a data set, a cache or a table that cannot be read as what it claims to be
    ├── RecipeError      a recipe or a key=value that does not describe a possible training run
    ├── WeightsError     a weights file, a card or a checkpoint that cannot be used
    ├── DetectorError    a face detector whose file is missing or altered
    ├── DivergedError    a training run whose loss is no longer a number
    ├── MediaError       an image, video or camera that cannot be opened or decoded
    ├── OutputError      a file or folder that results cannot be written to
    ├── ServerError      a server of mien that cannot be reached, or refuses a request
    └── UsageError       a command or an argument that cannot be carried out as given

Anything else that escapes is a bug and shows its traceback.

A message names a parameter in backticks, as in "`min_score` 2; expected a number from 0 to 1".  The command line makes
options of them ("--min-score 2"), so that nothing but the command line knows how its options are spelled.
"""

import errno
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_options: dict[str, str] = {}  # how the command that is running spells its parameters; empty outside the command line


@contextmanager
def options_named(options: Mapping[str, str]) -> Iterator[None]:
    """Spell parameters as these options, such as {"min_score": "--min-score"}, until the block ends; in all threads."""
    _options.update(options)
    try:
        yield
    finally:
        _options.clear()


def option_names() -> dict[str, str]:
    """Return how the command that is running spells its parameters, for a child process to do the same."""
    return dict(_options)


def spelled(text: str) -> str:
    """Return a message with its parameters (`name`) spelled as the user gives them.

    >>> with options_named({"min_score": "--min-score"}):
    ...     spelled("`min_score` 2; `mien list` stays")
    '--min-score 2; `mien list` stays'
    """
    return re.sub("`([a-z_]+)`", lambda name: _options.get(name[1], name[0]), text)


class MienError(Exception):
    """A user's mistake, reported as *got / expected / do this* on one line."""

    shared = False
    """Whether all processes of a run raise it alike, so that the first one alone prints it."""

    def __init__(self, got: str, expected: str = "", do: str = "") -> None:
        parts = [got, f"expected {expected}" if expected else "", do]
        super().__init__(spelled("; ".join(" ".join(part.split()) for part in parts if part)))


class DataError(MienError):
    """A data set, a cache or a table that cannot be read as what it claims to be."""


class RecipeError(MienError):
    """A recipe or a key=value that does not describe a possible training run."""


class WeightsError(MienError):
    """A weights file, a card or a checkpoint that cannot be used."""


class DetectorError(MienError):
    """A face detector whose file is missing or altered."""


class DivergedError(MienError):
    """A training run whose loss is no longer a number."""


class MediaError(MienError):
    """An image, video or camera that cannot be opened or decoded."""


class OutputError(MienError):
    """A file or folder that results cannot be written to."""


class ServerError(MienError):
    """A server of mien that cannot be reached, or refuses a request."""


class UsageError(MienError):
    """A command or an argument that cannot be carried out as given."""


def reason(error: BaseException) -> str:
    """Return why an exception was raised: in the system's words, in its own, or else its name.

    >>> reason(FileNotFoundError(2, "No such file")), reason(ValueError("3 rows")), reason(MemoryError())
    ('No such file', '3 rows', 'not enough memory')
    """
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


OUT_OF_MEMORY = ("DefaultCPUAllocator", "Failed to allocate memory", "can't start new thread")
"""How torch and ONNX Runtime say on the CPU that there is no memory, and Python that there is none for a thread."""


def short_of_memory(error: BaseException | None) -> bool:
    """Return whether an error, or the one that it was raised for, says that memory ran out.

    >>> [short_of_memory(one) for one in (MemoryError(), OSError(errno.ENOMEM, ""), KeyError())]
    [True, True, False]
    """
    if error is None:
        return False
    system = isinstance(error, OSError) and error.errno == errno.ENOMEM
    typed = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"  # torch's
    words = any(words in str(error) for words in OUT_OF_MEMORY)
    return system or typed or words or short_of_memory(error.__context__)


ROOM = frozenset(getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name))

REFUSALS = frozenset(
    getattr(errno, name)
    for name in (
        "ENAMETOOLONG", "EACCES", "EPERM", "ELOOP", "ENOTDIR", "EROFS", "ENOSPC", "EDQUOT", "EIO", "ESTALE", "EMFILE",
    )
    if hasattr(errno, name)
)  # fmt: skip
"""What the system refuses to every program: a name, a permission, space.  A missing file is not: it may be our bug."""


def refusal(error: OSError) -> UsageError | None:
    """Return the error to print when the system refuses a file or folder, None where it may be our own mistake.

    >>> print(refusal(OSError(errno.ENAMETOOLONG, "File name too long", "x" * 300)))
    xxxxxxxxxxxxxxxxxxxx...xxxxxxxxxxxxxxxxxxxx cannot be used: File name too long
    """
    if error.errno in ROOM and error.filename is None:  # what writing meets, where the system names no file
        return UsageError(f"a file cannot be written: {error.strerror}")
    if error.errno not in REFUSALS or error.filename is None:
        return None
    name = os.fsdecode(error.filename) if not isinstance(error.filename, int) else str(error.filename)
    shown = name if len(name) <= 200 else f"{name[:20]}...{name[-20:]}"
    return UsageError(f"{shown} cannot be used: {error.strerror}")
