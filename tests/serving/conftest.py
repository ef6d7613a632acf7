"""A server's application in this process, and the photographs of packages."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import pytest
import skimage

pytest.importorskip("fastapi", reason="fastapi is not installed: pip install 'mien[serve]'")
from fastapi.testclient import TestClient

from mien.serving.app import create_app
from mien.serving.settings import Settings

from . import live
from .page import Page


@pytest.fixture(scope="session")
def photos() -> list[Path]:
    """A PNG and a JPEG of a face, and a PNG without one."""
    images = Path(skimage.__file__).parent / "data"
    hopper = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return [images / "astronaut.png", hopper, images / "coffee.png"]


@pytest.fixture(scope="session")
def client() -> Iterator[TestClient]:
    """A client of a server without limits on the rate."""
    with TestClient(create_app(Settings(rate=0)), base_url="http://localhost") as client:
        yield client


@pytest.fixture(scope="session")
def served(photos: list[Path]) -> Iterator[live.Live]:
    """A server on a port, with photographs to try."""
    with live.running(Settings(rate=0), {path.name: path for path in photos}) as one:
        yield one


@pytest.fixture(scope="session")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where Chromium saves files."""
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="session")
def chromium(photos: list[Path], downloads: Path) -> Iterator[Any]:
    """A headless Chromium whose camera shows two portraits."""
    browser = live.start(live.mjpeg(downloads.parent / "camera.mjpeg", photos), downloads)
    yield browser
    browser.quit()


@pytest.fixture
def page(chromium: Any, served: live.Live) -> Iterator[Page]:
    served.requests.clear()  # other tests use the server, too
    yield Page(chromium, served.url).open()
    chromium.execute_script("document.getElementById('clear')?.click()")  # lets the camera go
