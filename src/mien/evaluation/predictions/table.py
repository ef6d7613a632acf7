"""Somebody else's table as columns of text: CSV with any common separator, TSV or Parquet, and what a cell says."""

from pathlib import Path

from mien.reading.tables import Rows, named, read_csv, read_parquet

__all__ = ["NOTHING", "SUFFIXES", "Rows", "empty", "named", "number", "read_table"]

SUFFIXES = (".csv", ".tsv", ".parquet")
NOTHING = {"", "nan", "null", "none", "n/a", "na", "-"}
"""Cells that hold no answer, in lower case."""


def read_table(path: Path) -> Rows:
    """Return a table's columns as text, empty where there is no value; DataError for what is no table."""
    if path.suffix.lower() == ".parquet":
        return read_parquet(path, "a table: CSV, TSV or Parquet")
    return read_csv(path, "a table: CSV or TSV in UTF-8, or Parquet")


def empty(cell: str) -> bool:
    """Say whether a cell holds no answer.

    >>> empty(" "), empty("NaN"), empty("0")
    (True, True, False)
    """
    return cell.strip().lower() in NOTHING


def number(cell: str) -> float:
    """Return a cell's number, with a decimal comma or a per cent sign as well (which is left to the caller), else NaN.

    >>> number("10.2"), number("10,2 %"), number("1,234.5"), number("VERY_LIKELY")
    (10.2, 10.2, nan, nan)
    """
    text = cell.strip().removesuffix("%").rstrip()
    if "." not in text and text.count(",") == 1:
        text = text.replace(",", ".")
    try:
        value = float(text)
    except ValueError:
        return float("nan")
    return value if abs(value) < float("inf") else float("nan")
