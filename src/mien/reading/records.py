"""Records: a table of any kind as columns of text with the line of each row, rows that are malformed set aside.

CSV and TSV in UTF-8 with any common separator, JSON Lines, and Parquet; what else a Parquet file says of its columns
(which hold bytes, what numbers mean) is kept.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mien.errors import DataError
from mien.reading.documents import parse_json
from mien.reading.guard import MIB, check_regular, content, parsing, short_reason
from mien.reading.tables import MAX_BYTES, MAX_COLUMNS, check_head, csv_rows, decoded, separated, words

MAX_ROWS = 20_000_000
MAX_PARQUET_BYTES = 64 * 1024 * MIB
"""Of a Parquet file when unpacked: its images are read a row group at a time."""


@dataclass(frozen=True)
class Records:
    """A table of N rows.

    Attributes:
        columns: cells as text by column, "" where there is none; lists and mappings as JSON.
        lines: where each row is written; unit: what they count, `line` or `row`.
        faults: line and reason of rows that are malformed and not among the N.
        binary: columns of bytes, or of {bytes, path}, whose text is the path; names: what numbers mean, by column.
    """

    columns: Mapping[str, Sequence[str]]
    lines: Sequence[int]
    unit: str = "line"
    faults: tuple[tuple[int, str], ...] = ()
    binary: frozenset[str] = frozenset()
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.lines)


def read_records(path: Path, wanted: str) -> Records:
    """Return the rows of a table by the suffix of its name; DataError where it is none, or has none."""
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{path} is of no known kind", wanted)
    records = reader(path, wanted)
    if not len(records) and not records.faults:
        raise DataError(f"{path} has no rows", wanted)
    return records


def _csv(path: Path, wanted: str) -> Records:
    with parsing(path, wanted):
        reader = csv_rows(*separated(decoded(content(path, wanted, MAX_BYTES)), ",;\t|"))
        rows = ((reader.line_num, cells) for cells in reader)
        head, kept, faults = None, [], []
        for line, cells in rows:
            if not any(cell.strip() for cell in cells):
                continue
            if head is None:
                head = [cell.strip() for cell in cells]
                check_head(head)
            elif len(cells) == len(head):
                kept.append((line, cells))
            else:
                faults.append((line, f"{len(cells)} cells, not {len(head)} as in the header"))
        columns = {name: [cells[k] for _, cells in kept] for k, name in enumerate(head or ())}
        return Records(columns, [line for line, _ in kept], "line", tuple(faults))


def _jsonl(path: Path, wanted: str) -> Records:
    kept: list[tuple[int, dict[str, Any]]] = []
    faults = []
    with parsing(path, wanted):
        for line, text in enumerate(content(path, wanted, MAX_BYTES).decode("utf-8-sig").split("\n"), 1):
            if not text.strip():
                continue
            try:
                value = parse_json(text)
                if not isinstance(value, dict):
                    raise ValueError("not a mapping of columns")
                kept.append((line, value))
            except ValueError as error:
                faults.append((line, f"no JSON ({short_reason(error)})"))
        head = list(dict.fromkeys(name for _, value in kept for name in value))
        check_head(head)
        columns = {name: [_text(value.get(name)) for _, value in kept] for name in head}
        return Records(columns, [line for line, _ in kept], "line", tuple(faults))


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _parquet(path: Path, wanted: str) -> Records:
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_regular(path, wanted)
    # opened here: pyarrow would try a missing path as an address (s3:, gs:, hdfs:)
    with parsing(path, wanted), path.open("rb") as stream, pq.ParquetFile(stream) as file:
        meta, schema = file.metadata, file.schema_arrow
        unpacked = sum(meta.row_group(k).total_byte_size for k in range(meta.num_row_groups))
        if meta.num_columns > MAX_COLUMNS or meta.num_rows > MAX_ROWS or unpacked > MAX_PARQUET_BYTES:
            raise ValueError(f"{meta.num_rows:,} rows of {meta.num_columns:,} columns, {unpacked:,} bytes")
        check_head(schema.names)
        structs = {
            each.name for each in schema if pa.types.is_struct(each.type) and each.type.get_field_index("bytes") >= 0
        }
        plain = {each.name for each in schema if pa.types.is_binary(each.type) or pa.types.is_large_binary(each.type)}
        lists = {each.name for each in schema if pa.types.is_list(each.type) or pa.types.is_large_list(each.type)}
        leaves = [name for name in schema.names if name not in structs | plain]
        named = {name: f"{name}.path" for name in structs if schema.field(name).type.get_field_index("path") >= 0}
        table = file.read(columns=[*leaves, *named.values()])
        columns: dict[str, Sequence[str]] = {name: [""] * meta.num_rows for name in structs | plain}
        for name in leaves:
            column = table.column(name)
            columns[name] = [_text(value) for value in column.to_pylist()] if name in lists else words(column)
        for name in named:
            columns[name] = [(value or {}).get("path") or "" for value in table.column(name).to_pylist()]
        ordered = {name: columns[name] for name in schema.names}
        lines = range(1, meta.num_rows + 1)
        return Records(ordered, lines, "row", (), frozenset(structs | plain), _class_names(schema.metadata))


def _class_names(metadata: Mapping[bytes, bytes] | None) -> dict[str, tuple[str, ...]]:
    """Return the words of a column of numbers, as Hugging Face describes a ClassLabel in the schema."""
    try:
        features = parse_json((metadata or {})[b"huggingface"].decode())["info"]["features"]
        return {
            column: tuple(map(str, feature["names"]))
            for column, feature in features.items()
            if isinstance(feature, dict) and isinstance(feature.get("names"), list)
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


READERS: dict[str, Callable[[Path, str], Records]] = {
    ".csv": _csv,
    ".tsv": _csv,
    ".txt": _csv,
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".parquet": _parquet,
}
"""Reader by suffix."""
