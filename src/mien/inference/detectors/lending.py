"""A fixed set of objects for any number of threads, for what keeps state while it searches.

One per thread would be simpler, but 40 threads would then hold 40, and every new thread would make its own.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from mien.cores import WORKERS

T = TypeVar("T")


class Lending(Generic[T]):
    """Lends objects to threads, each to one at a time; makes another only when all that there are are lent."""

    def __init__(self, make: Callable[[], T], most: int = WORKERS) -> None:
        """Take what makes an object, and how many there may be: a thread beyond waits for another to give one back."""
        self._make, self._idle = make, list[T]()
        self._places = threading.BoundedSemaphore(most)

    @contextmanager
    def one(self) -> Iterator[T]:
        """Lend an object until the block ends."""
        with self._places:
            try:
                lent = (
                    self._idle.pop()
                )  # asking first whether there is one would leave time for another thread to take it
            except IndexError:
                lent = self._make()
            yield lent
            self._idle.append(lent)  # not after an exception, which may leave it in any state
