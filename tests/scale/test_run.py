"""`mien predict --shards`: the rows of the plain command, read once, whatever changes between two runs."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from .conftest import FAST, Ran, rows, sorted_rows

Mien = Callable[..., Ran]


def summary(done: Ran) -> dict:  # type: ignore[type-arg]
    assert done.code == 0, done.err
    return dict(json.loads(done.out))


def shards(out: Path | str = "out") -> dict[str, int]:
    return {path.stem: path.stat().st_mtime_ns for path in Path(out, "shards").iterdir()}


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_the_rows_are_those_of_the_plain_command(
    mien: Mien, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, astronaut: np.ndarray, hopper: Path,
    moved: list[np.ndarray], film: Callable[..., Path], workers: int,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("photos/more").mkdir(parents=True)
    for k in range(3):
        shutil.copy(hopper, f"photos/{k}.jpg")
        Image.fromarray(astronaut[:400, 8 * k :]).save(f"photos/more/{k}.jpg")
    Path("photos/cut.jpg").write_bytes(hopper.read_bytes()[:900])
    film(tmp_path / "photos" / "clip.mp4", moved[:6])
    sources = ("photos", "nowhere.jpg", "--weights", "ferplus-nano")
    plain = mien("predict", *sources, "--format", "parquet")
    wanted = pq.read_table(pa.BufferReader(plain.out))
    done = mien("predict", *sources, "--shards", "out", "--block", 2, "--workers", workers)
    assert (done.code, plain.code) == (2, 2), done.err
    assert rows("out") == sorted_rows(wanted)
    assert pq.read_table("out/shards").schema == wanted.schema
    assert set(plain.err.splitlines()[:-1]) < set(done.err.splitlines())  # the same lines about the same sources
    assert len(shards()) > 3
    again = mien("predict", *sources, "--shards", "out", "--block", 2, "--workers", workers)
    assert again.code == 0, again.err  # it reads nothing, and the shards know what was wrong


def test_a_second_run_reads_nothing(mien: Mien, archive: Callable[[int], Path]) -> None:
    archive(12)
    words = ("predict", "photos", "--shards", "out", "--block", 4, "--workers", 0, "--json", *FAST)
    first = summary(mien(*words))["blocks"]
    before = shards()
    again = summary(mien(*words))
    assert first["done"] == len(before) == again["blocks"]["skipped"] > 1
    assert again["blocks"]["done"] == again["counts"]["images"] == 0
    assert shards() == before


def test_a_source_that_is_named_twice_is_read_once(mien: Mien, archive: Callable[[int], Path]) -> None:
    archive(4)
    named = ("photos/001.png", "photos", "photos", "photos/001.png", "photos/003.png")
    done = summary(mien("predict", *named, "--shards", "out", "--block", 2, "--workers", 0, "--json", *FAST))
    assert done["skipped_files"]["already read"] >= 2
    assert [row["source"] for row in rows("out")] == [f"photos/00{k}.png" for k in range(4)]


def test_a_change_costs_its_own_block(mien: Mien, archive: Callable[[int], Path]) -> None:
    photos = archive(40)
    words = ("predict", "photos", "--shards", "out", "--block", 4, "--workers", 0, "--json", *FAST)
    mien(*words)
    before, old = shards(), rows("out")
    kept = (photos / "020.png").read_bytes(), (photos / "020.png").stat()
    Image.fromarray(np.zeros((30, 30, 3), np.uint8)).save(photos / "020.png")
    shutil.copy(photos / "000.png", photos / "0205.png")
    (photos / "039.png").unlink()
    changed = summary(mien(*words))["blocks"]
    assert 1 <= changed["done"] <= 3
    assert changed["replaced"] == len(before.keys() - shards().keys())
    assert [row["source"] for row in rows("out")] == sorted(f"photos/{path.name}" for path in photos.iterdir())
    (photos / "0205.png").unlink()
    shutil.copy(photos / "000.png", photos / "039.png")
    (photos / "020.png").write_bytes(kept[0])
    os.utime(photos / "020.png", ns=(kept[1].st_atime_ns, kept[1].st_mtime_ns))
    back = summary(mien(*words))["blocks"]
    assert back["restored"] >= 1
    assert [row["source"] for row in rows("out")] == [row["source"] for row in old]


def test_other_sources_are_added_and_none_is_lost(mien: Mien, archive: Callable[[int], Path]) -> None:
    photos = archive(30)
    shutil.copytree(photos, "more")
    words = ("--shards", "out", "--block", 6, "--workers", 0, *FAST)
    assert mien("predict", "photos", *words).code == 0
    assert mien("predict", "more", *words).code == 0
    everything = rows("out")
    assert len(everything) == 60
    refused = mien("predict", "photos/004.png", "photos/005.png", "photos/006.png", *words)
    assert refused.code == 2
    assert "which this run does not read" in refused.err
    assert rows("out") == everything
    shutil.rmtree("more")
    assert mien("predict", "photos", *words).code == 0  # nothing is said of a folder that is gone
    assert rows("out") == everything


@pytest.mark.parametrize("spelled", ["./photos", "{here}/photos"])
def test_the_same_sources_under_another_name_are_refused(
    mien: Mien, archive: Callable[[int], Path], spelled: str
) -> None:
    archive(4)
    words = ("--shards", "out", "--workers", 0, *FAST)
    mien("predict", "photos/000.png", "photos/001.png", *words)
    before = shards()
    done = mien("predict", spelled.format(here=Path.cwd()), *words)
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert "holds rows of photos/000.png, which this run calls" in done.err
    assert shards() == before


def test_a_cut_shard_is_read_again(mien: Mien, archive: Callable[[int], Path]) -> None:
    archive(12)
    words = ("predict", "photos", "--shards", "out", "--block", 4, "--workers", 0, *FAST)
    mien(*words)
    whole = rows("out")
    first, second, *rest = sorted(Path("out/shards").iterdir())
    first.write_bytes(first.read_bytes()[:-300])
    second.write_bytes(b"")
    before = {path: path.stat().st_mtime_ns for path in rest}
    done = mien(*words)
    assert done.code == 0, done.err
    assert "2 shards lacked their end" in done.err
    assert rows("out") == whole
    assert {path: path.stat().st_mtime_ns for path in rest} == before


def test_parts_are_the_whole(mien: Mien, archive: Callable[[int], Path]) -> None:
    archive(16)
    words = ("predict", "photos", "--block", 2, "--workers", 0, "--json", *FAST)
    mien(*words, "--shards", "whole")
    numbers = [summary(mien(*words, "--shards", "out", "--shard", f"{k}/3"))["blocks"]["done"] for k in (1, 2, 3)]
    assert max(numbers) - min(numbers) <= 1
    assert shards("out").keys() == shards("whole").keys()
    assert sum(numbers) == len(shards("out"))
    assert rows("out") == rows("whole")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--block", 5), "block 4, not 5"),
        (("--block", 4, "--prior", "uniform"), "prior natural, not uniform"),
        (("--block", 4, "--weights", "ferplus"), "weights ferplus-nano, not ferplus"),
        (("--block", 4, "--every", 2), "every 1, not 2"),
    ],
)
def test_another_kind_of_rows_is_refused(
    mien: Mien, archive: Callable[[int], Path], words: tuple[object, ...], said: str
) -> None:
    archive(4)
    mien("predict", "photos", "--shards", "out", "--block", 4, "--workers", 0, *FAST)
    before = shards()
    done = mien("predict", "photos", "--shards", "out", "--workers", 0, *FAST, *words)
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert said in done.err
    assert shards() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--shards", "out", "--shard", "0/3"), "--shard 0/3; expected K/N"),
        (("--shards", "out", "--shard", "4/3"), "--shard 4/3; expected K/N"),
        (("--shards", "out", "--block", "0"), "--block 0"),
        (("--shards", "out", "--workers", "-1"), "--workers -1"),
        (("--shards", "out", "--deadline", "0"), "--deadline 0"),
        (("--shards", "out", "--ray", "auto", "--workers", "2"), "--ray with --workers"),
        (("--shards", "out", "--format", "csv"), "--format csv with --shards"),
        (("--shards", "out", "--out", "x"), "--out with --shards"),
        (("--shards", "out", "--event-min", "1"), "--event-min with --shards"),
        (("--workers", "2"), "--workers without --shards"),
        (("--json",), "--json without --shards"),
        (("--shards", ""), "--shards ''"),
        (("--shards", "photos/000.png"), "photos/000.png: a file; expected a folder"),
        (("--shards", "out\udcff"), "out\\xff; expected a name in UTF-8"),
        (("--shards", "out", "--max-memory", "inf"), "--max-memory inf; expected a number above 0"),
        (("--shards", "out", "--deadline", "3000000"), "at most 1,000,000"),
        (("camera:0", "--shards", "out"), "camera:0"),
    ],
)
def test_what_cannot_be_is_one_line(
    mien: Mien, archive: Callable[[int], Path], words: tuple[str, ...], said: str
) -> None:
    archive(1)
    done = mien("predict", "photos", *words, *FAST)
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert said in done.err
    assert not Path("out").exists()


def test_a_folder_of_others_is_not_touched(mien: Mien, archive: Callable[[int], Path]) -> None:
    archive(1)
    mien("predict", "photos", "--out", "out", *FAST)
    before = {path: path.stat().st_mtime_ns for path in Path("out").rglob("*")}
    assert "another command" in mien("predict", "photos", "--shards", "out", *FAST).err
    mien("predict", "photos", "--shards", "archive", "--workers", 0, *FAST)
    inside = mien("predict", "photos", "--shards", "archive/shards", "--workers", 0, *FAST)
    assert (inside.code, inside.err.count("\n")) == (2, 1)
    assert "archive/shards holds the shards of" in inside.err
    assert [path.suffix for path in Path("archive/shards").iterdir()] == [".parquet"]
    Path("own/shards").mkdir(parents=True)
    Path("own/shards/mine.parquet").write_text("mine")
    assert "no mien-run.json" in mien("predict", "photos", "--shards", "own", *FAST).err
    assert {path: path.stat().st_mtime_ns for path in Path("out").rglob("*")} == before


@pytest.mark.parametrize("more", [(), ("--force",)], ids=["plain", "force"])
def test_another_command_does_not_take_a_folder_of_shards(
    mien: Mien, archive: Callable[[int], Path], more: tuple[str, ...]
) -> None:
    archive(1)
    mien("predict", "photos", "--shards", "out", "--workers", 0, *FAST)
    before = {path: path.stat().st_mtime_ns for path in Path("out").rglob("*")}
    done = mien("predict", "photos", "--out", "out", *more, *FAST)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "holds the shards of an archive" in done.err
    assert {path: path.stat().st_mtime_ns for path in Path("out").rglob("*")} == before


def test_a_typo_makes_no_folder(mien: Mien, archive: Callable[[int], Path]) -> None:
    archive(1)
    done = mien("predict", "phtos", "--shards", "out", *FAST)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert not Path("out").exists()


def test_the_records(mien: Mien, archive: Callable[[int], Path]) -> None:
    archive(3)
    done = summary(mien("predict", "photos", "--shards", "out", "--workers", 0, "--json", *FAST))
    kind = json.loads(Path("out/mien-run.json").read_text())
    assert kind["shards"]["weights"] == "ferplus-nano"
    assert len(kind["shards"]["weights_sha256"]) == 64
    (run,) = [json.loads(path.read_text()) for path in Path("out/runs").iterdir()]
    assert (run["status"], run["counts"], run["blocks"]) == ("finished", done["counts"], done["blocks"])


def test_a_file_of_others_among_the_shards_stays(mien: Mien, archive: Callable[[int], Path]) -> None:
    photos = archive(3)
    words = ("predict", "photos", "--shards", "out", "--workers", 0, *FAST)
    mien(*words)
    Path("out/shards/notes.parquet").write_text("mine")
    (key,) = Path("out/shards").glob("*[0-9a-f].parquet")
    shutil.copy(photos / "000.png", photos / "100.png")
    key.write_bytes(b"damaged, with the right end: PAR1")
    done = mien(*words)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "cannot be read as a shard" in done.err
    key.unlink()
    assert mien(*words).code == 0
    assert Path("out/shards/notes.parquet").read_text() == "mine"
