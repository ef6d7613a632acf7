"""The processes that `torchrun` started: which one this is, and that only the first one prints.

    torchrun --nproc-per-node 4 -m mien train RECIPE

starts `mien train RECIPE` four times.  What they do together: training/distributed.py.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path


def several() -> bool:
    """Return whether torchrun started this process as one of several."""
    return "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


def rank() -> int:
    """Return the number of this process among those that torchrun started, from 0; 0 without torchrun."""
    return int(os.environ.get("RANK", "0")) if several() else 0


def beside() -> int:
    """Return how many processes torchrun started on this machine; 1 without torchrun."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if several() else 1


def launcher() -> str:
    """Return what starts as many processes on this machine again, to be put before `mien`; "" without torchrun."""
    return f"torchrun --nproc-per-node {beside()} -m " if several() else ""


def quiet() -> None:
    """Let torch's C++ parts report errors alone, not advice to programmers, in each of several processes."""
    if several():
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")


@contextmanager
def first_prints() -> Iterator[None]:
    """Let the first process alone print inside the `with` block; errors leave it, and so are not silenced."""
    if not rank():
        yield
        return
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield
