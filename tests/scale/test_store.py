"""Sources and shards on an object store: a moto server on this machine; and files that get their name when whole."""

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from mien.errors import OutputError
from mien.scale.store import Store

from .conftest import FAST, Ran, rows, sorted_rows

Mien = Callable[..., Ran]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    moto = pytest.importorskip("moto.server", reason="object stores are tested with moto, flask and flask-cors")
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The file system of a store that has an empty bucket `b-NAME`, and its address."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    name = f"b-{abs(hash(tmp_path)):x}"
    system, _ = fs.FileSystem.from_uri(f"s3://{name}?allow_bucket_creation=true")
    system.create_dir(name)
    return system, name


def put(bucket: tuple[Any, str], name: str, content: bytes) -> None:
    system, top = bucket
    with system.open_output_stream(f"{top}/{name}") as stream:
        stream.write(content)


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_sources_and_shards_on_an_object_store(
    mien: Mien, bucket: tuple[Any, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hopper: Path,
    moved: list[np.ndarray], film: Callable[..., Path], workers: int,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("photos/a b").mkdir(parents=True)
    for name in ("0.jpg", "a b/1 #100%.jpg", "2.jpg"):
        shutil.copy(hopper, f"photos/{name}")
    Path("photos/cut.jpg").write_bytes(hopper.read_bytes()[:900])
    Path("photos/notes.txt").write_text("not read")
    film(tmp_path / "photos" / "clip.mp4", moved[:4])
    for path in Path("photos").rglob("*.*"):
        put(bucket, path.as_posix(), path.read_bytes())
    put(bucket, "photos/.hidden.jpg", b"no")
    root = f"s3://{bucket[1]}"
    words = ("--block", 2, "--workers", workers, "--weights", "ferplus-nano", "--json")
    assert mien("predict", "photos", "--shards", "out", *words).code == 2
    done = mien("predict", f"{root}/photos", "--shards", f"{root}/faces/all", *words)
    assert done.code == 2, done.err
    assert json.loads(done.out)["skipped_files"] == {".txt": 1, "hidden": 1}
    there = sorted_rows(pq.read_table(f"{bucket[1]}/faces/all/shards", filesystem=bucket[0]))
    for row in there:
        row |= {key: row[key] and row[key].replace(f"{root}/", "") for key in ("source", "error")}
    assert there == rows("out")
    again = mien("predict", f"{root}/photos", "--shards", f"{root}/faces/all", *words)
    assert again.code == 0
    blocks = json.loads(again.out)["blocks"]
    assert (blocks["done"], blocks["skipped"]) == (0, blocks["all"])
    put(bucket, "photos/0.jpg", Path("photos/2.jpg").read_bytes())  # another time
    changed = json.loads(mien("predict", f"{root}/photos", "--shards", f"{root}/faces/all", *words).out)
    assert changed["blocks"]["done"] == changed["blocks"]["replaced"] == 1
    left = [one.path for one in bucket[0].get_file_info(fs.FileSelector(bucket[1], recursive=True))]
    assert not [path for path in left if path.endswith(".part")]


def test_what_is_not_on_the_store_is_a_row(mien: Mien, bucket: tuple[Any, str], archive: Callable[[int], Path]) -> None:
    archive(1)
    gone, root = "s3://no-such-bucket-1/photos", f"s3://{bucket[1]}"
    done = mien("predict", "photos", f"{root}/no.jpg", gone, "--shards", "out", "--workers", 0, *FAST)
    assert done.code == 2
    errors = {row["source"]: row["error"] for row in rows("out")}
    assert errors["photos/000.png"] is None
    assert errors[f"{root}/no.jpg"] == f"{root}/no.jpg: no image or video there"
    assert errors[gone].startswith(gone)


@pytest.mark.parametrize(
    "address",
    [
        "s3://KEY:TOPSECRET@bucket/photos",
        "s3://KEY:TOP/SECRET@bucket/photos",
        "s3://TOPSECRET@bucket",
        "abfss://faces:TOPSECRET@account.dfs.core.windows.net/x",
        "hdfs://user:TOPSECRET@host:8020/x",
        "abfs://faces@account/x?sas_token=TOPSECRET",
        "gs://bucket/x?Secret_Key=TOPSECRET",
    ],
)
@pytest.mark.parametrize("words", [("photos", "--shards"), ("--shards", "out", "photos")], ids=["out", "source"])
def test_keys_in_an_address_are_refused_and_not_repeated(
    mien: Mien, archive: Callable[[int], Path], address: str, words: tuple[str, ...]
) -> None:
    archive(1)
    done = mien("predict", *words, address, "--workers", 0, *FAST)
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert "with keys in it" in done.err
    assert "SECRET" not in done.err
    assert not Path("out").exists()


@pytest.mark.parametrize("address", ["https://example.org/a.jpg", "rtsp://127.0.0.1:9/a", "http://127.0.0.1:9/x/"])
def test_other_addresses_are_not_opened(mien: Mien, archive: Callable[[int], Path], address: str) -> None:
    archive(1)
    mien("predict", "photos", address, "--shards", "out", "--workers", 0, *FAST)
    (error,) = [row["error"] for row in rows("out") if row["error"]]
    assert error.endswith("URLs are not read; download the file first")


def test_a_store_that_cannot_be_reached_is_one_line(
    mien: Mien, archive: Callable[[int], Path], bucket: tuple[Any, str]
) -> None:
    archive(1)
    done = mien("predict", "photos", "--shards", "s3://no-such-bucket-2/x", "--workers", 0, *FAST)
    assert (done.code, done.err.count("\n")) == (2, 1), done.err


def half_written(store: Store, error: Exception) -> None:
    with store.writing("shards/a.parquet") as stream:
        stream.write(b"half")
        assert not store.has("shards/a.parquet")
        raise error


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (ZeroDivisionError("a bug"), "a bug"),
        (OSError(errno.ENOSPC, "full"), "a.parquet cannot be written: No space left"),
    ],
)
def test_an_error_leaves_nothing_half(tmp_path: Path, error: Exception, raised: str) -> None:
    with pytest.raises((ZeroDivisionError, OutputError), match=raised):
        half_written(Store(str(tmp_path)), error)
    assert list((tmp_path / "shards").iterdir()) == []


def test_a_file_has_its_name_when_it_is_whole(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.write("shards/a.parquet", b"whole")
    assert store.read("shards/a.parquet") == b"whole"
    assert store.read("shards/b.parquet") is None
    assert list(store.names("shards")) == ["a.parquet"]
    store.move("shards/a.parquet", "replaced/a.parquet")
    store.move("shards/a.parquet", "replaced/a.parquet")  # another run was first
    assert [path.name for path in tmp_path.iterdir() if any(path.iterdir())] == ["replaced"]


def test_what_the_system_refuses_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "shards").write_text("a file")
    with pytest.raises(OutputError, match=r"shards/a\.parquet cannot be written|cannot be used"):
        Store(str(tmp_path)).write("shards/a.parquet", b"x")


def test_what_a_killed_run_left_is_removed_after_a_day(tmp_path: Path) -> None:

    (tmp_path / "shards").mkdir()
    for name, age in ((".mien-old.part", 90_000), (".mien-new.part", 60), ("mine.part", 90_000)):
        path = tmp_path / "shards" / name
        path.write_text("half")
        os.utime(path, (path.stat().st_atime - age, path.stat().st_mtime - age))
    Store(str(tmp_path)).sweep("shards")
    assert sorted(path.name for path in (tmp_path / "shards").iterdir()) == [".mien-new.part", "mine.part"]
