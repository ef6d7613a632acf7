"""The process's stdout as a binary stream, with write errors as OutputError."""

import io
import os
import sys
from collections.abc import Callable
from typing import Any

from mien.outputs import cannot_write


def leave_pipe() -> None:
    """Let the process exit without an error after its reader, such as `head`, closed the pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Stdout(io.RawIOBase):
    """The process's stdout; a failed write, as on a full disk, raises OutputError."""

    def writable(self) -> bool:
        return True

    def write(self, text: Any) -> int:
        self._do(lambda: sys.stdout.buffer.write(text))
        return len(text)

    def flush(self) -> None:
        self._do(sys.stdout.buffer.flush)

    def isatty(self) -> bool:
        return sys.stdout.isatty()

    def _do(self, work: Callable[[], object]) -> None:
        try:
            work()
        except BrokenPipeError:
            raise
        except OSError as error:
            leave_pipe()  # else Python would try again at exit, with its own message
            raise cannot_write("stdout", error) from None


class AboveProgressBar(Stdout):
    """The terminal with a progress bar: rich prints text from sys.stdout above the bar."""

    def write(self, text: Any) -> int:
        self._do(lambda: sys.stdout.write(bytes(text).decode()))
        return len(text)

    def flush(self) -> None:
        self._do(sys.stdout.flush)
