"""Runs the application until it is stopped."""

import errno
import logging
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

import uvicorn

from mien.errors import UsageError, reason
from mien.printable import say
from mien.serving import patience
from mien.serving.app import create_app
from mien.serving.settings import Settings
from mien.serving.spool import Spool
from mien.serving.streams import MAX_FRAME


def announce(address: str) -> None:
    """Say where the page is."""
    say(f"mien: {address} (Ctrl-C stops)")


def serve(
    settings: Settings,
    samples: Mapping[str, Path] = {},
    opened: Callable[[str], None] = announce,
    level: int = logging.INFO,
) -> None:
    """Serve until Ctrl-C or SIGTERM; the page offers the photographs in `samples`, by name, to try.

    `opened` is called with the server's address once it listens; `level` is that of the log.
    UsageError when it cannot start.
    """
    logging.basicConfig(level=level, format="mien: %(message)s")
    spool = Spool(settings.spool)
    spool.start()  # tried here, as an error within the application is printed with its traceback
    spool.close()
    config = uvicorn.Config(
        create_app(settings, samples),
        host=settings.host,
        port=settings.port,
        ssl_certfile=settings.certfile,
        ssl_keyfile=settings.keyfile,
        http=patience.Connection,
        timeout_graceful_shutdown=patience.SECONDS,
        ws_max_size=MAX_FRAME,
        ws_per_message_deflate=False,  # frames are compressed already
        access_log=False,
        server_header=False,
        date_header=True,
        log_config=None,
        log_level=logging.WARNING,
    )
    try:
        config.load()
    except OSError as error:
        raise UsageError(f"`certfile` or `keyfile`: {reason(error)}", "a certificate and its key in PEM") from None
    listening = _listening(settings.host, settings.port)
    patience.allow_many()
    try:
        _Server(config, opened).run([listening])
    except SystemExit:
        raise UsageError("the server did not start", do="the reason stands above") from None


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens; UsageError where it cannot."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return patience.impatient(socket.create_server(address, family=family))
    except socket.gaierror as error:
        raise UsageError(f"`host` {host}: {reason(error)}", "an address of this machine") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UsageError(f"`port` {port} is taken", "another `port`, or 0 for a free one") from None
        if error.errno == errno.EACCES:
            raise UsageError(f"`port` {port} is not allowed to you", "a `port` from 1024 on") from None
        raise UsageError(f"`host` {host}: {os.strerror(error.errno or 0)}", "an address of this machine") from None


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, opened: Callable[[str], None]) -> None:
        super().__init__(config)
        self._opened = opened

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            scheme = "https" if self.config.is_ssl else "http"
            host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
            self._opened(f"{scheme}://{host}:{self.servers[0].sockets[0].getsockname()[1]}")
