"""A fairness audit as text for a terminal, in notebooks, and as files: fairness.json and fairness.html."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from mien.evaluation.fairness.conclusion import p_text
from mien.evaluation.records.fairness import Fairness
from mien.evaluation.report import Report
from mien.evaluation.report.fairness import fairness as section
from mien.evaluation.report.fairness import odds_chance
from mien.evaluation.report.style import STYLE
from mien.evaluation.result import Result
from mien.evaluation.statistics.clusters import FLIPS, by
from mien.evaluation.statistics.intervals import ECE_NOTE
from mien.evaluation.statistics.mcnemar import LEVEL
from mien.evaluation.text import span
from mien.html.markup import Html, escape, markup
from mien.html.page import page, percent, table
from mien.outputs import Outputs, into
from mien.reading.shape import fits

if TYPE_CHECKING:
    from mien.evaluation.fairness.report import ColumnAudit, FairnessReport, GroupScores

WIDE = 24  # letters of a group's name


def to_text(audit: FairnessReport) -> str:
    """Return an audit as lines for a terminal."""
    few = f"nothing is concluded from fewer than {audit.min_group}"
    none = "in no group by any column" if len(audit.columns) > 1 else "in no group"
    whole = next((column.by for column in audit.columns if column.by), None)
    lines = [f"intervals and tests {by(whole)}", *_floor(audit)] if whole else []
    lines += [f"{audit.n:,} images, {audit.left_out:,} of them {none}; {few}"]
    for column in audit.columns:
        lines += ["", *_column(column, audit.min_group)]
    return "\n".join([*lines, "", *wrap(ECE_NOTE, 100)])


def _floor(audit: FairnessReport) -> list[str]:
    """Return how small a p value of tests by subject or clip can be; nothing without tests."""
    tests = [test.what for column in audit.columns for test in column.tests]
    families = Counter("accuracy" if what == "accuracy" else "error rates" for what in tests)
    if not families:
        return []
    least = 1 / (FLIPS + 1)
    corrected = ", ".join(f"{n * least:.5f} for {what}" for what, n in families.items())
    return [f"p values are of {FLIPS:,} random draws: none is below {least:.5f}; after Holm {corrected}"]


def to_html(audit: FairnessReport) -> Html:
    """Return an audit as a table: a row per group, and the conclusion of every column below."""
    rows = [
        [escape(f"{column.column}: {group.group}"), markup("{:,}", group.n), *map(escape, _shown(group))]
        for column in audit.columns
        for group in column.groups
    ]
    conclusions = escape(". ".join(column.conclusion for column in audit.columns))
    return markup("{}<p>{}.</p>", table(("group", "images", "accuracy", "95 %", "ECE"), rows), conclusions)


def _shown(group: GroupScores) -> tuple[str, str, str]:
    if not group.enough:
        return "too few", "", ""
    return percent(group.accuracy, 1), span(group.accuracy_interval, 1), percent(group.ece, 1)


KEPT = ("fairness.json", "fairness.html")
"""What `keep` writes."""


def keep(result: Result, audit: FairnessReport, out: Path | Outputs) -> list[Path]:
    """Write fairness.json and fairness.html into a folder; return their paths."""
    name, where = result.provenance.weights or "result", result.provenance.measured_on
    written = json.dumps(audit.to_dict(), indent=2)
    report = Report({name: result}, {}, fairness={name: fits(Fairness, json.loads(written))})
    title = f"{name} on {where} by group" if where else f"{name} by group"
    lede = "Are apparent facial expressions read as well for every group of people?"
    outputs = into(out)
    outputs.write("fairness.json", f"{written}\n".encode())
    outputs.write("fairness.html", page(title, section(report), lede=lede, style=STYLE).encode())
    return [outputs.folder / name for name in KEPT]


def _column(column: ColumnAudit, min_group: int) -> list[str]:
    lines = [f"{column.column[:WIDE]:{WIDE}s}{'images':>9s}{'accuracy':>11s}{'95 %':>15s}{'ECE':>9s}{'95 %':>14s}"]
    lines += [_row(group, min_group) for group in column.groups]
    lines += [f"{'(no group)':{WIDE}s}{column.left_out:9,d}"] if column.left_out else []
    large = [group for group in column.groups if group.enough]
    for key, words in (("fnr", "false negatives, %"), ("fpr", "false positives, %")):
        if any(getattr(row, key) is not None for group in large for row in group.per_class.values()):
            lines += ["", f"{words:{WIDE}s}" + "".join(f"{label[:9]:>10s}" for label in large[0].per_class)]
            lines += [_rates(group, key) for group in large]
    if column.equalised_odds_gap is not None:
        chance = "" if column.equalised_odds_chance is None else f"; {odds_chance(column.equalised_odds_chance)}"
        lines += ["", f"equalised-odds gap: {100 * column.equalised_odds_gap:.1f} points{chance}"]
    lines += [
        f"{test.what}: {p_text(test.p)}, after Holm {p_text(test.p_holm)}"
        for test in column.tests
        if test.what == "accuracy" or test.p_holm < LEVEL
    ]
    return [*lines, column.conclusion]


def _row(group: GroupScores, min_group: int) -> str:
    start = f"{group.group[:WIDE]:{WIDE}s}{group.n:9,d}"
    if group.accuracy is None or group.ece is None:
        return f"{start}  too few to conclude: {group.n} < {min_group}"
    accuracy = f"{100 * group.accuracy:9.2f} %{span(group.accuracy_interval, 1):>15s}"
    return f"{start}{accuracy}{100 * group.ece:7.2f} %{span(group.ece_interval, 1):>14s}"


def _rates(group: GroupScores, key: str) -> str:
    rates = (getattr(row, key) for row in group.per_class.values())
    cells = ("-" if rate is None else f"{100 * rate:.1f}" for rate in rates)
    return f"{group.group[:WIDE]:{WIDE}s}" + "".join(f"{cell:>10s}" for cell in cells)
