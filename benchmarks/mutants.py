"""Would the tests notice?  Puts known faults (mutants) into a copy of the tree, one at a time, and runs the tests.

    python benchmarks/mutants.py                    every mutant of mutants.yaml, one line each
    python benchmarks/mutants.py 'ema-*' keep-on-val         those that match
    python benchmarks/mutants.py --check            only whether each mutant's text is still there, exactly once

mutants.yaml holds, by file, what is replaced by what, and the tests that should fail then; `survives` says why a mutant
changes nothing that can be observed.  A mutant is killed when a test fails.  It is an error when its text is not in the
file exactly once, when the code with it cannot be imported, or when its tests fail without it.  Exit 1 unless every
mutant is killed or known to survive.  One CPU; needs the environment that runs the tests.
"""

import contextlib
import fnmatch
import importlib.util
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import TextIO

import pytest
import yaml

ROOT = Path(__file__).parents[1]
TABLE = Path(__file__).with_suffix(".yaml")
LONGEST = 600
"""Seconds after which the tests of a mutant are taken to hang, which kills it."""
FAILED, BROKEN = 1, 70
"""Exit codes: pytest's where tests ran and some failed, and ours for a run that broke; others are errors too."""
LIBRARIES = [
    "numpy", "scipy.stats", "scipy.optimize", "sklearn.metrics", "sklearn.svm", "cv2", "PIL.Image", "pandas",
    "pyarrow.parquet", "pydantic", "rich", "torch", "torch._dynamo",
]  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A fault: in `file`, `old` becomes `new`; `tests` are pytest's words; `survives` says why nothing can fail."""

    name: str
    file: str
    old: str
    new: str
    tests: str
    survives: str = ""


def mutants(table: Path = TABLE) -> list[Mutant]:
    """Return the mutants of a table; ValueError for a duplicate name."""
    files = yaml.safe_load(table.read_text(encoding="utf-8"))
    mutants = [Mutant(name, file, **row) for file, rows in files.items() for name, row in rows.items()]
    names = [mutant.name for mutant in mutants]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{table.name}: {', '.join(twice)} twice")
    return mutants


def mutated(mutant: Mutant, root: Path) -> str:
    """Return the file's text with the fault in it; ValueError unless the text to replace is there exactly once."""
    text = (root / mutant.file).read_text(encoding="utf-8")
    if (count := text.count(mutant.old)) != 1 or mutant.old == mutant.new:
        raise ValueError(f"{mutant.file} has {count} times {mutant.old!r}; expected once, and something else for it")
    return text.replace(mutant.old, mutant.new)


def copied(root: Path, copy: Path) -> None:
    """Copy what git tracks, or would track, of a checkout."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in filter(None, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")):
        if (root / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, copy / name)


def tested(tests: str, root: Path) -> tuple[int, str]:
    """Run tests in a tree; return pytest's exit code and the first test that failed, or the last line it wrote."""
    with TemporaryFile("w+") as result:
        if not (child := os.fork()):
            os._exit(_child(tests, root, result))
        code = _waited(child)
        result.seek(0)
        text = result.read()
    if code is None:
        return FAILED, f"no end within {LONGEST} s"
    mutants = re.search(r"^(?:FAILED|ERROR) (\S+)", text, re.MULTILINE)
    return code, mutants[1] if mutants else (text.strip().splitlines() or [""])[-1]


def _child(tests: str, root: Path, result: TextIO) -> int:
    """Run pytest in this process, a copy of one that holds everything but mien; a group of its own, to end as one."""
    os.setsid()
    for stream in (1, 2):
        os.dup2(result.fileno(), stream)
    os.chdir(root)
    os.environ.pop("MIEN_CACHE", None)
    os.environ["PYTHONPATH"] = str(root / "src")
    sys.path.insert(0, str(root / "src"))
    try:
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # importing those of other packages takes seconds
        return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--tb=no", *shlex.split(tests)]))
    except BaseException as error:
        print(repr(error), flush=True)
        return BROKEN
    finally:
        sys.stdout.flush()


def _waited(child: int) -> int | None:
    """Return the exit code of a process, BROKEN if a signal ended it, or None when it had to be ended."""
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else BROKEN
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def preloaded() -> None:
    """Import what most tests import, once, so that a mutant costs its tests alone; never mien, which changes."""
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    assert "mien" not in sys.modules


def _put(path: Path, text: str) -> None:
    """Write a module and forget its compiled form, which goes by size and whole seconds."""
    path.write_text(text, encoding="utf-8")
    Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)


def judged(mutant: Mutant, copy: Path, sound: "cache[tuple[int, str]]") -> tuple[str, str]:
    """Return what became of a mutant - killed, survived, equivalent or error - and by which test, or why."""
    try:
        text = mutated(mutant, copy)
    except (ValueError, OSError) as error:
        return "error", str(error)
    code, result = sound(mutant.tests)
    if code:
        return "error", f"without the mutant: {result}"
    path = copy / mutant.file
    before = path.read_text(encoding="utf-8")
    _put(path, text)
    try:
        code, result = tested(mutant.tests, copy)
    finally:
        _put(path, before)
    if code == FAILED:
        return "killed", result
    if code:
        return "error", f"pytest exits with {code}: {result}"
    return ("equivalent", mutant.survives) if mutant.survives else ("survived", mutant.tests)


def results(chosen: list[Mutant], root: Path = ROOT) -> Iterator[tuple[Mutant, str, str]]:
    """Yield every mutant with what became of it and how."""
    os.environ["OMP_NUM_THREADS"] = "1"
    preloaded()
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "mien"
        copied(root, copy)
        sound = cache(lambda tests: tested(tests, copy))
        for mutant in chosen:
            yield mutant, *judged(mutant, copy, sound)


def main(words: list[str]) -> int:
    """Print a line for each mutant, then how many there are of each kind; return the exit code."""
    patterns = [word for word in words if word != "--check"] or ["*"]
    chosen = [one for one in mutants() if any(fnmatch.fnmatch(one.name, pattern) for pattern in patterns)]
    counts: dict[str, int] = {}
    for mutant, kind, how in checked(chosen) if "--check" in words else results(chosen):
        counts[kind] = counts.get(kind, 0) + 1
        print(f"{kind:10s} {mutant.name:32s} {how}", flush=True)
    print(", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or f"no mutant {' '.join(patterns)}")
    return int(not counts or bool(counts.keys() & {"survived", "error"}))


def checked(chosen: list[Mutant], root: Path = ROOT) -> Iterator[tuple[Mutant, str, str]]:
    """Yield every mutant with whether it can be put into the tree."""
    for mutant in chosen:
        try:
            mutated(mutant, root)
            yield mutant, "applies", mutant.file
        except (ValueError, OSError) as error:
            yield mutant, "error", str(error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
