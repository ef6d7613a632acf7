"""How many pixels are being decoded at once, over all threads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Budget:
    """A number of pixels that threads share: who needs more than is free waits until others are done."""

    def __init__(self, pixels: int) -> None:
        self._all = self._free = pixels
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, pixels: int) -> Iterator[None]:
        """Take so many pixels, at most all of them, for as long as the block lasts."""
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
