"""The inside of a server's process: how it starts, and the limits that the system holds it to.

    python -m mien.serving.child FD MODULE JSON   # what processes.py runs

`MODULE.work(connection, **json)` sends READY, then replies to messages until the server ends.  A limit that a system
lacks is left out.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path

READY = b"ready"
MIB = 1 << 20
M_ARENA_MAX = -8  # of malloc.h


def main(handle: str, module: str, arguments: str) -> None:
    """Work until the server ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then ends its processes
    _limit(resource.RLIMIT_CORE, 0)  # no memory, and no image in it, is ever written to a file
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the server ended
        import_module(module).work(Connection(int(handle)), **json.loads(arguments))


def ready(connection: Connection) -> None:
    """Say that messages can come; from here on what libraries print about images goes nowhere."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stderr.fileno())
    connection.send_bytes(READY)


def limit_memory(more: int) -> None:
    """Limit the memory of this process to what it has now and `more` bytes; beyond, MemoryError."""
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        _limit(resource.RLIMIT_AS, pages * resource.getpagesize() + more)


def few_arenas() -> None:
    """Let threads share memory pools: each of its own reserves 64 MB, so that a limit would depend on the cores."""
    with suppress(OSError, AttributeError):  # another C library than glibc
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)


def limit_work(seconds: int) -> None:
    """Let the system end this process after more seconds of work, even where nobody else can."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + seconds + 1)


def _limit(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    resource.setrlimit(which, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


if __name__ == "__main__":
    main(*sys.argv[1:])
