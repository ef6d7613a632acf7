"""Tables: CSV with any common separator, TSV and Parquet as columns of text; and logs as rows of numbers."""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mien.errors import DataError
from mien.reading.guard import MIB, check_regular, content, parsing

Rows = dict[str, list[str]]

MAX_BYTES = 1024 * MIB
"""Of a table, and of a Parquet file when unpacked."""
MAX_CELL = 64 * MIB
"""Characters of one cell; csv's own 131,072 is too few for the pixels of a large image."""
MAX_NUMBER = 1e100
"""In a log; a greater one cannot be drawn."""
MAX_COLUMNS = 10_000
"""Of a table."""


def read_csv(path: Path, wanted: str) -> Rows:
    """Return the columns of a CSV file in UTF-8, its separator inferred from the first line; DataError names the file.

    Column names are unique and every row has a cell for each.
    """
    return _columns(path, _text(path, wanted), wanted)


def _columns(path: Path, text: str, wanted: str) -> Rows:
    with parsing(path, wanted):
        rows = [row for row in csv_rows(*separated(text)) if row]
        if not rows:
            return {}
        head = rows.pop(0)
        check_head(head)
        if wrong := [k for k, row in enumerate(rows, 1) if len(row) != len(head)]:
            got = f"{path}: {named(wrong)} with a different number of cells from the header"
            raise DataError(got, f"{len(head)} cells")
        return {name: [row[k] for row in rows] for k, name in enumerate(head)}


def csv_lines(path: Path, wanted: str, errors: str = "strict") -> Iterator[tuple[int, list[str]]]:
    """Yield number, from one, and cells of each line of a CSV file that is not empty; DataError names the file.

    `errors` handles bytes that are not UTF-8, as in `bytes.decode`.
    """
    text = _text(path, wanted, errors)
    with parsing(path, wanted):
        for number, cells in enumerate(csv_rows(text), 1):
            if cells:
                yield number, cells


def read_log(path: Path, wanted: str = "a table of numbers with a header") -> list[dict[str, float | None]]:
    """Return the rows of a log, cells as numbers or, empty or not finite, None; DataError names the file."""
    return [{name: _number(path, cell) for name, cell in row.items()} for row in records(path, wanted)]


def records(path: Path, wanted: str) -> list[dict[str, str]]:
    """Return the rows of a log by the names of its header, without a last line that was not written to its end."""
    columns = _columns(path, _text(path, wanted).rpartition("\n")[0], wanted)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def read_parquet(path: Path, wanted: str) -> Rows:
    """Return the columns of a Parquet file as text, "" where there is no value; DataError names the file.

    Values other than text, numbers and times are shown as their type, such as `<list<element: double>>`.
    """
    import pyarrow.parquet as pq

    check_regular(path, wanted)
    # opened here: pyarrow would try a missing path as an address (s3:, gs:, hdfs:)
    with parsing(path, wanted), path.open("rb") as stream, pq.ParquetFile(stream) as file:
        meta = file.metadata
        if meta.num_columns > MAX_COLUMNS:
            raise ValueError(f"{meta.num_columns:,} columns, of at most {MAX_COLUMNS:,}")
        unpacked = sum(meta.row_group(k).total_byte_size for k in range(meta.num_row_groups))
        if unpacked > MAX_BYTES or meta.num_rows > MAX_BYTES:
            raise ValueError(f"{meta.num_rows:,} rows of {unpacked:,} bytes, of at most {MAX_BYTES:,}")
        table = file.read()
        check_head(table.column_names)
        return {name: words(table.column(name)) for name in table.column_names}


def named(rows: list[int]) -> str:
    """Name the first rows of a table, counted from one.

    >>> named([3]), named([1, 2, 3, 4])
    ('row 3', '4 rows (1, 2, 3, ...)')
    """
    if len(rows) == 1:
        return f"row {rows[0]}"
    first = ", ".join(map(str, rows[:3]))
    return f"{len(rows):,} rows ({first}{', ...' if len(rows) > 3 else ''})"


def _text(path: Path, wanted: str, errors: str = "strict") -> str:
    with parsing(path, wanted):
        return decoded(content(path, wanted, MAX_BYTES), errors)


def decoded(content: bytes, errors: str = "strict") -> str:
    """Return the text of a table: UTF-16 where it begins with that byte order mark, else UTF-8.

    >>> decoded("a;b".encode("utf-16")), decoded("ä".encode("utf-8-sig"))
    ('a;b', 'ä')
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors)
    try:
        return content.decode("utf-8-sig", errors)
    except UnicodeDecodeError:
        raise ValueError("not UTF-8: save it as CSV in UTF-8") from None


def separated(text: str, among: str = ",;\t") -> tuple[str, str]:
    """Return a CSV text and its separator: that of a first line `sep=;`, as Excel writes it, else the most frequent.

    >>> separated("sep=;\\na,b;c"), separated("a;b\\nc;d")
    (('\\na,b;c', ';'), ('a;b\\nc;d', ';'))
    """
    if match := re.match(r'"?sep=(.)"?\r?(?=\n)', text):
        return text[match.end() :], match[1]
    first = next((line for line in text.splitlines() if line.strip()), "")
    return text, max(among, key=first.count)


def number(cell: str) -> float:
    """Return a cell's number, else NaN; it may have a decimal comma or a per cent sign, which is dropped.

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


def csv_rows(text: str, delimiter: str = ",") -> Any:
    """Return csv's reader of a text, which knows the line that it is at."""
    csv.field_size_limit(MAX_CELL)
    # strict: else an unclosed quote silently swallows every following row
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


def check_head(head: list[str]) -> None:
    """Raise a ValueError for too many columns, or two of one name."""
    if len(head) > MAX_COLUMNS:
        raise ValueError(f"{len(head):,} columns, of at most {MAX_COLUMNS:,}")
    if twice := sorted(name for name, count in Counter(head).items() if count > 1):
        raise ValueError(f"duplicate columns {', '.join(twice[:5])}")


def words(column: Any) -> list[str]:
    """Return a column of Arrow as text, "" where there is no value."""
    import pyarrow as pa

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_nested(kind):
        return [f"<{kind}>"] * len(column)
    if pa.types.is_temporal(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        try:  # as arrow writes it: Python's own types hold fewer years, and no bytes as words
            column = column.cast(pa.large_string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return [f"<{kind}>"] * len(column)
    return ["" if value is None else str(value) for value in column.to_pylist()]


def _number(path: Path, cell: str) -> float | None:
    try:
        value = float(cell or "nan")
        return value if abs(value) < MAX_NUMBER else None
    except ValueError:
        raise DataError(f"{path} is not a log ({cell[:40]!r})", "a table of numbers with a header") from None
