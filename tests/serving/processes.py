"""The processes that a server started, for tests that kill them."""

from contextlib import suppress
from pathlib import Path


def children(module: str) -> set[int]:
    """Return the processes of this one that run a module."""
    found = set()
    for path in Path("/proc/self/task").glob("*/children"):
        for pid in path.read_text().split():
            with suppress(OSError):
                if module.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                    found.add(int(pid))
    return found
