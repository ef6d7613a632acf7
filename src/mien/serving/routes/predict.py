"""Images in, the rows of `mien predict --format json` out."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse

from mien.serving import spec
from mien.serving.bodies import received
from mien.serving.errors import ApiError
from mien.serving.options import Options, parsed
from mien.serving.service import Service

router = APIRouter(tags=["reading"])


@router.post("/v1/predict", responses=spec.PREDICT_RESPONSES, openapi_extra={"requestBody": spec.PREDICT_BODY})
async def predict(request: Request, options: Annotated[Options, Query()]) -> JSONResponse:
    """Read faces in one or many images; options stand in the query, in the form or beside `images`.

    An image that cannot be read keeps its place with an `error`; where none can be read, that is the response.
    An animation gives its first image.
    """
    service: Service = request.app.state.service
    with service.inbox.space() as take:
        body = await received(request, service.settings.max_upload, take)
        chosen = parsed(options.model_dump(exclude_unset=True) | body.options, Options).filled(service.settings)
        with service.place():
            predictions = await service.predict_all(body.images, chosen)
    if all(prediction.error for prediction in predictions):
        raise ApiError(422, "unreadable", str(predictions[0].error))
    return JSONResponse([prediction.to_dict() for prediction in predictions])
