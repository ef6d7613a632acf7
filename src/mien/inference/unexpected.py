"""One line about an exception that nobody expected, for the row of the source that it came from."""

from mien.errors import spelled

MOST = 300  # characters of what the exception says


def sentence(name: str, error: Exception) -> str:
    r"""Return what an exception says about a source, on one line.

    >>> sentence("a.jpg", TypeError("no\nnumber"))
    'a.jpg: TypeError: no number (a bug in mien; `debug` shows it)'
    >>> sentence("a.jpg", MemoryError()), sentence("a.jpg", PermissionError(13, "Permission denied"))
    ('a.jpg: not enough memory to read it', 'a.jpg: Permission denied')
    """
    if isinstance(error, MemoryError):
        return f"{name}: not enough memory to read it"
    if isinstance(error, OSError) and error.strerror:
        return f"{name}: {error.strerror}"
    told = " ".join(str(error).split())[:MOST]
    return spelled(f"{name}: {type(error).__name__}: {told} (a bug in mien; `debug` shows it)")
