"""A table of another system's predictions as columns of text: CSV with any common separator, TSV or Parquet."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mien.errors import DataError
from mien.evaluation.predictions.mapping import ColumnMapping
from mien.reading.tables import Rows, named, number, read_csv, read_parquet

__all__ = ["NOTHING", "SUFFIXES", "PredictionTable", "Rows", "empty", "named", "number", "read_table"]

SUFFIXES = (".csv", ".tsv", ".parquet")
NOTHING = {"", "nan", "null", "none", "n/a", "na", "-"}
"""Cells that count as empty, in lower case."""


@dataclass(frozen=True, eq=False)
class PredictionTable:
    """A table as it was read: its columns as text by name, and the --column options that apply to it."""

    path: Path
    rows: Mapping[str, list[str]]
    mapping: tuple[ColumnMapping, ...] = ()

    @classmethod
    def read(cls, path: Path, mapping: tuple[ColumnMapping, ...]) -> "PredictionTable":
        """Read a table; DataError for a file that is not one or has no rows."""
        rows = read_table(path)
        if not len(next(iter(rows.values()), [])):
            raise DataError(f"{path} has no rows", "a row per image")
        return cls(path, rows, tuple(one for one in mapping if one.applies_to(path)))


def read_table(path: Path) -> Rows:
    """Return a table's columns as text, empty where there is no value; DataError for a file that is not a table."""
    if path.suffix.lower() in (".json", ".jsonl"):
        raise DataError(f"{path} is JSON, not a table", "a table: CSV, TSV or Parquet", "write predictions as CSV")
    if path.suffix.lower() == ".parquet":
        return read_parquet(path, "a table: CSV, TSV or Parquet")
    return read_csv(path, "a table: CSV or TSV in UTF-8, or Parquet")


def empty(cell: str) -> bool:
    """Return whether a cell counts as empty.

    >>> empty(" "), empty("NaN"), empty("0")
    (True, True, False)
    """
    return cell.strip().lower() in NOTHING
