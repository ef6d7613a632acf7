"""mien.Client against a server that reads."""

from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

import mien
from mien.errors import ServerError
from mien.serving.settings import Settings

from .live import Live, running
from .videos import film


def test_rows_are_those_of_the_server(served: Live, client: TestClient, photos: list[Path]) -> None:
    form = [("images", (path.name, path.read_bytes())) for path in photos]
    options = {"weights": "ferplus-nano", "abstain": "auto"}
    expected = client.post("/v1/predict", files=form, data=options).json()
    with mien.Client(served.url) as one:
        assert one.predict(photos, **options) == [
            row | {"source": str(path)} for row, path in zip(expected, photos, strict=True)
        ]
        pixels = np.asarray(Image.open(photos[0]).convert("RGB"))
        assert one.predict([photos[0].read_bytes(), pixels], **options) == [
            expected[0] | {"source": f"image {number}"} for number in (1, 2)
        ]
        text, good = one.predict([b"text", photos[0]], **options)
        assert one.predict(b"text", **options) == [text]
        assert good["faces"] == expected[0]["faces"]
        assert {weights["name"] for weights in one.weights()} >= {"ferplus", "ferplus-nano"}
        with pytest.raises(ServerError, match=r"weights: .*invalid_request"):
            one.predict(photos, weights="none")


@pytest.mark.slow
def test_a_token_and_a_rate(tmp_path: Path) -> None:
    """A client that is too fast for a server waits, and loses nothing."""
    (path := tmp_path / "clip.mp4").write_bytes(film())
    seen: list[float] = []
    with running(Settings(rate=2, token="t" * 16)) as live:
        with mien.Client(live.url) as one, pytest.raises(ServerError, match="token"):
            one.weights()
        with mien.Client(live.url, token="t" * 16) as one:
            assert len([one.weights() for _ in range(6)]) == 6
            rows, _ = one.video(path, seen.append)
    assert [row["frame"] for row in rows] == list(range(6))
    assert {row["source"] for row in rows} == {str(path)}
    assert seen == sorted(seen)
    assert seen[-1] == 1
