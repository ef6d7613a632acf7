"""POST /v1/video: the rows and events of the command line, and jobs that fail alone."""

import asyncio
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from starlette.requests import Request

from mien.errors import OutputError, UsageError
from mien.serving import spec, videos
from mien.serving import spool as spooling
from mien.serving.app import create_app
from mien.serving.bodies import received_video
from mien.serving.options import VideoOptions
from mien.serving.settings import Settings

from .processes import children
from .videos import CARPHONE, WAIT, begin, film, rows, until


def watchers() -> set[int]:
    """Return the processes that read videos."""
    return children("mien.serving.watching")


def handles() -> int:
    """Return how many files and sockets this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def resident() -> float:
    """Return the memory of this process in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def wait_for(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def started(before: set[int]) -> int:
    """Return the process that a job has just started."""
    wait_for(lambda: watchers() - before)
    return (watchers() - before).pop()


@pytest.fixture
def stopped(client: TestClient) -> Iterator[tuple[str, int]]:
    """A job whose process stands still, and the process."""
    before = watchers()
    job = begin(client, "still.mp4", film())
    pid = started(before)
    os.kill(pid, signal.SIGSTOP)
    yield job, pid
    client.delete(f"/v1/video/{job}")


def test_rows_and_events_are_those_of_the_command_line(client: TestClient, tmp_path: Path) -> None:
    options = {"weights": "ferplus-nano", "end": "3.5", "max_fps": "12"}
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
    command = [
        sys.executable,
        "-m",
        "mien",
        "predict",
        str(CARPHONE),
        "--format",
        "json",
        "--out",
        str(tmp_path / "out"),
    ]
    job = begin(client, f"a folder/{CARPHONE.name}", CARPHONE.read_bytes(), **options)
    subprocess.run([*command, *words], check=True, capture_output=True)
    known = until(client, job, "done", "failed")
    expected = json.loads((tmp_path / "out" / "predictions.json").read_text("utf-8"))
    assert rows(client, job) == [row | {"source": CARPHONE.name} for row in expected]
    assert rows(client, job) != []
    with (tmp_path / "out" / "events.csv").open(encoding="utf-8", newline="") as file:
        events = [row | {"source": CARPHONE.name} for row in csv.DictReader(file)]
    got = client.get(f"/v1/video/{job}/events").json()
    assert [{name: str(value) for name, value in event.items()} for event in got] == events
    assert events
    assert spec.EVENT.keys() == got[0].keys()
    assert spec.JOB.keys() == known.keys()
    facts = {"job": job, "state": "done", "progress": 1.0, "error": None}
    assert known == facts | {"frames": len(expected), "rows": len(expected), "events": len(events)}
    assert client.get(f"/v1/video/{job}/rows", params={"from": len(expected) - 1}).json() == rows(client, job)[-1:]


def test_a_busy_server_takes_everything_that_was_read(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    take, busy = videos.Videos._take, iter([3.0])

    def late(*given: object) -> None:
        time.sleep(next(busy, 0))  # after the first of several messages; meanwhile the process reads the rest
        take(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(videos.Videos, "_take", late)
    job = begin(client, "film.mp4", film(frames=120), weights="ferplus-nano")
    assert until(client, job, "done", "failed")["error"] is None
    assert [row["frame"] for row in rows(client, job)] == list(range(120))


def test_what_cannot_be_read_fails_with_its_name(client: TestClient) -> None:
    cut, text = begin(client, "cut.avi", film("avi", "mpeg4", 30)[:20_000]), begin(client, "notes.mp4", b"text " * 99)
    for job, name in ((cut, "cut.avi"), (text, "notes.mp4")):
        known, read = until(client, job, "failed"), rows(client, job)
        assert read[-1]["error"] == known["error"]["message"]
        assert known["error"]["code"] == "unreadable"
        assert known["error"]["message"].startswith(name)
        assert "/proc" not in known["error"]["message"]
    assert len(rows(client, cut)) == until(client, cut, "failed")["frames"] + 1 > 2
    assert len(rows(client, text)) == 1


@pytest.mark.slow
def test_a_killed_process_fails_its_job_alone(client: TestClient) -> None:
    other = begin(client, "other.mp4", film())
    before = watchers()
    job = begin(client, "clip.mp4", film())
    os.kill(started(before), signal.SIGKILL)
    known = until(client, job, "done", "failed")
    assert known["error"] == {"code": "interrupted", "message": "reading was interrupted"}
    assert rows(client, job)[-1]["error"] == "clip.mp4: reading was interrupted"
    assert until(client, other, "done", "failed")["state"] == "done"
    assert client.get("/readyz").status_code == 200


def test_a_process_that_stands_still_is_killed(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("START_SECONDS", "STILL_SECONDS"):
        monkeypatch.setattr(videos, name, 0.5)
    before = watchers()
    job = begin(client, "clip.mp4", film())
    pid = started(before)
    os.kill(pid, signal.SIGSTOP)
    assert until(client, job, "failed")["error"]["code"] == "stalled"
    wait_for(lambda: pid not in watchers())


def test_a_job_that_is_forgotten_ends(client: TestClient, stopped: tuple[str, int]) -> None:
    job, pid = stopped
    assert client.delete(f"/v1/video/{job}").json() == {"forgotten": True}
    wait_for(lambda: pid not in watchers())
    for method, path in (("GET", ""), ("GET", "/rows"), ("GET", "/events"), ("DELETE", "")):
        assert client.request(method, f"/v1/video/{job}{path}").status_code == 404


def test_too_many_jobs_have_to_wait(
    client: TestClient, stopped: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(videos, "MAX_UNFINISHED", 1)
    response = client.post("/v1/video", files={"video": ("clip.mp4", b"x")})
    assert (response.status_code, response.json()["error"]["code"]) == (429, "busy")
    assert int(response.headers["Retry-After"]) > 0


@pytest.mark.slow
def test_nobody_looks_at_it(client: TestClient) -> None:
    before = watchers()
    job = begin(client, "clip.mp4", film(), keep=1)
    time.sleep(1.5)
    assert client.get(f"/v1/video/{job}").status_code == 404
    wait_for(lambda: not watchers() - before)


def test_how_long_a_job_may_be_kept(client: TestClient) -> None:
    reply = client.post("/v1/video", files={"video": ("clip.mp4", b"x")}, data={"keep": "601"})
    assert (reply.status_code, reply.json()["error"]["message"]) == (422, "keep: expected a number up to 600")


@pytest.mark.slow
def test_rows_that_are_too_many(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(videos, "MAX_BYTES", 2000)
    job = begin(client, "clip.mp4", film())
    known = until(client, job, "failed")
    assert known["error"]["code"] == "too_long"
    assert rows(client, job)[-1]["error"] == f"clip.mp4: {known['error']['message']}"


@pytest.mark.slow
def test_the_oldest_job_that_ended_makes_room(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(videos, "MAX_KEPT", 1)
    first = begin(client, "notes.mp4", b"text")
    until(client, first, "failed")
    second = begin(client, "notes.mp4", b"text")
    assert client.get(f"/v1/video/{first}").status_code == 404
    assert until(client, second, "failed")


REFUSED = {
    "JSON": ({"json": {"video": "x"}}, 415, "unsupported_media_type"),
    "no video": ({"files": {"images": ("a.mp4", b"x")}}, 422, "no_video"),
    "a field": ({"files": {"other": ("a.mp4", b"x")}, "data": {"video": "text"}}, 422, "no_video"),
    "two": ({"files": [("video", ("a.mp4", b"x")), ("video", ("b.mp4", b"x"))]}, 422, "no_video"),
    "unknown option": ({"files": {"video": b"x"}, "data": {"smile": "1"}}, 422, "invalid_request"),
    "a file as option": ({"files": {"video": b"x", "end": ("e", b"1")}}, 422, "invalid_request"),
    "no part": ({"files": {"video": b"x"}, "data": {"start": "5", "end": "2"}}, 422, "invalid_request"),
    "never": ({"files": {"video": b"x"}, "data": {"every": "0"}}, 422, "invalid_request"),
    "not a number": ({"files": {"video": b"x"}, "params": {"smooth": "nan"}}, 422, "invalid_request"),
    "infinite": ({"files": {"video": b"x"}, "params": {"max_fps": "inf"}}, 422, "invalid_request"),
    "no measures": ({"files": {"video": b"x"}, "params": {"measures": "true"}}, 422, "no_measures"),
    "broken": (
        {"content": b"--x\r\nbroken", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        422,
        "no_video",
    ),
    "no boundary": ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "invalid_multipart"),
    "too large": ({"files": {"video": b"x" * 32_000_001}}, 413, "too_large"),
}


@pytest.mark.parametrize(("request_", "status", "code"), REFUSED.values(), ids=REFUSED)
def test_requests_that_are_refused(client: TestClient, request_: dict[str, object], status: int, code: str) -> None:
    before = watchers()
    response = client.post("/v1/video", **request_)  # type: ignore[arg-type]
    assert (response.status_code, response.json()["error"]["code"]) == (status, code), response.text
    assert watchers() <= before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.mjpeg", ("mjpeg", "mjpeg", 6, "yuvj420p")),
        ("a.mkv", ("matroska", "libx264")),
        ("A.TS", ("mpegts", "libx264")),
    ],
)
def test_formats_are_read_as_files_of_that_name(
    client: TestClient, tmp_path: Path, name: str, content: tuple[object, ...]
) -> None:
    from mien.inference.pipeline import Pipeline

    (path := tmp_path / name).write_bytes(film(*content))  # type: ignore[arg-type]
    expected = [one.to_dict() | {"source": name} for one in Pipeline().predict(path)]
    job = begin(client, name, path.read_bytes())
    until(client, job, "done")
    assert rows(client, job) == expected
    assert len(expected) == 6


@pytest.mark.slow
def test_animations_and_images(client: TestClient, tmp_path: Path, photos: list[Path]) -> None:
    small = [Image.open(photos[0]).convert("RGB").resize((128, 128)).rotate(k) for k in range(3)]
    small[0].save(tmp_path / "a.gif", save_all=True, append_images=small[1:], duration=100)
    animation = begin(client, "a.gif", (tmp_path / "a.gif").read_bytes())
    image = begin(client, photos[1].name, photos[1].read_bytes())
    assert until(client, animation, "done", "failed")["frames"] == 3
    assert until(client, image, "done", "failed")["frames"] == 1
    assert rows(client, image)[0]["seconds"] is None


def test_a_folder_for_videos_is_private_and_emptied(tmp_path: Path) -> None:
    folder = tmp_path / "mien-spool"
    folder.mkdir()
    (folder / "video-left").write_bytes(b"of a server that was killed")
    one = spooling.Spool(tmp_path)
    one.start()
    assert not list(folder.glob("video*"))
    assert folder.stat().st_mode & 0o777 == 0o700
    with pytest.raises(OutputError):
        spooling.Spool(tmp_path).start()
    held = one.hold()
    held.file.write(b"bytes")
    assert not list(folder.glob("video*"))  # it has no name
    assert os.fstat(held.file.fileno()).st_mode & 0o777 == 0o600
    held.close()
    one.close()
    spooling.Spool(tmp_path).start()


def test_a_folder_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "mien-spool").symlink_to(tmp_path / "other")
    with pytest.raises(UsageError, match="not a folder of this user"):
        spooling.Spool(tmp_path).start()
    with pytest.raises(UsageError, match="not a folder"):
        Settings(spool=tmp_path / "none")


@pytest.mark.slow
@pytest.mark.parametrize("named", [False, True], ids=["nameless", "named"])
def test_videos_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool) -> None:
    if named:  # as where the system has no such folder
        monkeypatch.setattr(spooling, "DESCRIPTORS", tmp_path / "none")
    content = film()
    with TestClient(create_app(Settings(rate=0, spool=tmp_path)), base_url="http://localhost") as client:
        before = watchers()
        job = begin(client, "clip.mp4", content)
        os.kill(pid := started(before), signal.SIGSTOP)
        found = list((tmp_path / "mien-spool").glob("video*"))
        assert [path.read_bytes() for path in found] == [content] * named
        assert all(path.stat().st_mode & 0o777 == 0o600 for path in found)
        os.kill(pid, signal.SIGCONT)
        assert until(client, job, "done", "failed")["state"] == "done"
        assert not list((tmp_path / "mien-spool").glob("video*"))


def test_a_video_goes_into_its_file_as_it_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool, sizes = spooling.Spool(tmp_path), []
    spool.start()
    held = spool.hold()
    size, part = 4_000_000, b'--x\r\nContent-Disposition: form-data; name="%s"; filename="a.mp4"\r\n\r\n'

    async def arriving() -> AsyncIterator[bytes]:
        yield part % b"other"
        yield b"of no use" * 1000 + b"\r\n" + part % b"video"
        for _ in range(size // 100_000):
            yield b"v" * 100_000
            sizes.append(os.fstat(held.file.fileno()).st_size)
        yield b"\r\n--x--\r\n"

    chunks = arriving()

    async def receive() -> dict[str, object]:
        chunk = await anext(chunks, b"")
        return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "write", None)  # nothing is collected elsewhere
    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    assert asyncio.run(received_video(request, 10 * size, lambda _: None, held.file)) == ("a.mp4", {"other": ""})
    assert sizes[len(sizes) // 2] > size / 3
    assert os.pread(held.file.fileno(), size + 1, 0) == b"v" * size
    held.close()
    spool.close()


def test_no_room_for_a_video(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooling.Spool, "hold", lambda _: spooling.Held(open("/dev/full", "w+b"), None))  # noqa: PTH123, SIM115
    response = client.post("/v1/video", files={"video": ("a.mp4", film())})
    assert (response.status_code, response.json()["error"]["code"]) == (507, "full")


def test_a_system_without_memory_for_videos(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooling, "ANONYMOUS", False)
    response = client.post("/v1/video", files={"video": ("a.mp4", b"x")})
    assert (response.status_code, response.json()["error"]["code"]) == (501, "no_video")


@pytest.mark.slow
def test_many_jobs_leave_nothing(client: TestClient) -> None:
    content = film(frames=2)

    def read() -> None:
        job = begin(client, "clip.mp4", content)
        until(client, job, "done")
        client.delete(f"/v1/video/{job}")

    read()
    before, memory = handles(), resident()
    for _ in range(8):
        read()
    wait_for(lambda: not watchers())
    wait_for(lambda: handles() <= before + 2)
    assert resident() < memory + 20


@pytest.mark.slow
def test_corrupted_requests(client: TestClient) -> None:
    """Each is refused, or begins a job that ends; nothing stays."""
    rng = np.random.default_rng(17)
    boundary = b"--x\r\n"
    head = b'Content-Disposition: form-data; name="video"; filename="a.mp4"\r\nContent-Type: video/mp4\r\n\r\n'
    option = b'Content-Disposition: form-data; name="end"\r\n\r\n2\r\n'
    whole = boundary + head + b"text\r\n" + boundary + option + b"--x--\r\n"
    before = handles()
    for _ in range(300):
        body = bytearray(whole)
        for at in rng.integers(len(whole), size=int(rng.integers(1, 6))):
            body[at] = int(rng.integers(256))
        cut = int(rng.integers(1, len(body))) if rng.random() < 0.3 else len(body)
        kind = "multipart/form-data; boundary=" + ("x" if rng.random() < 0.9 else "y")
        response = client.post("/v1/video", content=bytes(body[:cut]), headers={"Content-Type": kind})
        assert 400 <= response.status_code < 500 or response.status_code == 202, response.text
        if response.status_code == 202:
            client.delete(f"/v1/video/{response.json()['job']}")
    wait_for(lambda: not watchers())
    assert handles() <= before + 2


@pytest.mark.slow
def test_corrupted_videos(client: TestClient) -> None:
    """Each job ends in rows or an error, whatever is in the video."""
    rng, whole = np.random.default_rng(17), film(frames=4)
    for _ in range(10):
        content = bytearray(whole)
        for at in rng.integers(len(whole), size=40):
            content[at] = int(rng.integers(256))
        job = begin(client, "clip.mp4", bytes(content))
        known = until(client, job, "done", "failed")
        assert known["state"] == "done" or known["error"]["code"] in ("unreadable", "interrupted"), known
        assert client.delete(f"/v1/video/{job}").status_code == 200


@pytest.mark.parametrize(
    ("options", "seconds"),
    [({}, 1), ({"every": 1400}, 56), ({"max_fps": 0.02}, 50), ({"max_fps": 30, "start": 90}, 90)],
)
def test_a_video_of_which_few_frames_are_read_has_longer_for_a_row(options: dict[str, float], seconds: float) -> None:
    assert VideoOptions(**options).seconds_per_row() == seconds
