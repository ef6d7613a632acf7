"""What the weights predict beside the expression: its group, and where measured valence, arousal and action units."""

from collections.abc import Mapping
from typing import Any

from mien.evaluation.report.components import section, with_span
from mien.evaluation.report.model import Report
from mien.html.markup import EMPTY, Html, escape, join, markup
from mien.html.page import note, percent, table

REGRESSION = {"rmse": "RMSE", "corr": "correlation", "sagr": "same sign", "ccc": "CCC"}
BY_PROTOTYPES = "Expressions by the prototypes of the predicted units, without training."
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
        [escape(name), escape(head), *(_number(scores[key], scores.get(f"{key}_interval")) for key in REGRESSION)]
        for head in ("valence", "arousal")
        for name, scores in _further(report, head).items()
    ]
    units = [
        [escape(name), escape(unit), *(_number(scores[key][k], _ends(scores, key, k)) for key in UNITS)]
        for name, scores in _further(report, "units").items()
        for k, unit in enumerate(scores.get("labels") or map(str, range(len(scores["f1"]))))
    ]
    prototypes = [
        [escape(name), escape(f"{known['n']:,}"), with_span(percent(known["accuracy"], 1), known["accuracy_interval"])]
        + [escape(percent(known[key], 1)) for key in ("balanced_accuracy", "macro_f1", "top2")]
        for name, known in _further(report, "prototypes").items()
    ]
    parts = [
        markup('<div class="box">{}</div>', table(("weights", what, *columns.values()), rows))
        for what, columns, rows in (("head", REGRESSION, affect), ("action unit", UNITS, units))
        if rows
    ]
    if prototypes:
        columns = ("units of", "images", "accuracy", "balanced accuracy", "macro-F1", "top-2")
        parts += [markup('<div class="box">{}</div>{}', table(columns, prototypes), note(BY_PROTOTYPES))]
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


def _ends(scores: Mapping[str, Any], key: str, k: int) -> list[float | None] | None:
    spans = scores.get(f"{key}_interval")  # older results have none
    return spans[k] if spans else None


def _number(value: float | None, ends: list[float | None] | None) -> Html:
    low, high = ends or (None, None)
    span = "" if low is None or high is None else f" ({low:.3f} to {high:.3f})"
    return escape("-" if value is None else f"{value:.3f}{span}")
