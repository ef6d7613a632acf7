"""On a Ray cluster that runs already: one task per block, read under a guard in Ray's worker process.

Ray reads a block again whose process or machine was lost.  Only keys and counts pass through Ray; rows go straight to
their shards.  Ray's own statistics of use are switched off for what is started here.
"""

import os
from collections.abc import Iterator, Sequence
from typing import Any

from mien.errors import MienError, UsageError
from mien.scale.guard import Guard
from mien.scale.reader import Outcome, Task
from mien.scale.work import Block

AHEAD = 2  # tasks given to Ray for each of its cores
TRIES = 5  # times that a block is read again whose process or machine was lost

_guards: dict[tuple[str, str, float, float | None], Guard] = {}
"""The guard of a worker process by digest, folder and limits: its child keeps the weights between blocks."""


def read(task: Task, blocks: Sequence[Block], address: str) -> Iterator[Outcome]:
    """Yield the outcome of each block as it ends; UsageError where no cluster is at the address."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    ours = not ray.is_initialized()  # a program may be connected already
    try:
        if ours:
            ray.init(address=address, log_to_driver=False, logging_level="error")
    except ConnectionError:
        do = "start one with `ray start --head`, or read without a cluster"
        raise UsageError(f"`ray` {address}: no cluster there", "the address of a running one, or auto", do) from None
    except (ValueError, RuntimeError, OSError) as error:
        raise UsageError(f"`ray` {address}: {error}", "the address of a running cluster, or auto") from None
    try:
        yield from _outcomes(ray, task, blocks)
    finally:
        if ours:
            ray.shutdown()


def _outcomes(ray: Any, task: Task, blocks: Sequence[Block]) -> Iterator[Outcome]:
    remote = ray.remote(num_cpus=1, max_retries=TRIES)(read_block)
    rest = iter(blocks)
    waiting: dict[Any, Block] = {}
    while True:
        room = max(int(AHEAD * ray.cluster_resources().get("CPU", 1)), 1) - len(waiting)
        waiting |= {remote.remote(task, block): block for _, block in zip(range(room), rest, strict=False)}
        if not waiting:
            return
        (done,), _ = ray.wait(list(waiting), num_returns=1)
        yield _outcome(ray, done, waiting.pop(done))


def _outcome(ray: Any, done: Any, block: Block) -> Outcome:
    """Return what became of a block; an error that would meet every block is raised."""
    try:
        outcome: Outcome = ray.get(done)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, MienError):
            raise error.cause from None
        raise
    except ray.exceptions.RayError as error:
        return Outcome(block.key, len(block.items), lost=" ".join(str(error).split())[:300])
    return outcome


def read_block(task: Task, block: Block) -> Outcome:
    """Read a block in a worker process of Ray."""
    key = task.digest, task.out, task.deadline, task.memory
    if key not in _guards:
        _guards[key] = Guard(task)
    return _guards[key].read(block)
