"""Tables with every kind of column, and tables that are none."""

import datetime
import decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mien.errors import DataError
from mien.reading.tables import csv_lines, read_csv, read_log, read_parquet


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,b\n1\n", "row 1 with a different number of cells"),
        ("a,a\n1,2\n", "duplicate columns a"),
        ('a,b\n1,"two\n3,4\n', "unexpected end of data"),
        ('a,b\n1,"t"wo\n', "expected after"),
        (",".join(f"c{k}" for k in range(20_000)) + "\n", "20,000 columns"),
        ("a,b\n\xff,2\n".encode("latin-1"), "not UTF-8: save it as CSV in UTF-8"),
        ("a,b\n1,2\n".encode("utf-16")[:-1], "truncated data"),
    ],
)
def test_csv_that_is_refused(content: str | bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=r"a\.csv") as caught:
        read_csv(path, "a table")
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ("", {}),
        ("a;b\n1;2\n", {"a": ["1"], "b": ["2"]}),
        ("\ufeffa\tb\r\n1\t2\r\n\r\n", {"a": ["1"], "b": ["2"]}),
        ('a,b\n"x\ny",\u2028\n', {"a": ["x\ny"], "b": ["\u2028"]}),
        ("a,b\nx\x00y," + "z" * 200_000 + "\n", {"a": ["x\x00y"], "b": ["z" * 200_000]}),
    ],
    ids=["empty", "semicolons", "tabs and a mark", "lines in cells", "NUL and a long cell"],
)
def test_csv_that_is_read(content: str, columns: dict[str, list[str]], tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content, encoding="utf-8", newline="")
    assert read_csv(path, "a table") == columns


def test_lines_by_number(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"a,b\n\n\xff,2\n")
    assert list(csv_lines(tmp_path / "a.csv", "votes", errors="replace")) == [(1, ["a", "b"]), (3, ["\ufffd", "2"])]
    with pytest.raises(DataError, match="cannot be read"):
        list(csv_lines(tmp_path / "a.csv", "votes"))


def test_logs(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("epoch,loss\n1,\n2,0.5\n3,0.", encoding="utf-8")  # killed while it wrote
    assert read_log(path) == [{"epoch": 1.0, "loss": None}, {"epoch": 2.0, "loss": 0.5}]
    path.write_text("epoch,loss\n1,inf\n2,nan\n3,1e300\n", encoding="utf-8")
    assert [row["loss"] for row in read_log(path)] == [None] * 3
    path.write_text("epoch,loss\n1,much\n", encoding="utf-8")
    with pytest.raises(DataError, match="is not a log"):
        read_log(path)


COLUMNS: dict[str, tuple[Any, list[str]]] = {
    "words": (pa.array(["a", None]), ["a", ""]),
    "numbers": (pa.array([0.5, None]), ["0.5", ""]),
    "whole": (pa.array([1, 2], pa.uint8()), ["1", "2"]),
    "decimals": (pa.array([decimal.Decimal("0.25"), None]), ["0.25", ""]),
    "days": (pa.array([datetime.date(2001, 1, 1), None]), ["2001-01-01", ""]),
    "days beyond Python's": (pa.array([10_000_000, None], pa.int32()).cast(pa.date32()), ["29349-01-26", ""]),
    "times": (pa.array([2**60, None], pa.int64()).cast(pa.timestamp("ms")), None),
    "zones": (pa.array([0, None], pa.timestamp("us", tz="Mars/Olympus")), None),
    "lasting": (pa.array([2**62, None], pa.duration("s")), None),
    "bytes": (pa.array([b"a", None]), ["a", ""]),
    "no words": (pa.array([b"\xff", None]), ["<binary>", "<binary>"]),
    "lists": (pa.array([[1.0], None]), ["<list<item: double>>"] * 2),
    "structs": (pa.array([{"x": 1}, None]), ["<struct<x: int64>>"] * 2),
    "codes": (pa.array(["a", None]).dictionary_encode(), ["a", ""]),
    "flags": (pa.array([True, None]), ["True", ""]),
    "nothing": (pa.nulls(2), ["", ""]),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_every_kind_of_column(kind: str, tmp_path: Path) -> None:
    column, expected = COLUMNS[kind]
    pq.write_table(pa.table({"id": ["x", "y"], "c": column}), tmp_path / "a.parquet")
    columns = read_parquet(tmp_path / "a.parquet", "a table")
    assert columns["id"] == ["x", "y"]
    assert len(columns["c"]) == 2
    assert expected is None or [cell.replace("element", "item") for cell in columns["c"]] == expected


def test_parquet_that_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": ["x"] * 999}), path)
    whole = path.read_bytes()
    wide = tmp_path / "wide.parquet"
    pq.write_table(pa.table({f"c{k}": [] for k in range(10_001)}), wide)
    for content in (b"", b"PAR1", whole[:-9], whole[: len(whole) // 2], whole[8:], b"id\n1\n", wide.read_bytes()):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"a\.parquet cannot be read \(.+\); expected a table"):
            read_parquet(path, "a table")
    with pytest.raises(DataError, match="no file"):
        read_parquet(tmp_path / "b.parquet", "a table")
