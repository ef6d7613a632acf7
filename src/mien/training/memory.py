"""How much memory this process may still take: the machine's, within the limits of its container and of itself."""

import contextlib
from pathlib import Path

PRESUMED = 8 << 30
"""Bytes that are presumed to be free where the system does not say."""

CONTROL_GROUPS = (  # limit and use, in the second and the first generation of Linux's control groups
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def available() -> int:
    """Return the bytes of memory that this process may still take."""
    return min([*_of_machine(), *_of_control_groups(), *_of_process()], default=PRESUMED)


def _of_machine() -> list[int]:
    with contextlib.suppress(OSError, LookupError, ValueError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        return [1024 * int(next(line.split()[1] for line in lines if line.startswith("MemAvailable")))]
    return []


def _of_control_groups() -> list[int]:
    found = []
    for limit, use in CONTROL_GROUPS:
        with contextlib.suppress(OSError, ValueError):  # ValueError: "max"
            found.append(max(0, int(Path(limit).read_text()) - int(Path(use).read_text())))
    return found


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
