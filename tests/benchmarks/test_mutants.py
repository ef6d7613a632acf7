"""The harness on a tree of one module: what is killed, what survives, and what is an error."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
MODULE = "def half(x):\n    return x / 2\n\n\ndef same(x):\n    return x + 0\n"
TESTS = """import sys
sys.path.insert(0, "src")
from halves import half, same
def test_half(): assert half(4) == 2
def test_same(): assert same(4) == 4
"""
TABLE = """
src/halves.py:
  twice: {old: x / 2, new: x * 2, tests: tests/test_halves.py}
  neither: {old: x + 0, new: x - 0, tests: tests/test_halves.py}
  known: {old: x + 0, new: x - 0, tests: tests/test_halves.py, survives: nothing is added}
  gone: {old: x / 3, new: x, tests: tests/test_halves.py}
  twofold: {old: return x, new: return, tests: tests/test_halves.py}
  broken: {old: "def half(x):", new: "def half(x", tests: tests/test_halves.py}
  nowhere: {old: x / 2, new: x * 2, tests: tests/test_thirds.py}
  hanging: {old: x / 2, new: "sum(iter(int, 1))", tests: tests/test_halves.py}
"""

RUN = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import mutants
mutants.LIBRARIES, mutants.LONGEST = [], 5
root = Path(sys.argv[2])
mutants.ROOT, mutants.TABLE = root, root / "table.yaml"
for mutant, kind, how in mutants.results(mutants.mutants(root / "table.yaml"), root):
    print(mutant.name, kind, how, sep="|")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it forks")
def test_what_becomes_of_mutants(tmp_path: Path) -> None:
    for name, text in {"src/halves.py": MODULE, "tests/test_halves.py": TESTS, "table.yaml": TABLE}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    done = subprocess.run(
        [sys.executable, "-c", RUN, BENCHMARKS, tmp_path], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    result = {name: (kind, how) for name, kind, how in (line.split("|") for line in done.stdout.splitlines())}
    assert {name: kind for name, (kind, _) in result.items()} == {
        "twice": "killed",
        "neither": "survived",
        "known": "equivalent",
        "gone": "error",
        "twofold": "error",
        "broken": "error",
        "nowhere": "error",
        "hanging": "killed",
    }
    assert result["twice"][1] == "tests/test_halves.py::test_half"
    assert "0 times" in result["gone"][1]
    assert "2 times" in result["twofold"][1]
    assert result["hanging"][1] == "no end within 5 s"
    assert (tmp_path / "src/halves.py").read_text() == MODULE


def test_every_mutant_still_applies() -> None:
    done = subprocess.run([sys.executable, BENCHMARKS / "mutants.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, [line for line in done.stdout.splitlines() if line.startswith("error")]
