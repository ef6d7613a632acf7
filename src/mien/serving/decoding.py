"""A decoder: the process that turns the bytes of one image after the other into pixels."""

import json
from multiprocessing.connection import Connection
from typing import Any

from mien.errors import MediaError
from mien.inference.media.filetype import seems_video
from mien.inference.media.image import DecodedImage, Limits, decode, formats
from mien.serving.child import MIB, limit_memory, limit_work, ready
from mien.serving.shared import Shared

MAX_PIXELS = 25_000_000
SECONDS = 10  # for an image
MEMORY = 1_000 * MIB  # beyond that of the process at rest
MAX_HEADER = 10_000  # bytes


def work(connection: Connection) -> None:
    """Decode images until the server ends: how and bytes in, facts and pixels or an error out."""
    import pi_heif  # noqa: F401 - loaded before memory is limited by what is there

    formats()
    limit_memory(MEMORY)
    ready(connection)
    while True:
        how = json.loads(connection.recv_bytes())
        limit_work(SECONDS)
        _reply(connection, how["name"], Limits(MAX_PIXELS, **how["limits"]), connection.recv_bytes())


def _reply(connection: Connection, name: str, limits: Limits, data: bytes) -> None:
    try:
        decoded = decode(data, limits, name)
        pixels = Shared.of(decoded.image)
    except MediaError as error:
        text = str(error).partition("; `max_pixels`")[0][:1000]  # which no client can set
        hint = "; videos go to /v1/video" if seems_video(data, name) else ""
        return connection.send_bytes(json.dumps({"error": text + hint}).encode())
    connection.send_bytes(json.dumps(_facts(decoded)).encode())
    pixels.send(connection)


def _facts(decoded: DecodedImage) -> dict[str, Any]:
    facts = {"width": decoded.width, "height": decoded.height, "note": decoded.note[:1000]}
    return facts | {"shape": decoded.image.shape[:2]}
