"""How the weights treat groups of people, from what the fairness audit wrote."""

from typing import Any

from mien.evaluation.report.components import figure, name_of, section, span, strangers, with_span
from mien.evaluation.report.model import Report
from mien.evaluation.statistics.clusters import by
from mien.evaluation.statistics.intervals import ECE_TOLD
from mien.html.chart import Whisker, whiskers
from mien.html.markup import EMPTY, Html, escape, markup
from mien.html.page import facts, percent, table


def fairness(report: Report) -> Html:
    """Accuracy, calibration and error rates by group; groups too small to conclude from are faint."""
    parts = []
    for name, found in report.fairness.items():
        none = "no group by any column" if len(found["columns"]) > 1 else "no group"
        title = EMPTY if report.single else markup("<h3>{}</h3>", name_of(name, report.kinds[name]))
        left = f" {found['left_out']:,} of them are in {none}." if found.get("left_out") else ""
        told = (
            f"Groups are those of the table that was given, {found['n']:,} images.{left} Below "
            f"{found['min_group']:,} images a group is shown faint and nothing is concluded from it. "
            f"{_by(found)}{ECE_TOLD}"
        )
        parts += [
            markup('{}<p class="soft">{}</p>', title, escape(told)),
            *(_column(report, name, column) for column in found["columns"]),
        ]
    return section("fairness", "By group of people", strangers(report, "fairness"), *parts)


def _by(found: dict[str, Any]) -> str:
    whole = next((column["by"] for column in found["columns"] if column.get("by")), None)
    return f"Intervals and tests are {by(whole)}. " if whole else ""


def _column(report: Report, name: str, column: dict[str, Any]) -> Html:
    rows, marks = [], []
    for group in column["groups"]:
        few = EMPTY if group["enough"] else Html("<small>too few</small>")
        rows.append(
            [
                escape(group["group"]),
                markup("{:,}{}", group["n"], few),
                with_span(percent(group["accuracy"], 1), group.get("accuracy_interval")),
                with_span(percent(group.get("ece"), 1), group.get("ece_interval")),
            ]
        )
        marks.append(
            Whisker(
                f"{group['group']} ({group['n']:,})",
                group["accuracy"],
                group.get("accuracy_interval"),
                report.kinds[name],
                not group["enough"],
            )
        )
    if column.get("left_out"):
        rows.append([Html('<span class="soft">no group</span>'), markup("{:,}", column["left_out"]), EMPTY, EMPTY])
    chart = figure(whiskers(marks, "accuracy"), f"Accuracy by {column['column']} with its 95 % interval.")
    listed = table((column["column"], "images", "accuracy", "ECE"), rows)
    level = 3 if report.single else 4
    title = markup("<h{}>By {}</h{}>", level, escape(column["column"]), level)
    said = str(column.get("conclusion") or "")
    told = markup("<p>{}.</p>", escape(said[:1].upper() + said[1:])) if said else EMPTY
    beside = markup('<div class="box">{}{}</div>', listed, facts(_gaps(column)))
    return markup('{}{}<div class="two">{}{}</div>{}{}', title, told, chart, beside, _tests(column), _rates(column))


def _gaps(column: dict[str, Any]) -> dict[str, str]:
    gap = column.get("gap")
    return {
        "worst group": str(column.get("worst_group") or ""),
        "gap in accuracy": "" if gap is None else f"{100 * gap:.1f} points" + _within(column.get("gap_interval")),
        "equalised odds": ""
        if column.get("equalised_odds_gap") is None
        else f"rates differ by up to {100 * column['equalised_odds_gap']:.1f} points",
    }


def _within(interval: list[float] | None) -> str:
    return f" (95 %: {ends})" if (ends := span(interval)) else ""


def _tests(column: dict[str, Any]) -> Html:
    if not column.get("tests"):
        return EMPTY
    rows = [[escape(test["what"]), p_value(test["p"]), p_value(test.get("p_holm"))] for test in column["tests"]]
    told = escape(f"Tests of differences by {column['column']}")
    return markup("<details><summary>{}</summary>{}</details>", told, table(("test", "p", "p after Holm"), rows))


def _rates(column: dict[str, Any]) -> Html:
    rows = [
        [
            escape(group["group"]),
            escape(label),
            markup("{:,}", row["n"]),
            with_span(percent(row["fpr"], 1), row.get("fpr_interval")),
            with_span(percent(row["fnr"], 1), row.get("fnr_interval")),
        ]
        for group in column["groups"]
        for label, row in (group.get("per_class") or {}).items()
    ]
    if not rows:
        return EMPTY
    listed = table((column["column"], "expression", "images", "false positives", "false negatives"), rows)
    return markup(
        "<details><summary>False positives and negatives by {}</summary>{}</details>", escape(column["column"]), listed
    )


def p_value(p: float | None) -> Html:
    """Return a p value as it is printed, HTML.

    >>> p_value(0.0312), p_value(0.00002), p_value(None)
    ('0.031', '&lt;&nbsp;0.001', '-')
    """
    if p is None or p != p:
        return Html("-")
    return Html("&lt;&nbsp;0.001") if p < 0.001 else markup("{:.3f}", p)
