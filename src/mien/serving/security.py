"""Who is served: checks of the host, the origin, the token and the rate, before anything of a request is read.

A page on another site can make a browser send requests to this machine.  It cannot set the header Host to a name of
ours (a name of its own that resolves to this machine is refused) nor the header Origin.
"""

import logging
import secrets
import socket
import time
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from mien.serving.errors import ApiError, error_response
from mien.serving.metrics import Metrics
from mien.serving.rate import Rate
from mien.serving.settings import Settings

log = logging.getLogger("mien.serving")

LOOPBACK = ("localhost", "127.0.0.1", "::1")
LOGGED = "/v1/"  # a visit of the page asks for some 70 files
API = (LOGGED, "/metrics")
HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' 'wasm-unsafe-eval'",
            "img-src 'self' blob: data:",
            "media-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "form-action 'none'",
        )
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Sent with every response."""

POLICY_VIOLATION = 1008  # the code that closes a websocket


class Guard:
    """ASGI middleware around the whole app."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self._app, self._settings, self._metrics = app, settings, metrics
        self._rate, self._names = Rate(settings.rate), names(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reply a request, or refuse it."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket" and (refusal := self._refusal(scope)):
            await WebSocketClose(POLICY_VIOLATION, refusal.code)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        start, status = time.monotonic(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                if scope["path"].startswith(API):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        try:
            if refusal := self._refusal(scope):
                await refusal.response()(scope, receive, sending)
            else:
                await self._app(scope, receive, sending)
        except Exception as error:
            log.exception("a bug in mien: %s", type(error).__name__)
            await error_response(500, "internal", "the server failed")(scope, receive, sending)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            seconds = time.monotonic() - start
            self._metrics.request(scope["method"], route, status, seconds)
            level = logging.INFO if status >= 400 or scope["path"].startswith(LOGGED) else logging.DEBUG
            log.log(level, "%s %s %d %.0f ms", scope["method"], route, status, seconds * 1000)

    def _refusal(self, scope: Scope) -> ApiError | None:
        """Return why a request is refused, or None."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._addressed(host):
            return ApiError(421, "unknown_host", "this server is not known by that name")
        writes = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD", "OPTIONS")
        if writes and (origin := headers.get("origin")) is not None and _netloc(origin) != host:
            return ApiError(403, "other_origin", "requests from pages of other sites are refused")
        if not scope["path"].startswith(API):
            return None
        client = scope["client"][0] if scope.get("client") else ""
        if wait := self._rate.wait(client):
            return ApiError(429, "too_often", f"expected at most {self._settings.rate:g} requests a second", wait)
        return self._unadmitted(headers.get("authorization", "")) if scope["type"] == "http" else None

    def _unadmitted(self, authorization: str) -> ApiError | None:
        """Return why a request does not have the token, or None."""
        kind, _, token = authorization.partition(" ")
        sent = token.strip() if kind.lower() == "bearer" else ""
        if is_token(self._settings, sent):
            return None
        wrong = "the token is wrong" if sent else "expected the header `Authorization: Bearer TOKEN`"
        return ApiError(401, "token", wrong)

    def _addressed(self, host: str) -> bool:
        """Return whether a header Host names this server; an address cannot have been rebound by DNS."""
        name = hostname(host)
        return name in self._names or (not self._settings.loopback and _is_address(name))


def is_token(settings: Settings, token: str) -> bool:
    """Return whether a token is the server's, or it has none; the time it takes tells nothing of it."""
    return not settings.token or secrets.compare_digest(token.encode(errors="replace"), settings.token.encode())


def names(settings: Settings) -> frozenset[str]:
    """Return the names by which a server may be addressed."""
    own = (socket.gethostname(), socket.getfqdn()) if not settings.loopback else ()
    return frozenset(name.lower() for name in (*LOOPBACK, settings.host, *settings.aliases, *own))


def hostname(host: str) -> str:
    """Return the name in a header Host, without its port.

    >>> hostname("localhost:8000"), hostname("[::1]:8000"), hostname("127.0.0.1")
    ('localhost', '::1', '127.0.0.1')
    """
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
