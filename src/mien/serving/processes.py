"""Processes that reply to one message at a time, watched and replaced: what happens in one costs its message alone."""

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from typing import Any, TypeVar

from mien.errors import MienError
from mien.serving.child import READY
from mien.serving.metrics import Metrics

T = TypeVar("T")
log = logging.getLogger("mien.serving")

HEAP = {"MALLOC_MMAP_THRESHOLD_": "32000000", "MALLOC_TRIM_THRESHOLD_": "128000000"}
"""Lets glibc keep the memory of one image for the next: asking the system for more took as long as decoding."""

START_SECONDS = 60.0
IDLE_SECONDS = 30.0  # that a message waits for a process
RETRY_SECONDS = 1.0  # before a process is started again that died while it started


class Lost(Exception):
    """A process died, or was killed, before it replied; or none was there."""


class Late(Lost):
    """A process was killed because it did not reply in time."""


class Process:
    """A process and the thread that talks to it.

    Attributes:
        pid: its number.
    """

    def __init__(self, module: str, arguments: Mapping[str, Any], ended: Callable[["Process"], None]) -> None:
        """Start `work` of a module (child.py); `ended` is called in the event loop when it ends.  Lost if it cannot."""
        try:
            self._connection, there = Pipe()
            with there:
                self._process = _started(module, arguments, there.fileno())
        except OSError as error:  # no memory, or too many processes or files
            log.warning("a process cannot be started: %s", type(error).__name__)
            raise Lost from None
        self.pid = self._process.pid
        self._thread = ThreadPoolExecutor(1)
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._watch, args=(loop, ended), daemon=True).start()

    async def ask(self, exchange: Callable[[Connection], T], seconds: float) -> T:
        """Return what `exchange` gets from the process; Lost when it dies, Late when it takes longer than `seconds`."""
        try:
            pending = asyncio.get_running_loop().run_in_executor(self._thread, exchange, self._connection)
            return await asyncio.wait_for(pending, seconds)
        except TimeoutError:
            self.kill()
            raise Late from None
        except Exception as error:  # it ended, or sent anything but a reply
            log.warning("a process is replaced: %s", type(error).__name__)
            self.kill()
            raise Lost from None
        except BaseException:  # its reply may still come, and would be taken for that to the next message
            self.kill()
            raise

    def kill(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()

    def _watch(self, loop: asyncio.AbstractEventLoop, ended: Callable[["Process"], None]) -> None:
        self._process.wait()
        self._thread.shutdown(wait=True)  # what it was to reply ends with it
        self._connection.close()
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(ended, self)


class Crew:
    """Processes of one kind, of which `count` run; the one that was used last is the next.

    Attributes:
        alive: those that can be used, busy or not.
    """

    def __init__(self, kind: str, count: int, module: str, arguments: Mapping[str, Any], metrics: Metrics) -> None:
        self._kind, self._count, self._metrics = kind, count, metrics
        self._module, self._arguments = module, arguments
        self.alive: set[Process] = set()
        self._idle: list[Process] = []
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def start(self) -> None:
        """Start the processes and wait until all can be used; MienError when they cannot be started."""
        try:
            await asyncio.gather(*(self._begin(self._start()) for _ in range(self._count)))
        except Lost:
            raise MienError(f"a {self._kind} of the server did not start", do="the reason stands above") from None

    async def ask(self, exchange: Callable[[Connection], T], seconds: float) -> T:
        """Ask the next idle process, waiting for one; Lost or Late as `Process.ask`."""
        try:
            async with asyncio.timeout(IDLE_SECONDS), self._changed:
                await self._changed.wait_for(lambda: self._idle)
                process = self._idle.pop()
        except TimeoutError:
            raise Lost from None
        reply: T = await asyncio.shield(self._begin(self._exchanged(process, exchange, seconds)))
        return reply

    def close(self) -> None:
        """End all processes."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        for process in self.alive:
            process.kill()

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start what goes on when nobody waits for it any more."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # seen, so that asyncio logs nothing
        return task

    async def _exchanged(self, process: Process, exchange: Callable[[Connection], T], seconds: float) -> T:
        reply = await process.ask(exchange, seconds)
        await self._add(process)
        return reply

    async def _start(self) -> None:
        process = Process(self._module, self._arguments, self._ended)
        if await process.ask(Connection.recv_bytes, START_SECONDS) != READY:
            raise Lost
        self.alive.add(process)
        await self._add(process)

    async def _replace(self) -> None:
        while True:
            try:
                return await self._start()
            except Exception as error:  # of what is not there, threads too
                log.warning("a %s cannot be started: %s", self._kind, type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)

    async def _add(self, process: Process) -> None:
        async with self._changed:
            if process in self.alive:
                self._idle.append(process)
                self._changed.notify_all()  # one that is notified may be given up before it runs

    def _ended(self, process: Process) -> None:
        if process not in self.alive or self._closed:
            return
        self.alive.discard(process)
        if process in self._idle:
            self._idle.remove(process)
        self._metrics.replaced.labels(self._kind).inc()
        self._begin(self._replace())


def _started(module: str, arguments: Mapping[str, Any], handle: int) -> subprocess.Popen[bytes]:
    """Start a process with a handle of its own; nothing of this one is copied, and it never learns the token."""
    environment = {name: value for name, value in os.environ.items() if name != "MIEN_TOKEN"}
    environment |= HEAP
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    command = [sys.executable, "-P", "-m", "mien.serving.child", str(handle), module, json.dumps(arguments)]
    return subprocess.Popen(
        command, env=environment, pass_fds=[handle], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
