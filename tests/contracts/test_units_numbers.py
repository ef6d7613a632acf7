"""docs/measures.md and the fits in the code have what results/units.json has, written again from it."""

import json
import re
from pathlib import Path

import pytest

from mien.compound import FITTED, KINDS, Fit
from mien.inference.measures.movements import reference
from mien.units import UNITS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "measures.md").read_text(encoding="utf-8")
POSED = json.loads((ROOT / "results" / "measures" / "posed.json").read_text(encoding="utf-8"))
RESULTS = json.loads((ROOT / "results" / "units.json").read_text(encoding="utf-8"))


def cells(head: str) -> list[list[str]]:
    """Return the rows of the table whose first heading is so."""
    lines = PAGE[PAGE.index(f"\n| {head} |") + 1 :].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip().strip("`") for cell in line.strip().strip("|").split("|")] for line in lines]


def test_the_table_of_measures() -> None:
    areas = RESULTS["prototypes"]["auc"]
    assert cells("measure | movement") == [
        [unit.name, unit.movement, "yes" if unit.sides else "", unit.grade, unit.source, str(areas.get(unit.name, ""))]
        for unit in UNITS.values()
    ]


def test_the_grades_rest_on_the_figures_that_are_kept() -> None:
    assert POSED["auc"] == {unit.name: unit.auc for unit in UNITS.values() if unit.auc is not None}
    assert all(f" on {POSED['images']} posed faces" in UNITS[name].source for name in POSED["auc"])
    assert {unit.grade for unit in UNITS.values() if POSED["auc"].get(unit.name, 0) >= 0.88} == {"good"}
    assert {unit.grade for unit in UNITS.values() if POSED["auc"].get(unit.name, 1) < 0.75} == {"unreliable"}


def test_the_table_of_prototypes() -> None:
    keys = ("accuracy", "balanced_accuracy", "macro_f1", "top2")
    systems = RESULTS["prototypes"]["systems"].values()
    assert [row[1:] for row in cells("system")] == [[f"{100 * row[key]:.1f} %" for key in keys] for row in systems]


def test_the_table_of_compound_expressions() -> None:
    def figures(row: dict[str, float]) -> str:
        return ", ".join(f"{row[key]:.3f}" for key in ("log_loss", "ece", "auc"))

    val = RESULTS["compound"]["val"]
    expected = [[figures(val[name][key]) for name in ("ferplus", "fer2013")] for key in val["ferplus"]]
    assert [row[1:] for row in cells("from")] == expected


def test_the_numbers_of_images() -> None:
    prose = " ".join(PAGE.split())
    facts, prototypes, val = RESULTS["reference"], RESULTS["prototypes"], RESULTS["compound"]["images"]["val"]
    assert f"{facts['measured']:,} of {facts['images']:,} random images" in prose
    assert f"On {prototypes['measured']:,} of {prototypes['n']:,} images of FERPlus val" in prose
    assert f"for {val['split']:,} of {val['n']:,} images of val" in prose
    assert {key: value for key, value in reference().items() if key != "quantiles"} == facts


@pytest.mark.parametrize("data", FITTED)
def test_the_fits_are_those_that_were_measured(data: str) -> None:
    assert [Fit(*one) for one in RESULTS["compound"]["fits"][data]] == list(FITTED[data])
    moved = RESULTS["compound"]["val"][data]
    helps = moved["with_movements"]["log_loss"] < moved["probabilities_measured_faces"]["log_loss"]
    assert bool(FITTED[data][1].movement) == helps


def test_every_core_is_of_measured_units() -> None:
    assert all(unit in UNITS for kind in KINDS.values() for unit in kind.core)
    assert re.search(r"not FACS coding", PAGE)
