"""Writing beside, growing files, and the record of a folder: whole or not at all, listed before it can be lost."""

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mien.errors import OutputError
from mien.outputs import Growing, NotThisFileError, Outputs, output_folder, staged, write
from mien.outputs import files as output_files
from mien.outputs import record as records
from mien.outputs.targets import Kinds

KINDS = Kinds(("report.html", "rows.csv"), {"annotated": (".jpg",)}, ("rows.json",))


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def record(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "mien-run.json").read_text()))


@pytest.fixture(params=["links", "no links"])
def _links(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go without hard links, as on FAT."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    if request.param == "no links":
        monkeypatch.setattr(output_files.os, "link", refuse)


@pytest.mark.usefixtures("_links")
def test_beside_writes_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write(path, b"one")
    write(path, b"two")
    with pytest.raises(ZeroDivisionError), staged(path) as scratch:
        1 / (scratch.write_bytes(b"half") - 4)
    with pytest.raises(NotThisFileError, match="cannot be written: File exists"):
        write(path, b"three", over=False)
    write(tmp_path / "b.txt", b"four", over=False)
    assert files(tmp_path) == {"a.txt": b"two", "b.txt": b"four"}


def test_beside_tells_its_own_errors_alone(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), staged(tmp_path / "a") as scratch:
        scratch.write_bytes((tmp_path / "nowhere").read_bytes())
    with pytest.raises(OutputError, match=r"nowhere/a cannot be written: No such file"):
        write(tmp_path / "nowhere" / "a", b"")
    with pytest.raises(NotThisFileError, match="File name too long"):
        write(tmp_path / ("a" * 300), b"")


def test_a_growing_file_is_whole_after_every_piece(tmp_path: Path) -> None:
    file = Growing(tmp_path / "a.json")
    file.ending = b"[]"
    file.write(b"")
    assert (tmp_path / "a.json").read_bytes() == b"[]"
    file.ending = b"]"
    for k in range(3):
        file.write(b"%s%d" % (b"," if k else b"[", k))
        assert json.loads((tmp_path / "a.json").read_bytes()) == list(range(k + 1))
    file.close()
    with pytest.raises(NotThisFileError, match="File exists"):
        Growing(tmp_path / "a.json")


class Full:
    """A file on a disk that takes so many bytes more, or fewer than it is given."""

    def __init__(self, file: Any, room: int) -> None:
        self._file, self._room = file, room

    def write(self, content: memoryview) -> int:
        if not self._room:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken: int = self._file.write(content[: min(self._room, 7)])
        self._room -= taken
        return taken

    def truncate(self, size: int) -> None:
        self._room += 3
        self._file.truncate(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@pytest.mark.parametrize("room", range(60))
def test_no_half_piece_is_left_when_the_disk_is_full(tmp_path: Path, room: int) -> None:
    file = Growing(tmp_path / "a.json")
    file.ending = b"\n]"
    file.write(b"[1")
    file._file = Full(file._file, room)  # type: ignore[assignment]
    with contextlib.suppress(OutputError):
        for k in range(10):
            file.write(b",%d00000" % (k + 2))
    rows = json.loads((tmp_path / "a.json").read_bytes())
    assert rows == [1, *(100_000 * (k + 2) for k in range(len(rows) - 1))]


def test_a_record_lists_what_was_written(tmp_path: Path) -> None:
    with output_folder(tmp_path, "predict", KINDS, facts={"mien": "1"}) as out:
        rows = out.growing("rows.csv")
        rows.write(b"a\n")
        out.write("annotated/x/1.jpg", b"jpg")
        out.write("annotated/2.jpg", b"jpg")
        out.remove("annotated/2.jpg")
        out.begin("annotated/3.jpg")
        out.done("annotated/3.jpg")  # nothing was written into it
        running = records.read(tmp_path)
        assert running is not None
        assert running.running
        assert sorted(running.files) == ["annotated/x/1.jpg", "rows.csv"]
        assert running.owns("annotated/of-a-run-that-is-on.jpg")
        assert out.wrote == {"annotated", "rows.csv"}
    assert sorted(files(tmp_path)) == ["annotated/x/1.jpg", "mien-run.json", "rows.csv"]
    ended = records.read(tmp_path)
    assert ended is not None
    assert {name: ended.untouched(tmp_path, name, "predict") for name in ended.files} == {
        "annotated/x/1.jpg": True, "rows.csv": True
    }  # fmt: skip
    assert not ended.owns("annotated/of-a-run-that-is-on.jpg")
    assert (record(tmp_path)["status"], record(tmp_path)["mien"]) == ("finished", "1")


STOPS = [(KeyboardInterrupt, "stopped"), (BrokenPipeError, "stopped"), (OutputError, "failed"), (ValueError, "failed")]


@pytest.mark.parametrize(("error", "status"), STOPS)
def test_a_record_says_how_a_run_ended(tmp_path: Path, error: type[BaseException], status: str) -> None:
    with pytest.raises(error), output_folder(tmp_path, "predict", KINDS, facts={"mien": "1"}):
        raise error("so")
    assert record(tmp_path)["status"] == status


def test_a_file_that_comes_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_bytes(b"mine")
    with output_folder(tmp_path, "predict", KINDS, facts={"mien": "1"}) as out:
        with pytest.raises(NotThisFileError), out.staged("report.html") as scratch:
            [shutil.copyfile(mine, path) for path in (scratch, tmp_path / "report.html")]
        (tmp_path / "rows.csv").write_text("mine")
        with pytest.raises(NotThisFileError):
            out.growing("rows.csv")
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "annotated").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(NotThisFileError, match="is a link"):
            out.write("annotated/1.jpg", b"")
    assert record(tmp_path)["files"] == []
    assert files(tmp_path)["report.html"] == files(tmp_path)["rows.csv"] == b"mine"
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_commands_do_not_take_each_others_files(tmp_path: Path) -> None:
    other = Kinds(("report.html", "result.npz"))
    with output_folder(tmp_path, "evaluate", other, facts={"mien": "1"}) as out:
        out.write("result.npz", b"npz")
    with output_folder(tmp_path, "predict", KINDS, facts={"mien": "1"}) as out:
        out.write("report.html", b"page")
    assert {entry["file"]: entry["by"] for entry in record(tmp_path)["files"]} == {
        "report.html": "predict", "result.npz": "evaluate"
    }  # fmt: skip
    with (
        pytest.raises(OutputError, match=r"report\.html was written by mien predict; choose another"),
        output_folder(tmp_path, "evaluate", other, facts={"mien": "1"}),
    ):
        pytest.fail("taken")
    assert files(tmp_path).keys() == {"report.html", "result.npz", "mien-run.json"}


def test_what_a_killed_run_had_made_but_not_listed_is_ours(tmp_path: Path) -> None:
    (tmp_path / "mien-run.json").write_text(json.dumps({"mien": "1", "status": "running", "files": []}))
    (tmp_path / "rows.csv").touch()
    (tmp_path / "annotated").mkdir()
    (tmp_path / ".mien-0123.part").write_bytes(b"half")
    (tmp_path / ".mien-files.jsonl").write_text('{"file": "report.html", "by": "predict"}\n{"fi')
    (tmp_path / "report.html").write_text("half")
    with output_folder(tmp_path, "predict", KINDS, facts={"mien": "1"}) as out:
        assert out.replaced == 2
        assert not (tmp_path / "annotated").exists()
    assert files(tmp_path).keys() == {"mien-run.json"}


NAMES = ["/etc/passwd", "../a", "a/../b", "a//b", "./a", "", "a\0b", ".", "..", "a/", None, 3, ["a"]]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_lead_out_are_not_ours(tmp_path: Path, name: object) -> None:
    listed = {"mien": "1", "files": [{"file": name, "by": "predict"}, {"file": "ok.csv", "by": "predict"}]}
    (tmp_path / "mien-run.json").write_text(json.dumps(listed))
    known = records.read(tmp_path)
    assert known is not None
    assert list(known.files) == ["ok.csv"]


def test_names_of_what_was_written_are_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = []

    def watched(entries: Iterator[dict[str, Any]], gone: frozenset[str]) -> Iterator[dict[str, Any]]:
        for entry in entries:
            held.append(entry["file"])
            yield entry

    monkeypatch.setattr(records, "settled", watched)
    out = Outputs(tmp_path)
    assert not [value for value in vars(out).values() if isinstance(value, list | dict | set) and len(value)]
    with output_folder(tmp_path, "predict", KINDS, facts={"mien": "1"}) as out:
        for k in range(50):
            out.write(f"annotated/{k}.jpg", b"")
        assert max(len(value) for value in vars(out).values() if isinstance(value, list | dict | set)) < 10
    assert len(held) == 50


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_pipes_in_the_way_are_refused_and_do_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "report.html")
    with pytest.raises(OutputError, match="was not written by mien"), output_folder(tmp_path, "predict", KINDS):
        pytest.fail("taken")
    with output_folder(tmp_path, "predict", KINDS, force=True, facts={"mien": "1"}) as out:
        out.write("report.html", b"page")
    assert files(tmp_path)["report.html"] == b"page"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_a_pipe_called_like_a_record_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mien-run.json")
    assert records.read(tmp_path) is None
    assert records.earlier(tmp_path, "predict") == []
    assert not records.OwnFiles(tmp_path)(tmp_path / "a.jpg")


def test_the_record_keeps_the_last_run_of_every_other_command(tmp_path: Path) -> None:
    for command, name in (("predict", "report.html"), ("stress", "stress.json"), ("predict", "report.html")):
        with output_folder(tmp_path, command, Kinds((name,)), facts={"mien": "1"}) as out:
            out.write(name, b"{}")
    assert record(tmp_path)["by"] == "predict"
    assert [run["by"] for run in record(tmp_path)["earlier"]] == ["stress"]
    (tmp_path / "mien-run.json").write_text('{"mien": "1", "by": "stress", "earlier": 3}')
    assert [run["by"] for run in records.earlier(tmp_path, "predict")] == ["stress"]


ODD = ['{"mien": "1", "files": [], "folders": 3}', '{"mien": "1", "files": [3, null, {}, {"file": "a", "bytes": "x"}]}']


@pytest.mark.parametrize("text", ODD)
def test_an_odd_record_is_read_as_far_as_it_goes(tmp_path: Path, text: str) -> None:
    (tmp_path / "mien-run.json").write_text(text)
    (tmp_path / ".mien-files.jsonl").write_bytes(b'3\n{"file": 3}\n\xff\n{"file": "b.csv", "by": 3}\n' + b"[" * 9999)
    known = records.read(tmp_path)
    assert known is not None
    assert set(known.files) <= {"a", "b.csv"}
