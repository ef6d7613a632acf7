"""The encoder SVT-AV1 makes whoever calls it a real-time process (SCHED_FIFO 99) where it is root.

What that process starts would be one too: a browser's threads starve each other, and a test hangs.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager


def policy() -> int:
    """Return how this thread is scheduled; 0, as usual, where the system does not say."""
    return os.sched_getscheduler(0) if hasattr(os, "sched_getscheduler") else 0


@contextmanager
def kept() -> Iterator[None]:
    """Schedule this thread as usual again when the block ends."""
    try:
        yield
    finally:
        if policy():
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
