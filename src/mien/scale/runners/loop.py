"""In this process, one block after another: nothing to start, and nothing between a source and the run."""

from collections.abc import Iterator, Sequence

from mien.scale.reader import Outcome, Reader, Task
from mien.scale.work import Block


def read(task: Task, blocks: Sequence[Block]) -> Iterator[Outcome]:
    """Yield the outcome of each block."""
    reader = Reader(task)
    for block in blocks:
        yield reader.read(block)
