"""A run of `mien predict --shards`: list the sources, skip the blocks that are there, read the others.  Start here."""

import importlib.util
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mien.errors import MediaError, OutputError, UsageError, option_names
from mien.html.page import count
from mien.inference.stop import StopSignals
from mien.outputs.folder import status_after
from mien.printable import say, writable
from mien.progress import bar
from mien.scale import record
from mien.scale.listing import listed
from mien.scale.reader import MAGIC, SHARDS, Task, shard
from mien.scale.record import RunRecord
from mien.scale.runners import RUNNERS, Place
from mien.scale.settings import Settings, digest_of
from mien.scale.store import Store, absolute, is_address, refuse_keys
from mien.scale.summary import Summary
from mien.scale.work import Block, Item, blocks, part_of

MAX_LIMIT = 1_000_000  # of seconds, eleven days, and of GiB: the system cannot count much more
MIN_FOR_RAY = 1000
"""Images that one process reads before a cluster of four cores would have (results/SCALE.md); any video may be."""


@dataclass(frozen=True)
class Request:
    """The options of a run.

    Attributes:
        sources: files, folders, patterns and addresses of object stores.
        out: the folder of shards, or its address.
        settings: how sources are read.
        block: images in a shard, about.
        workers: child processes, 0 for this process; ray: the address of a cluster instead, or empty.
        part: "K/N" for a part of the blocks, or None.
        deadline, memory: seconds without a result, and GiB, that a child process may take.
        options: of the command, for the record of the run.
    """

    sources: Sequence[str]
    out: str
    settings: Settings
    block: int = 200
    workers: int = 1
    ray: str = ""
    part: str | None = None
    deadline: float = 300.0
    memory: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def run(request: Request) -> Summary:
    """Read the blocks that have no shard yet; MienError, before anything is read, for what cannot be."""
    _check(request)
    begun, settings, out = time.monotonic(), request.settings.anywhere(), absolute(request.out)
    facts = settings.facts(settings.pipeline())
    task = Task(settings, digest_of(facts), out, request.deadline, request.memory, option_names())
    store, summary = Store(out), Summary(request.out)
    record.check(store, kind := {**facts, "block": request.block})
    every = list(blocks(listed(request.sources, request.out, summary.skipped_files), request.block, task.digest))
    _refuse_nothing(every)
    record.claim(store, kind)
    todo = _todo(store, every, request, summary)
    summary.runner, place = _runner(request, todo)
    summary.workers = place.workers
    kept = RunRecord(store, {"options": {k: v for k, v in request.options.items() if v is not None}})
    status = "finished"
    try:
        with StopSignals():
            _read(task, todo, place, summary)
    except BaseException as error:
        status = status_after(error)
        summary.stopped = status == "stopped"
        _say(summary)
        raise
    finally:
        summary.seconds = time.monotonic() - begun
        with _unless(status):
            kept.end(status, summary.to_dict())
    summary.there = len(record.keys(store) & record.expected_keys(every))
    _say(summary)
    return summary


@contextmanager
def _unless(status: str) -> Iterator[None]:
    """Keep an error in the record from hiding what ended the run."""
    try:
        yield
    except OutputError:
        if status == "finished":
            raise


def _check(request: Request) -> None:
    """Raise UsageError for options that cannot be."""
    part_of([], request.part)
    if not request.out:
        raise UsageError("`shards` ''", "a folder or an address such as s3://bucket/faces")
    for place in (*request.sources, request.out):
        refuse_keys(place)
    if writable(request.out) != request.out:
        raise UsageError(f"`shards` {writable(request.out)}", "a name in UTF-8")
    if not is_address(request.out) and Path(request.out).is_file():
        raise UsageError(f"`shards` {request.out}: a file", "a folder")
    if request.ray and request.workers != 1:
        raise UsageError("`ray` with `workers`", "one of them", "a cluster has its own number of cores")
    for name, value, least in (("block", request.block, 1), ("workers", request.workers, 0)):
        if value < least:
            raise UsageError(f"`{name}` {value}", f"a whole number, at least {least}")
    for name, seconds in (("deadline", request.deadline), ("max_memory", request.memory)):
        if seconds is not None and not 0 < seconds <= MAX_LIMIT:
            raise UsageError(f"`{name}` {seconds:.12g}", f"a number above 0, at most {MAX_LIMIT:,}")
    if request.ray and importlib.util.find_spec("ray") is None:
        raise UsageError("`ray` needs ray, which is not installed", do="pip install 'mien[ray]'")


def _refuse_nothing(every: Sequence[Block]) -> None:
    """Raise MediaError where no source can be opened: a typo makes no folder."""
    errors = [item.error for block in every for item in block.items if item.error]
    if len(errors) == sum(len(block.items) for block in every):
        raise MediaError(errors[0] if errors else "nothing to read", do="nothing was written")


def _todo(store: Store, every: list[Block], request: Request, summary: Summary) -> list[Block]:
    """Return the blocks of this part that have no shard; first shards of sources that changed are set aside."""
    store.sweep(SHARDS)
    there, expected = record.keys(store), record.expected_keys(every)
    items = (item for block in every for item in block.items)
    summary.replaced, summary.restored = record.set_aside(store, expected, items, there)
    there = record.keys(store)
    own = list({block.key: block for block in part_of(every, request.part)}.values())
    cut = {block.key for block in own if block.key in there and not store.has(shard(block.key), MAGIC)}
    todo = [block for block in own if block.key not in there - cut]
    summary.all_blocks, summary.blocks, summary.there = len(expected), len(own), len((there - cut) & expected)
    summary.cut = len(cut)
    summary.skipped = len(own) - len(todo)
    first = os.getpid() % max(len(todo), 1)  # two runs that begin together meet late, and read each other's half
    return [*todo[first:], *todo[:first]]


def _runner(request: Request, todo: Sequence[Block]) -> tuple[str, Place]:
    """Return who reads; a cluster only where there is enough to read."""
    if not request.ray:
        workers = min(request.workers, len(todo))
        return ("pool" if request.workers else "loop"), Place(workers)
    items: list[Item] = [item for block in todo for item in block.items]
    if len(items) >= MIN_FOR_RAY or not all(item.is_image for item in items):
        return "ray", Place(0, request.ray)
    say(f"mien: one process reads {count(len(items), 'image')} sooner than a cluster starts (below {MIN_FOR_RAY:,})")
    return "pool", Place(1)


def _read(task: Task, todo: Sequence[Block], place: Place, summary: Summary) -> None:
    with bar("reading", sum(len(block.items) for block in todo)) as advance:
        for outcome in RUNNERS[summary.runner](task, todo, place):
            summary.add(outcome)
            say(*(f"mien: {failure.error}" for failure in outcome.failures))
            say(*([f"mien: block {outcome.key} has no shard: {outcome.lost}"] if outcome.lost else []))
            advance(outcome.sources)


def _say(summary: Summary) -> None:
    say(*(f"mien: {line}" for line in summary.lines()))
