"""Signals that end a run (Ctrl-C, SIGTERM, SIGHUP), turned into exceptions that let it close its files."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self


class StopSignals:
    """Ends the `with` block with an exception on a signal, so that all files are closed.

    Ctrl-C raises KeyboardInterrupt, SIGTERM and SIGHUP raise SystemExit.  Inside `complete`, the first signal waits
    until that block ends: a half-written frame would damage the rest of its video fragment.  A second Ctrl-C does not
    wait; a second SIGTERM does, since `timeout` may send it twice.
    """

    def __init__(self) -> None:
        self._original: dict[int, Any] = {}
        self._busy = False
        self._pending: int | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            ends = {signal.SIGINT: signal.default_int_handler}
            ends |= {getattr(signal, name): signal.SIG_DFL for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)}
            self._original = {
                n: signal.signal(n, self._handle) for n, original in ends.items() if signal.getsignal(n) == original
            }
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._original.items():
            signal.signal(number, handler)

    @contextmanager
    def complete(self) -> Iterator[None]:
        """Finish the block before a signal ends the process."""
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
        if self._pending is not None:
            self._leave(self._pending)

    def _handle(self, number: int, frame: object) -> None:
        if self._busy and (self._pending is None or number != signal.SIGINT):
            self._pending = self._pending or number
        else:
            self._leave(number)

    def _leave(self, number: int) -> None:
        for each in self._original:  # files are being closed now; only another Ctrl-C ends that early
            signal.signal(each, signal.default_int_handler if each == signal.SIGINT else signal.SIG_IGN)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)
