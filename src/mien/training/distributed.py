"""Several processes, one run: each takes its part of every batch, and all hold the same weights.

    with joined("auto") as world:            # of torchrun's processes; alone without it
        train(recipe, root, run, world=world)

Order and augmentation are drawn for the whole batch from the same seeds in every process (draws.py), and a process has
the images `world.part` of it.  What the network gives for them is gathered, so that each process computes the loss of
the whole batch, whatever that loss is: sums over images, a correlation, a distance to class means.  Its gradient
through the own images, summed over processes, is that of one process.  DistributedDataParallel does the sum.

Batch normalisation uses the statistics of the own images, on all devices; its running statistics are the mean over the
processes.  The first process alone reads and writes the run folder.
"""

import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.overrides import TorchFunctionMode

from mien.errors import MienError, RecipeError, UsageError
from mien.torchrun import first_prints, several
from mien.training.optim import SOLVERS
from mien.training.recipe import Recipe

T = TypeVar("T")

LONGEST = timedelta(days=1)
"""How long processes wait for each other: one may read a large data set, or export, for hours."""

GRACE = 10.0
"""Seconds for torchrun to end this process after another one has died; it then names the one that died first."""

MIN_PART = 2
"""Fewest images of a batch in a process: batch normalisation cannot take one."""


@dataclass(frozen=True)
class World:
    """The processes of a run: how many there are, and which one this is."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process reads and writes the run folder, and prints."""
        return self.rank == 0

    @property
    def part(self) -> slice:
        """Which rows of a batch, or of val, are this process's."""
        return slice(self.rank, None, self.size)

    def own(self, rows: Tensor) -> Tensor:
        """Return this process's rows."""
        return rows if self.size == 1 else rows[self.part]

    def gather(self, part: Tensor, total: int, dim: int = 0) -> Tensor:
        """Return all processes' rows of a tensor with `total` of them along `dim`, in order.

        Gradients flow to the own rows alone.
        """
        if self.size == 1:
            return part
        rows = part.movedim(dim, 0)
        most = -(-total // self.size)  # the parts of the last processes may be one row shorter
        rows = torch.cat([rows, rows.new_zeros(most - len(rows), *rows.shape[1:])]).contiguous()
        parts = [torch.empty_like(rows) for _ in range(self.size)]
        dist.all_gather(parts, rows.detach())
        parts[self.rank] = rows
        return torch.stack(parts, 1).flatten(0, 1)[:total].movedim(0, dim)

    def mean_(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors, in place, by their means over the processes."""
        for tensor in tensors if self.size > 1 else ():
            total = tensor.double()  # so that the mean of equal numbers is that number
            dist.all_reduce(total)
            tensor.copy_(total / self.size)

    def once(self, work: Callable[[], T]) -> T:
        """Return in every process what `work` returns in the first one, which alone calls it; its MienError too."""
        if self.size == 1:
            return work()
        done: list[Any] = [None, None]
        if self.first:
            try:
                done[0] = work()
            except MienError as error:
                done[1] = error
        dist.broadcast_object_list(done)
        if done[1] is not None:
            raise _shared(done[1])
        result: T = done[0]
        return result

    @contextmanager
    def agreed(self) -> Iterator[None]:
        """Raise in every process the MienError that the `with` block raises in any; no process waits in the block."""
        own: MienError | None = None
        try:
            yield
        except MienError as error:
            own = error
        errors: list[MienError | None] = [own]
        if self.size > 1:
            errors = [None] * self.size
            dist.all_gather_object(errors, own)
        for rank, first in enumerate(errors):
            if first is not None:
                raise _shared(type(first)(f"process {rank}: {first}") if rank else first)

    def refuse_others(self, digest: str) -> None:
        """Refuse to train where the processes read other data or targets; RecipeError."""
        if self.size == 1:
            return
        digests = [""] * self.size
        dist.all_gather_object(digests, digest)
        if odd := [rank for rank, other in enumerate(digests) if other != digests[0]]:
            got = f"process {odd[0]} reads other data, or targets of its teachers, than process 0"
            raise _shared(RecipeError(got, "the same files and packages on every machine"))

    def check(self, recipe: Recipe) -> None:
        """Refuse a recipe that several processes cannot share; RecipeError."""
        if self.size == 1:
            return
        if recipe.optim.name in SOLVERS:
            got = f"optim.name: {recipe.optim.name} solves for all weights at once, which cannot be split"
            raise RecipeError(got, do="run it without torchrun")
        self._enough("batch:", recipe.batch, MIN_PART)

    def check_counts(self, recipe: Recipe, training: int, val: int) -> None:
        """Refuse data with too few images of an epoch, or of val, for the processes; RecipeError."""
        self._enough("data: training has", min(training, recipe.batch), MIN_PART)
        self._enough("data: val has", val, 1)

    def _enough(self, what: str, count: int, each: int) -> None:
        if self.size > 1 and count < each * self.size:
            expected = f"at least {each * self.size}, {each} for each"
            raise RecipeError(f"{what} {count} images for {self.size} processes", expected, "start fewer processes")

    @contextmanager
    def drawing(self, part: int, total: int) -> Iterator[None]:
        """Let a network that sees `part` of the `total` images of a batch forget what it would as one process."""
        if self.size == 1:
            yield
            return
        with _WholeBatch(self, part, total):
            yield

    def shared(self, loss: nn.Module) -> nn.Module:
        """Return a module whose backward pass leaves the mean of the processes' gradients in its parameters."""
        if self.size == 1:
            return loss
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", "`broadcast_buffers`", FutureWarning
            )  # its successor came with torch 2.13
            return DistributedDataParallel(loss, broadcast_buffers=False, find_unused_parameters=True)


ALONE = World()


class _WholeBatch(TorchFunctionMode):
    """Draws dropout and `torch.rand(images, ...)` inside a network for the whole batch, and takes the own rows."""

    def __init__(self, world: World, part: int, total: int) -> None:
        super().__init__()
        self.world, self.images, self.total = world, part, total

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in DROPOUTS and len(args[0]) == self.images:
            x, *how = args
            whole = x.new_ones(self.total, *x.shape[1:])
            if x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last):
                whole = whole.contiguous(memory_format=torch.channels_last)
            return x * self.world.own(func(whole, *how, **kwargs))
        if func in (torch.rand, torch.randn) and args and args[0] == self.images:
            return self.world.own(func(self.total, *args[1:], **kwargs))
        return func(*args, **kwargs)


DROPOUTS = (F.dropout, F.dropout1d, F.dropout2d, F.dropout3d)


@contextmanager
def joined(device: str) -> Iterator[World]:
    """Join the other processes that torchrun started, or the group that a program has joined already.

    Only the first process prints inside the `with` block.  On GPUs each process takes that of its LOCAL_RANK.
    UsageError where a machine has more processes than GPUs.
    """
    if not several() and not dist.is_initialized():
        yield ALONE
        return
    cuda = device != "cpu" and torch.cuda.is_available()
    begun = dist.is_initialized()
    if not begun:
        dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=LONGEST)
    try:
        world = World(dist.get_rank(), dist.get_world_size())
        if cuda:
            with world.agreed():
                _take_gpu(int(os.environ.get("LOCAL_RANK", "0")), device)
        with _lost(), first_prints():
            yield world
    finally:
        if not begun:
            dist.destroy_process_group()


def _take_gpu(local: int, device: str) -> None:
    count = torch.cuda.device_count()
    if local >= count:
        got = f"`device` {device} with {local + 1} or more processes on a machine with {count} GPUs"
        raise UsageError(got, "a GPU for each", f"--nproc-per-node {count}, or `device` cpu")
    torch.cuda.set_device(local)


@contextmanager
def _lost() -> Iterator[None]:
    """After another process has died, wait for torchrun to end this one too, or exit with 1."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and "gloo" not in str(error).lower():
            raise
        time.sleep(GRACE)
        raise SystemExit(f"mien: process {dist.get_rank()} lost the others") from None


def _shared(error: MienError) -> MienError:
    error.shared = True
    return error
