"""A reader in a child process of its own: a source that ends or hangs it costs its own row, not the run.

    with closing(Guard(task)) as guard:
        outcome = guard.read(block)

When the child ends, or gives no image or frame for the deadline, the sources of its block are read again one at a
time.  One that does it again is quarantined: its row has the reason as `error`.  Memory is limited by the system
(RLIMIT_DATA, on Linux), so that most sources that need too much become a row by themselves.
"""

import contextlib
import io
import mmap
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from mien.errors import MienError, UsageError, options_named, short_of_memory
from mien.inference.media.native_stderr import silenced
from mien.inference.output import parquet
from mien.inference.output.rows import Columns
from mien.inference.output.tally import Counts
from mien.inference.prediction import Prediction
from mien.inference.stop import StopSignals
from mien.scale.reader import Failure, Outcome, Reader, Task, shard
from mien.scale.store import Store
from mien.scale.work import Block

START = 300.0  # seconds in which a child loads its weights, on a machine that is busy
GRACE = 5.0  # seconds that a child gets to close its files
GIB = 1 << 30
NEEDED = 1 << 28  # bytes that a child must still get once its weights are loaded: with less, no thread may start
NO_MEMORY = "not enough memory"  # in the row of a source that needed more than there was


@dataclass(frozen=True)
class Ended:
    """Why a child was lost while it read: "its process ended by SIGSEGV", "no image or frame for 60 s"."""

    why: str


@dataclass(frozen=True)
class Part:
    """A request for the rows of a block as bytes, without a shard."""

    block: Block


class StoppedError(Exception):
    """The run ends, and its child with it."""


class Guard:
    """Reads blocks in one child process, which is started when it is needed and again when it is lost."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._store = Store(task.out)
        self._child: tuple[BaseProcess, Connection] | None = None
        self._columns: Columns = {}
        self._closed = False

    def read(self, block: Block) -> Outcome:
        """Read a block into its shard, whatever its sources do."""
        done = self._requested(block)
        if isinstance(done, Ended) or self._crowded(done):
            return self._one_at_a_time(block)
        outcome: Outcome = done
        return outcome

    def close(self) -> None:
        """End the child."""
        close_all([self])

    def _crowded(self, outcome: Outcome) -> bool:
        """Whether sources that are read together need more memory than the limit; alone they may not."""
        short = (NO_MEMORY in failure.error for failure in outcome.failures)
        return self._task.memory is not None and outcome.sources > 1 and any(short)

    def _one_at_a_time(self, block: Block) -> Outcome:
        """Read every source by itself and join the rows; one that ends the child again is quarantined."""
        total, parts = Outcome(block.key), []
        for item in block.items:
            alone = replace(block, items=(item,))
            done = self._requested(Part(alone))
            if isinstance(done, Ended):
                done = self._quarantined(alone, done.why)
            outcome, content = done
            parts.append(io.BytesIO(content))
            total = Outcome(
                block.key,
                total.sources + outcome.sources,
                total.counts + outcome.counts,
                total.failures + outcome.failures,
            )
        with self._store.writing(shard(block.key)) as stream:
            parquet.join(parts, stream, parquet.schema(self._columns))
        return total

    def _quarantined(self, block: Block, why: str) -> tuple[Outcome, bytes]:
        """Return the row that says why a source is not read."""
        name = block.items[0].name
        failure = Failure(name, f"{name}: {why}, twice; it is not read", quarantined=True)
        content = io.BytesIO()
        with parquet.whole(content, self._columns) as write:
            write(Prediction(name, error=failure.error))
        return Outcome(block.key, 1, Counts(failed=1), (failure,)), content.getvalue()

    def _requested(self, request: Block | Part) -> Any:
        """Return what the child gives for a request, or how it was lost; what it raised is raised here."""
        process, pipe = self._child or self._started()
        try:
            pipe.send(request)
            while pipe.poll(self._task.deadline):
                message = pipe.recv()
                if isinstance(message, Exception):
                    raise message
                if isinstance(message, Ended):
                    return self._lost(message.why)
                if message is not None:
                    return message
            return self._lost(f"no image or frame for {self._task.deadline:g} s")
        except (EOFError, ConnectionError):
            process.join(START)
            return self._lost(f"its process {_how(process.exitcode)}")

    def _lost(self, why: str) -> Ended:
        self._end()
        if self._closed:
            raise StoppedError
        return Ended(why)

    def _started(self) -> tuple[BaseProcess, Connection]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._task, os.getpid()), daemon=True)
        process.start()
        theirs.close()
        self._child = process, ours
        try:
            ready = ours.recv() if ours.poll(START) else None
        except EOFError:
            process.join(START)
            ready = UsageError(f"a worker process {_how(process.exitcode)} while it started", do=self._advice())
        if self._closed:
            self._end()
            raise StoppedError
        if isinstance(ready, Exception):
            raise ready
        if ready is None:
            raise UsageError(f"a worker process did not start within {START:g} s")
        self._columns = ready
        return self._child

    def _advice(self) -> str:
        return "" if self._task.memory is None else "allow more with `max_memory`"

    def _end(self, until: float | None = None) -> None:
        """End the child: tell it, so that it removes its unfinished shard, and kill it if it has not ended by then."""
        if self._child is not None:
            process, pipe = self._child
            self._child = None
            process.terminate()
            process.join(max((until or time.monotonic() + GRACE) - time.monotonic(), 0))
            process.kill()
            process.join()
            if not self._closed:  # another thread may be reading from it; it goes with this object
                pipe.close()


def close_all(guards: Sequence[Guard]) -> None:
    """End the children of all guards at once."""
    until = time.monotonic() + GRACE
    for guard in guards:
        guard._closed = True
        if guard._child:
            guard._child[0].terminate()
    for guard in guards:
        guard._end(until)


def _how(code: int | None) -> str:
    """Return how a process ended.

    >>> _how(-11), _how(3)
    ('ended by SIGSEGV', 'ended with exit code 3')
    """
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return f"ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def _serve(pipe: Connection, task: Task, parent: int) -> None:
    """Read what the parent requests, until it closes the pipe or is gone; the child's main function."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    with StopSignals(), silenced(), options_named(task.options):
        try:
            _limit(task.memory)
            reader = Reader(task)
            _check_memory(task.memory)
            pipe.send(dict(reader.pipeline.columns))
        except Exception as error:
            return pipe.send(_sendable(error))
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                request = pipe.recv()
                try:
                    pipe.send(_done(reader, request, pipe))
                except (EOFError, ConnectionError):
                    return None
                except Exception as error:
                    short = task.memory is not None and short_of_memory(error)
                    pipe.send(Ended(f"{NO_MEMORY} in its process") if short else _sendable(error))


def _done(reader: Reader, request: Block | Part, pipe: Connection) -> Any:
    def progress() -> None:
        pipe.send(None)

    if isinstance(request, Block):
        return reader.read(request, progress)
    content = io.BytesIO()
    return reader.rows(request.block, content, progress), content.getvalue()


def _sendable(error: Exception) -> Exception:
    """Return an error that can be pickled: ours as it is, a bug as its traceback."""
    if short_of_memory(error):
        do = "allow more with `max_memory`, or read fewer blocks at once with `workers`"
        return UsageError("a worker process does not have enough memory", do=do)
    if isinstance(error, MienError):
        return error
    return RuntimeError("".join(traceback.format_exception(error)))


def _limit(memory: float | None) -> None:
    if memory is not None:
        import resource

        size = int(memory * GIB)
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))


def _check_memory(memory: float | None) -> None:
    """Raise OSError where a limit leaves less than NEEDED; nothing is taken, since no page is touched."""
    if memory is not None:
        mmap.mmap(-1, NEEDED, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()


def _watch(parent: int) -> None:
    """End this process when its parent is gone: it may read a video of hours."""
    while os.getppid() == parent:
        time.sleep(1)
    signal.raise_signal(signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)
