"""A source that ends, hangs or overfills its process costs its own row; a process that is killed costs nothing."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mien.errors import UsageError
from mien.inference.media.sources import Skipped
from mien.scale.guard import Guard
from mien.scale.listing import listed
from mien.scale.reader import Failure, Outcome, Task, shard
from mien.scale.settings import Settings, digest_of
from mien.scale.work import Block, blocks

from .poison import FILLS, HANGS, KILLS, STARVES

FAST = {"detector": "whole", "weights": "ferplus-nano"}
SLOW = pytest.mark.slow
Made = Callable[..., tuple[Task, Block]]


@pytest.fixture
def made(archive: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Made]:
    """A task, and the block of six photos of which one has this width."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    from poison import Poisoned  # as the child imports it

    def make(width: int, deadline: float = 60.0, memory: float | None = None) -> tuple[Task, Block]:
        photos = archive(6)
        Image.fromarray(np.zeros((24, width, 3), np.uint8)).save(photos / "002.png")
        settings = Poisoned(FAST)
        task = Task(settings, digest_of(settings.facts(settings.pipeline())), str(tmp_path / "out"), deadline, memory)
        (block,) = blocks(listed(["photos"], task.out, Skipped()), 100, task.digest)
        return task, block

    yield make
    sys.modules.pop("poison", None)


def read(task: Task, block: Block) -> tuple[Outcome, dict[str, str | None]]:
    """Return the outcome of a block, and the error of each row by its source."""
    with closing(Guard(task)) as guard:
        outcome = guard.read(block)
    table = pq.read_table(f"{task.out}/{shard(block.key)}")
    return outcome, dict(zip(table["source"].to_pylist(), table["error"].to_pylist(), strict=True))


@pytest.mark.parametrize(
    ("width", "limits", "said"),
    [
        (KILLS, {}, "its process ended by SIGSEGV, twice; it is not read"),
        pytest.param(HANGS, {"deadline": 15.0}, "no image or frame for 15 s, twice; it is not read", marks=SLOW),
        pytest.param(FILLS, {"memory": 2.0}, "not enough memory to read it", marks=SLOW),
        pytest.param(STARVES, {"memory": 2.0}, "not enough memory in its process, twice; it is not read", marks=SLOW),
    ],
)
def test_a_source_costs_its_own_row(made: Made, width: int, limits: dict[str, float], said: str) -> None:
    task, block = made(width, **limits)
    outcome, errors = read(task, block)
    assert errors == {f"photos/{k:03}.png": f"photos/002.png: {said}" if k == 2 else None for k in range(6)}
    assert (outcome.counts.images, outcome.counts.failed, outcome.sources) == (5, 1, 6)
    assert [failure.quarantined for failure in outcome.failures] == [width != FILLS]


@pytest.mark.slow
def test_a_process_that_is_killed_costs_nothing(made: Made) -> None:
    task, block = made(HANGS, deadline=15.0)
    with closing(Guard(task)) as guard:
        outcomes: list[Outcome] = []
        thread = threading.Thread(target=lambda: outcomes.append(guard.read(block)))
        thread.start()
        while guard._child is None or not guard._columns:
            time.sleep(0.05)
        os.kill(guard._child[0].pid or 0, signal.SIGKILL)
        thread.join()
    assert [failure.source for failure in outcomes[0].failures] == ["photos/002.png"]
    assert outcomes[0].counts.images == 5


@pytest.mark.slow
def test_a_child_ends_with_its_parent(made: Made) -> None:
    task, _ = made(24)
    guard = Guard(task)
    process, _ = guard._started()
    assert process.pid
    code = f"""
import os, sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})

from mien.scale.guard import Guard
from mien.scale.reader import Task
from poison import Poisoned
if __name__ == "__main__":
    guard = Guard(Task(Poisoned({FAST!r}), {task.digest!r}, {task.out!r}))
    print(guard._started()[0].pid, flush=True)
    os.kill(os.getpid(), 9)
"""
    Path("parent.py").write_text(code)
    done = subprocess.run([sys.executable, "parent.py"], capture_output=True, text=True, check=False)
    orphan = int(done.stdout)
    end = time.monotonic() + 20
    while Path(f"/proc/{orphan}").exists() and time.monotonic() < end:
        time.sleep(0.1)
    assert not Path(f"/proc/{orphan}").exists()
    guard.close()
    assert not process.is_alive()


@pytest.mark.slow
@pytest.mark.parametrize("memory", [0.02, 0.3])
def test_a_limit_that_is_too_low_is_one_line(made: Made, memory: float) -> None:
    task, block = made(24, memory=memory)
    with closing(Guard(task)) as guard, pytest.raises(UsageError, match="allow more with `max_memory`"):
        guard.read(block)


def test_other_weights_on_another_machine_are_refused(archive: Callable[[int], Path], tmp_path: Path) -> None:
    settings = Settings(FAST)
    digest = digest_of(settings.facts(settings.pipeline()))
    settings.pipeline(digest)
    with pytest.raises(Exception, match="differs between machines"):
        Settings({**FAST, "weights": "fer2013-nano"}).pipeline(digest)


@SLOW
def test_images_that_only_fit_alone_are_read_alone(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    task, block = made(24, memory=2.0)
    together = Outcome(block.key, 6, failures=(Failure("photos/002.png", "photos/002.png: not enough memory"),))
    with closing(Guard(task)) as guard:
        asked = guard._requested
        monkeypatch.setattr(guard, "_requested", lambda what: together if what is block else asked(what))
        assert guard.read(block).counts.images == 6
