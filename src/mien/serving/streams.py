"""Live frames: the newest is read, those that came before it in the meantime are dropped, and none is queued."""

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from starlette.websockets import WebSocket, WebSocketDisconnect

from mien.inference.prediction import Prediction
from mien.inference.video.smoothing import Smoother
from mien.inference.video.tracking import Tracks
from mien.serving.errors import ApiError
from mien.serving.options import StreamOptions
from mien.serving.routes.weights import described
from mien.serving.security import POLICY_VIOLATION
from mien.serving.service import Service
from mien.serving.shared import Shared

NAME = "stream"
RAW, HEAD = b"RGB8", 12  # the first bytes of a frame of raw pixels, and those before the pixels
MAX_FRAME = 8_000_000  # bytes of a message: 1920 x 1080 raw pixels and more
IDLE_SECONDS = 60.0  # without a frame
SEND_SECONDS = 10.0  # for a row; a client that takes longer reads none
PAUSE_SECONDS = 0.1  # when too much waits
UNSUPPORTED, INVALID, POLICY, TOO_LARGE, LATER = 1003, 1007, POLICY_VIOLATION, 1009, 1013


class Closed(Exception):
    """A reason to close a connection: the code of the websocket, and ours."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


@dataclass(frozen=True)
class Frame:
    """A frame as it came: how many came before it, when it came, in seconds of the stream, and its bytes."""

    index: int
    seconds: float
    data: bytes = field(repr=False)

    def image(self) -> bytes | Shared:
        """Return an encoded image, or pixels; Closed when they are not as many as was promised."""
        if not self.data.startswith(RAW):
            return self.data
        width, height = (int.from_bytes(self.data[k : k + 4], "little") for k in (4, 8))
        if len(self.data) < HEAD or not width * height or len(self.data) - HEAD != width * height * 3:
            raise Closed(INVALID, "invalid_frame")
        return Shared.of(np.frombuffer(self.data, np.uint8, offset=HEAD).reshape(height, width, 3))


class Stream:
    """One connection: its frames, and the faces that are followed through them."""

    def __init__(self, socket: WebSocket, service: Service, options: StreamOptions) -> None:
        self._socket, self._service, self._options = socket, service, options.of_images()
        self._tracks, self._smoother = Tracks(), Smoother(options.smooth, _min_confidence(options))
        self._newest: Frame | None = None
        self._arrived = asyncio.Event()
        self._start = time.monotonic()

    async def run(self) -> None:
        """Receive frames and send rows until the client leaves; Closed when it does what it should not."""
        await _first_end(self._receive(), self._send())

    async def _receive(self) -> None:
        index = 0
        while True:
            try:
                message = await asyncio.wait_for(self._socket.receive(), IDLE_SECONDS)
            except TimeoutError:
                raise Closed(POLICY, "idle") from None
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect
            data = message.get("bytes")
            if data is None:
                raise Closed(UNSUPPORTED, "not_a_frame")
            if len(data) > MAX_FRAME:
                raise Closed(TOO_LARGE, "too_large")
            self._newest = Frame(index, time.monotonic() - self._start, data)
            self._arrived.set()
            index += 1

    async def _send(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            frame, self._newest = self._newest, None
            if frame is None or (prediction := await self._read(frame)) is None:
                continue
            try:
                await asyncio.wait_for(self._socket.send_json(prediction.to_dict()), SEND_SECONDS)
            except TimeoutError:
                raise Closed(POLICY, "slow") from None

    async def _read(self, frame: Frame) -> Prediction | None:
        """Return the prediction of a frame, None when too much waits."""
        try:
            read = await self._service.predict(NAME, frame.image(), self._options)
        except ApiError as error:
            if error.status == 429:
                await asyncio.sleep(PAUSE_SECONDS)
                return None
            read = Prediction(NAME, error=f"{NAME}: {error.message}")
        faces = self._tracks.follow(read.faces, frame.seconds)
        faces = self._smoother.follow(faces, frame.seconds)
        return replace(read, frame=frame.index, seconds=frame.seconds, faces=tuple(faces))


def _min_confidence(options: StreamOptions) -> float:
    """Return the confidence below which a face abstains."""
    if options.abstain == "auto":
        return float(described(str(options.weights))["threshold"][options.prior] or 0.0)
    return options.abstain or 0.0


async def _first_end(*work: Coroutine[Any, Any, None]) -> None:
    """Run until one of several ends, end the others, and raise what it raised."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError, Exception):
                await task
    for task in done:
        task.result()
