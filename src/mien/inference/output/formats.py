"""Output formats of predictions: a table to read, JSON, JSON lines, CSV or Parquet.

    with FORMATS["csv"](stream, columns(card)) as write:
        for prediction in pipeline.predict(sources):
            write(prediction)

Each writes bytes to a stream as it goes, so nothing grows with the number of images, and leaves a whole document
behind even when it is interrupted.  CSV and Parquet hold one row per face, and a row with empty face columns for a
image without one.

After a kill, CSV and JSON lines hold every row written so far.  So does a JSON list in a file, which is closed after
every object; on a stream its bracket is missing.  Parquet is unreadable without its footer.  `parquet.parts` therefore
writes a folder of finished parts, which is a data set of its own, and joins them at the end.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import BinaryIO

from mien.inference.output import terminal
from mien.inference.output.rows import Columns, Write, rows
from mien.inference.output.spreadsheet import PLAIN, Csv
from mien.inference.prediction import Prediction
from mien.outputs import Growing, Outputs
from mien.printable import writable


@contextmanager
def as_table(stream: BinaryIO, columns: Columns) -> Iterator[Write]:
    """Write a table for people; its colours and width suit the terminal when the stream is one."""
    layout = terminal.layout(stream, "yaw" in columns)
    put(stream, terminal.head(layout))
    yield lambda prediction: put(stream, terminal.lines(layout, prediction))


@contextmanager
def as_json(stream: BinaryIO, columns: Columns) -> Iterator[Write]:
    """Write one JSON list with an object per image or frame."""
    before = "[\n"

    def write(prediction: Prediction) -> None:
        nonlocal before
        put(stream, before + _json(prediction))
        before = ",\n"

    try:
        yield write
    finally:
        put(stream, "[]\n" if before == "[\n" else "\n]\n")


@contextmanager
def json_file(outputs: Outputs, name: str, columns: Columns) -> Iterator[Write]:
    """Write one JSON list into the file `name`, which is a whole list at every moment."""
    file, before = outputs.growing(name), "[\n"
    file.ending = b"[]\n"
    file.write(b"")

    def write(prediction: Prediction) -> None:
        nonlocal before
        file.ending = b"\n]\n"
        put(file, before + _json(prediction))
        before = ",\n"

    yield write


@contextmanager
def as_jsonl(stream: BinaryIO, columns: Columns) -> Iterator[Write]:
    """Write one JSON object per line."""
    yield lambda prediction: put(stream, _json(prediction) + "\n")


@contextmanager
def as_csv(stream: BinaryIO, columns: Columns, form: Csv = PLAIN) -> Iterator[Write]:
    """Write rows as CSV under a header, UTF-8; a missing value is an empty cell."""
    names = list(columns)
    put(stream, form.head(names))

    def write(prediction: Prediction) -> None:
        put(stream, "".join(form.line([row.get(name) for name in names]) for row in rows(prediction)))

    yield write


def as_parquet(stream: BinaryIO, columns: Columns) -> AbstractContextManager[Write]:
    """Write a Parquet file, a row group at a time."""
    from mien.inference.output import parquet  # its library would be a tenth of every start

    return parquet.whole(stream, columns)


def parquet_parts(outputs: Outputs, name: str, columns: Columns) -> AbstractContextManager[Write]:
    """Write a Parquet file as finished parts that are joined at the end."""
    from mien.inference.output import parquet

    return parquet.parts(outputs, name, columns)


FORMATS: dict[str, Callable[[BinaryIO, Columns], AbstractContextManager[Write]]] = {
    "table": as_table,
    "json": as_json,
    "jsonl": as_jsonl,
    "csv": as_csv,
    "parquet": as_parquet,
}

FILES: dict[str, Callable[[Outputs, str, Columns], AbstractContextManager[Write]]] = {
    "json": json_file,
    "parquet": parquet_parts,
}
"""Formats that a killed run can leave whole in a file, where a stream cannot."""


def put(stream: BinaryIO | Growing, text: str) -> None:
    """Write text as UTF-8 and flush it."""
    stream.write(writable(text).encode())
    stream.flush()


def _json(prediction: Prediction) -> str:
    return json.dumps(prediction.to_dict(), ensure_ascii=False, allow_nan=False)
