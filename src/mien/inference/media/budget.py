"""A limit on the pixels being decoded at once in all threads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Budget:
    """Pixels shared by threads: a thread that needs more than is free waits for the others."""

    def __init__(self, pixels: int) -> None:
        self._all = self._free = pixels
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, pixels: int) -> Iterator[None]:
        """Hold `pixels`, at most all of them, until the block ends."""
        pixels = min(pixels, self._all)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= pixels)
            self._free -= pixels
        try:
            yield
        finally:
            with self._changed:
                self._free += pixels
                self._changed.notify_all()
