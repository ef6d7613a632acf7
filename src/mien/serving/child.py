"""The inside of a server's process: how it starts, and the limits that the system holds it to.

A limit that a system lacks is left out.
"""

import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

Work = Callable[..., None]
"""What runs in a process: `work(connection, *arguments)` sends READY, then answers messages until the server ends."""

READY = b"ready"
MB = 1 << 20


def run(work: Work, connection: Connection, *arguments: Any) -> None:
    """Work until the server ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then ends its processes
    _limit("RLIMIT_CORE", 0)  # no memory, and no image in it, is ever written to a file
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the server ended
        work(connection, *arguments)


def limit_memory(more: int) -> None:
    """Limit the memory of this process to what it has now and `more` bytes; beyond, MemoryError."""
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        import resource

        _limit("RLIMIT_AS", pages * resource.getpagesize() + more)


def limit_work(seconds: int) -> None:
    """Let the system end this process after more seconds of work, even where nobody else can."""
    if sys.platform != "win32":
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        _limit("RLIMIT_CPU", int(used.ru_utime + used.ru_stime) + seconds + 1)


def _limit(name: str, value: int) -> None:
    if sys.platform != "win32":
        import resource

        which = getattr(resource, name)
        _, hard = resource.getrlimit(which)
        resource.setrlimit(which, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
