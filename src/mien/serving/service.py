"""What reads images for the routes: decoders, then the reader, with a place for every request."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mien.cores import cores
from mien.errors import MediaError
from mien.face import Face
from mien.inference.classify import names
from mien.inference.media.image import FULL_SIZE_PIXELS
from mien.inference.prediction import Prediction, of_image
from mien.inference.quick import Again, is_quick
from mien.serving import browser
from mien.serving.bodies import Inbox, Upload
from mien.serving.decoders import Decoded, Decoders
from mien.serving.engine import Engine, Look
from mien.serving.errors import busy, unavailable
from mien.serving.metrics import Metrics
from mien.serving.options import Options
from mien.serving.processes import Lost
from mien.serving.settings import Settings
from mien.serving.shared import Shared
from mien.serving.videos import Videos

MAX_REQUESTS = 32  # that are read or wait at once
MAX_STREAMS = 16  # connections with live frames
BODIES = 8  # of the largest size that are held at once
MAX_AT_ONCE = 4  # images of one request
MAX_DECODED = 8  # images that are decoded and not yet read
DECODERS = max(2, cores())


class Service:
    """The processes of a server.

    Attributes:
        settings: what the operator decided; metrics: the counters.
        decoders: bytes to pixels; engine: pixels to faces; videos: those that are read or were.
        inbox: the bytes of all bodies.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings, self.metrics = settings, metrics
        self.decoders = Decoders(DECODERS, metrics)
        self.engine = Engine(Options(measures=settings.measures).filled(settings), metrics)
        self.videos = Videos(settings.spool, metrics)
        self._decoded = asyncio.Semaphore(MAX_DECODED)
        self._requests = self._streams = 0
        self.inbox = Inbox(BODIES * settings.max_upload)

    @property
    def ready(self) -> bool:
        """Whether images can be read now."""
        return bool(self.decoders.crew.alive) and self.engine.ready

    async def start(self) -> None:
        """Start the processes; they are ready when this returns."""
        self.videos.start()
        cards = (asyncio.to_thread(browser.settings, name) for name in names())  # else the first request opens them
        await asyncio.gather(self.decoders.crew.start(), self.engine.start(), *cards)

    def close(self) -> None:
        """End the processes."""
        self.videos.close()
        self.decoders.crew.close()
        self.engine.close()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place for a request whose body is here; ApiError when all are held."""
        if self._requests >= MAX_REQUESTS:
            raise busy()
        self._requests += 1
        self.metrics.waiting.set(self._requests)
        try:
            yield
        finally:
            self._requests -= 1
            self.metrics.waiting.set(self._requests)

    async def predict_all(self, uploads: Sequence[Upload], options: Options) -> list[Prediction]:
        """Return the predictions of the images of a request, a few at a time so that others have their turn."""
        some = asyncio.Semaphore(MAX_AT_ONCE)

        async def one(upload: Upload) -> Prediction:
            async with some:
                return await self.predict(upload.name, upload.data, options)

        return await asyncio.gather(*map(one, uploads))

    @contextmanager
    def streaming(self) -> Iterator[None]:
        """Hold a place for live frames; ApiError when all are held."""
        if self._streams >= MAX_STREAMS:
            raise busy()
        self._streams += 1
        self.metrics.streams.set(self._streams)
        try:
            yield
        finally:
            self._streams -= 1
            self.metrics.streams.set(self._streams)

    async def predict(self, name: str, image: bytes | Shared, options: Options) -> Prediction:
        """Return the prediction of an image, with an error where it cannot be read; ApiError when a process died."""
        try:
            async with self._decoded:
                decoded, faces = await self._read(name, image, options)
        except MediaError as error:
            self.metrics.images.labels("unreadable").inc()
            return Prediction(name, error=str(error))
        except Lost:
            raise unavailable() from None
        self.metrics.images.labels("read").inc()
        self.metrics.faces.inc(len(faces))
        return of_image(name, decoded.image(), faces)

    async def _read(self, name: str, image: bytes | Shared, options: Options) -> tuple[Decoded, list[Face]]:
        """Return an image, decoded as large as its faces need, and them."""
        needed: Again | None = None
        while True:
            decoded = await self._pixels(name, image, options, needed)
            (seen,) = await self.engine.read([Look(decoded, needed)], options)
            if not isinstance(seen, Again):
                return decoded, seen
            needed = seen

    async def _pixels(self, name: str, image: bytes | Shared, options: Options, needed: Again | None) -> Decoded:
        if isinstance(image, Shared):
            return Decoded(image, image.width, image.height)
        if needed:
            return await self.decoders.decode(image, name, needed.pixels, False)
        return await self.decoders.decode(image, name, FULL_SIZE_PIXELS, is_quick(options.measures))
