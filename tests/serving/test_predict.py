"""POST /v1/predict: the rows of the command line, for images in a form and in JSON."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from skimage.data import coffee

from . import images
from .videos import film


def on_the_command_line(photos: list[Path], *words: str) -> list[dict[str, Any]]:
    """Return what `mien predict --format json` prints for photos, which their names stand for."""
    command = [sys.executable, "-m", "mien", "predict", *map(str, photos), "--format", "json", *words]
    printed: list[dict[str, Any]] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return [row | {"source": Path(row["source"]).name} for row in printed]


@pytest.mark.parametrize(
    "options", [{}, {"weights": "fer2013-nano", "prior": "uniform", "abstain": "auto", "level": "group"}], ids=str
)
def test_rows_are_those_of_the_command_line(client: TestClient, photos: list[Path], options: dict[str, str]) -> None:
    expected = on_the_command_line(photos, *(word for k, v in options.items() for word in (f"--{k}", v)))
    form = [("images", (str(path), path.read_bytes())) for path in photos]
    assert client.post("/v1/predict", files=form, params=options).json() == expected
    assert client.post("/v1/predict", files=form, data=options).json() == expected
    images = [{"name": path.name, "data": base64.b64encode(path.read_bytes()).decode()} for path in photos]
    assert client.post("/v1/predict", json={"images": images, **options}).json() == expected


def large(path: Path, side: int) -> Path:
    """Write a JPEG of 16 million pixels with two heads, the smaller one of `side` pixels."""
    scene = images.scaled(coffee(), 4800, 3400)
    for head, x, size in zip(images.heads(), (300, 2600), (side, 1800), strict=True):
        scene[500 : 500 + size, x : x + size] = images.scaled(head, size, size)
    Image.fromarray(scene).save(path, quality=92)
    return path


def test_large_jpegs_are_decoded_as_on_the_command_line(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoders = client.app.state.service.decoders  # type: ignore[attr-defined]
    decode, sizes = decoders.decode, []

    async def decoding(*given: Any) -> Any:
        decoded = await decode(*given)
        sizes.append((given[1], decoded.pixels.width))
        return decoded

    monkeypatch.setattr(decoders, "decode", decoding)
    photos = [large(tmp_path / "near.jpg", 1600), large(tmp_path / "far.jpg", 400)]
    form = [("images", (path.name, path.read_bytes())) for path in photos]
    rows = client.post("/v1/predict", files=form).json()
    assert rows == on_the_command_line(photos)
    assert [len(row["faces"]) for row in rows] == [2, 2]
    assert sorted(sizes) == [("far.jpg", 1200), ("far.jpg", 2400), ("near.jpg", 1200)]


@pytest.mark.parametrize(("name", "hint"), [("clip", True), ("clip.mp4", True), ("clip.jpg", True), ("a.jpg", False)])
def test_a_video_is_sent_to_its_route(client: TestClient, photos: list[Path], name: str, hint: bool) -> None:
    files = [("images", (name, film() if hint else b"text")), ("images", ("b.png", photos[0].read_bytes()))]
    error = client.post("/v1/predict", files=files).json()[0]["error"]
    assert error.startswith(f"{name} cannot be read as an image: ")
    assert error.endswith("; videos go to /v1/video") == hint
