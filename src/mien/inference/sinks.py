"""Where predictions go: a table to read, JSON, JSON lines, CSV or Parquet.

    with FORMATS["csv"](stream, card) as write:
        for prediction in pipeline.predict(sources):
            write(prediction)

Each writes bytes to a stream as it goes, so nothing grows with the number of pictures, and leaves a whole document
behind also when it is interrupted.  CSV and Parquet hold one row per face, and a row with empty face columns for a
picture without one.

What a run leaves that is killed outright: CSV and JSON lines have every row told so far.  A JSON list lacks its
bracket.  Parquet is unreadable without the footer that ends it; `parquet_parts` therefore writes a file as a folder of
finished parts, which is a data set by itself, and joins them at the end.  A stream offers no such way out.
"""

import csv
import io
import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from mien.card import Card
from mien.inference import table
from mien.inference.pipeline import Prediction

Write = Callable[[Prediction], None]

GROUP = 1024  # rows collected for one Parquet row group
LATEST = 5.0  # seconds after which a part is finished, whatever it holds
CORNERS = ("box_x1", "box_y1", "box_x2", "box_y2")


def schema(card: Card) -> pa.Schema:
    """Return the columns of a flat table of what these weights tell, with their types."""
    columns = {"source": pa.string(), "frame": pa.int64(), "seconds": pa.float64()}
    columns |= {"width": pa.int32(), "height": pa.int32(), "error": pa.string()}
    columns |= dict.fromkeys((*CORNERS, "score"), pa.float32())
    columns |= {"track_id": pa.int64(), "expression": pa.string(), "confidence": pa.float32(), "abstained": pa.bool_()}
    heads = [*(f"prob_{label}" for label in card.labels), "valence", "arousal", *card.action_units]
    return pa.schema(columns | dict.fromkeys(heads, pa.float32()))


def rows(prediction: Prediction) -> list[dict[str, Any]]:
    """Return one flat row per face, or one without face columns when there is no face."""
    picture = prediction.to_dict()
    faces = picture.pop("faces")
    return [picture | _flat(face) for face in faces] or [picture]


def _flat(face: dict[str, Any]) -> dict[str, Any]:
    box, probs, units = (face.pop(key) for key in ("box", "probs", "action_units"))
    named = {f"prob_{label}": share for label, share in (probs or {}).items()}
    return dict(zip(CORNERS, box, strict=True)) | face | named | (units or {})


@contextmanager
def as_table(stream: BinaryIO, card: Card) -> Iterator[Write]:
    """Write a table for people; its colours and width suit the terminal when the stream is one."""
    layout = table.layout(stream)
    put(stream, table.head(layout))
    yield lambda prediction: put(stream, table.lines(layout, prediction))


@contextmanager
def as_json(stream: BinaryIO, card: Card) -> Iterator[Write]:
    """Write one JSON list with an object per picture or frame."""
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
def as_jsonl(stream: BinaryIO, card: Card) -> Iterator[Write]:
    """Write one JSON object per line."""
    yield lambda prediction: put(stream, _json(prediction) + "\n")


@contextmanager
def as_csv(stream: BinaryIO, card: Card) -> Iterator[Write]:
    """Write comma-separated rows under a header, UTF-8; nothing known is an empty cell."""
    columns = schema(card).names
    put(stream, csv_line(columns))

    def write(prediction: Prediction) -> None:
        put(stream, "".join(csv_line([row.get(name) for name in columns]) for row in rows(prediction)))

    yield write


@contextmanager
def as_parquet(stream: BinaryIO, card: Card) -> Iterator[Write]:
    """Write a Parquet file, a row group at a time."""
    columns = schema(card)
    group: list[dict[str, Any]] = []
    writer = pq.ParquetWriter(stream, columns)

    def flush() -> None:
        if group:
            writer.write_table(pa.Table.from_pylist(group, columns))
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
def parquet_parts(path: Path, card: Card) -> Iterator[Write]:
    """Write the Parquet file `path`, as finished parts in the folder `path`.parts until all rows are told.

    A part is finished every GROUP rows and, while rows come, every LATEST seconds, so that is what a killed run may
    lose; pandas.read_parquet and pyarrow read the folder as one table.  What an earlier run left there is replaced.
    """
    folder = path.with_name(f"{path.name}.parts")
    path.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    columns = schema(card)
    group: list[dict[str, Any]] = []
    done, since = 0, time.monotonic()

    def flush() -> None:
        nonlocal done, since
        if group:
            _finish(pa.Table.from_pylist(group, columns), folder / f"part-{done:06}.parquet")
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
        _join(folder, path, columns)


def _finish(table: pa.Table, path: Path) -> None:
    unfinished = path.with_name(f"_{path.name}")  # readers of a data set pass over names that begin so
    pq.write_table(table, unfinished)
    unfinished.replace(path)


def _join(folder: Path, path: Path, columns: pa.Schema) -> None:
    """Write the parts of a folder into one file, a row group at a time, and remove them."""
    unfinished = folder / "_all.parquet"
    with pq.ParquetWriter(unfinished, columns) as writer:
        held: list[pa.Table] = []
        for part in sorted(folder.glob("part-*.parquet")):
            held.append(pq.read_table(part, schema=columns, partitioning=None))
            if sum(table.num_rows for table in held) >= GROUP:
                writer.write_table(pa.concat_tables(held))
                held.clear()
        if held:
            writer.write_table(pa.concat_tables(held))
    unfinished.replace(path)
    shutil.rmtree(folder)


FORMATS: dict[str, Callable[[BinaryIO, Card], AbstractContextManager[Write]]] = {
    "table": as_table,
    "json": as_json,
    "jsonl": as_jsonl,
    "csv": as_csv,
    "parquet": as_parquet,
}


def put(stream: BinaryIO, text: str) -> None:
    """Write text as UTF-8 and hand it on at once."""
    stream.write(text.encode("utf-8", "replace"))
    stream.flush()


def _json(prediction: Prediction) -> str:
    return json.dumps(prediction.to_dict(), ensure_ascii=False, allow_nan=False)


def csv_line(cells: Sequence[Any]) -> str:
    """Return one line of a CSV file; None is an empty cell."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(str(c).lower() if isinstance(c, bool) else c for c in cells)
    return text.getvalue()
