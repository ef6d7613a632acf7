"""What reads images for the routes."""

import asyncio
from functools import cache

from mien.errors import MediaError
from mien.inference.media import Limits, decode
from mien.inference.pipeline import Pipeline
from mien.inference.prediction import Prediction, of_image
from mien.inference.readers import FULL_SIZE_PIXELS
from mien.serving.metrics import Metrics
from mien.serving.options import Options
from mien.serving.settings import Settings

MAX_PIXELS = 25_000_000
LIMITS = Limits(MAX_PIXELS, FULL_SIZE_PIXELS)


class Service:
    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings, self.metrics, self.ready = settings, metrics, True

    async def predict(self, name: str, data: bytes, options: Options) -> Prediction:
        """Return the prediction of an image; one with an error where it cannot be read."""
        return await asyncio.to_thread(_predict, name, data, options)


def _predict(name: str, data: bytes, options: Options) -> Prediction:
    try:
        decoded = decode(data, LIMITS, name)
    except MediaError as error:
        return Prediction(name, error=str(error))
    return of_image(name, decoded, _pipeline(options)(decoded.image))


@cache
def _pipeline(options: Options) -> Pipeline:
    some = options.model_dump()
    return Pipeline(**some)
