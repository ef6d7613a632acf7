"""Hours of abuse in minutes: malformed bodies and a soak, with flat memory and handles."""

import gc
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest

from . import live

pytestmark = pytest.mark.slow

BODIES = 2000
MINUTES = float(os.environ.get("MIEN_SOAK_MINUTES", "10"))
FORM = "multipart/form-data; boundary=b"
PART = b'--b\r\nContent-Disposition: form-data; name="images"; filename="a.jpg"\r\n\r\n'
END = b"\r\n--b--\r\n"
MAX_GROWTH = 40_000_000  # bytes of all processes, which keep some of what they freed
MAX_HANDLES = 20


def processes() -> list[psutil.Process]:
    own = psutil.Process()
    return [own, *(child for child in own.children(recursive=True) if "mien.serving" in " ".join(child.cmdline()))]


def held() -> tuple[int, int]:
    """Return the bytes and the handles of the server's processes, this one among them."""
    gc.collect()
    some = processes()
    return sum(one.memory_full_info().uss for one in some), sum(one.num_fds() for one in some)


def malformed(photos: list[Path], count: int) -> Iterator[tuple[bytes, str]]:
    """Yield bodies that no image is in, with their types: cut, altered, mixed up and made up."""
    rng = np.random.default_rng(0)
    images = [path.read_bytes() for path in photos[:2]]
    for k in range(count):
        image = images[k % 2]
        cut = image[: int(rng.integers(0, 2000))]
        noise = rng.integers(0, 256, int(rng.integers(1, 3000)), np.uint8).tobytes()
        kinds = (
            (PART + cut + END, FORM),
            (PART + noise + END, FORM),
            (PART + image[:24] + noise + END, FORM),
            (noise, FORM),
            (PART.replace(b"images", noise[:20].hex().encode()) + image + END, FORM),
            (PART + image + END, f"multipart/form-data; boundary={noise[:8].hex()}"),
            (noise, "application/json"),
            (b'{"images": [{"data": "' + noise[:200].hex().encode() + b'"}]}', "application/json"),
            (b'{"images": ' * int(rng.integers(1, 3000)), "application/json"),
            (PART + image + END, noise[:10].hex()),
        )
        yield kinds[k % len(kinds)]


def test_malformed_bodies_are_refused_and_leave_nothing(served: live.Live, photos: list[Path]) -> None:
    with httpx.Client(base_url=served.url, timeout=60) as client:

        def send(body: bytes, kind: str) -> httpx.Response:
            return client.post("/v1/predict", content=body, headers={"content-type": kind})

        for body, kind in malformed(photos, 200):
            send(body, kind)
        memory, handles = held()
        for number, (body, kind) in enumerate(malformed(photos, BODIES)):
            response = send(body, kind)
            assert 400 <= response.status_code < 500, (number, response.text)
            assert response.json()["error"]["code"]
        after, open_handles = held()
    assert after - memory < MAX_GROWTH
    assert open_handles - handles <= MAX_HANDLES


def test_a_soak(served: live.Live, photos: list[Path]) -> None:
    """Good and malformed requests from four clients for MIEN_SOAK_MINUTES, ten by default."""
    files = [("images", (path.name, path.read_bytes())) for path in photos]
    bad = list(malformed(photos, 50))
    expected = httpx.post(f"{served.url}/v1/predict", files=files, timeout=60).json()
    failures: list[str] = []
    counts = [0, 0]

    def work(number: int, end: float) -> None:
        with httpx.Client(base_url=served.url, timeout=60) as client:
            while time.monotonic() < end:
                response = client.post("/v1/predict", files=files)
                if response.status_code != 200 or response.json() != expected:
                    failures.append(response.text[:200])
                body, kind = bad[(number + counts[1]) % len(bad)]
                response = client.post("/v1/predict", content=body, headers={"content-type": kind})
                if not 400 <= response.status_code < 500:
                    failures.append(response.text[:200])
                counts[0] += 1
                counts[1] += 1

    def spell(minutes: float) -> tuple[int, int]:
        end = time.monotonic() + 60 * minutes
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4), [end] * 4))
        return held()

    memory, handles = spell(MINUTES / 10)
    after, open_handles = spell(MINUTES * 9 / 10)
    print(f"{counts[0]} good and {counts[1]} malformed requests; {(after - memory) / 1e6:.1f} MB more")
    assert failures == []
    assert after - memory < MAX_GROWTH
    assert open_handles - handles <= MAX_HANDLES
