"""Processes that answer one message at a time, watched and replaced: what happens in one costs its message alone."""

import asyncio
import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from mien.serving.child import Work, run
from mien.serving.metrics import Metrics

T = TypeVar("T")

CONTEXT = multiprocessing.get_context("spawn")  # nothing of this process is copied
START_SECONDS = 60.0
IDLE_SECONDS = 30.0  # that a message waits for a process
RETRY_SECONDS = 1.0  # before a process is started again that died while it started


class Lost(Exception):
    """A process died, or was killed, before it answered; or none was there to be asked."""


class Late(Lost):
    """A process was killed because it did not answer in time."""


class Process:
    """A process and the thread that talks to it.

    Attributes:
        pid: its number.
    """

    def __init__(self, work: Work, arguments: tuple[Any, ...], ended: Callable[["Process"], None]) -> None:
        """Start it; `ended` is called in the event loop when it ends, for whatever reason."""
        self._connection, there = CONTEXT.Pipe()
        self._process = CONTEXT.Process(target=run, args=(work, there, *arguments), daemon=True)
        self._process.start()
        there.close()
        self.pid = self._process.pid
        self._thread = ThreadPoolExecutor(1)
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._watch, args=(loop, ended), daemon=True).start()

    async def ask(self, exchange: Callable[[Connection], T], seconds: float) -> T:
        """Return what `exchange` gets from the process; Lost when it dies, Late when it takes longer than `seconds`."""
        try:
            asked = asyncio.get_running_loop().run_in_executor(self._thread, exchange, self._connection)
            return await asyncio.wait_for(asked, seconds)
        except TimeoutError:
            self.kill()
            raise Late from None
        except (EOFError, OSError, RuntimeError):  # the last when it ended before it was asked
            self.kill()
            raise Lost from None
        except BaseException:  # its answer may still come, and would be taken for that to the next message
            self.kill()
            raise

    def kill(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()

    def _watch(self, loop: asyncio.AbstractEventLoop, ended: Callable[["Process"], None]) -> None:
        self._process.join()
        self._thread.shutdown(wait=True)  # what it was asked ends with it
        self._connection.close()
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(ended, self)


class Crew:
    """Processes of one kind, of which `count` run; the one that answered last is asked next.

    Attributes:
        alive: those that can be asked or are being asked.
    """

    def __init__(self, kind: str, count: int, work: Work, arguments: tuple[Any, ...], metrics: Metrics) -> None:
        self._kind, self._count, self._work, self._arguments, self._metrics = kind, count, work, arguments, metrics
        self.alive: set[Process] = set()
        self._idle: list[Process] = []
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def start(self) -> None:
        """Start the processes and wait until one can be asked."""
        for _ in range(self._count):
            self._begin(self._started())
        async with self._changed:
            await self._changed.wait_for(lambda: self._idle)

    async def ask(self, exchange: Callable[[Connection], T], seconds: float) -> T:
        """Ask the next idle process, waiting for one; Lost or Late as `Process.ask`."""
        try:
            async with asyncio.timeout(IDLE_SECONDS), self._changed:
                await self._changed.wait_for(lambda: self._idle)
                process = self._idle.pop()
        except TimeoutError:
            raise Lost from None
        answer: T = await asyncio.shield(self._begin(self._asked(process, exchange, seconds)))
        return answer

    def close(self) -> None:
        """End all processes."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        for process in self.alive:
            process.kill()

    def _begin(self, work: Any) -> asyncio.Task[Any]:
        """Start what goes on when nobody waits for it any more."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # seen, so that asyncio logs nothing
        return task

    async def _asked(self, process: Process, exchange: Callable[[Connection], T], seconds: float) -> T:
        answer = await process.ask(exchange, seconds)
        await self._add(process)
        return answer

    async def _started(self) -> None:
        while True:
            process = Process(self._work, self._arguments, self._ended)
            try:
                await process.ask(Connection.recv_bytes, START_SECONDS)
            except Lost:
                await asyncio.sleep(RETRY_SECONDS)
            else:
                self.alive.add(process)
                return await self._add(process)

    async def _add(self, process: Process) -> None:
        async with self._changed:
            if process in self.alive:
                self._idle.append(process)
                self._changed.notify()

    def _ended(self, process: Process) -> None:
        if process not in self.alive or self._closed:
            return
        self.alive.discard(process)
        if process in self._idle:
            self._idle.remove(process)
        self._metrics.replaced.labels(self._kind).inc()
        self._begin(self._started())
