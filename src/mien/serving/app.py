"""The web application: routes and files, behind the guard.  Read from here: routes/, service.py, security.py."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from mien.serving import files
from mien.serving.errors import add_handlers
from mien.serving.metrics import Metrics
from mien.serving.routes import health, metrics, predict, stream, video, weights
from mien.serving.security import Guard
from mien.serving.service import Service
from mien.serving.settings import Settings
from mien.version import __version__

ROUTERS = (health.router, weights.router, predict.router, video.router, stream.router, metrics.router, files.router)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service = app.state.service = Service(app.state.settings, app.state.metrics)
    try:
        await service.start()
        yield
    finally:
        service.close()


def create_app(settings: Settings, samples: Mapping[str, Path] = {}) -> FastAPI:
    """Return the application of a server; the page offers the photographs in `samples`, by name, to try."""
    app = FastAPI(
        title="mien",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        telemetry={  # which would describe requests to what the environment names: off, whatever that says
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    app.state.settings, app.state.metrics, app.state.files = settings, Metrics(), files.listed(samples)
    add_handlers(app)
    for router in ROUTERS:
        app.include_router(router)
    app.add_middleware(Guard, settings=settings, metrics=app.state.metrics)
    return app
