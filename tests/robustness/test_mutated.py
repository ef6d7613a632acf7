"""A slice of the mutated inputs in every run of the tests, all of them in `make test-all`: no traceback."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="checkpoints and recipes need mien[train]")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize(
    ("count", "seed"), [(300, 1), pytest.param(6000, 0, marks=pytest.mark.slow)], ids=["a slice", "all"]
)
def test_mutated_inputs_are_read_or_refused_in_one_line(count: int, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from mutated.__main__ import outcomes
    from mutated.kinds import KINDS

    results = list(outcomes(count, seed, list(KINDS)))
    assert [f"{one.number} {one.kind} {one.way}: {one.text}\n{one.trace}" for one in results if one.finding] == []
    assert [one.kind for one in results if one.way == "whole" and one.how != "read"] == []
    assert {one.kind for one in results} == set(KINDS)
    assert sys.modules["mutated"].__file__ == str(BENCHMARKS / "mutated" / "__init__.py")
