"""Who is served: host, origin, token and rate; what every response carries and none tells."""

import socket
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from mien.errors import UsageError
from mien.serving.app import create_app
from mien.serving.rate import Rate
from mien.serving.security import HEADERS
from mien.serving.server import serve
from mien.serving.settings import Settings

TOKEN = "0123456789abcdef"
OPEN = "0.0.0.0"


def bare(settings: Settings) -> TestClient:
    """A client of an application whose processes do not run."""
    return TestClient(create_app(settings), base_url="http://localhost")


@pytest.fixture(scope="module")
def guarded() -> TestClient:
    """A client of an application with a token, open to other machines."""
    return bare(Settings(host=OPEN, token=TOKEN, rate=0, aliases=("faces.example.org",)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"host": OPEN}, "without `token`"),
        ({"host": "192.168.1.5"}, "without `token`"),
        ({"host": "example.org"}, "without `token`"),
        ({"token": "short"}, "at least 16"),
        ({"token": "0123456789abcdé"}, "at least 16"),
        ({"token": "0123456789abcdefé"}, "printable ASCII"),
        ({"port": 65536}, "0 to 65535"),
        ({"max_upload": 0}, "megabytes"),
        ({"rate": -1.0}, "requests a second"),
        ({"rate": float("nan")}, "requests a second"),
        ({"weights": "../x"}, "no weights that ship"),
        ({"prior": "happiness=1"}, "natural or uniform"),
        ({"certfile": Path("a.pem")}, "both"),
    ],
    ids=str,
)
def test_settings_that_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Settings(**settings)  # type: ignore[arg-type]


def test_the_token_is_not_printed() -> None:
    assert TOKEN not in repr(Settings(token=TOKEN))


def test_a_certificate_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("no certificate")
    with pytest.raises(UsageError, match="a certificate and its key in PEM"):
        serve(Settings(port=0, certfile=tmp_path / "a.pem", keyfile=tmp_path / "a.pem"))


def test_a_server_that_cannot_start_says_so(tmp_path: Path) -> None:
    (tmp_path / "mien-spool").touch()
    with pytest.raises(UsageError, match=r"mien-spool: .*another `spool`"):
        serve(Settings(port=0, spool=tmp_path))


def test_a_port_that_is_taken(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=f"^`port` {port} is taken; expected another `port`, or 0"):
            serve(Settings(port=port))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_a_host_that_is_no_address_of_this_machine(host: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match=f"^`host` {host}: .*expected an address of this machine"):
        serve(Settings(host, 0, TOKEN))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.2"])
def test_this_machine_alone_needs_no_token(host: str) -> None:
    assert Settings(host=host).loopback


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:8000", 200), ("127.0.0.1", 200), ("[::1]:80", 200), ("evil.example", 421), ("localhost.evil", 421),
     ("192.168.1.5", 421), ("", 421), ("[::1", 421), ("localhost@evil.example", 421)],
)  # fmt: skip
def test_hosts_of_a_loopback_server(host: str, status: int) -> None:
    assert bare(Settings()).get("/healthz", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("host", "status"), [("192.168.1.5:8000", 200), ("faces.example.org", 200), ("evil.example", 421)]
)
def test_hosts_of_an_open_server(guarded: TestClient, host: str, status: int) -> None:
    assert guarded.get("/healthz", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("origin", "refused"),
    [
        ("http://evil.example", True),
        ("null", True),
        ("http://[", True),
        ("http://localhost:1", True),
        ("http://localhost", False),
        (None, False),
    ],
)
def test_posts_of_other_sites_are_refused(origin: str | None, refused: bool) -> None:
    headers = {"Origin": origin} if origin else {}
    response = bare(Settings(rate=0)).post("/v1/nothing", headers=headers)
    assert (response.status_code == 403) == refused


@pytest.mark.parametrize(
    ("header", "status"),
    [(None, 401), ("Bearer ", 401), ("Bearer x", 401), (f"Basic {TOKEN}", 401), (f"Bearer {TOKEN}é", 401),
     (f"Bearer {TOKEN[:-1]}", 401), (f"Bearer {TOKEN}", 200), (f"bearer {TOKEN}", 200)],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/v1/weights", "/metrics"])
def test_the_interface_needs_the_token(guarded: TestClient, path: str, header: str | None, status: int) -> None:
    headers = {"Authorization": header.encode()} if header else {}
    response = guarded.get(path, headers=headers)
    assert response.status_code == status
    assert ("www-authenticate" in response.headers) == (status == 401)


@pytest.mark.parametrize(
    ("header", "message"), [("", "expected the header"), ("Bearer ", "expected the header"), ("Bearer x", "is wrong")]
)
def test_a_wrong_token_is_told_from_none(guarded: TestClient, header: str, message: str) -> None:
    response = guarded.get("/v1/weights", headers={"Authorization": header})
    assert message in response.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/", "/healthz", "/openapi.json", "/weights/ferplus.json"])
def test_the_page_needs_no_token(guarded: TestClient, path: str) -> None:
    assert guarded.get(path).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/nothing"), ("DELETE", "/v1/predict"), ("GET", "/v1/weights"), ("GET", "/openapi.json")],
)
def test_every_response_carries_the_headers(method: str, path: str) -> None:
    response = bare(Settings(rate=0)).request(method, path)
    assert {name: response.headers.get(name) for name in HEADERS} == HEADERS
    assert "unsafe-inline" not in response.headers["content-security-policy"]
    assert "server" not in response.headers


def test_a_bug_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(Settings(rate=0))

    @app.get("/v1/broken")
    def broken() -> None:
        raise RuntimeError("/home/someone/photo.jpg")

    response = TestClient(app, base_url="http://localhost").get("/v1/broken")
    assert response.status_code == 500
    assert response.json() == {"error": {"code": "internal", "message": "the server failed"}}
    assert response.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path", ["/page/..%2fapp.py", "/page/../app.py", "/weights/..%2f..%2fcard.py", "/page//etc/passwd"]
)
def test_no_path_of_a_client_is_opened(path: str) -> None:
    response = bare(Settings(rate=0)).get(path)
    assert response.status_code == 404
    assert response.json() == {"error": {"code": "not_found", "message": "there is nothing here"}}


def test_logs_hold_no_name(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    client = bare(Settings(rate=0))
    client.get("/page/anna.jpg?name=anna")
    client.get("/anna.jpg")
    client.post("/v1/predict?weights=anna", files=[("images", ("anna.jpg", b"anna"))])
    assert len([r for r in caplog.records if r.name == "mien.serving"]) == 3
    assert "anna" not in "\n".join(record.getMessage() for record in caplog.records if record.name != "httpx")


def test_the_telemetry_of_fastapi_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fastapi.telemetry", reason="this fastapi has none")
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    assert True not in create_app(Settings())._telemetry.values()


@pytest.mark.parametrize(
    ("path", "lines"),
    [("/", 0), ("/page/js/app.js", 0), ("/healthz", 0), ("/metrics", 0), ("/v1/weights", 1), ("/no", 1)],
)
def test_the_log_has_a_line_per_request_and_none_per_file(
    caplog: pytest.LogCaptureFixture, path: str, lines: int
) -> None:
    caplog.set_level("INFO")
    bare(Settings(rate=0)).get(path)
    assert len([record for record in caplog.records if record.name == "mien.serving"]) == lines


def test_a_bucket_fills_at_its_rate() -> None:
    now = [0.0]
    rate = Rate(2, lambda: now[0])
    assert [rate.wait("a") for _ in range(3)] == [0, 0, 1]
    assert rate.wait("b") == 0
    now[0] = 0.5
    assert [rate.wait("a") for _ in range(2)] == [0, 1]
    now[0] = 100
    assert [rate.wait("a") for _ in range(3)] == [0, 0, 1]
    assert [Rate(0.1, lambda: 0.0).wait("a"), Rate(0).wait("a")] == [0, 0]


def test_too_many_requests_are_told_when_to_come_again() -> None:
    client = bare(Settings(rate=0.01))
    assert client.get("/v1/weights").status_code == 200
    refused = client.get("/v1/weights")
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_often")
    assert 50 <= int(refused.headers["retry-after"]) <= 100
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Host": "localhost", "Origin": "http://evil.example"}, "other_origin"),
        ({"Host": "localhost", "Origin": "http://["}, "other_origin"),
        ({"Host": "evil.example"}, "unknown_host"),
    ],
)
def test_websockets_of_other_sites_are_refused(guarded: TestClient, headers: dict[str, str], reason: str) -> None:
    with pytest.raises(WebSocketDisconnect) as closed, guarded.websocket_connect("/v1/stream", headers=headers):
        pass
    assert (closed.value.code, closed.value.reason) == (1008, reason)
