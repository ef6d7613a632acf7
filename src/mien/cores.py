"""The cores of this machine that are ours, and how many threads share them."""

import os


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


WORKERS = min(4, cores())
"""Threads that decode images and detect faces at once; more wait for each other and hold memory."""
