"""What the weights predict beside the expression: its group, and where measured valence, arousal and action units."""

from collections.abc import Mapping
from typing import Any

from mien.evaluation.report.components import section, with_span
from mien.evaluation.report.model import Report
from mien.html.markup import EMPTY, Html, escape, join, markup
from mien.html.page import note, percent, table

REGRESSION = {"rmse": "RMSE", "corr": "correlation", "sagr": "same sign", "ccc": "CCC"}
UNITS = {"f1": "F1", "auc": "AUC", "icc": "ICC(3,1)"}


def group_level(report: Report) -> Html:
    """Accuracy and macro-F1 of the groups of expressions, by result."""
    rows = [
        [
            escape(name),
            escape(", ".join(level["labels"])),
            with_span(percent(level["accuracy"], 1), level["accuracy_interval"]),
            escape(percent(level["macro_f1"], 1)),
        ]
        for name, level in _further(report, "group_level").items()
    ]
    if not rows:
        return EMPTY
    explanation = note("The probability of a group is the sum of those of its expressions.")
    return section("groups", "By group", table(("weights", "groups", "accuracy", "macro-F1"), rows), explanation)


def heads(report: Report) -> Html:
    """Valence and arousal against their targets, and every action unit, by result."""
    affect = [
        [escape(name), escape(head), *(_number(scores[key]) for key in REGRESSION)]
        for head in ("valence", "arousal")
        for name, scores in _further(report, head).items()
    ]
    units = [
        [escape(name), escape(unit), *(_number(scores[key][k]) for key in UNITS)]
        for name, scores in _further(report, "units").items()
        for k, unit in enumerate(scores.get("labels") or map(str, range(len(scores["f1"]))))
    ]
    parts = [
        markup('<div class="box">{}</div>', table(("weights", what, *columns.values()), rows))
        for what, columns, rows in (("head", REGRESSION, affect), ("action unit", UNITS, units))
        if rows
    ]
    if not parts:
        return EMPTY
    explanation = note(
        "Only images with a target count. CCC is 1 where predictions equal their targets, and 0 for a constant; a unit "
        "is present from 0.5 on."
    )
    return section("heads", "Valence, arousal and action units", join(parts), explanation)


def _further(report: Report, key: str) -> dict[str, Mapping[str, Any]]:
    found = ((name, scores.further.get(key)) for name, scores in report.scores.items() if scores.n)
    return {name: value for name, value in found if value}


def _number(value: float | None) -> Html:
    return escape("-" if value is None else f"{value:.3f}")
