"""How robust the weights are to corrupted images and attacks, as measured by `mien stress`."""

from mien.evaluation.records.stress import Corruption, StressReport
from mien.evaluation.report.components import figure, key, left_out, name_of, section, span, with_span
from mien.evaluation.report.model import Report
from mien.html.chart import Line, Whisker, lines, whiskers
from mien.html.markup import EMPTY, Html, escape, join, markup
from mien.html.page import note, percent, scroll, table


def stress(report: Report) -> Html:
    """Accuracy by corruption and severity, attacks, and what hurts most."""
    if not report.stress:
        return section("stress", "Under stress", left_out(report, "stress"))
    explanation = note(
        "Images were corrupted in many ways at five severities and read again. Shades show how much of the clean "
        "accuracy is lost."
    )
    details = (_details(report, name) for name in report.stress)
    return section("stress", "Under stress", explanation, left_out(report, "stress"), _overview(report), *details)


def _overview(report: Report) -> Html:
    """Mean accuracy by severity, and what costs most."""
    drawn = []
    for name, own in report.stress.items():
        mean = [own.clean.accuracy, *_mean_by_severity(own)]
        drawn.append(Line(name, list(range(len(mean))), mean, report.kinds[name]))
    chart = lines(drawn, "severity (0: clean)", "mean accuracy", shares=(False, True))
    rows = [[escape(int(x)), *(escape(percent(line.y[k], 1)) for line in drawn)] for k, x in enumerate(drawn[0].x)]
    listed = table(("severity", *(line.name for line in drawn)), rows)
    marks = key((name, report.kinds[name], False) for name in report.stress)
    caption = "Accuracy by severity, the mean over all corruptions."
    return markup('<div class="two">{}{}</div>', figure(chart, caption, listed, marks), _ranking(report))


def _mean_by_severity(own: StressReport) -> list[float]:
    columns = zip(*([score.accuracy for score in row.severities] for row in own.corruptions), strict=True)
    return [sum(column) / len(column) for column in columns]


def _ranking(report: Report) -> Html:
    boxes = []
    for name, own in report.stress.items():
        title = "Weakest against" if report.single else f"{name}: weakest against"
        marks = [Whisker(_words(row.name), row.drop, kind=report.kinds[name]) for row in own.ranking[:6]]
        rows = [[escape(_words(row.name)), markup("{:.1f}", 100 * row.drop)] for row in own.ranking]
        listed = table(("corruption or attack", "points lost"), rows)
        if marks:
            chart = whiskers(marks, "accuracy lost", gap=True)
            boxes.append(figure(chart, f"{title}: the mean loss of accuracy.", listed))
    return join(boxes)


def _details(report: Report, name: str) -> Html:
    own = report.stress[name]
    title = markup("<h3>{}</h3>", name_of(name, report.kinds[name])) if not report.single else EMPTY
    return markup('<div class="box">{}{}{}</div>{}', title, _grid(own), _mce(own), _attacks(own))


def _grid(own: StressReport) -> Html:
    severities = [score.severity for score in own.corruptions[0].severities] if own.corruptions else []
    relative = any(row.relative is not None for row in own.corruptions)
    head = ["corruption", "kind", *map(str, severities), "error", *(["relative"] if relative else [])]
    top = join(markup('<th scope="col">{}</th>', escape(text)) for text in head)
    rows = join(_row(row, own.clean.accuracy, relative) for row in own.corruptions)
    grid = markup('<table class="shaded"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>', top, rows)
    return scroll(grid, "accuracy by corruption and severity, percent")


def _row(row: Corruption, clean: float, relative: bool) -> Html:
    cells = [markup("<td>{}</td>", escape(row.family))]
    for score in row.severities:
        lost = max(0.0, clean - score.accuracy) / clean if clean else 0.0
        cells.append(markup('<td class="shade" style="--a:{:.2f}">{:.1f}</td>', 0.75 * lost, 100 * score.accuracy))
    cells.append(markup("<td>{}</td>", escape(percent(row.error, 1))))
    if relative:
        cells.append(markup("<td>{}</td>", escape(percent(row.relative))))
    return markup('<tr><th scope="row">{}</th>{}</tr>', escape(_words(row.name)), join(cells))


def _mce(own: StressReport) -> Html:
    ends = span(own.clean.accuracy_interval) or "-"
    text = (
        f"Accuracy in percent at severities 1 to 5, on {own.n:,} images of {own.dataset} {own.split}; clean "
        f"{percent(own.clean.accuracy, 1)} (95 %: {ends}). Error: the mean over them."
    )
    if own.mce is not None:
        whose = f" of that of {own.baseline}" if own.baseline else ""
        text += f" Mean corruption error {percent(own.mce, 1)}{whose}."
    if why := own.may_hold_training:
        text += f" {why[0].upper()}{why[1:]}."
    return note(text)


def _attacks(own: StressReport) -> Html:
    if not own.attacks:
        return EMPTY
    rows = [
        [
            escape(row.name),
            markup("{:.3g}/255", 255 * row.epsilon),
            markup("{:,}", row.n),
            with_span(percent(row.accuracy, 1), row.accuracy_interval),
            markup("{:,.0f}", row.queries) if row.queries is not None else Html("gradients"),
        ]
        for row in own.attacks
    ]
    listed = table(("attack", "epsilon", "images", "accuracy left", "queries"), rows)
    explanation = note(
        "An attacker who wants a wrong prediction changes every pixel by at most epsilon. The accuracy left is an "
        "upper bound: a stronger attack may leave less."
    )
    return markup('<div class="box"><h3>Attacks</h3>{}{}</div>', listed, explanation)


def _words(name: str) -> str:
    return name.replace("_", " ")
