"""Runs the application until it is stopped."""

import logging
from collections.abc import Mapping
from pathlib import Path

import uvicorn

from mien.printable import say
from mien.serving.app import create_app
from mien.serving.settings import Settings


def serve(settings: Settings, samples: Mapping[str, Path] = {}) -> None:
    """Serve until Ctrl-C or SIGTERM; the page offers the photographs in `samples`, by name, to try."""
    logging.basicConfig(level=logging.INFO, format="mien: %(message)s")
    config = uvicorn.Config(
        create_app(settings, samples),
        host=settings.host,
        port=settings.port,
        ssl_certfile=settings.certfile,
        ssl_keyfile=settings.keyfile,
        access_log=False,
        server_header=False,
        date_header=True,
        log_config=None,
        log_level=logging.WARNING,
    )
    scheme = "https" if settings.certfile else "http"
    say(f"mien: {scheme}://{settings.host}:{settings.port} (Ctrl-C stops)")
    uvicorn.Server(config).run()
