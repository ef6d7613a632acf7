"""Whether the server runs, and whether it can read images now."""

from fastapi import APIRouter, Request

from mien.serving.errors import unavailable

router = APIRouter(tags=["health"])


@router.get("/healthz")
def healthz() -> dict[str, bool]:
    """Answer as long as the server runs."""
    return {"ok": True}


@router.get("/readyz")
def readyz(request: Request) -> dict[str, bool]:
    """Answer 200 when images can be read now, 503 before and while processes are replaced."""
    if not request.app.state.service.ready:
        raise unavailable()
    return {"ready": True}
