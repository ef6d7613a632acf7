"""Parquet, as one stream or as parts that are finished one after another.

Kept out of output/formats.py because its library is slow to import and only Parquet needs it.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from mien.inference.output.rows import LIST, Columns, Write, rows
from mien.inference.prediction import Prediction
from mien.outputs import Outputs
from mien.outputs.record import RECORD

GROUP = 1024  # rows collected for one Parquet row group
LATEST = 2.0  # seconds after which a part is finished, whatever it holds


def schema(columns: Columns) -> pa.Schema:
    """Return columns with the names of their types as a schema."""
    return pa.schema(
        [(k, pa.list_(pa.float32()) if kind == LIST else pa.type_for_alias(kind)) for k, kind in columns.items()]
    )


@contextmanager
def whole(stream: BinaryIO, columns: Columns) -> Iterator[Write]:
    """Write a Parquet file, a row group at a time; it is unreadable until it has its end."""
    form, lists = schema(columns), LIST in columns.values()
    group: list[dict[str, Any]] = []
    writer = pq.ParquetWriter(stream, form)

    def flush() -> None:
        if group:
            writer.write_table(pa.Table.from_pylist(group, form))
            group.clear()

    def write(prediction: Prediction) -> None:
        group.extend(rows(prediction, lists))
        if len(group) >= GROUP:
            flush()

    try:
        yield write
    finally:
        flush()
        writer.close()
        stream.flush()


@contextmanager
def parts(outputs: Outputs, name: str, columns: Columns) -> Iterator[Write]:
    """Write the Parquet file `name`, as finished parts in the folder `name`.parts until all rows are written.

    A part is finished every GROUP rows and, while rows come, every LATEST seconds; a killed run loses no more than
    that.  pandas.read_parquet and pyarrow read the folder as one table.  The parts stay when there is no room to join
    them.  The schema's metadata names the run record in the folder.
    """
    form, lists = schema(columns).with_metadata({"mien": RECORD}), LIST in columns.values()
    group: list[dict[str, Any]] = []
    done: list[str] = []
    since = time.monotonic()

    def flush() -> None:
        nonlocal since
        if group:
            part = f"{name}.parts/part-{len(done):06}.parquet"
            with outputs.staged(part) as path, path.open("wb") as file:  # Arrow's own files tell errors their own way
                pq.write_table(pa.Table.from_pylist(group, form), file)
            group.clear()
            done.append(part)
        since = time.monotonic()

    def write(prediction: Prediction) -> None:
        group.extend(rows(prediction, lists))
        if len(group) >= GROUP or time.monotonic() >= since + LATEST:
            flush()

    outputs.place(f"{name}.parts/part")

    def join_parts() -> None:
        with outputs.staged(name) as path, path.open("wb") as file:
            join([outputs.folder / part for part in done], file, form)
        for part in done:
            outputs.remove(part)

    try:
        yield write
    finally:
        try:
            flush()
            join_parts()
        finally:
            with contextlib.suppress(OSError):  # what is in it stays
                (outputs.folder / f"{name}.parts").rmdir()


def join(parts: Sequence[Path | BinaryIO], file: BinaryIO, form: pa.Schema) -> None:
    """Write Parquet files into one, a row group at a time."""
    with pq.ParquetWriter(file, form) as writer:
        held: list[pa.Table] = []
        for part in parts:
            held.append(pq.read_table(part, schema=form, partitioning=None))
            if sum(table.num_rows for table in held) >= GROUP:
                writer.write_table(pa.concat_tables(held))
                held.clear()
        if held:
            writer.write_table(pa.concat_tables(held))
