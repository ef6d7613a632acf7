"""A fairness audit as text for a terminal, and as files: fairness.json and fairness.html."""

import json
from pathlib import Path
from textwrap import wrap
from typing import Any

from mien.evaluation.fairness import p_text
from mien.evaluation.report import Report
from mien.evaluation.report.fairness import fairness as section
from mien.evaluation.report.style import STYLE
from mien.evaluation.result import Result
from mien.evaluation.statistics.clusters import by
from mien.evaluation.statistics.intervals import ECE_TOLD
from mien.evaluation.statistics.mcnemar import LEVEL
from mien.html.page import page
from mien.outputs import Outputs, into

WIDE = 24  # letters of a group's name


def to_text(figures: dict[str, Any]) -> str:
    """Return the figures of `fairness` as lines for a terminal."""
    few = f"nothing is concluded from fewer than {figures['min_group']}"
    none = "in no group by any column" if len(figures["columns"]) > 1 else "in no group"
    whole = next((column["by"] for column in figures["columns"] if column.get("by")), None)
    lines = [f"intervals and tests {by(whole)}"] if whole else []
    lines += [f"{figures['n']:,} images, {figures['left_out']:,} of them {none}; {few}"]
    for column in figures["columns"]:
        lines += ["", *_column(column, figures["min_group"])]
    return "\n".join([*lines, "", *wrap(ECE_TOLD, 100)])


KEPT = ("fairness.json", "fairness.html")
"""What `keep` writes."""


def keep(result: Result, figures: dict[str, Any], out: Path | Outputs) -> list[Path]:
    """Write fairness.json and fairness.html into a folder; return their paths."""
    name = result.provenance.weights or "result"
    where = result.provenance.measured_on
    report = Report({name: result}, {}, fairness={name: figures})
    title = f"{name} on {where} by group" if where else f"{name} by group"
    lede = "Are apparent facial expressions read as well for every group of people?"
    outputs = into(out)
    outputs.write("fairness.json", f"{json.dumps(figures, indent=2)}\n".encode())
    outputs.write("fairness.html", page(title, section(report), lede=lede, style=STYLE).encode())
    return [outputs.folder / name for name in KEPT]


def _column(column: dict[str, Any], least: int) -> list[str]:
    lines = [f"{column['column'][:WIDE]:{WIDE}s}{'images':>9s}{'accuracy':>11s}{'95 %':>15s}{'ECE':>9s}{'95 %':>14s}"]
    lines += [_row(group, least) for group in column["groups"]]
    lines += [f"{'(no group)':{WIDE}s}{column['left_out']:9,d}"] if column["left_out"] else []
    enough = [group for group in column["groups"] if group["enough"]]
    for key, words in (("fnr", "false negatives, %"), ("fpr", "false positives, %")):
        if any(row[key] is not None for group in enough for row in group["per_class"].values()):
            lines += ["", f"{words:{WIDE}s}" + "".join(f"{label[:9]:>10s}" for label in enough[0]["per_class"])]
            lines += [_rates(group, key) for group in enough]
    if column["equalised_odds_gap"] is not None:
        lines += ["", f"equalised-odds gap: {100 * column['equalised_odds_gap']:.1f} points"]
    lines += [
        f"{test['what']}: {p_text(test['p'])}, after Holm {p_text(test['p_holm'])}"
        for test in column["tests"]
        if test["what"] == "accuracy" or test["p_holm"] < LEVEL
    ]
    return [*lines, column["conclusion"]]


def _row(group: dict[str, Any], least: int) -> str:
    start = f"{group['group'][:WIDE]:{WIDE}s}{group['n']:9,d}"
    if not group["enough"]:
        return f"{start}  too few to conclude: {group['n']} < {least}"
    told = f"{100 * group['accuracy']:9.2f} %{_span(group['accuracy_interval']):>15s}"
    return f"{start}{told}{100 * group['ece']:7.2f} %{_span(group['ece_interval']):>14s}"


def _rates(group: dict[str, Any], key: str) -> str:
    cells = ("-" if row[key] is None else f"{100 * row[key]:.1f}" for row in group["per_class"].values())
    return f"{group['group'][:WIDE]:{WIDE}s}" + "".join(f"{cell:>10s}" for cell in cells)


def _span(interval: list[float | None]) -> str:
    if interval[0] is None or interval[1] is None:
        return "-"
    return f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}"
