"""Stages that run ahead of their reader, bounded and in order."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import Generic, TypeVar

T = TypeVar("T")

PREFETCH = 16  # items that one stage may be ahead of the next
MAX_BUFFERED_BYTES = 128_000_000  # of images waiting between two stages; one is always accepted


def background(items: Iterable[T], size: Callable[[T], int], ahead: int = PREFETCH) -> Generator[T, None, None]:
    """Yield the items of an iterable that runs in its own thread, up to `ahead` items or MAX_BUFFERED_BYTES early.

    `size` returns the bytes of an item.  An exception of the iterable is raised here, after the items before it.
    Closing the generator ends the thread.
    """
    buffer: _Buffer[T] = _Buffer(size, ahead)
    thread = threading.Thread(target=buffer.fill, args=(items,), daemon=True)
    thread.start()
    try:
        yield from buffer.taken()
    finally:
        buffer.close()
        thread.join()


class _Buffer(Generic[T]):
    """Items between the thread that fills the buffer and its reader."""

    def __init__(self, size: Callable[[T], int], ahead: int) -> None:
        self._size, self._ahead = size, ahead
        self._ready: deque[tuple[int, T]] = deque()
        self._errors: list[BaseException] = []
        self._changed = threading.Condition()
        self._ended = self._closed = False

    def fill(self, items: Iterable[T]) -> None:
        """Add items, waiting while the buffer is full, until they end or the reader closes it."""
        try:
            for item in items:
                with self._changed:
                    self._changed.wait_for(lambda: self._closed or not self._full())
                    if self._closed:
                        return
                    self._ready.append((self._size(item), item))
                    self._changed.notify()
        except BaseException as error:  # raised again in the reader
            self._errors.append(error)
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify()

    def taken(self) -> Iterator[T]:
        """Yield the items, then raise what ended them early."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ready or self._ended)
                if not self._ready:
                    break
                _, item = self._ready.popleft()
                self._changed.notify()
            yield item
        for error in self._errors:
            raise error

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _full(self) -> bool:
        ready = self._ready
        return len(ready) >= self._ahead or (bool(ready) and sum(size for size, _ in ready) > MAX_BUFFERED_BYTES)


def in_order(pool: Executor, jobs: Iterable[Callable[[], T]], ahead: int) -> Iterator[T]:
    """Run jobs in a pool and yield their results in order, at most `ahead` jobs early."""
    waiting: deque[Future[T]] = deque()
    for job in jobs:
        waiting.append(pool.submit(job))
        while len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
