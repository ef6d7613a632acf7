"""Open a data set's files; DataError for one that cannot be opened."""

from pathlib import Path

from mien.errors import DataError


def unreadable(path: Path, error: OSError) -> DataError:
    """Return the DataError for a file that cannot be read."""
    return DataError(f"cannot read {path}: {error.strerror or error}", do="check the path and its permissions")
