"""Read thousands of mutated files, and say what became of them.

    PYTHONPATH=benchmarks python -m mutated [--count 5000] [--seed 0] [--kind jpeg] [--keep FOLDER]

Each input is a whole file of one of KINDS changed in one of its ways, both drawn from (seed, number), so a finding can
be made again with `--only NUMBER`.  A worker process reads it as mien does.  An error of mien, or a row's, of one line
is right, and so is reading it; anything else is a finding: a traceback, a message of several lines, a crash of the
process, or more than LONGEST seconds.  Exit 1 when there is one.
"""

import argparse
import json
import os
import select
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from mutated import mutate
from mutated.kinds import KINDS

LONGEST = 60.0
"""Seconds for one input."""


@dataclass(frozen=True)
class Outcome:
    """What became of one input: `how` is read, row, an error's name, or a finding."""

    number: int
    kind: str
    way: str
    how: str
    text: str
    trace: str = ""

    @property
    def finding(self) -> bool:
        """Whether that is none of what mien may do."""
        return self.how in ("traceback", "crash", "slow") or len(self.text.splitlines()) > 1


class Worker:
    """A process that reads, started again when it dies."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        words = [sys.executable, str(Path(__file__).with_name("worker.py"))]
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors)

    def ask(self, kind: str, path: Path) -> tuple[str, str, str]:
        """Return how an input was taken, the message, and the traceback where there is one."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{kind}\t{path}\n".encode())
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], LONGEST)[0]:
            self.close()
            self._start()
            return "slow", f"more than {LONGEST:g} s", ""
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            self._errors.seek(0)
            message = self._errors.read()[-2000:].decode("utf-8", "replace")
            self._start()
            return "crash", f"the process ended with {code}", message
        outcome = json.loads(line)
        return outcome["how"], outcome["text"], outcome["trace"]

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


@cache
def whole(kind: str) -> bytes:
    """Return the whole file of a kind."""
    return KINDS[kind].seed()


def drawn(seed: int, number: int, kinds: list[str]) -> tuple[str, str, bytes]:
    """Return kind, way and bytes of an input."""
    chance = np.random.default_rng((seed, number))
    weights = np.array([KINDS[kind].weight for kind in kinds], float)
    kind = kinds[number] if number < len(kinds) else str(chance.choice(kinds, p=weights / weights.sum()))
    if number < len(kinds):
        return kind, "whole", whole(kind)
    way = mutate.pick(KINDS[kind].ways, chance)
    other = whole(str(chance.choice(kinds))) if chance.random() < 0.5 else whole(kind)
    return kind, getattr(way, "__name__", "way"), way(whole(kind), other, chance)


def outcomes(
    count: int, seed: int, kinds: list[str], only: int | None = None, keep: Path | None = None
) -> Iterator[Outcome]:
    """Yield what became of each of `count` inputs; the first of every kind is whole."""
    worker = Worker()
    try:
        with tempfile.TemporaryDirectory() as folder:
            for number in range(count) if only is None else [only]:
                kind, way, content = drawn(seed, number, kinds)
                path = Path(folder) / f"input{KINDS[kind].suffix}"
                path.write_bytes(content)
                outcome = Outcome(number, kind, way, *worker.ask(kind, path))
                if keep and outcome.finding:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{number}{KINDS[kind].suffix}").write_bytes(content)
                yield outcome
    finally:
        worker.close()


def main() -> int:
    """Run, print the figures and every finding, and return the exit code."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("--count", type=int, default=5000)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--kind", action="append", choices=list(KINDS))
    words.add_argument("--only", type=int)
    words.add_argument("--keep", type=Path)
    options = words.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    results = []
    for one in outcomes(options.count, options.seed, options.kind or list(KINDS), options.only, options.keep):
        results.append(one)
        if one.finding or (one.way == "whole" and one.how != "read"):
            print(f"{one.number} {one.kind} {one.way}: {one.how}: {one.text}\n{one.trace}", flush=True)
    print(f"{len(results):,} inputs of {len({one.kind for one in results})} kinds, seed {options.seed}")
    for how, count in Counter(one.how for one in results).most_common():
        print(f"{count:7,} {how}")
    print(f"{sum(one.finding for one in results):7,} findings")
    return int(any(one.finding for one in results))


if __name__ == "__main__":
    sys.exit(main())
