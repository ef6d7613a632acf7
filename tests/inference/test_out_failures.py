"""What goes wrong while `--out` is written is one line and exit 2; what was complete stays and can be read."""

import csv
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mien.outputs.record import read

FAST = ("--detector", "whole", "--weights", "ferplus-nano")
SLOW = pytest.mark.slow
FORMATS = ["csv", "parquet", *(pytest.param(name, marks=SLOW) for name in ("json", "jsonl"))]
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with twenty small photos."""
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for k in range(20):
        noise = np.random.default_rng(k).integers(0, 256, (48, 48, 3), np.uint8)
        Image.fromarray(noise).save(f"photos/{k:02}.png")


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "mien.cli", "predict", *map(str, words), *FAST]


def ran(*words: object, **more: Any) -> "subprocess.CompletedProcess[str]":
    more = {"stdout": subprocess.PIPE} | more
    return subprocess.run(command(*words), stderr=subprocess.PIPE, text=True, check=False, timeout=100, **more)


def record(out: Path | str = "res") -> dict[str, Any]:
    return dict(json.loads((Path(out) / "mien-run.json").read_text()))


def sources(out: Path, format: str) -> list[str]:
    """Return the sources of the rows that a run left, read as a user would."""
    rows = out / f"predictions.{format}"
    if format == "csv":
        text = rows.read_text()
        assert text.endswith("\n")
        return [row["source"] for row in csv.DictReader(text.splitlines())]
    if format == "json":
        return [row["source"] for row in json.loads(rows.read_text())]
    if format == "jsonl":
        return [json.loads(line)["source"] for line in rows.read_text().splitlines()]
    place = rows if rows.exists() else rows.with_name(f"{rows.name}.parts")
    return list(pq.read_table(place)["source"].to_pylist())


def check_whole(out: Path, format: str) -> int:
    """Check that everything in a folder can be read and return how many rows there are."""
    rows = sources(out, format)
    assert rows == [f"photos/{k:02}.png" for k in range(len(rows))]
    for path in out.rglob("*.jpg"):
        Image.open(path).load()
    if (out / "report.html").exists():
        assert (out / "report.html").read_text().endswith("</html>\n")
    assert not list(out.rglob("*.part"))
    return len(rows)


def limited(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@POSIX
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("size", [4_000, pytest.param(5_000, marks=SLOW)])
def test_a_file_that_may_not_grow(format: str, size: int) -> None:
    done = ran("photos", "--out", "res", "--format", format, preexec_fn=limited(size), stdout=subprocess.DEVNULL)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert re.match(r"mien: res/\S+ cannot be written: File too large; read \d+ images, \d+ faces$", done.stderr)
    assert not (Path("res") / "report.html").exists()
    if format != "parquet":
        assert 0 < check_whole(Path("res"), format) <= 20


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 kB."""
    place = tmp_path / "small"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("a file system cannot be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@POSIX
@pytest.mark.parametrize("room", [60_000, *(pytest.param(room, marks=SLOW) for room in (0, 20_000, 100_000))])
@pytest.mark.parametrize("format", FORMATS)
def test_a_disk_that_is_full(small: Path, format: str, room: int) -> None:
    free = os.statvfs(small)
    (small / "filler").write_bytes(bytes(free.f_bavail * free.f_frsize - room))
    out = small / "res"
    done = ran("photos", "--out", out, "--format", format, stdout=subprocess.DEVNULL)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "No space left on device" in done.stderr
    assert not (out / "report.html").exists()
    assert not list(out.rglob("*.part"))
    assert not (out / "mien-run.json").exists() or record(out)["status"] == "failed"
    if room > 20_000 and (format != "parquet" or (out / "predictions.parquet.parts").exists()):
        check_whole(out, format)
    (small / "filler").unlink()
    done = ran(*(f"photos/{k:02}.png" for k in range(3)), "--out", out, "--format", format)  # no --force is needed
    assert done.returncode == 0, done.stderr
    assert (check_whole(out, format), record(out)["status"]) == (3, "finished")


@POSIX
@pytest.mark.parametrize("size", [*(pytest.param(size, marks=SLOW) for size in (4_000, 60_000)), 150_000])
def test_a_video_that_may_not_grow_plays_as_far_as_it_was_written(
    film: Callable[..., Path], moved: list[np.ndarray], size: int
) -> None:
    noise = np.random.default_rng(0).integers(0, 32, moved[0].shape, np.uint8)
    film(Path("clip.mp4"), [image // 8 * 7 + noise for image in [*moved, *moved[::-1]] * 8])
    done = ran("clip.mp4", "photos/00.png", "--out", "res", "--format", "csv", preexec_fn=limited(size))
    assert done.returncode == 2
    assert "mien: res/annotated/clip.mp4 cannot be written: File too large" in done.stderr
    written = Path("res/annotated/clip.mp4")
    if size < 100_000:  # not one whole fragment
        assert not written.exists()
        return
    assert "1 not annotated" in done.stderr
    with av.open(str(written)) as file:
        assert 0 < sum(1 for _ in file.decode(video=0)) < 192
    assert sources(Path("res"), "csv")[-1] == "photos/00.png"


@POSIX
@pytest.mark.parametrize(
    "format", ["table", "json", "parquet", *(pytest.param(name, marks=SLOW) for name in ("csv", "jsonl"))]
)
def test_stdout_that_is_full(format: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with Path("/dev/full").open("wb") as full:
        done = ran("photos", "--format", format, stdout=full)
    assert done.returncode == 2
    assert re.fullmatch(r"mien: stdout cannot be written: No space left on device(; read .*)?\n", done.stderr)


@POSIX
@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "2>&-", "<&-"])
def test_streams_that_are_closed(closed: str) -> None:
    words = " ".join(command("photos", "--format", "jsonl", "--out", "res"))
    done = subprocess.run(["sh", "-c", f"exec {words} {closed}"], capture_output=True, text=True, check=False)
    if ">&-" in closed.split():
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == ("2>&-" not in closed)
        assert not Path("res").exists()
    else:
        assert done.returncode == 0
        assert len([json.loads(line) for line in done.stdout.splitlines()]) == 20
        assert sources(Path("res"), "jsonl") == [json.loads(line)["source"] for line in done.stdout.splitlines()]


def waiting(*words: object) -> "subprocess.Popen[str]":
    """Start a run that reads photos and then waits for a pipe that nobody fills."""
    running = subprocess.Popen(
        command(*words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert running.stdout is not None
    if "parquet" in words:
        wait_for(lambda: list(Path("res").glob("predictions.parquet.parts/part-*")))
    else:
        for _ in range(16):
            running.stdout.readline()
    return running


def wait_for(there: Callable[[], object]) -> None:
    deadline = time.monotonic() + 100
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.05)


MANY = [f"photos/{k % 20:02}.png" for k in range(20_000)]


@POSIX
@pytest.mark.parametrize("format", FORMATS)
def test_a_killed_run_leaves_rows_and_is_replaced(format: str) -> None:
    running = waiting(*MANY, "--out", "res", "--format", format)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    rows = sources(Path("res"), format)
    assert rows == MANY[: len(rows)]
    assert len(rows) >= 15
    assert record()["status"] == "running"
    left = read(Path("res"))
    assert left is not None
    assert all(left.owns(path.relative_to("res").as_posix()) for path in Path("res").rglob("*.jpg"))
    written = sum(path.is_file() for path in Path("res").rglob("[!.]*"))
    done = ran("res", "photos", "--format", "csv")  # its images are not data
    assert (done.returncode, len(done.stdout.splitlines())) == (2, 22)
    assert f"{written} of mien's own" in done.stderr
    done = ran("photos", "--out", "res", "--format", format)
    assert done.returncode == 0, done.stderr
    assert (check_whole(Path("res"), format), record()["status"]) == (20, "finished")
    standing = {path.relative_to("res").as_posix() for path in Path("res").rglob("*") if path.is_file()}
    assert standing == {*(entry["file"] for entry in record()["files"]), "mien-run.json"}


@POSIX
def test_two_runs_on_one_folder() -> None:
    first = waiting(*MANY, "--out", "res", "--format", "csv")
    before = record()["start"]
    for words in (["photos", "--out", "res"], ["photos", "--out", "photos/../res", "--force"]):
        second = ran(*words)
        assert (second.returncode, second.stdout, second.stderr.count("\n")) == (2, "", 1)
        assert re.search(rf"res is in use by process {first.pid} \(mien predict\) since 20\d\d-", second.stderr)
    other = ran("photos", "--out", "elsewhere")
    assert other.returncode == 0
    first.send_signal(signal.SIGINT)
    _, err = first.communicate(timeout=60)
    assert first.returncode == 130
    assert (record()["start"], record()["status"]) == (before, "stopped")
    assert re.search(r"mien: read [\d,]+ images, ", err)
    assert record()["counts"]["images"] == len(sources(Path("res"), "csv"))
    assert ran("photos", "--out", "res").returncode == 0


@POSIX
def test_a_folder_taken_away_in_the_middle() -> None:
    running = waiting(*MANY, "--out", "res", "--format", "csv")
    shutil.move("res/annotated", "moved")
    Path("res/annotated").write_text("in the way")
    running.send_signal(signal.SIGTERM)
    _, err = running.communicate(timeout=60)
    assert running.returncode in (2, 143)
    assert "Traceback" not in err
    assert Path("res/annotated").read_text() == "in the way"


@POSIX
@pytest.mark.parametrize("what", ["", "predictions.csv", pytest.param("mien-inputs.jsonl", marks=SLOW)])
def test_removal_in_the_middle_is_reported(what: str) -> None:
    running = waiting(*MANY[:300], "--out", "res", "--format", "csv")
    os.rename(Path("res", what), "moved")  # noqa: PTH104
    _, err = running.communicate(timeout=100)
    assert running.returncode == 2
    assert re.search(rf"^mien: res/?{what} was taken away while it was written; read ", err, re.MULTILINE), err
    assert err.count("\n") == 1
    assert not Path("res", what).exists()
    assert not what or record()["status"] == "failed"


BOUND = "--bounding-set=-dac_override,-dac_read_search"


@POSIX
def test_permission_lost_in_the_middle() -> None:
    words = command(*MANY, "--out", "res", "--format", "csv")
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root, and no setpriv to give up its right to write everywhere")
        words = ["setpriv", BOUND, BOUND.replace("bounding-set", "inh-caps"), *words]
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout is not None
    for _ in range(15):
        running.stdout.readline()
    Path("res/annotated").chmod(0o555)
    _, err = running.communicate(timeout=100)
    Path("res/annotated").chmod(0o755)
    assert (running.returncode, err.count("\n")) == (2, 1), err
    assert re.match(r"mien: res/annotated/\S+ cannot be written: Permission denied; read [\d,]+ images, ", err)
    assert record()["status"] == "failed"
    assert len(sources(Path("res"), "csv")) == record()["counts"]["images"]


def test_the_record_says_what_was_done() -> None:
    shutil.copy("photos/00.png", "photos/notes.txt")
    Path("photos/broken.jpg").write_bytes(b"no")
    done = ran(
        "photos",
        "nowhere.jpg",
        "--out",
        "res",
        "--min-score",
        0.25,
        "--event-min",
        2,
        "--abstain",
        "auto",
        "--smooth",
        0.5,
    )
    assert done.returncode == 2
    facts = record()
    assert facts["command"][:3] == ["mien", "predict", "photos"]
    assert facts["settings"]["min_score"] == 0.25
    assert facts["settings"]["events"] == {"high": 0.6, "low": 0.4, "min": 2.0, "smooth": 0.0}
    assert 0 < facts["settings"]["abstain"] < 1
    assert {"every", "start", "end", "max_fps", "device", "force", "events"} <= set(facts["settings"])
    for part in ("weights", "detector"):
        file = facts[part]["file"]
        assert facts[part]["sha256"] == (sha256(Path(file).read_bytes()).hexdigest() if file else None)
    page = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
    described = set(re.findall(r"`(\w+)`", page.split("\n## mien-run.json\n")[1].split("\n## ")[0]))
    assert {*facts, *facts["counts"]} <= described
    assert facts["start"] < facts["end"]
    assert (facts["status"], facts["counts"]) == ("finished", facts["counts"])
    assert {k: facts["counts"][k] for k in ("images", "faces", "failed")} == {"images": 20, "faces": 20, "failed": 2}
    assert facts["counts"]["skipped"] == {".txt": 1}
    listed = Path("res/mien-inputs.jsonl").read_bytes()
    assert facts["inputs"] == {
        "list": "mien-inputs.jsonl", "count": 22, "sha256": sha256(listed).hexdigest()
    }  # fmt: skip
    for line in map(json.loads, listed.splitlines()):
        path = Path(line["path"])
        seen = path.stat() if path.exists() else None
        assert (line["bytes"], line["mtime_ns"]) == ((seen.st_size, seen.st_mtime_ns) if seen else (None, None))
    for entry in facts["files"]:
        seen = Path("res", entry["file"]).stat()
        assert (entry["bytes"], entry["mtime_ns"]) == (seen.st_size, seen.st_mtime_ns)
    assert 'href="mien-run.json"' in Path("res/report.html").read_text()
    assert "mien: read 20 images, 20 faces; 2 failed; skipped: 1 .txt" in done.stderr.splitlines()
    assert ran("photos/00.png", "--out", "res", "--format", "parquet").returncode == 0
    assert pq.read_schema("res/predictions.parquet").metadata[b"mien"] == b"mien-run.json"


@POSIX
def test_a_record_stands_from_the_start() -> None:
    running = waiting(*MANY, "--out", "res", "--format", "csv")
    facts = record()
    running.kill()
    running.communicate()
    assert (facts["status"], facts["files"]) == ("running", [])
    assert facts["weights"]["sha256"]
