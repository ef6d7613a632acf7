"""Bodies: counted as they come, parsed in memory, refused with a code."""

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from mien.serving.app import create_app
from mien.serving.bodies import Inbox
from mien.serving.errors import ApiError
from mien.serving.settings import Settings

PNG = b"\x89PNG\r\n\x1a\n"
JSON = {"content-type": "application/json"}
FORM = {"content-type": "multipart/form-data; boundary=b"}
PART = b'--b\r\nContent-Disposition: form-data; name="images"; filename="a.png"\r\n\r\n'


@pytest.fixture(scope="module")
def small() -> TestClient:
    """A client of an application that takes 1 MB, whose processes do not run."""
    app = create_app(Settings(rate=0, max_upload=1_000_000))
    client = TestClient(app, base_url="http://localhost")
    from mien.serving.service import Service

    async def service() -> Service:
        return Service(app.state.settings, app.state.metrics)

    import asyncio

    app.state.service = asyncio.run(service())
    return client


def chunks(total: int, head: bytes = PART) -> Iterator[bytes]:
    yield head
    for _ in range(total // 10_000):
        yield b"x" * 10_000


def test_a_body_is_counted_while_it_is_received(small: TestClient) -> None:
    sent = []

    def counted() -> Iterator[bytes]:
        for chunk in chunks(5_000_000):
            sent.append(len(chunk))
            yield chunk

    response = small.post("/v1/predict", content=counted(), headers=FORM)  # chunked: no length is declared
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too_large")
    declared = small.post("/v1/predict", content=b"x", headers={**FORM, "content-length": "2000000"})
    assert declared.status_code == 413


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"", {}, 415, "unsupported_media_type"),
        (PNG, {"content-type": "image/png"}, 415, "unsupported_media_type"),
        (b"", FORM, 422, "no_images"),
        (b"", {"content-type": "multipart/form-data"}, 400, "invalid_multipart"),
        (PART + b"x\r\n--b--\r\n", {"content-type": "multipart/form-data; boundary=other"}, 400, "invalid_multipart"),
        (b"--b\r\nContent-Disposition: form-data; name=\"images\"\r\n\r\nx\r\n--b--\r\n", FORM, 422, "no_images"),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n", FORM, 400, "invalid_multipart"),
        (b"{", JSON, 422, "invalid_request"),
        (b"\xff", JSON, 422, "invalid_request"),
        (b"[" * 100_000, JSON, 422, "invalid_request"),
        (b'{"images": []}', JSON, 422, "no_images"),
        (b'{"images": [{"data": "?"}]}', JSON, 422, "invalid_request"),
        (b'{"images": [{"data": "eA==", "path": "/etc/passwd"}]}', JSON, 422, "invalid_request"),
        (b'{"images": [{"data": "eA=="}], "weights": "/etc/passwd"}', JSON, 422, "invalid_request"),
        (b'{"images": [{"data": "eA=="}], "abstain": 1e999}', JSON, 422, "invalid_request"),
        (b'{"images": [{"data": "eA=="}], "measures": true}', JSON, 422, "no_measures"),
        (b'{"images": [' + b'{"data": "eA=="}, ' * 100 + b'{"data": "eA=="}]}', JSON, 413, "too_many"),
    ],
)  # fmt: skip
def test_bodies_that_are_refused(
    small: TestClient, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    response = small.post("/v1/predict", content=body, headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert "passwd" not in response.text


def test_no_upload_touches_a_disk(client: TestClient, monkeypatch: pytest.MonkeyPatch, photos: list[Path]) -> None:
    def disk(*_: Any, **__: Any) -> None:
        raise AssertionError("a temporary file")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", disk)
    monkeypatch.setattr(tempfile, "TemporaryFile", disk)
    noise = np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    assert len(buffer.getvalue()) > 4_000_000  # Starlette would write it to a file from 1 MB on
    response = client.post("/v1/predict", files=[("images", ("noise.png", buffer.getvalue()))])
    assert response.json()[0]["width"] == 1500


def test_bodies_share_a_space() -> None:
    inbox = Inbox(10)
    with inbox.space() as take:
        take(8)
        with inbox.space() as other, pytest.raises(ApiError, match="too much is waiting"):
            other(3)
        with inbox.space() as other:
            other(2)
    with inbox.space() as take:
        take(10)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "the request: expected JSON"),
        (b"[]", "the request: expected an object"),
        (b"{}", "images: it is missing"),
        (b'{"images": 1}', "images: expected a list"),
        (b'{"images": [1]}', "images.0: expected an object"),
        (b'{"images": [{}]}', "images.0.data: it is missing"),
        (b'{"images": [{"data": "?"}]}', "images.0.data: expected base64"),
        (b'{"images": [{"data": "eA==", "path": "x"}]}', "images.0.path: not an option"),
        (b'{"images": [{"data": "eA==", "name": 1}]}', "images.0.name: expected text"),
        (b'{"images": [{"data": "eA=="}], "smile": 1}', "smile: not an option"),
        (b'{"images": [{"data": "eA=="}], "measures": "perhaps"}', "measures: expected true or false"),
        (b'{"images": [{"data": "eA=="}], "level": 1}', "level: expected text"),
    ],
    ids=str,
)
def test_messages_are_in_plain_words(small: TestClient, body: bytes, message: str) -> None:
    response = small.post("/v1/predict", content=body, headers=JSON)
    assert response.json()["error"] == {"code": "invalid_request", "message": message}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"smile": "1"}, "smile: not an option"),
        ({"every": "x"}, "every: expected a whole number"),
        ({"every": "0"}, "every: expected a number from 1 on"),
        ({"smooth": "inf"}, "smooth: expected a number"),
        ({"start": "x"}, "start: expected a number"),
        ({"abstain": "7"}, "abstain: expected a fraction from 0 to 1, or auto"),
    ],
    ids=str,
)
def test_messages_about_a_query(small: TestClient, query: dict[str, str], message: str) -> None:
    assert small.post("/v1/video", params=query).json()["error"]["message"] == message


@pytest.mark.parametrize("value", ["-0.1", "1.1", "nan", "often", ""])
def test_an_abstention_that_is_none(small: TestClient, value: str) -> None:
    response = small.post("/v1/predict", files=[("images", ("a.png", PNG))], data={"abstain": value})
    assert response.json()["error"]["message"] == "abstain: expected a fraction from 0 to 1, or auto"
