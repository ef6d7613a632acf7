"""mien.Client against a server that follows a script: what is repeated, what is refused, and what becomes of it."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("httpx", reason="httpx is not installed: pip install 'mien[serve]'")
import mien
from mien import connection
from mien.errors import MediaError, ServerError, UsageError

DROP = (0, {}, None)  # the connection is closed without a response
BUSY = (429, {"Retry-After": "0"}, {"error": {"code": "busy", "message": "too much is waiting"}})
GONE = (
    503,
    {"Retry-After": "Sat, 28 Nov 2026 20:00:00 GMT"},
    {"error": {"code": "unavailable", "message": "reading was interrupted"}},
)
DENIED = (401, {}, {"error": {"code": "token", "message": "expected a token"}})
WEIGHTS = (200, {}, {"weights": [{"name": "ferplus"}]})
JOB = (202, {}, {"job": "j"})


class Scripted(ThreadingHTTPServer):
    """Sends the next response of `script`, and keeps the requests, as "GET /path", and their bodies."""

    script: list[tuple[int, dict[str, str], Any]]
    requests: list[str]
    bodies: list[bytes]
    headers: list[Any]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Scripted

    def respond(self) -> None:
        self.server.requests.append(f"{self.command} {self.path}")
        self.server.headers.append(self.headers)
        self.server.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        status, headers, content = self.server.script.pop(0)
        if not status:
            self.close_connection = True
            return
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = respond

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Scripted]]:
    """Start a server with a script; pauses between requests are short."""
    monkeypatch.setattr(connection, "FIRST_PAUSE", 0.001)
    server = Scripted(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def start(*script: tuple[int, dict[str, str], Any]) -> Scripted:
        server.script, server.requests, server.bodies, server.headers = list(script), [], [], []
        return server

    yield start
    server.shutdown()
    server.server_close()


def row(name: str, error: str | None = None) -> dict[str, Any]:
    return {"source": name, "error": error, "faces": []}


@pytest.mark.parametrize("before", [[DROP], [BUSY], [GONE, DROP, BUSY, GONE]], ids=["lost", "busy", "all"])
def test_what_may_be_repeated_is(scripted: Callable[..., Scripted], before: list[Any]) -> None:
    server = scripted(*before, WEIGHTS, *before, (200, {}, [row("a.png")]))
    with mien.Client(server.url) as client:
        assert client.weights() == [{"name": "ferplus"}]
        assert client.predict(b"bytes") == [row("image 1")]
    assert server.requests == ["GET /v1/weights"] * (len(before) + 1) + ["POST /v1/predict"] * (len(before) + 1)
    assert all(b"bytes" in body for body in server.bodies[len(before) + 1 :])


@pytest.mark.parametrize(("response", "why"), [(DROP, "without sending"), (BUSY, "too much is waiting")])
def test_it_ends(scripted: Callable[..., Scripted], response: Any, why: str) -> None:
    server = scripted(*[response] * 3)
    with mien.Client(server.url, retries=2) as client, pytest.raises(ServerError, match=why):
        client.weights()
    assert not server.script


@pytest.mark.parametrize(
    ("response", "why"),
    [
        (DENIED, r"expected a token \(token\); `token`, or the variable MIEN_TOKEN"),
        ((502, {}, b"<html>"), "502"),
        ((200, {}, b"<html>"), "no JSON"),
    ],
)
def test_a_refusal_is_not_repeated(scripted: Callable[..., Scripted], response: Any, why: str) -> None:
    server = scripted(response)
    with mien.Client(server.url) as client, pytest.raises(ServerError, match=why):
        client.weights()


def test_the_token(scripted: Callable[..., Scripted], monkeypatch: pytest.MonkeyPatch) -> None:
    server = scripted(WEIGHTS, WEIGHTS, WEIGHTS)
    mien.Client(server.url).weights()
    monkeypatch.setenv("MIEN_TOKEN", "t" * 16)
    mien.Client(server.url).weights()
    mien.Client(server.url, token="u" * 16).weights()
    assert [one["Authorization"] for one in server.headers] == [None, f"Bearer {'t' * 16}", f"Bearer {'u' * 16}"]


def test_a_video_that_may_have_arrived_is_not_sent_again(scripted: Callable[..., Scripted], tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"video")
    server = scripted(BUSY, DROP)
    with mien.Client(server.url) as client, pytest.raises(ServerError):
        client.video(tmp_path / "clip.mp4")
    assert server.requests == ["POST /v1/video"] * 2


def test_a_video_is_read_as_it_comes_and_forgotten(scripted: Callable[..., Scripted], tmp_path: Path) -> None:
    (path := tmp_path / "clip.mp4").write_bytes(b"video")
    rows, events = [row("clip.mp4") | {"frame": k} for k in range(5)], [{"source": "clip.mp4", "expression": "fear"}]
    states = [{"state": "queued", "progress": 0, "rows": 0}, {"state": "reading", "progress": 0.5, "rows": 3}]
    states.append({"state": "done", "progress": 1, "rows": 5})
    pages = [(200, {}, rows[:2]), (200, {}, rows[2:3]), (200, {}, states[2]), (200, {}, rows[3:]), (200, {}, events)]
    server = scripted(JOB, (200, {}, states[0]), (200, {}, states[1]), *pages, (200, {}, {}))
    seen: list[float] = []
    with mien.Client(server.url) as client:
        assert client.video(path, seen.append) == tuple(
            [one | {"source": str(path)} for one in some] for some in (rows, events)
        )
    assert seen == [0, 0.5, 1]
    assert [one.partition("?")[2] for one in server.requests if "rows" in one] == ["from=0", "from=2", "from=3"]
    assert server.requests[-1] == "DELETE /v1/video/j"


def test_a_stopped_video_is_forgotten(scripted: Callable[..., Scripted], tmp_path: Path) -> None:
    (path := tmp_path / "clip.mp4").write_bytes(b"video")
    server = scripted(JOB, (200, {}, {"state": "reading", "progress": 0, "rows": 0}), (200, {}, {}))

    def stop(_: float) -> None:
        raise KeyboardInterrupt

    with mien.Client(server.url) as client, pytest.raises(KeyboardInterrupt):
        client.video(path, stop)
    assert server.requests[-1] == "DELETE /v1/video/j"


def test_unreadable_images_keep_their_place(scripted: Callable[..., Scripted], tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"text")
    unreadable = (422, {}, {"error": {"code": "unreadable", "message": "a.jpg cannot be read"}})
    server = scripted(unreadable, unreadable, (200, {}, [row("b")]))
    images = [tmp_path / "a.jpg", np.zeros((4, 4, 3), np.uint8)]
    with mien.Client(server.url) as client:
        first, second = client.predict(images)
        (missing,) = client.predict(tmp_path / "none.jpg")
    assert first["source"] == str(images[0])
    assert first["error"] == "a.jpg cannot be read"
    assert second == row("image 2")
    assert missing["error"] == f"{tmp_path / 'none.jpg'} cannot be read: No such file or directory"
    assert len(server.requests) == 3


def test_many_images_go_in_several_requests(scripted: Callable[..., Scripted]) -> None:
    server = scripted((200, {}, [row("x")] * 8), (200, {}, [row("x")]))
    with mien.Client(server.url) as client:
        assert [one["source"] for one in client.predict([b"x"] * 9)] == [f"image {k}" for k in range(1, 10)]


@pytest.mark.parametrize("image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), 3, None])
def test_what_is_not_an_image(image: Any) -> None:
    with mien.Client() as client, pytest.raises(UsageError, match="uint8 RGB"):
        client.predict([image])


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("localhost:8000", UsageError),
        ("ftp://a", UsageError),
        ("http://", UsageError),
        ("http://127.0.0.1:1", ServerError),
        ("http://127.0.0.1:x", UsageError),
    ],
)
def test_addresses_without_a_server(url: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^[^\n]+$"):
        mien.Client(url, retries=0).weights()


def test_a_missing_video_is_not_sent(tmp_path: Path) -> None:
    with mien.Client() as client, pytest.raises(MediaError, match="No such file"):
        client.video(tmp_path / "none.mp4")


def test_without_httpx_there_is_one_line() -> None:
    code = "import sys; sys.modules['httpx'] = None; import mien; mien.Client()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip().endswith("mien.Client needs httpx, which is not installed; pip install 'mien[serve]'")


def test_an_option_that_is_none_is_not_sent(scripted: Callable[..., Scripted]) -> None:
    server = scripted((200, {}, [{"source": "a"}]))
    mien.Client(server.url).predict(b"x", weights="ferplus", prior=None)
    assert b'name="weights"' in server.bodies[0]
    assert b"prior" not in server.bodies[0]
