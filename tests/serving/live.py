"""A server on a port of this machine and a real Chromium, which the tests of the page share."""

import io
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import uvicorn
from PIL import Image
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mien.inference.measures.files import FOLDER
from mien.serving.app import create_app
from mien.serving.files import PAGE
from mien.serving.patience import Connection
from mien.serving.settings import Settings

WAIT = 60.0  # seconds for anything to happen, on a machine that is busy with other tests
_MADE = {"page": PAGE / "vendor/ort.wasm.min.mjs", "measures": FOLDER / "yunet.onnx"}
_WITHOUT = [name for name, path in _MADE.items() if not path.exists()]
made = pytest.mark.skipif(bool(_WITHOUT), reason=f"not made: `make {' '.join(_WITHOUT)}`")
"""Skips tests that need what browsers read with."""


@dataclass
class Live:
    """A server that runs, its samples, the requests it got, as "GET /path?query", and the bytes of bodies it sent."""

    url: str
    samples: Mapping[str, Path]
    requests: list[str] = field(default_factory=list)
    sent: int = 0

    def got_nothing_of_images(self) -> bool:
        """Return whether all that was ever asked for is files, without a word of an image."""
        return all(one.startswith("GET /") and "?" not in one and "/v1/" not in one for one in self.requests)


class _Recorder:
    def __init__(self, app: ASGIApp, live: Live) -> None:
        self._app, self._live = app, live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            query = scope["query_string"].decode()
            self._live.requests.append(f"{scope.get('method', 'WS')} {scope['path']}{query and '?'}{query}")

        async def counted(message: Message) -> None:
            self._live.sent += len(message.get("body", b""))
            await send(message)

        await self._app(scope, receive, counted)


@contextmanager
def running(
    settings: Settings, samples: Mapping[str, Path] = {}, without: str = "nothing", files_only: bool = False
) -> Iterator[Live]:
    """Serve in a thread until the block ends, `without` the files whose address begins so.

    With `files_only` no process is started that decodes or reads.
    """
    live, app = Live("", samples), create_app(settings, samples)
    app.state.files = {path: one for path, one in app.state.files.items() if not path.startswith(without)}
    recorder = _Recorder(app, live)
    lifespan: Literal["off", "auto"] = "off" if files_only else "auto"
    config = uvicorn.Config(
        recorder, port=0, http=Connection, log_level="critical", timeout_graceful_shutdown=1, lifespan=lifespan
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    live.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield live
    finally:
        server.should_exit = True
        thread.join(WAIT)


def frames(photos: list[Path], count: int, size: tuple[int, int] = (640, 480)) -> Iterator[Image.Image]:
    """Yield frames in which one face moves, and from a third on a second one beside it."""
    left, right = (Image.open(path).convert("RGB") for path in photos[:2])
    left = left.crop((80, 0, 400, 320))
    right = right.resize((400, round(right.height * 400 / right.width))).crop((40, 0, 360, 320))
    for k in range(count):
        frame = Image.new("RGB", size, (70, 80, 90))
        frame.paste(left, (round(20 * np.sin(k / 9)), 80 + round(12 * np.cos(k / 7))))
        if k >= count // 3:
            frame.paste(right, (320, 80 + round(15 * np.sin(k / 5))))
        yield frame


def mjpeg(path: Path, photos: list[Path]) -> Path:
    """Write what Chromium's fake camera shows, over and over."""
    with path.open("wb") as out:
        for frame in frames(photos, 30):
            one = io.BytesIO()
            frame.save(one, "JPEG", quality=85)
            out.write(one.getvalue())
    return path


def video(path: Path, photos: list[Path], codec: str = "libvpx", count: int = 30) -> Path:
    """Write a video of `count` frames at 10 a second."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 640, 480, "yuv420p", 1_500_000
        for image in frames(photos, count):
            container.mux(stream.encode(av.VideoFrame.from_image(image)))
        container.mux(stream.encode())
    return path


ALLOWED = ("--use-fake-ui-for-media-stream",)
"""The word with which Chromium allows the camera; without it, it denies it."""


def start(clip: Path, downloads: Path, camera: Sequence[str] = ALLOWED) -> Any:
    """Return a headless Chromium whose camera shows a clip; skips with the reason where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    binary, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip("chromium and chromedriver are not both installed: `make browser`")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    media = (*camera, "--use-fake-device-for-media-stream")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    plain = ("--headless=new", "--disable-dev-shm-usage", "--disable-background-networking", "--lang=en")
    for word in (*plain, *media, f"--use-file-for-fake-video-capture={clip}", *sandbox):
        options.add_argument(word)
    options.add_experimental_option(
        "prefs",
        {
            "download.default_directory": str(downloads),
            "profile.default_content_setting_values.automatic_downloads": 1,  # several in a row
        },
    )
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))


def asked(browser: Any) -> set[str]:
    """Return the addresses that were asked for since the last look, but for what the page made itself."""
    events = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    urls = (e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent")
    return {url for url in urls if not url.startswith(("data:", "blob:"))}
