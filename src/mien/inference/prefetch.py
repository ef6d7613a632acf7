"""Stages that run ahead of their reader, bounded and in order."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

T = TypeVar("T")

PREFETCH = 16  # items that one stage may be ahead of the next
MAX_BUFFERED_BYTES = 128_000_000  # of images waiting between two stages; one is always accepted


def background(items: Iterable[T], size: Callable[[T], int], ahead: int = PREFETCH) -> Generator[T, None, None]:
    """Yield the items of an iterable that runs in its own thread, up to `ahead` items or MAX_BUFFERED_BYTES early.

    `size` returns the bytes of an item.  An exception of the iterable is raised here, after the items before it.
    Closing the generator ends the thread.
    """
    ready: deque[tuple[int, T]] = deque()
    errors: list[BaseException] = []
    changed = threading.Condition()
    ended = left = False

    def full() -> bool:
        return len(ready) >= ahead or (bool(ready) and sum(weight for weight, _ in ready) > MAX_BUFFERED_BYTES)

    def work() -> None:
        nonlocal ended
        try:
            for item in items:
                with changed:
                    changed.wait_for(lambda: left or not full())
                    if left:
                        return
                    ready.append((size(item), item))
                    changed.notify()
        except BaseException as error:  # raised again in the reader
            errors.append(error)
        finally:
            with changed:
                ended = True
                changed.notify()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            with changed:
                changed.wait_for(lambda: ready or ended)
                if not ready:
                    break
                _, item = ready.popleft()
                changed.notify()
            yield item
        for error in errors:
            raise error
    finally:
        with changed:
            left = True
            changed.notify()
        thread.join()


def in_order(pool: Executor, jobs: Iterable[Callable[[], T]], ahead: int) -> Iterator[T]:
    """Run jobs in a pool and yield their results in order, at most `ahead` jobs early."""
    waiting: deque[Future[T]] = deque()
    for job in jobs:
        waiting.append(pool.submit(job))
        while len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
