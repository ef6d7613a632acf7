"""Bytes of an image to pixels, in processes that may hang, grow or crash (decoding.py).

Each is limited in memory and time, and holds one image at a time.  What it sends back is JSON and pixels, never
objects, since an image may have taken it over.
"""

import json
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from mien.errors import MediaError
from mien.inference.media import DecodedImage
from mien.serving import decoding
from mien.serving.metrics import Metrics
from mien.serving.processes import Crew, Late
from mien.serving.shared import Shared


@dataclass(frozen=True, eq=False)
class Decoded:
    """A decoded image, perhaps at a fraction of its size, in memory that processes share.

    Attributes:
        pixels: uint8 RGB (H, W, 3).
        width, height, note: as of `mien.inference.media.DecodedImage`.
    """

    pixels: Shared
    width: int
    height: int
    note: str = ""

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """Height and width of the pixels, width and height at full size."""
        return self.pixels.height, self.pixels.width, self.width, self.height

    def image(self) -> DecodedImage:
        """Return it with its pixels as an array."""
        return DecodedImage(self.pixels.array(), self.width, self.height, self.note)


class Decoders:
    """The processes that decode.

    Attributes:
        crew: the processes.
    """

    def __init__(self, count: int, metrics: Metrics) -> None:
        self.crew = Crew("decoder", count, decoding.__name__, {}, metrics)

    async def decode(self, data: bytes, name: str, target: int, quick: bool) -> Decoded:
        """Return an image; MediaError when it cannot be decoded, Lost when the process died.

        `target` and `quick` are those of `mien.inference.media.image.Limits`.
        """
        how = {"name": name, "limits": {"target": target, "quick": quick}}
        try:
            reply = await self.crew.ask(partial(_exchange, data, how), decoding.SECONDS)
        except Late:
            reply = f"{name} cannot be read as an image: it takes more than {decoding.SECONDS} s"
        if isinstance(reply, str):
            raise MediaError(reply)
        return reply


def _exchange(data: bytes, how: dict[str, Any], connection: Connection) -> Decoded | str:
    """Send an image to a decoder and return its reply, or why it cannot be decoded."""
    connection.send_bytes(json.dumps(how).encode())
    connection.send_bytes(data)
    reply = json.loads(connection.recv_bytes(decoding.MAX_HEADER))
    if "error" in reply:
        return str(reply["error"])
    height, width = (int(side) for side in reply["shape"])
    if min(height, width) < 1 or height * width > decoding.MAX_PIXELS:
        raise OSError("no size of an image")
    pixels = Shared.receive(connection, height, width)
    return Decoded(pixels, int(reply["width"]), int(reply["height"]), str(reply["note"]))
