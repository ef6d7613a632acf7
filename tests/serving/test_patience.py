"""Clients that open connections and leave them, send a word at a time, or do not speak HTTP are not waited for."""

import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from mien.serving import patience
from mien.serving.settings import Settings

from . import live

HEAD = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    """A server whose processes do not run, which waits for half a second."""
    with pytest.MonkeyPatch.context() as patch, live.running(Settings(), files_only=True) as server:
        patch.setattr(patience, "SECONDS", 0.5)
        yield at(server)


def at(server: live.Live) -> tuple[str, int]:
    url = urlsplit(server.url)
    return str(url.hostname), int(url.port or 0)


def is_closed(connection: socket.socket) -> bool:
    """Return True at the end of a connection, else raise TimeoutError."""
    connection.settimeout(30)
    with suppress(ConnectionResetError):
        while connection.recv(1000):
            pass
    return True


@pytest.mark.parametrize("sent", [b"", HEAD, b"G"])
def test_a_connection_without_a_request_is_closed(address: tuple[str, int], sent: bytes) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(sent)
        assert is_closed(connection)


def test_a_head_that_comes_a_word_at_a_time_is_not_waited_for(address: tuple[str, int]) -> None:
    end, is_open = time.monotonic() + 30, True
    with socket.create_connection(address) as connection:
        while is_open and time.monotonic() < end:
            time.sleep(0.05)
            try:
                connection.sendall(b"X")
            except OSError:
                is_open = False
    assert not is_open


def test_a_second_request_is_not_waited_for_either(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        connection.sendall(HEAD)
        assert is_closed(connection)


def test_a_body_has_longer(served: live.Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "SECONDS", 0.3)
    with socket.create_connection(at(served)) as connection:
        connection.sendall(HEAD + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{")
        connection.settimeout(1)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_a_response_that_is_read_slowly_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "SECONDS", 0.2)
    size = 30_000_000  # more than the system holds

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": bytes(size)})

    server = uvicorn.Server(uvicorn.Config(app, port=0, http=patience.Connection, lifespan="off", log_level="critical"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.01)
    try:
        with socket.create_connection(server.servers[0].sockets[0].getsockname()) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
            time.sleep(1)
            received = 0
            while part := connection.recv(1 << 20):
                received += len(part)
    finally:
        server.should_exit = True
    assert received > size


def test_what_is_not_http_is_refused(address: tuple[str, int]) -> None:
    for garbage in (b"\0" * 70_000, b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000, b"OPTIONS * RTSP/1.0\r\n\r\n"):
        with socket.create_connection(address) as connection:
            connection.sendall(garbage)
            assert connection.recv(1000).startswith(b"HTTP/1.1 400")
    assert httpx.get(f"http://{address[0]}:{address[1]}/healthz").status_code == 200


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system has no such option")
def test_a_client_that_does_not_read_is_given_up_by_the_system() -> None:
    server = patience.impatient(socket.create_server(("127.0.0.1", 0)))
    with server, socket.create_connection(server.getsockname()), server.accept()[0] as accepted:
        option = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert option == patience.UNREAD_SECONDS * 1000


def test_a_server_may_have_many_connections() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] <= 512:
        pytest.skip("the system allows no more")
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
        patience.allow_many()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 512
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
