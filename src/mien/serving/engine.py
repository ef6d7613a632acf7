"""Images to faces, in one process (reading.py), from one bounded queue.

What waits already is read together; nothing waits for company.  A second process stands by, started and unused.
"""

import asyncio
import logging
import pickle
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from mien.face import Face
from mien.inference.quick import Again
from mien.serving.decoders import Decoded
from mien.serving.errors import ApiError, busy
from mien.serving.metrics import Metrics
from mien.serving.options import Options
from mien.serving.processes import Crew, Lost

log = logging.getLogger("mien.serving")

READING = "mien.serving.reading"
MAX_BATCH = 16  # images read together
MAX_WAITING = 64  # messages
SECONDS, SECONDS_AN_IMAGE = 10.0, 2.0


@dataclass(frozen=True, eq=False)
class Look:
    """An image to read.

    Attributes:
        decoded: the image; needed: what it was decoded again for, or None.
    """

    decoded: Decoded
    needed: Again | None = None


Seen = list[Face] | Again
"""The faces of an image, in its pixels, or how it must be decoded again."""


@dataclass(frozen=True, eq=False)
class _Job:
    images: Sequence[Look]
    options: Options
    reply: asyncio.Future[list[Seen]]


class Engine:
    """The process that reads, and the queue before it.

    Attributes:
        crew: that process, and its stand-by.
    """

    def __init__(self, usual: Options, metrics: Metrics) -> None:
        """Take the options that most requests have, which are ready from the start."""
        self.crew = Crew("reader", 2, READING, {"usual": usual.model_dump()}, metrics)
        self._jobs: deque[_Job] = deque()
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether images can be read now."""
        return bool(self.crew.alive) and self._task is not None and not self._task.done()

    async def start(self) -> None:
        """Start reading."""
        await self.crew.start()
        self._task = asyncio.create_task(self._work())

    def close(self) -> None:
        """End reading."""
        if self._task is not None:  # else it did not start
            self._task.cancel()
        self.crew.close()

    async def read(self, images: Sequence[Look], options: Options) -> list[Seen]:
        """Return what is seen in each image; ApiError when too much waits, Lost when the process died."""
        if len(self._jobs) >= MAX_WAITING:
            raise busy()
        job = _Job(images, options, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        self._arrived.set()
        return await job.reply

    async def _work(self) -> None:
        while True:
            await self._arrived.wait()
            if jobs := self._next():
                await self._reply(jobs)
            else:
                self._arrived.clear()

    def _next(self) -> list[_Job]:
        """Take the first job, and others with its options, up to MAX_BATCH images."""
        waiting = [job for job in self._jobs if not job.reply.done()]  # nobody waits for the others any more
        taken: list[_Job] = []
        for job in waiting:
            count = sum(len(one.images) for one in (*taken, job))
            if job.options == waiting[0].options and (count <= MAX_BATCH or not taken):
                taken.append(job)
        self._jobs = deque(job for job in waiting if job not in taken)
        return taken

    async def _reply(self, jobs: list[_Job]) -> None:
        images = [image for job in jobs for image in job.images]
        seconds = SECONDS + SECONDS_AN_IMAGE * len(images)
        try:
            seen = iter(await self.crew.ask(partial(_exchange, images, jobs[0].options), seconds))
            replies: list[Any] = [[next(seen) for _ in job.images] for job in jobs]
        except Lost as lost:
            replies = [lost] * len(jobs)
        except Exception as error:  # a bug costs these images, and the next are read
            log.exception("a bug in mien: %s", type(error).__name__)
            replies = [[None]] * len(jobs)
        for job, reply in zip(jobs, replies, strict=True):
            if job.reply.done():
                continue
            if isinstance(reply, Lost):
                job.reply.set_exception(reply)
            elif None in reply:
                job.reply.set_exception(ApiError(500, "internal", "an image could not be read: a bug in mien"))
            else:
                job.reply.set_result(reply)


def _exchange(images: list[Look], options: Options, connection: Connection) -> list[Seen | None]:
    connection.send_bytes(pickle.dumps((options, [(*look.decoded.sizes, look.needed) for look in images])))
    for look in images:
        look.decoded.pixels.send(connection)
    reply: list[Seen | None] = pickle.loads(connection.recv_bytes())
    return reply
