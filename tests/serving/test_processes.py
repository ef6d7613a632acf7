"""Processes that are killed, hang or grow: what that costs, and that they are replaced."""

import asyncio
import errno
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from fastapi.testclient import TestClient
from httpx import Response
from PIL import Image

from mien.serving import browser, decoding, processes, shared
from mien.serving.metrics import Metrics
from mien.serving.processes import Crew, Process
from mien.serving.service import Service
from mien.serving.shared import Shared

WAIT = 60.0  # seconds, on a machine that is busy with other tests


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)


@pytest.fixture
def service(client: TestClient) -> Iterator[Service]:
    """The service of `client`, complete before and after."""
    service: Service = client.app.state.service  # type: ignore[attr-defined]
    crews = {service.decoders.crew: len(service.decoders.crew.alive), service.engine.crew: 2}
    until(lambda: all(len(crew._idle) == count for crew, count in crews.items()))
    yield service
    until(lambda: all(len(crew._idle) == count for crew, count in crews.items()))


def post(client: TestClient, photo: Path) -> Response:
    return client.post("/v1/predict", files=[("images", (photo.name, photo.read_bytes()))])


def killed_in_flight(client: TestClient, crew: Crew, photo: Path) -> Response:
    """Return the response to a request whose process of a crew is stopped, and then killed while it works."""
    process = crew._idle[-1]
    os.kill(process.pid, signal.SIGSTOP)
    responses: list[Response] = []
    thread = threading.Thread(target=lambda: responses.append(post(client, photo)))
    thread.start()
    until(lambda: process not in crew._idle)
    os.kill(process.pid, signal.SIGKILL)
    thread.join(WAIT)
    return responses[0]


@pytest.mark.parametrize("kind", ["decoders", "engine"])
def test_a_killed_process_costs_its_request_alone(
    client: TestClient, service: Service, photos: list[Path], kind: str
) -> None:
    crew: Crew = getattr(service, kind).crew
    response = killed_in_flight(client, crew, photos[0])
    assert (response.status_code, response.json()["error"]["code"]) == (503, "unavailable")
    assert response.headers["retry-after"] == "1"
    assert client.get("/readyz").status_code == 200  # another stands by
    assert post(client, photos[0]).status_code == 200


def test_an_idle_process_that_is_killed_costs_nothing(client: TestClient, service: Service, photos: list[Path]) -> None:
    for crew in (service.decoders.crew, service.engine.crew):
        process = crew._idle[-1]
        os.kill(process.pid, signal.SIGKILL)
        until(lambda process=process, crew=crew: process not in crew.alive)
    assert post(client, photos[0]).status_code == 200


def test_a_process_that_cannot_be_started_is_started_later(
    client: TestClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[int] = []

    def no_memory(*_: object) -> None:
        refused.append(1)
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(processes, "_started", no_memory)
    os.kill(service.decoders.crew._idle[-1].pid, signal.SIGKILL)
    until(lambda: refused)
    monkeypatch.undo()  # the fixture waits until all processes are there


def test_a_process_goes_to_another_where_the_one_that_waited_gave_up() -> None:
    async def work() -> object:
        crew, free = Crew("decoder", 1, "", {}, Metrics()), cast(Process, Free())
        crew.alive.add(free)
        first, second = (asyncio.create_task(crew.ask(lambda _: "read", WAIT)) for _ in range(2))
        await asyncio.sleep(0)
        await crew._add(free)
        first.cancel()
        return await asyncio.wait_for(second, WAIT / 10)

    assert asyncio.run(work()) == "read"


class Free:
    """A process that replies at once."""

    async def ask(self, exchange: Callable[[None], object], seconds: float) -> object:
        return exchange(None)


def test_it_is_not_ready_without_a_reader(client: TestClient, service: Service) -> None:
    for process in list(service.engine.crew.alive):
        os.kill(process.pid, signal.SIGKILL)
    until(lambda: not service.ready)
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200
    until(lambda: client.get("/readyz").status_code == 200)


def test_a_bug_while_reading_costs_its_request_alone(
    client: TestClient, service: Service, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise KeyError

    monkeypatch.setattr(service.engine.crew, "ask", broken)
    response = post(client, photos[0])
    assert (response.status_code, response.json()["error"]["code"]) == (500, "internal")
    monkeypatch.undo()
    assert service.ready
    assert post(client, photos[0]).status_code == 200


def test_it_is_not_ready_when_nothing_takes_images_from_the_queue(
    client: TestClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ended() -> None:
        pass

    async def task() -> asyncio.Task[None]:
        done = asyncio.create_task(ended())
        await done
        return done

    monkeypatch.setattr(service.engine, "_task", asyncio.run(task()))
    assert client.get("/readyz").status_code == 503


def test_no_request_opens_weights(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "Classifier", None)  # they are open since the start
    assert len(client.get("/v1/weights").json()["weights"]) == 4


def test_an_image_that_takes_too_long_is_given_up(
    client: TestClient, service: Service, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "SECONDS", 1)
    crew = service.decoders.crew
    process = crew._idle[-1]
    os.kill(process.pid, signal.SIGSTOP)
    response = post(client, photos[0])
    assert response.json()["error"]["message"] == "astronaut.png cannot be read as an image: it takes more than 1 s"
    until(lambda: process not in crew.alive)
    monkeypatch.undo()
    assert post(client, photos[0]).status_code == 200


def png(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (width, height), 128).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_bomb_is_refused_before_it_is_decoded(client: TestClient) -> None:
    bomb = png(6_000, 5_000)  # 30 million pixels in a small file
    response = client.post("/v1/predict", files=[("images", ("bomb.png", bomb))])
    assert response.status_code == 422
    assert response.json()["error"]["message"] == "bomb.png has 6000 x 5000 pixels; expected at most 25 million"


def test_a_large_jpeg_is_decoded_at_half_its_size(client: TestClient) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8000, 6000), "grey").save(buffer, "JPEG")  # 48 million pixels, as phones have
    (row,) = client.post("/v1/predict", files=[("images", ("phone.jpg", buffer.getvalue()))]).json()
    assert (row["width"], row["height"], row["error"]) == (8000, 6000, None)


def test_some_images_that_cannot_be_read_keep_their_places(client: TestClient, photos: list[Path]) -> None:
    files = [("images", ("a.png", b"no image")), ("images", (photos[0].name, photos[0].read_bytes()))]
    first, second = client.post("/v1/predict", files=files).json()
    assert (first["source"], first["faces"]) == ("a.png", [])
    assert first["error"] == "a.png cannot be read as an image: not an image or video of a known format"
    assert (second["source"], len(second["faces"])) == (photos[0].name, 1)


LIMITED = """
from mien.serving import child
child.limit_memory(100 * child.MIB)
try:
    bytearray(200 * child.MIB)
except MemoryError:
    print("refused")
child.limit_work(0)
while True:
    pass
"""


def test_the_system_holds_a_process_to_its_limits() -> None:
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, check=False)
    assert done.stdout == "refused\n"
    assert done.returncode == -signal.SIGXCPU


@pytest.mark.parametrize("anonymous", [True, False])
def test_pixels_pass_between_processes(monkeypatch: pytest.MonkeyPatch, anonymous: bool) -> None:
    monkeypatch.setattr(shared, "ANONYMOUS", anonymous and shared.ANONYMOUS)
    here, there = Pipe()
    image = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)[:, ::-1]
    Shared.of(image).send(here)
    received = Shared.receive(there, 4, 5)
    assert (received.array() == image).all()
    assert not received.array().flags.writeable
    Shared.of(image).send(here)
    with pytest.raises(OSError, match="another size"):
        Shared.receive(there, 40, 50)


def handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_no_handle_stays_open() -> None:
    before = handles()
    for _ in range(50):
        Shared.of(np.zeros((8, 8, 3), np.uint8)).array()
    assert handles() <= before + 2
