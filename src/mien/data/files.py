"""Files of data sets, opened with errors that name them."""

from pathlib import Path

from mien.errors import DataError


def opened(path: Path, error: OSError) -> DataError:
    """Return the DataError for a file that the system would not let us read."""
    return DataError(f"cannot read {path}: {error.strerror or error}", do="check the path and its permissions")
