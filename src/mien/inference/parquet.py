"""Parquet, as one stream or as parts that are finished one after the other.

Kept out of sinks.py because its library takes long to import, and nobody waits for it who does not write Parquet.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from mien.card import Card
from mien.inference.pipeline import Prediction
from mien.inference.sinks import Write, columns, rows

GROUP = 1024  # rows collected for one Parquet row group
LATEST = 2.0  # seconds after which a part is finished, whatever it holds


def schema(card: Card) -> pa.Schema:
    """Return the columns of a flat table of what these weights tell, with their types."""
    return pa.schema([(name, pa.type_for_alias(kind)) for name, kind in columns(card).items()])


@contextmanager
def whole(stream: BinaryIO, card: Card) -> Iterator[Write]:
    """Write a Parquet file, a row group at a time; without its end, which a killed run lacks, nobody can read it."""
    form = schema(card)
    group: list[dict[str, Any]] = []
    writer = pq.ParquetWriter(stream, form)

    def flush() -> None:
        if group:
            writer.write_table(pa.Table.from_pylist(group, form))
            group.clear()

    def write(prediction: Prediction) -> None:
        group.extend(rows(prediction))
        if len(group) >= GROUP:
            flush()

    try:
        yield write
    finally:
        flush()
        writer.close()
        stream.flush()


@contextmanager
def parts(path: Path, card: Card) -> Iterator[Write]:
    """Write the Parquet file `path`, as finished parts in the folder `path`.parts until all rows are told.

    A part is finished every GROUP rows and, while rows come, every LATEST seconds, so that is what a killed run may
    lose; pandas.read_parquet and pyarrow read the folder as one table.  What an earlier run left there is replaced.
    """
    folder = path.with_name(f"{path.name}.parts")
    path.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    form = schema(card)
    group: list[dict[str, Any]] = []
    done, since = 0, time.monotonic()

    def flush() -> None:
        nonlocal done, since
        if group:
            _finish(pa.Table.from_pylist(group, form), folder / f"part-{done:06}.parquet")
            group.clear()
            done += 1
        since = time.monotonic()

    def write(prediction: Prediction) -> None:
        group.extend(rows(prediction))
        if len(group) >= GROUP or time.monotonic() >= since + LATEST:
            flush()

    try:
        yield write
    finally:
        flush()
        _join(folder, path, form)


def _finish(table: pa.Table, path: Path) -> None:
    unfinished = path.with_name(f"_{path.name}")  # readers of a data set pass over names that begin so
    pq.write_table(table, unfinished)
    unfinished.replace(path)


def _join(folder: Path, path: Path, form: pa.Schema) -> None:
    """Write the parts of a folder into one file, a row group at a time, and remove them."""
    unfinished = folder / "_all.parquet"
    with pq.ParquetWriter(unfinished, form) as writer:
        held: list[pa.Table] = []
        for part in sorted(folder.glob("part-*.parquet")):
            held.append(pq.read_table(part, schema=form, partitioning=None))
            if sum(table.num_rows for table in held) >= GROUP:
                writer.write_table(pa.concat_tables(held))
                held.clear()
        if held:
            writer.write_table(pa.concat_tables(held))
    unfinished.replace(path)
    shutil.rmtree(folder)
