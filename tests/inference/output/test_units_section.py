"""Report and run record name the grade of every movement measure, and nothing where none was measured."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mien.face import Face
from mien.inference.output.record import _action_units
from mien.inference.output.units_section import WHAT, UnitMeans
from mien.units import MEASURES, UNITS

FACE = Face(np.zeros(4, np.float32), 1.0)


def test_grades_and_means() -> None:
    means = UnitMeans()
    for value in (0.25, 0.75):
        means.add(replace(FACE, action_units=dict.fromkeys(MEASURES, value), action_units_source="blendshapes"))
    text = means.section()
    assert WHAT in text
    for unit in UNITS.values():
        assert f">{unit.name}</th><td>{unit.movement}</td><td>0.50</td><td>{unit.grade}</td>" in text


@pytest.mark.parametrize("source", ["head", None])
def test_nothing_where_nothing_was_measured(source: str | None) -> None:
    means = UnitMeans()
    means.add(replace(FACE, action_units={"au12": 0.5} if source else None, action_units_source=source))
    assert means.section() == ""


@pytest.mark.parametrize(
    ("measurer", "head", "there"), [(object(), (), True), (None, (), False), (object(), ("au12",), False)]
)
def test_the_run_record_has_grades_and_population(measurer: object, head: tuple[str, ...], there: bool) -> None:
    pipeline: Any = SimpleNamespace(measurer=measurer, card=SimpleNamespace(action_units=head))
    facts = _action_units(pipeline)
    assert bool(facts) == there
    if there:
        assert facts["action_units"]["grades"]["au12"]["grade"] == "good"
        assert facts["action_units"]["reference"]["measured"] > 3000
        assert "quantiles" not in facts["action_units"]["reference"]
