"""`mien serve`: faces over HTTP, and the page."""

from functools import partial
from math import isfinite
from pathlib import Path
from typing import Annotated

import typer

from mien.cli.options import Measures, weights_option

network_option = partial(typer.Option, rich_help_panel="Network")
SERVING = ("fastapi", "uvicorn", "starlette", "prometheus_client", "python_multipart", "websockets")


def serve(
    weights: Annotated[str, weights_option(metavar="NAME", help="default; see `mien list weights`")] = "ferplus",
    prior: Annotated[str, weights_option(metavar="PRIOR", help="default; natural or uniform")] = "natural",
    measures: Measures = False,
    host: Annotated[str, network_option(metavar="ADDRESS", help="where to listen")] = "127.0.0.1",
    port: Annotated[int, network_option(metavar="N", help="0 takes a free one")] = 8000,
    token: Annotated[str, network_option(metavar="TEXT", envvar="MIEN_TOKEN", help="what clients must send")] = "",
    name: Annotated[list[str] | None, network_option(metavar="NAME", help="a name of this server")] = None,
    max_upload: Annotated[float, network_option(metavar="MB", help="largest request")] = 32.0,
    rate: Annotated[float, network_option(metavar="N", help="requests per second and client")] = 10.0,
    spool: Annotated[Path | None, network_option(metavar="DIR", help="hold videos here while they are read")] = None,
    certfile: Annotated[Path | None, network_option(metavar="FILE", help="TLS certificate, PEM")] = None,
    keyfile: Annotated[Path | None, network_option(metavar="FILE", help="its key, PEM")] = None,
) -> None:
    """Serve the page and an HTTP interface on this machine."""
    from mien.errors import UsageError
    from mien.serving.server import serve as run
    from mien.serving.settings import MB, Settings

    if not isfinite(max_upload):
        raise UsageError(f"`max_upload` {max_upload}", "a number of megabytes above 0")
    size = round(max_upload * MB)
    run(Settings(host, port, token, size, rate, measures, weights, prior, certfile, keyfile, tuple(name or ()), spool))
