"""An unexpected exception costs one source, not the run: it becomes one line about the source it came from."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from mien.errors import MediaError, MienError, reason, spelled
from mien.inference.media.sources import Source
from mien.inference.prediction import FrameResult, Prediction
from mien.printable import say, writable

if TYPE_CHECKING:
    from mien.inference.output.tally import Tally

MAX_MESSAGE = 300  # characters of an exception's message


def failed(source: Source, message: str) -> FrameResult:
    """Return the result of a source that could not be read."""
    return FrameResult(
        Prediction(source.name, error=writable(message)), source, False, np.empty((0, 0, 0, 0), np.uint8)
    )


def failure(source: Source, error: Exception, debug: bool) -> FrameResult:
    """Return the result of a source that an exception ended; raise a MienError of other causes, and bugs if `debug`."""
    if isinstance(error, MediaError):
        return failed(source, str(error))
    if debug or isinstance(error, MienError):
        raise error
    return failed(source, sentence(source.name, error))


def sentence(name: str, error: Exception) -> str:
    r"""Return an exception's message about a source, on one line.

    >>> sentence("a.jpg", TypeError("no\nnumber"))
    'a.jpg: TypeError: no number (a bug in mien; `debug` shows it)'
    >>> sentence("a.jpg", MemoryError()), sentence("a.jpg", PermissionError(13, "Permission denied"))
    ('a.jpg: not enough memory to read it', 'a.jpg: Permission denied')
    """
    if isinstance(error, MemoryError):
        return f"{name}: not enough memory to read it"
    if isinstance(error, OSError) and error.strerror:
        return f"{name}: {reason(error)}"
    message = " ".join(str(error).split())[:MAX_MESSAGE]
    return spelled(f"{name}: {type(error).__name__}: {message} (a bug in mien; `debug` shows it)")


class Isolated:
    """Passes results to a writer; a source that the writer fails on is left out of its output.

    Errors of the system, such as a full disk, end the run.
    """

    def __init__(self, write: Callable[[FrameResult], None], what: str, tally: "Tally", debug: bool = False) -> None:
        """Take the writer, what it makes of a source, the counts, and whether to raise instead."""
        self._write, self._what, self._tally, self._debug = write, what, tally, debug
        self._lost: Source | None = None

    def __call__(self, result: FrameResult) -> None:
        """Write a result; report once for a source that it is left out."""
        if result.source is self._lost:
            return
        try:
            self._write(result)
        except (MienError, OSError):
            raise
        except Exception as error:
            if self._debug:
                raise
            self._lost = result.source
            self._tally.lost += 1
            say(f"mien: {sentence(result.source.name, error)}; {self._what} is left out")
