"""Somebody else's table as columns of text: CSV with any common separator, TSV or Parquet, and what a cell says."""

import csv
from collections.abc import Sequence
from pathlib import Path

from mien.errors import DataError

SUFFIXES = (".csv", ".tsv", ".parquet")
NOTHING = {"", "nan", "null", "none", "n/a", "na", "-"}
"""Cells that hold no answer, in lower case."""

Rows = dict[str, list[str]]


def read_table(path: Path) -> Rows:
    """Return a table's columns as text, empty where there is no value; DataError for what is no table."""
    try:
        if path.suffix.lower() == ".parquet":
            return _parquet(path)
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"no file {path}", "a table: CSV, TSV or Parquet") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error})", "a table in UTF-8 or Parquet") from None
    first = text.partition("\n")[0]
    try:
        head, *rows = csv.reader(text.splitlines(), delimiter=max(",;\t", key=first.count)) if text.strip() else [[]]
    except csv.Error as error:
        raise DataError(f"{path} is no table ({error})", "CSV with a header") from None
    rows = [row for row in rows if row]
    if wrong := [k for k, row in enumerate(rows, 1) if len(row) != len(head)]:
        raise DataError(f"{path}: {named(wrong)} with another number of cells than the header", f"{len(head)} cells")
    if twice := sorted({name for name in head if head.count(name) > 1}):
        raise DataError(f"{path}: columns {', '.join(twice)} stand twice", "every column once")
    return {name: [row[k] for row in rows] for k, name in enumerate(head)}


def named(rows: Sequence[int]) -> str:
    """Name the first rows of a table, counted from one.

    >>> named([3]), named([1, 2, 3, 4])
    ('row 3', '4 rows (1, 2, 3, ...)')
    """
    if len(rows) == 1:
        return f"row {rows[0]}"
    first = ", ".join(map(str, rows[:3]))
    return f"{len(rows):,} rows ({first}{', ...' if len(rows) > 3 else ''})"


def count(n: int, what: str) -> str:
    """Say how many.

    >>> count(1, "row"), count(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{n:,} {what}{'' if n == 1 else 's'}"


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


def _parquet(path: Path) -> Rows:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    flat = {name: table.column(name).to_pylist() for name in table.column_names}
    return {name: ["" if value is None else str(value) for value in values] for name, values in flat.items()}
