"""A video in, a job out: its progress, and rows and events as they come."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response

from mien.serving import spec
from mien.serving.bodies import received_video
from mien.serving.options import VideoOptions, parsed
from mien.serving.service import Service

MAX_ROWS = 1000  # of one response
From = Annotated[int, Query(alias="from", ge=0, description="how many are known already")]

router = APIRouter(tags=["video"])


@router.post(
    "/v1/video", status_code=202, responses=spec.VIDEO_RESPONSES, openapi_extra={"requestBody": spec.VIDEO_BODY}
)
async def begin(request: Request, options: Annotated[VideoOptions, Query()]) -> JSONResponse:
    """Begin to read a video; options stand in the query or in the form, beside `video`.

    The job is forgotten ten minutes after the last request about it, or `keep` seconds.
    """
    service: Service = request.app.state.service
    service.videos.check_room()
    held = service.videos.spool.hold()
    try:
        with service.inbox.space() as take:
            name, known = await received_video(request, service.settings.max_upload, take, held.file)
        chosen = parsed(options.model_dump(exclude_unset=True) | known, VideoOptions).filled(service.settings)
        job = service.videos.add(name, held, chosen)
    except BaseException:
        held.close()
        raise
    return JSONResponse({"job": job}, 202)


@router.get("/v1/video/{job}", responses=spec.job_responses("how far it is", spec.JOB))
async def state(request: Request, job: str) -> dict[str, Any]:
    """Return how far a job is: `state` is queued, reading, done or failed, `progress` a fraction.

    A job that failed keeps the rows before the error, and has the error in its last row.
    """
    service: Service = request.app.state.service
    return {"job": job, **service.videos.get(job).to_dict()}


@router.get("/v1/video/{job}/rows", responses=spec.job_responses("rows", [spec.ROW]))
async def rows(request: Request, job: str, first: From = 0) -> Response:
    """Return up to 1,000 rows as of `mien predict --format json`, without those that are known."""
    service: Service = request.app.state.service
    some = service.videos.get(job).rows[first : first + MAX_ROWS]
    return Response(b"[" + b",".join(some) + b"]", media_type="application/json")


@router.get("/v1/video/{job}/events", responses=spec.job_responses("events", [spec.EVENT]))
async def events(request: Request, job: str, first: From = 0) -> list[dict[str, Any]]:
    """Return the events that have ended, as in events.csv, without those that are known."""
    service: Service = request.app.state.service
    return service.videos.get(job).events[first:]


@router.delete("/v1/video/{job}", responses=spec.job_responses("it is forgotten", {"forgotten": True}))
async def forget(request: Request, job: str) -> dict[str, bool]:
    """End a job and forget it."""
    service: Service = request.app.state.service
    service.videos.forget(job)
    return {"forgotten": True}
