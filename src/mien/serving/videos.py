"""Videos as jobs: each is read by a process of its own (watching.py), a few at once, and kept for some minutes."""

import asyncio
import json
import logging
import secrets
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from mien.inference.prediction import Prediction
from mien.serving import watching
from mien.serving.child import READY
from mien.serving.errors import ApiError, busy
from mien.serving.metrics import Metrics
from mien.serving.options import VideoOptions
from mien.serving.processes import START_SECONDS, Late, Lost, Process
from mien.serving.settings import MB
from mien.serving.spool import Held, Spool

log = logging.getLogger("mien.serving")

AT_ONCE = 2  # that are read
MAX_UNFINISHED, MAX_KEPT = 4, 16  # jobs
MAX_BYTES = 256 * MB  # of rows, of all jobs together
MAX_MESSAGE = 32 * MB
STILL_SECONDS = 30.0  # without a row, after which a job fails; more where many frames are decoded for a row
RETRY_SECONDS = 5


@dataclass(eq=False)
class Job:
    """A video that waits, is read or has been read.

    Attributes:
        name: of the video; keep: seconds without a look until it is forgotten.
        state: queued, reading, done or failed; progress: the fraction that was read.
        rows: as JSON, one per frame, and a last one with an error where there is one; frames: how many are of frames.
        events: rows of events.csv; error: code and message, or None.
        size: bytes of the rows.
    """

    name: str
    keep: float
    state: str = "queued"
    progress: float = 0.0
    frames: int = 0
    rows: list[bytes] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    error: dict[str, str] | None = None
    size: int = 0

    @property
    def ended(self) -> bool:
        """Whether everything is there."""
        return self.state in ("done", "failed")

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Add rows."""
        texts = [json.dumps(row).encode() for row in rows]
        self.rows += texts
        self.size += sum(map(len, texts))
        self.frames += sum(row["error"] is None for row in rows)

    def fail(self, code: str, message: str) -> None:
        """End the job with an error."""
        self.state, self.error = "failed", {"code": code, "message": message}

    def to_dict(self) -> dict[str, Any]:
        """Return the job without its rows and events, which are counted."""
        facts = {"state": self.state, "progress": round(self.progress, 4), "frames": self.frames, "error": self.error}
        return facts | {"rows": len(self.rows), "events": len(self.events)}


class Videos:
    """The jobs of a server.

    Attributes:
        spool: where videos are until they are read.
    """

    def __init__(self, spool: Path | None, metrics: Metrics) -> None:
        self.spool, self._metrics = Spool(spool), metrics
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)

    def start(self) -> None:
        """Make sure that videos have a place."""
        self.spool.start()

    def close(self) -> None:
        """End and forget all jobs."""
        for key in list(self._jobs):
            self.forget(key)
        self.spool.close()

    def check_room(self) -> None:
        """Raise ApiError when too many videos wait, or too many are kept and none has ended."""
        unfinished = sum(not job.ended for job in self._jobs.values())
        if unfinished >= MAX_UNFINISHED:
            raise busy(RETRY_SECONDS)

    def add(self, name: str, held: Held, options: VideoOptions) -> str:
        """Begin a job and return its key; it closes `held`.  ApiError as `check_room`."""
        self.check_room()
        if len(self._jobs) >= MAX_KEPT:
            self._forget_oldest()
        key = secrets.token_urlsafe(16)
        job = self._jobs[key] = Job(name, options.keep)
        self._tasks[key] = asyncio.create_task(self._run(job, held, options))
        self._tasks[key].add_done_callback(lambda _: held.close())
        self.get(key)
        return key

    def get(self, key: str) -> Job:
        """Return a job, which is then kept for longer; ApiError when there is none."""
        if key not in self._jobs:
            raise ApiError(404, "not_found", "no such video, or it was forgotten")
        if key in self._timers:
            self._timers[key].cancel()
        self._timers[key] = asyncio.get_running_loop().call_later(self._jobs[key].keep, self.forget, key)
        self._jobs[key] = self._jobs.pop(key)  # the first is now the one that was not looked at for longest
        return self._jobs[key]

    def forget(self, key: str) -> None:
        """End a job and forget it; ApiError when there is none."""
        self.get(key)
        self._timers.pop(key).cancel()
        self._tasks.pop(key).cancel()
        del self._jobs[key]

    def _forget_oldest(self) -> bool:
        """Forget the job that ended and that nobody looked at for longest; return whether there was one."""
        key = next((key for key, job in self._jobs.items() if job.ended), None)
        if key is not None:
            self.forget(key)
        return key is not None

    async def _run(self, job: Job, held: Held, options: VideoOptions) -> None:
        async with self._turns:
            job.state = "reading"
            try:
                await self._read(job, held, options)
            except Late:
                self._break(job, "stalled", f"nothing was read for {STILL_SECONDS * options.seconds_per_row():.0f} s")
            except Exception as error:  # Lost, or anything where a video has taken the process over
                if not isinstance(error, Lost):
                    log.warning("a video ends with %s", type(error).__name__)
                self._break(job, "interrupted", "reading was interrupted")
        self._metrics.videos.labels(job.state).inc()

    async def _read(self, job: Job, held: Held, options: VideoOptions) -> None:
        process = Process(watching.__name__, {}, lambda _: None)
        try:
            await process.ask(partial(_send, job.name, held, options), START_SECONDS)
            while not job.ended:
                self._take(job, await process.ask(_received, STILL_SECONDS * options.seconds_per_row()))
        finally:
            process.kill()

    def _take(self, job: Job, message: dict[str, Any]) -> None:
        """Add what a process sent; it may be anything, where a video has taken the process over."""
        if "refused" in message:
            return job.fail("invalid_request", str(message["refused"]))
        job.add(message["rows"])
        job.events += message["events"]
        job.progress = min(1.0, max(job.progress, float(message["progress"])))
        while sum(one.size for one in self._jobs.values()) > MAX_BYTES:
            if not self._forget_oldest():
                return self._break(job, "too_long", "the video has too many frames: give every, max_fps or end")
        if message.get("error"):
            job.fail("unreadable", str(message["error"]))
        elif message.get("done"):
            job.state = "done"

    def _break(self, job: Job, code: str, message: str) -> None:
        """End a job whose process did not; its last row has the error, as that of a video that is cut short."""
        job.add([Prediction(job.name, error=f"{job.name}: {message}").to_dict()])
        job.fail(code, message)


def _send(name: str, held: Held, options: VideoOptions, connection: Connection) -> None:
    if connection.recv_bytes() != READY:
        raise OSError("the process did not start")
    connection.send_bytes(name.encode(errors="replace"))
    connection.send_bytes(options.model_dump_json().encode())
    held.send(connection)


def _received(connection: Connection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(connection.recv_bytes(MAX_MESSAGE))
    return message
