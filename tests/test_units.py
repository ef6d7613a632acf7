"""Movement measures: the table, quantiles of the reference population, and prototypes."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest

from mien.card import UNIT
from mien.inference.measures.movements import LEVELS, fractions, movements, raw, reference
from mien.labels import EXPRESSIONS
from mien.prototypes import PROTOTYPES, USED, others, prototype_probs
from mien.units import MEASURES, UNITS

SHAPES = tuple(sorted({shape for shapes in MEASURES.values() for shape in shapes}))


def test_names_are_those_of_action_units_in_order() -> None:
    assert all(UNIT.fullmatch(name) for name in UNITS)
    assert list(UNITS) == sorted(UNITS)
    assert [name for name in MEASURES if name not in UNITS] == [
        f"{unit.name}_{side}" for unit in UNITS.values() if unit.sides for side in ("left", "right")
    ]


@pytest.mark.parametrize(
    ("auc", "grade"),
    [(0.88, "good"), (0.879, "moderate"), (0.75, "moderate"), (0.749, "unreliable"), (0.28, "unreliable")],
)
def test_grades_follow_the_measurement(auc: float, grade: str) -> None:
    unit = dataclasses.replace(UNITS["au43"], auc=auc)
    assert unit.grade == grade
    assert f"{auc:.3g}" in unit.source


def test_without_a_measurement_the_literature_grades_and_without_it_nothing_is_trusted() -> None:
    assert (UNITS["au43"].grade, UNITS["au43"].source) == ("good", "strong in a fitted map on DISFA+")
    assert (UNITS["au18"].grade, UNITS["au18"].source) == ("unreliable", "not measured, no source found")


def test_a_unit_is_the_mean_of_its_halves() -> None:
    shapes = np.zeros(len(SHAPES))
    shapes[SHAPES.index("mouthSmileLeft")] = 0.8
    found = dict(zip(MEASURES, raw(SHAPES, shapes).tolist(), strict=True))
    assert (found["au12"], found["au12_left"], found["au12_right"]) == (0.4, 0.8, 0.0)
    assert sum(value > 0 for value in found.values()) == 2


def test_the_reference_has_every_measure_in_rising_quantiles() -> None:
    table = reference()["quantiles"]
    assert list(table) == list(MEASURES)
    for row in table.values():
        assert len(row) == len(LEVELS)
        assert (np.diff(row) >= 0).all()
    assert reference()["measured"] > 3000


def test_the_median_face_is_at_one_half_whatever_the_measure() -> None:
    steps = np.array(list(reference()["quantiles"].values()))
    assert fractions(steps[:, 50], steps) == pytest.approx(0.5, abs=0.011)  # where two quantiles are equal, between
    assert (fractions(steps[:, 100] + 1, steps) == 1).all()
    assert (fractions(steps[:, 0] - 1, steps) == 0).all()


def test_measures_rise_with_the_movement() -> None:
    levels = [np.array(list(movements(SHAPES, np.full(len(SHAPES), value)).values())) for value in (0, 0.01, 0.3, 1)]
    assert all((b >= a).all() for a, b in pairwise(levels))
    assert (levels[-1] > 0.99).all()


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_prototype_is_its_own_expression(expression: str) -> None:
    core = PROTOTYPES[expression]
    found = prototype_probs({unit: float(unit in core) for unit in others(core)} | dict.fromkeys(core, 1.0))
    assert max(found, key=lambda name: found[name]) == expression
    assert sum(found.values()) == pytest.approx(1)


@pytest.mark.parametrize("side", ["left", "right"])
def test_contempt_is_on_either_side(side: str) -> None:
    units = dict.fromkeys(USED, 0.0) | {"au12": 0.5, "au14": 0.5, f"au12_{side}": 1.0, f"au14_{side}": 1.0}
    found = prototype_probs(units)
    assert max(found, key=lambda name: found[name]) == "contempt"
    even = prototype_probs(units | {f"{unit}_{one}": 1.0 for unit in ("au12", "au14") for one in ("left", "right")})
    assert even["contempt"] < found["contempt"] - 0.1


def test_units_that_lack_count_as_the_median() -> None:
    assert prototype_probs({}) == prototype_probs(dict.fromkeys(USED, 0.5))
