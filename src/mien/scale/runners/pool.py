"""In child processes on this machine, each with a guard; a child that is lost is started again."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from queue import SimpleQueue

from mien.scale.guard import Guard, close_all
from mien.scale.reader import Outcome, Task
from mien.scale.work import Block


def read(task: Task, blocks: Sequence[Block], workers: int) -> Iterator[Outcome]:
    """Yield the outcome of each block as it ends."""
    guards = [Guard(task) for _ in range(min(workers, len(blocks)))]
    idle: SimpleQueue[Guard] = SimpleQueue()
    for guard in guards:
        idle.put(guard)

    def read_one(block: Block) -> Outcome:
        guard = idle.get()
        try:
            return guard.read(block)
        finally:
            idle.put(guard)

    threads = ThreadPoolExecutor(max(len(guards), 1))
    try:
        for done in as_completed([threads.submit(read_one, block) for block in blocks]):
            yield done.result()
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        close_all(guards)
        threads.shutdown()
