"""Several processes on this machine that train together, forked from the test and joined over 127.0.0.1 alone."""

import multiprocessing
import os
import tempfile
import traceback
from collections.abc import Callable
from typing import Any

import torch._dynamo  # noqa: F401 - what an optimiser imports, so that each child need not
import torch.distributed as dist

from mien.training.distributed import World, joined

SECONDS = 120


def together(size: int, work: Callable[[World], Any]) -> list[Any]:
    """Return what `work` returns in each of `size` processes; or raise the first error that one of them raised."""
    context = multiprocessing.get_context("fork")
    ends = [context.Pipe(duplex=False) for _ in range(size)]
    with tempfile.TemporaryDirectory() as folder:
        meet = f"file://{folder}/meet"
        children = [context.Process(target=_join, args=(k, size, meet, work, ends[k][1])) for k in range(size)]
        for child in children:
            child.start()
        for _, write in ends:
            write.close()
        results = [read.recv() if read.poll(SECONDS) else TimeoutError(f"after {SECONDS} s") for read, _ in ends]
        for child in children:
            child.join(1)
            child.kill()  # where it hangs
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def _join(rank: int, size: int, meet: str, work: Callable[[World], Any], end: Any) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"  # else it listens on every interface
    try:
        if size > 1:
            dist.init_process_group("gloo", init_method=meet, rank=rank, world_size=size)
        with joined("cpu") as world:
            end.send(work(world))
    except BaseException as error:
        traceback.print_exc()
        end.send(error)
