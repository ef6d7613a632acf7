"""Who reads the blocks: a runner takes a task and blocks, and yields what became of each as it ends.

A runner is a function `(task, blocks, place) -> Iterator[Outcome]`; another one is a file here and a line below.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mien.scale.reader import Outcome, Task
from mien.scale.runners import cluster, loop, pool
from mien.scale.work import Block


@dataclass(frozen=True)
class Place:
    """Where to read: how many processes, and the address of a Ray cluster."""

    workers: int = 1
    address: str = ""


RUNNERS: dict[str, Callable[[Task, Sequence[Block], Place], Iterator[Outcome]]] = {
    "loop": lambda task, blocks, place: loop.read(task, blocks),
    "pool": lambda task, blocks, place: pool.read(task, blocks, place.workers),
    "ray": lambda task, blocks, place: cluster.read(task, blocks, place.address),
}
