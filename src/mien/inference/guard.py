"""What nobody expected costs one source, not the run: an exception becomes one line about the source it came from."""

from collections.abc import Callable

from mien.errors import MienError
from mien.inference.media.sources import Source
from mien.inference.output.tally import Tally
from mien.inference.prediction import FrameResult
from mien.inference.unexpected import sentence
from mien.printable import say


class Guard:
    """Hands on what is seen to one that writes; a source that it cannot deal with is left out of what it writes.

    What the system does not let us write, a full disk say, ends the run as before.
    """

    def __init__(self, take: Callable[[FrameResult], None], what: str, tally: Tally, debug: bool = False) -> None:
        """Take who writes, what it makes of a source, who counts, and whether to raise instead."""
        self._take, self._what, self._tally, self._debug = take, what, tally, debug
        self._lost: Source | None = None

    def __call__(self, seen: FrameResult) -> None:
        """Hand on, and say once for a source that it is left out."""
        if seen.source is self._lost:
            return
        try:
            self._take(seen)
        except (MienError, OSError):
            raise
        except Exception as error:
            if self._debug:
                raise
            self._lost = seen.source
            self._tally.lost += 1
            say(f"mien: {sentence(seen.source.name, error)}; {self._what} is left out")
