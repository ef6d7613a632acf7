"""A server's application in this process, and the photographs of packages."""

from collections.abc import Iterator
from pathlib import Path

import matplotlib
import pytest
import skimage

pytest.importorskip("fastapi", reason="fastapi is not installed: pip install 'mien[serve]'")
from fastapi.testclient import TestClient

from mien.serving.app import create_app
from mien.serving.settings import Settings


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
