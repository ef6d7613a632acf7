"""A client of `mien serve`.

rows = mien.Client("http://127.0.0.1:8000").predict(["a.jpg", "b.jpg"], weights="ferplus-nano")
"""

import io
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from mien.connection import Connection
from mien.errors import MediaError, ServerError, UsageError, reason

Row = dict[str, Any]
BATCH, POLL_SECONDS = 8, 0.5  # images in a request; between looks at a video


class Client:
    """Reads images and videos on a server; ServerError where it cannot be reached or refuses.

    Requests are repeated while the server is busy and after a lost connection, but for a video that may have arrived.
    """

    def __init__(self, url: str = "http://127.0.0.1:8000", token: str = "", timeout: float = 60, retries: int = 4):
        """Take the address, the token (else MIEN_TOKEN), the seconds to wait for bytes, and how often to repeat."""
        self._server = Connection(url, token, timeout, retries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def weights(self) -> list[Row]:
        """Return the weights to choose from, with the labels, priors, threshold and reliability of each."""
        return list(self._server.ask("GET", "/v1/weights")["weights"])

    def predict(self, images: Any, **options: Any) -> list[Row]:
        """Return a row as of `mien predict --format json` per image: a path, a file's bytes, or uint8 RGB (H, W, 3).

        Options are weights, prior, abstain, measures, level, detector.  An unreadable image has an `error` in its row.
        """
        some = [images] if isinstance(images, str | Path | bytes) or hasattr(images, "dtype") else images
        named = [(str(one) if isinstance(one, str | Path) else f"image {k}", one) for k, one in enumerate(some, 1)]
        return [row for k in range(0, len(named), BATCH) for row in self._rows(named[k : k + BATCH], options)]

    def _rows(self, named: list[tuple[str, Any]], options: Row) -> list[Row]:
        try:
            files = [("images", (Path(name).name, _content(image))) for name, image in named]
            rows = self._server.ask("POST", "/v1/predict", files=files, data=options)
        except MediaError as error:
            if len(named) > 1:
                return [row for one in named for row in self._rows([one], options)]
            from mien.inference.prediction import Prediction

            rows = [Prediction(named[0][0], error=str(error)).to_dict()]
        return [row | {"source": name} for row, (name, _) in zip(rows, named, strict=True)]

    def video(
        self, path: str | Path, progress: Callable[[float], object] = lambda fraction: None, **options: Any
    ) -> tuple[list[Row], list[Row]]:
        """Return the rows of a video's frames and of its events.csv; `progress` gets the fraction that has been read.

        Options are those of `predict`, and every, start, end, max_fps, smooth.  The last row may have an `error`.
        """
        files, named = {"video": (Path(path).name, _content(path))}, {"source": str(path)}
        ask, rows = self._server.ask, list[Row]()
        job = f"/v1/video/{ask('POST', '/v1/video', once=True, files=files, data=options)['job']}"
        try:
            while True:
                state = ask("GET", job)
                while len(rows) < state["rows"]:
                    rows += ask("GET", f"{job}/rows", params={"from": len(rows)})
                progress(state["progress"])
                if state["state"] in ("done", "failed"):
                    return [row | named for row in rows], [one | named for one in ask("GET", f"{job}/events")]
                time.sleep(POLL_SECONDS)
        finally:
            with suppress(ServerError):
                ask("DELETE", job)


def _content(image: Any) -> bytes:
    """Return the bytes to send: of a file, or of a PNG of an array."""
    if isinstance(image, bytes):
        return image
    if isinstance(image, str | Path):
        try:
            return Path(image).read_bytes()
        except OSError as error:
            raise MediaError(f"{image} cannot be read: {reason(error)}") from None
    if getattr(image, "dtype", None) != "uint8" or image.ndim != 3 or image.shape[2] != 3:
        raise UsageError(f"an image of type {type(image).__name__}", "a path, bytes, or uint8 RGB (H, W, 3)")
    from PIL.Image import fromarray

    fromarray(image).save(stream := io.BytesIO(), "PNG", compress_level=1)
    return stream.getvalue()
