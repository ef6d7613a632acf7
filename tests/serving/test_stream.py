"""WS /v1/stream: faces of the newest frame, with tracks; and clients that do what they should not."""

import io
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from starlette.websockets import WebSocketDisconnect
from websockets.sync.client import connect

from mien.serving import service, streams
from mien.serving.app import create_app
from mien.serving.routes import stream as routes
from mien.serving.settings import Settings

from .live import Live
from .processes import children

TOKEN = "t" * 16
URL = "ws://localhost/v1/stream"
OPTIONS = {"weights": "ferplus-nano"}


@pytest.fixture(scope="module")
def faces(photos: list[Path]) -> np.ndarray:
    return np.asarray(Image.open(photos[0]).convert("RGB"))[:256, 100:420]


def address(served: Live) -> str:
    return f"{served.url.replace('http', 'ws')}/v1/stream"


def encoded(image: np.ndarray, format: str = "PNG") -> bytes:
    Image.fromarray(image).save(out := io.BytesIO(), format)
    return out.getvalue()


def closed(live: Any) -> tuple[int, str]:
    """Return why the server closes a connection."""
    with pytest.raises(WebSocketDisconnect) as left:
        live.receive_json()
    return left.value.code, left.value.reason


def raw(image: np.ndarray) -> bytes:
    height, width = image.shape[:2]
    return b"RGB8" + width.to_bytes(4, "little") + height.to_bytes(4, "little") + image.tobytes()


def test_faces_are_those_of_an_image_and_followed(client: TestClient, faces: np.ndarray) -> None:
    moved = np.roll(faces, 6, axis=1)
    expected = [
        client.post("/v1/predict", files={"images": encoded(one)}, data=OPTIONS).json()[0] for one in (faces, moved)
    ]
    with client.websocket_connect(URL) as live:
        live.send_json(OPTIONS)
        ready = live.receive_json()
        assert ready == {"ready": True, "labels": list(expected[0]["faces"][0]["probs"])}
        got = []
        for frame in (encoded(faces), raw(moved), encoded(faces, "WEBP")):
            live.send_bytes(frame)
            got.append(live.receive_json())
    assert [row["frame"] for row in got] == [0, 1, 2]
    assert 0 <= got[0]["seconds"] < got[1]["seconds"] < got[2]["seconds"]
    for row, image in zip(got, expected, strict=False):
        (face,), (own,) = row.pop("faces"), image["faces"]
        assert face == own | {"track_id": 1}
        assert (row["source"], row["width"], row["height"], row["error"]) == ("stream", 320, 256, None)
    assert got[2]["faces"][0]["track_id"] == 1


def test_probabilities_are_averaged_and_faces_abstain(client: TestClient, faces: np.ndarray) -> None:
    dark = (faces // 3).astype(np.uint8)
    rows: dict[float, list[dict[str, Any]]] = {}
    for smooth in (0, 60):
        with client.websocket_connect(URL) as live:
            live.send_json({**OPTIONS, "smooth": smooth, "abstain": 0.999999})
            live.receive_json()
            rows[smooth] = []
            for image in (faces, dark):
                live.send_bytes(raw(image))
                rows[smooth] += live.receive_json()["faces"]
    assert rows[0][0]["probs"] == rows[60][0]["probs"]
    assert rows[0][1]["probs"] != rows[60][1]["probs"]
    assert all(face["abstained"] for some in rows.values() for face in some)


def test_a_frame_that_cannot_be_read_costs_no_other(client: TestClient, faces: np.ndarray) -> None:
    with client.websocket_connect(URL) as live:
        live.send_json({})
        live.receive_json()
        for frame, error in ((b"text", True), (b"", True), (encoded(faces, "JPEG")[:900], True), (raw(faces), False)):
            live.send_bytes(frame)
            assert bool(live.receive_json()["error"]) is error


BAD_GREETINGS = {
    "not JSON": ("text", 1007, "invalid_request"),
    "a list": ("[]", 1007, "invalid_request"),
    "nested": ("[" * 9000, 1007, "invalid_request"),
    "long": (json.dumps({"token": "x" * 20_000}), 1009, "too_large"),
    "binary": (b"{}", 1007, "invalid_request"),
    "unknown option": ('{"smile": 1}', 1008, "invalid_request: smile: not an option"),
    "a long option": (json.dumps({"é" * 200: 1}), 1008, f"invalid_request: {'é' * 51}"),
    "unknown level": ('{"level": "x"}', 1008, "invalid_request: level: expected one of expression, group"),
    "not a number": ('{"smooth": NaN}', 1008, "invalid_request: smooth: expected a number"),
    "a token that is a number": ('{"token": 1}', 1008, "token"),
    "no measures": ('{"measures": true}', 1008, "no_measures"),
}


@pytest.mark.parametrize(("text", "status", "code"), BAD_GREETINGS.values(), ids=BAD_GREETINGS)
def test_first_messages_that_are_refused(client: TestClient, text: str | bytes, status: int, code: str) -> None:
    with client.websocket_connect(URL) as live:
        (live.send_bytes if isinstance(text, bytes) else live.send_text)(text)  # type: ignore[arg-type]
        assert closed(live) == (status, code)


BAD_FRAMES = {
    "text": ("{}", 1003, "not_a_frame"),
    "too large": (b"x" * 8_000_001, 1009, "too_large"),
    "too few pixels": (b"RGB8\x02\0\0\0\x02\0\0\0123", 1007, "invalid_frame"),
    "no pixels": (b"RGB8\0\0\0\0\x02\0\0\0", 1007, "invalid_frame"),
    "no size": (b"RGB8\x01", 1007, "invalid_frame"),
    "huge": (b"RGB8" + b"\xff" * 8 + b"123", 1007, "invalid_frame"),
}


@pytest.mark.parametrize(("frame", "status", "code"), BAD_FRAMES.values(), ids=BAD_FRAMES)
def test_frames_that_are_refused(client: TestClient, frame: str | bytes, status: int, code: str) -> None:
    with client.websocket_connect(URL) as live:
        live.send_json({})
        live.receive_json()
        (live.send_bytes if isinstance(frame, bytes) else live.send_text)(frame)  # type: ignore[arg-type]
        assert closed(live) == (status, code)


def test_silent_clients_are_sent_away(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "IDLE_SECONDS", 0.05)
    with client.websocket_connect(URL) as live:
        live.send_json({})
        assert live.receive_json()["ready"]
        assert closed(live) == (1008, "idle")
    monkeypatch.setattr(routes, "GREETING_SECONDS", 0.05)
    with client.websocket_connect(URL) as live:
        assert closed(live) == (1008, "idle")


def test_too_many_streams(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_STREAMS", 1)
    with client.websocket_connect(URL) as first:
        first.send_json({})
        first.receive_json()
        with client.websocket_connect(URL) as second:
            second.send_json({})
            assert closed(second) == (1013, "busy")
    assert "mien_streams 0.0" in client.get("/metrics").text


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}], ids=str)
def test_pages_of_other_sites_cannot_connect(client: TestClient, headers: dict[str, str]) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(URL, headers=headers):
        pass


@pytest.mark.slow
def test_the_token_is_in_the_first_message() -> None:
    with TestClient(create_app(Settings(rate=0, token=TOKEN)), base_url="http://localhost") as client:
        for token, known in (("", False), ("x" * 16, False), ("\ud800", False), (TOKEN, True)):
            with client.websocket_connect(URL) as live:
                live.send_json({"token": token})
                if known:
                    assert live.receive_json()["ready"]
                    continue
                assert closed(live) == (1008, "token")


def test_stale_frames_are_dropped(served: Live, faces: np.ndarray) -> None:
    """Of frames that come while one is read, the last is read."""
    readers = children("mien.serving.reading")
    with connect(address(served)) as live:
        live.send("{}")
        live.recv()
        for pid in readers:
            os.kill(pid, signal.SIGSTOP)
        for _ in range(40):
            live.send(raw(faces))
        assert live.ping().wait(60)
        for pid in readers:
            os.kill(pid, signal.SIGCONT)
        assert [json.loads(live.recv(60))["frame"] for _ in range(2)] == [0, 39]


@pytest.mark.slow
def test_a_killed_reader_costs_a_frame(served: Live, faces: np.ndarray) -> None:
    with connect(address(served)) as live:
        live.send("{}")
        live.recv()
        errors = []
        for pid in children("mien.serving.reading"):
            os.kill(pid, signal.SIGKILL)
        for _ in range(3):
            live.send(raw(faces))
            errors.append(json.loads(live.recv(60))["error"])
    assert errors[-1] is None
    assert set(errors) <= {None, "stream: reading was interrupted; try again"}


@pytest.fixture
def deaf(served: Live, faces: np.ndarray) -> Iterator[socket.socket]:
    """A client that sends frames and reads no row."""
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.sendall(
            f"GET /v1/stream HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eDEyMzQ1Njc4OTAxMjM0NQ==\r\n\r\n".encode()
        )
        yield line


def masked(opcode: int, data: bytes) -> bytes:
    """Return a message as clients send it, with a mask that changes nothing."""
    return bytes([0x80 | opcode, 0x80 | 127]) + len(data).to_bytes(8, "big") + bytes(4) + data


@pytest.mark.slow
def test_a_client_that_reads_nothing_delays_nobody(
    served: Live, faces: np.ndarray, deaf: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "SEND_SECONDS", 2.0)
    frame = masked(2, raw(faces[:64, :64]))
    deaf.sendall(masked(1, b"{}"))
    deadline = time.monotonic() + 120
    with connect(address(served)) as live:
        live.send("{}")
        live.recv()
        sent_away = False
        while not sent_away and time.monotonic() < deadline:
            try:
                deaf.sendall(frame)
            except OSError:
                sent_away = True
            live.send(raw(faces))
            assert json.loads(live.recv(60))["error"] is None
    assert sent_away


@pytest.mark.slow
def test_many_connections_leave_nothing(served: Live, faces: np.ndarray) -> None:
    def handles() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    def once(leave: bool) -> None:
        with connect(address(served)) as live:
            live.send("{}")
            live.recv()
            live.send(raw(faces))
            if leave:
                live.socket.close()
            else:
                live.recv()

    once(False)
    before = handles()
    for k in range(60):
        once(k % 2 == 1)
    time.sleep(1)
    assert handles() <= before + 2
