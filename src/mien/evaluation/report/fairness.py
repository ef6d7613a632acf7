"""How the weights do on groups of people, as measured by `mien fairness`."""

from mien.evaluation.records.fairness import Column, Fairness, Group
from mien.evaluation.report.components import figure, known_ends, left_out, name_of, section, span, with_span
from mien.evaluation.report.model import Report
from mien.evaluation.statistics.clusters import by
from mien.evaluation.statistics.intervals import ECE_NOTE
from mien.html.chart import Whisker, whiskers
from mien.html.markup import EMPTY, Html, escape, markup
from mien.html.page import facts, note, percent, table


def fairness(report: Report) -> Html:
    """Accuracy, calibration and error rates by group; groups too small for conclusions are faint."""
    parts = []
    for name, audit in report.fairness.items():
        title = EMPTY if report.single else markup("<h3>{}</h3>", name_of(name, report.kinds[name]))
        parts += [title, note(_explanation(audit)), *(_column(report, name, column) for column in audit.columns)]
    return section("fairness", "By group of people", left_out(report, "fairness"), *parts)


def _explanation(audit: Fairness) -> str:
    none = "no group by any column" if len(audit.columns) > 1 else "no group"
    ungrouped = f" {audit.left_out:,} of them are in {none}." if audit.left_out else ""
    groups = next((column.by for column in audit.columns if column.by), None)
    tested = f"Intervals and tests are {by(groups)}. " if groups else ""
    return (
        f"Groups are those of the given table, {audit.n:,} images.{ungrouped} A group of fewer than "
        f"{audit.min_group:,} images is faint, and nothing is concluded from it. {tested}{ECE_NOTE}"
    )


def _column(report: Report, name: str, column: Column) -> Html:
    rows = [_row(group) for group in column.groups]
    if column.left_out:
        rows.append([Html('<span class="soft">no group</span>'), markup("{:,}", column.left_out), EMPTY, EMPTY])
    marks = [
        Whisker(f"{g.group} ({g.n:,})", g.accuracy, known_ends(g.accuracy_interval), report.kinds[name], not g.enough)
        for g in column.groups
    ]
    chart = figure(whiskers(marks, "accuracy"), f"Accuracy by {column.column} with its 95 % interval.")
    level = 3 if report.single else 4
    title = markup("<h{}>By {}</h{}>", level, escape(column.column), level)
    words = column.conclusion or ""
    conclusion = markup("<p>{}.</p>", escape(words[:1].upper() + words[1:])) if words else EMPTY
    listed = table((column.column, "images", "accuracy", "ECE"), rows)
    box = markup('<div class="box">{}{}</div>', listed, facts(_gaps(column)))
    details = (_tests(column), _rates(column))
    return markup('{}{}<div class="two">{}{}</div>{}{}', title, conclusion, chart, box, *details)


def _row(group: Group) -> list[Html]:
    few = EMPTY if group.enough else Html("<small>too few</small>")
    return [
        escape(group.group),
        markup("{:,}{}", group.n, few),
        with_span(percent(group.accuracy, 1), group.accuracy_interval),
        with_span(percent(group.ece, 1), group.ece_interval),
    ]


def _gaps(column: Column) -> dict[str, str]:
    gap, odds, chance = column.gap, column.equalised_odds_gap, column.equalised_odds_chance
    beside = "" if chance is None else f"; {odds_chance(chance)}"
    within = f" (95 %: {ends})" if (ends := span(column.gap_interval)) else ""
    return {
        "worst group": column.worst_group or "",
        "gap in accuracy": "" if gap is None else f"{100 * gap:.1f} points{within}",
        "equalised odds": "" if odds is None else f"rates differ by up to {100 * odds:.1f} points{beside}",
    }


def odds_chance(chance: float) -> str:
    """Return in words how wide the gap gets where groups are alike.

    >>> odds_chance(0.173)
    'the largest of many differences, and no test: where groups are alike, 95 of 100 draws stay below 17.3'
    """
    alike = f"where groups are alike, 95 of 100 draws stay below {100 * chance:.1f}"
    return f"the largest of many differences, and no test: {alike}"


def _tests(column: Column) -> Html:
    if not column.tests:
        return EMPTY
    rows = [[escape(test.what), p_value(test.p), p_value(test.p_holm)] for test in column.tests]
    title = escape(f"Tests of differences by {column.column}")
    return markup("<details><summary>{}</summary>{}</details>", title, table(("test", "p", "p after Holm"), rows))


def _rates(column: Column) -> Html:
    rows = [
        [
            escape(group.group),
            escape(label),
            markup("{:,}", rates.n),
            with_span(percent(rates.fpr, 1), rates.fpr_interval),
            with_span(percent(rates.fnr, 1), rates.fnr_interval),
        ]
        for group in column.groups
        for label, rates in (group.per_class or {}).items()
    ]
    if not rows:
        return EMPTY
    listed = table((column.column, "expression", "images", "false positives", "false negatives"), rows)
    title = escape(f"False positives and negatives by {column.column}")
    return markup("<details><summary>{}</summary>{}</details>", title, listed)


def p_value(p: float | None) -> Html:
    """Return a p value as it is printed, HTML.

    >>> p_value(0.0312), p_value(0.00002), p_value(None)
    ('0.031', '&lt;&nbsp;0.001', '-')
    """
    if p is None or p != p:
        return Html("-")
    return Html("&lt;&nbsp;0.001") if p < 0.001 else markup("{:.3f}", p)
