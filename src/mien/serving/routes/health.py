"""Whether the server runs, and whether it can read images now."""

from fastapi import APIRouter, Request

from mien.serving.errors import unavailable

router = APIRouter(tags=["health"])


@router.get("/healthz")
def healthz() -> dict[str, bool]:
    """Say that the server runs."""
    return {"ok": True}


@router.get("/readyz")
def readyz(request: Request) -> dict[str, bool]:
    """Say whether images can be read now: 503 before and while processes are replaced."""
    if not request.app.state.service.ready:
        raise unavailable()
    return {"ready": True}
