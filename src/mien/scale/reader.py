"""Reads blocks into shards with one pipeline, in the process that calls it.

Objects are fetched one at a time into a folder for temporary files, and removed once their rows are written.
"""

import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from mien.errors import MienError, reason
from mien.inference.media.sources import Source
from mien.inference.output import parquet
from mien.inference.output.tally import Counts, Tally
from mien.inference.prediction import FrameResult
from mien.printable import writable
from mien.scale.settings import Settings
from mien.scale.store import Store, opened
from mien.scale.work import Block, Item

SHARDS = "shards"
MAGIC = b"PAR1"
"""The last bytes of a Parquet file: a shard without them was cut, as by a copy that was stopped, and is read again."""


def shard(key: str) -> str:
    """Return the name of a block's shard."""
    return f"{SHARDS}/{key}.parquet"


@dataclass(frozen=True)
class Task:
    """What is done with every block; it goes to the processes and machines that read.

    Attributes:
        settings, digest: how sources are read, and the digest of that.
        out: the address of the folder of shards.
        deadline: seconds without a new image or frame after which a source hangs.
        memory: GiB that a child process may take, or None.
        options: how messages spell parameters.
    """

    settings: Settings
    digest: str
    out: str
    deadline: float = 300.0
    memory: float | None = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """A source that could not be read: the line about it, and whether it ended its process or passed the deadline."""

    source: str
    error: str
    quarantined: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a block: its counts and failures; skipped when another run had written its shard.

    `lost` says why there is no shard, and is empty otherwise.
    """

    key: str
    sources: int = 0
    counts: Counts = field(default_factory=Counts)
    failures: tuple[Failure, ...] = ()
    skipped: bool = False
    lost: str = ""


class Reader:
    """Reads blocks; made once in a process, since it loads the weights."""

    def __init__(self, task: Task) -> None:
        warnings.filterwarnings("ignore", module="PIL")  # its warnings about odd files are not for the user
        self._clip = task.settings.clip
        self.pipeline = task.settings.pipeline(task.digest)
        self.store = Store(task.out)

    def read(self, block: Block, progress: Callable[[], None] = lambda: None) -> Outcome:
        """Read a block into its shard, unless that is there; `progress` is called after every image and frame."""
        if self.store.has(shard(block.key), MAGIC):
            return Outcome(block.key, len(block.items), skipped=True)
        with self.store.writing(shard(block.key)) as stream:
            return self.rows(block, stream, progress)

    def rows(self, block: Block, stream: BinaryIO, progress: Callable[[], None]) -> Outcome:
        """Write the rows of a block to a stream."""
        tally, failures = Tally(), []
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mien-")))
            write = stack.enter_context(parquet.whole(stream, self.pipeline.columns))
            for result in _named(self.pipeline.read_sources(fetched(block.items, folder), self._clip), folder):
                tally.add(result)
                write(result.prediction)
                if result.prediction.error is not None:
                    failures.append(Failure(result.source.name, result.prediction.error))
                progress()
        return Outcome(block.key, len(block.items), Counts() + tally, tuple(failures))


def fetched(items: Sequence[Item], folder: Path) -> Iterator[Source]:
    """Yield items as sources on this machine; objects are copied into `folder` when their turn comes."""
    for number, item in enumerate(items):
        path = Path(item.path)
        source = Source(item.name, path, Path(path.name), item.error)
        yield source if item.error or not item.store else _fetched(item, source, folder, number)


def _fetched(item: Item, source: Source, folder: Path, number: int) -> Source:
    copy = folder / f"{number}{source.path.suffix}"
    try:
        system, _ = opened(item.store)
        with system.open_input_stream(item.path) as stream, copy.open("wb") as file:
            shutil.copyfileobj(stream, file)
    except (MienError, OSError) as error:
        copy.unlink(missing_ok=True)
        return replace(source, error=f"{item.name}: {' '.join(reason(error).split())[:300]}")
    return replace(source, path=copy)


def _named(results: Iterable[FrameResult], folder: Path) -> Iterator[FrameResult]:
    """Yield results; a copy is removed when the next source begins, and messages have the source's own name."""
    before: Source | None = None
    for result in results:
        if before is not None and result.source is not before and before.path.parent == folder:
            before.path.unlink(missing_ok=True)
        before, error = result.source, result.prediction.error
        if error is not None:
            named = error.replace(writable(str(result.source.path)), result.source.name)
            result = replace(result, prediction=replace(result.prediction, error=named))
        yield result
