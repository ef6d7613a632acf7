"""Images that pass from process to process: memory without a name, which goes when nobody holds it.

On Linux a file descriptor of anonymous memory travels, so that the pixels are written once and copied never.  On other
systems the pixels themselves travel.
"""

import mmap
import os
import weakref
from multiprocessing import reduction
from multiprocessing.connection import Connection
from typing import Self

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

ANONYMOUS = hasattr(os, "memfd_create")


class Shared:
    """An image, uint8 RGB (H, W, 3).

    Attributes:
        height, width: its size in pixels.
    """

    def __init__(self, held: int | bytes, height: int, width: int) -> None:
        """Take a file descriptor, which is closed with this object, or the bytes of the pixels."""
        self._held, self.height, self.width = held, height, width
        if isinstance(held, int):
            weakref.finalize(self, os.close, held)

    @classmethod
    def of(cls, image: Pixels) -> Self:
        """Copy an image."""
        height, width = image.shape[:2]
        if not ANONYMOUS:
            return cls(image.tobytes(), height, width)
        shared = cls(os.memfd_create("image"), height, width)
        rest = np.ascontiguousarray(image).data.cast("B")
        while rest:
            rest = rest[os.write(shared._held, rest) :]  # type: ignore[arg-type]
        return shared

    def array(self) -> Pixels:
        """Return the image, which cannot be written to."""
        size = self.height * self.width * 3
        held = mmap.mmap(self._held, size, prot=mmap.PROT_READ) if isinstance(self._held, int) else self._held
        return np.frombuffer(held, np.uint8, size).reshape(self.height, self.width, 3)

    def send(self, connection: Connection) -> None:
        """Send the pixels; the other side must know the size."""
        if isinstance(self._held, bytes):
            return connection.send_bytes(self._held)
        reduction.send_handle(connection, self._held, None)

    @classmethod
    def receive(cls, connection: Connection, height: int, width: int) -> Self:
        """Receive pixels of a size; OSError when they are not as many as that."""
        if ANONYMOUS:
            shared = cls(reduction.recv_handle(connection), height, width)
        else:
            shared = cls(connection.recv_bytes(), height, width)
        size = os.fstat(shared._held).st_size if isinstance(shared._held, int) else len(shared._held)
        if size != height * width * 3:
            raise OSError("pixels of another size")
        return shared
