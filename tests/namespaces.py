"""A network of their own for programs that listen on all interfaces: a Linux namespace with loopback alone."""

import shutil
import subprocess
import sys

import pytest

LOOPBACK = """
import fcntl, os, socket, struct, sys
fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8914, struct.pack("16sh", b"lo", 0x49))
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def can_unshare(what: str) -> bool:
    """Whether a namespace of this kind can be had: -n of networks, -m of mounts."""
    tried = shutil.which("unshare") and subprocess.run(["unshare", what, "true"], capture_output=True, check=False)
    return bool(tried and tried.returncode == 0)


def alone() -> list[str]:
    """Return the words that run Python with what follows in a network of its own; skips where that cannot be had."""
    if not can_unshare("-n"):
        pytest.skip("a network namespace of its own cannot be had")
    return ["unshare", "-n", sys.executable, "-c", LOOPBACK]
