"""Stages that work ahead of whoever reads them, bounded and in order."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

T = TypeVar("T")


AHEAD = 16  # frames that one stage may be ahead of the next


MOST_HELD = 128_000_000  # bytes of images waiting between two stages; one is always let in


def background(items: Iterable[T], size: Callable[[T], int], ahead: int = AHEAD) -> Generator[T, None, None]:
    """Yield the items of an iterable that runs in a thread of its own, early by `ahead` items or MOST_HELD bytes.

    `size` tells an item's bytes.  What the iterable raises is raised here, after the items before it; leaving early
    ends the thread.
    """
    ready: deque[tuple[int, T]] = deque()
    errors: list[BaseException] = []
    changed = threading.Condition()
    ended = left = False

    def full() -> bool:
        return len(ready) >= ahead or (bool(ready) and sum(weight for weight, _ in ready) > MOST_HELD)

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
        except BaseException as error:  # handed to whoever reads, and raised there
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
    """Do jobs in a pool and yield what they give in their order, at most `ahead` of them early."""
    waiting: deque[Future[T]] = deque()
    for job in jobs:
        waiting.append(pool.submit(job))
        while len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
