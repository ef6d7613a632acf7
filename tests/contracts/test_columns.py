"""docs/columns.md has every column that the code writes, in its order and with its type, and no other."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from mien.card import Card
from mien.hierarchy import TREE
from mien.inference.output import people_csv, rows
from mien.labels import EXPRESSIONS

PAGE = (Path(__file__).parents[2] / "docs" / "columns.md").read_text(encoding="utf-8")
MEASURED = {"val": {"dataset": "mine", "per_class": {"fear": {"f1": 0.5, "support": 9}}}}
CARD = Card(name="test", labels=EXPRESSIONS, valence_arousal=True, action_units=("au04", "au12"), metrics=MEASURED)
ALL = rows.Extra(measures=True, level="group", baseline=True, compound=True)
WRITTEN = {
    "predictions": list(rows.columns(CARD, ALL)),
    "events.csv": people_csv.event_columns(ALL),
    "people.csv": people_csv.columns(CARD, replace(ALL, baseline=False)),
}


def told(section: str) -> dict[str, list[str]]:
    """Return the columns of a section's table, patterns filled in, with the other cells of their rows."""
    part = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \|(.*)\|$", part, re.M)
    found: dict[str, list[str]] = {}
    for name, rest in rows:
        labels = [label for label in EXPRESSIONS if "not for neutral" not in rest or label != "neutral"]
        fill = {"<expression>": labels, "<unit>": CARD.action_units, "<group>": TREE}
        (mark,) = [mark for mark in fill if mark in name] or [""]
        names = [name.replace(mark, word) for word in fill[mark]] if mark else [name]
        found |= {one: [cell.strip() for cell in rest.split("|")] for one in names}
    return found


@pytest.mark.parametrize("section", WRITTEN)
def test_every_column_has_its_line(section: str) -> None:
    assert list(told(section)) == WRITTEN[section]


@pytest.mark.parametrize("section", WRITTEN)
def test_every_line_says_type_emptiness_and_meaning(section: str) -> None:
    for name, (kind, _, empty, meaning) in told(section).items():
        assert kind in ("string", "int32", "int64", "float32", "float64", "bool"), name
        assert empty, name
        assert meaning, name


def test_people_have_each_figure_corrected_as_well() -> None:
    plain = WRITTEN["people.csv"]
    alike = [*people_csv.SEEN, "mean_valence", "mean_arousal", "blinks"]
    corrected = [f"{name}_corrected" for name in plain if name not in alike]
    assert people_csv.columns(CARD, ALL) == plain + corrected


def test_types_are_those_of_the_code() -> None:
    assert {name: cells[0] for name, cells in told("predictions").items()} == rows.columns(CARD, ALL)
