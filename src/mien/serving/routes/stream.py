"""Live frames in, the faces of the newest out.

First message of the client, as text: `{"token": "...", "weights": "ferplus-nano", "smooth": 0.3}`, with any options.
The server sends `{"ready": true, "labels": [...]}`.  Then each binary message is a frame: JPEG, PNG, WebP or another
image, or `RGB8`, its width and height as 32 bits each, little endian, and its pixels.  The server sends a row of
`mien predict --format json` for each frame that it read; `frame` counts the client's messages from 0.
"""

import asyncio
import json
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from mien.serving.errors import ApiError
from mien.serving.options import StreamOptions, parsed
from mien.serving.routes.weights import described
from mien.serving.security import is_token
from mien.serving.service import Service
from mien.serving.streams import INVALID, LATER, POLICY, TOO_LARGE, Closed, Stream

GREETING_SECONDS = 10.0
MAX_GREETING = 10_000  # characters
MAX_REASON = 120  # bytes; a websocket allows 123

router = APIRouter()


@router.websocket("/v1/stream")
async def stream(socket: WebSocket) -> None:
    """Read live frames."""
    service: Service = socket.app.state.service
    await socket.accept()
    try:
        options = await _greeted(socket, service)
        with service.streaming():
            labels = described(str(options.weights))["labels"]
            await socket.send_json({"ready": True, "labels": list(labels)})
            await Stream(socket, service, options).run()
    except WebSocketDisconnect:
        pass
    except Closed as closed:
        await _close(socket, closed.status, closed.code)
    except ApiError as error:
        await _close(socket, LATER if error.status == 429 else POLICY, _reason(error))


async def _greeted(socket: WebSocket, service: Service) -> StreamOptions:
    """Return the options in the first message; Closed or ApiError when it has no token or is not one."""
    try:
        text = await asyncio.wait_for(socket.receive_text(), GREETING_SECONDS)
    except TimeoutError:
        raise Closed(POLICY, "idle") from None
    except KeyError:  # it is binary
        raise Closed(INVALID, "invalid_request") from None
    greeting = _object(text)
    token = greeting.pop("token", "")
    if not isinstance(token, str) or not is_token(service.settings, token):
        raise Closed(POLICY, "token")
    return parsed(greeting, StreamOptions).filled(service.settings)


def _reason(error: ApiError) -> str:
    """Return the code of an error, and the message where it says which option is wrong."""
    if error.code != "invalid_request":
        return error.code
    return f"{error.code}: {error.message}".encode()[:MAX_REASON].decode(errors="ignore")


def _object(text: str) -> dict[str, Any]:
    if len(text) > MAX_GREETING:
        raise Closed(TOO_LARGE, "too_large")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Closed(INVALID, "invalid_request")
    return found


async def _close(socket: WebSocket, status: int, code: str) -> None:
    if socket.application_state is WebSocketState.CONNECTED:
        with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
            await asyncio.wait_for(socket.close(status, code), GREETING_SECONDS)
