"""How much memory this process may still take: the machine's, within the limits of its container and of itself."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PRESUMED = 8 << 30
"""Bytes that are presumed to be free where the system does not say."""

CONTROL_GROUP = Path("/proc/self/cgroup")
"""Names this process's control groups, a line for each tree: number, controllers, path."""


@dataclass(frozen=True)
class Tree:
    """A tree of Linux's control groups: its root, the files of limit and use, and what memory.stat's keys begin with.

    `controllers` is what its line in CONTROL_GROUP says.
    """

    controllers: str
    root: Path
    limit: str
    use: str
    prefix: str = ""


TREES = (  # the second generation and the first
    Tree("", Path("/sys/fs/cgroup"), "memory.max", "memory.current"),
    Tree("memory", Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.usage_in_bytes", "total_"),
)


def available() -> int:
    """Return the bytes of memory that this process may still take."""
    return min([*_of_machine(), *_of_control_groups(), *_of_process()], default=PRESUMED)


def _of_machine() -> list[int]:
    with contextlib.suppress(OSError, LookupError, ValueError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        return [1024 * int(next(line.split()[1] for line in lines if line.startswith("MemAvailable")))]
    with contextlib.suppress(AttributeError, OSError, ValueError):  # no Linux: half of the memory that is built in
        return [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2]
    return []


def _of_control_groups() -> list[int]:
    found = []
    for tree in TREES:
        for group in _groups(tree):
            with contextlib.suppress(OSError, ValueError):  # ValueError: "max"
                limit, used = (int((group / name).read_text()) for name in (tree.limit, tree.use))
                found.append(max(0, limit - used + _of_files(group / "memory.stat", tree.prefix)))
    return found


def _groups(tree: Tree) -> Iterator[Path]:
    """Yield this process's group and those around it, whose limits count too; in a container some are not seen."""
    yield tree.root
    with contextlib.suppress(OSError):
        for line in CONTROL_GROUP.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if tree.controllers in controllers.split(","):
                inside = Path(path.lstrip("/"))
                yield from (tree.root / part for part in (inside, *inside.parents))


def _of_files(stat: Path, prefix: str) -> int:
    """Return how many used bytes are a copy of files, which the system takes back before it refuses any."""
    names = (f"{prefix}active_file ", f"{prefix}inactive_file ")
    with contextlib.suppress(OSError):
        return sum(int(line.split()[1]) for line in stat.read_text().splitlines() if line.startswith(names))
    return 0


def _of_process() -> list[int]:
    try:
        import resource
    except ImportError:  # Windows
        return []
    used = {resource.RLIMIT_AS: "VmSize", resource.RLIMIT_DATA: "VmData"}
    limits = {kind: resource.getrlimit(kind)[0] for kind in used}
    return [max(0, limit - _status(used[kind])) for kind, limit in limits.items() if limit != resource.RLIM_INFINITY]


def _status(name: str) -> int:
    with contextlib.suppress(OSError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)
    return 0
