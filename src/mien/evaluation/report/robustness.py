"""How the weights bear corrupted images and attacks, from what `mien stress` wrote."""

from typing import Any

from mien.evaluation.report.components import figure, key, name_of, section, span, strangers, with_span
from mien.evaluation.report.model import Report
from mien.html.chart import Line, Whisker, lines, whiskers
from mien.html.markup import EMPTY, Html, escape, join, markup
from mien.html.page import note, percent, scroll, table


def stress(report: Report) -> Html:
    """Accuracy by corruption and severity, attacks, and what hurts most."""
    if not report.stress:
        return section("stress", "Under stress", strangers(report, "stress"))
    told = Html(
        '<p class="soft">Images were corrupted in many ways at five severities and read again; '
        "shades show how much of the clean accuracy is lost.</p>"
    )
    return section(
        "stress",
        "Under stress",
        told,
        strangers(report, "stress"),
        _overview(report),
        *(_details(report, name) for name in report.stress),
    )


def _overview(report: Report) -> Html:
    """Mean accuracy by severity, and what costs most."""
    drawn = []
    for name, found in report.stress.items():
        mean = [found["clean"]["accuracy"], *_mean_by_severity(found)]
        drawn.append(Line(name, list(range(len(mean))), mean, report.kinds[name]))
    chart = lines(drawn, "severity (0: clean)", "mean accuracy", shares=(False, True))
    rows = [[escape(int(x)), *(escape(percent(line.y[k], 1)) for line in drawn)] for k, x in enumerate(drawn[0].x)]
    listed = table(("severity", *(line.name for line in drawn)), rows)
    marks = key((name, report.kinds[name], False) for name in report.stress)
    caption = "Accuracy by severity, the mean over all corruptions."
    return markup('<div class="two">{}{}</div>', figure(chart, caption, listed, marks), _ranking(report))


def _mean_by_severity(found: dict[str, Any]) -> list[float]:
    columns = zip(*([s["accuracy"] for s in c["severities"]] for c in found["corruptions"]), strict=True)
    return [sum(column) / len(column) for column in columns]


def _ranking(report: Report) -> Html:
    boxes = []
    for name, found in report.stress.items():
        title = "Weakest against" if report.single else f"{name}: weakest against"
        marks = [
            Whisker(row["name"].replace("_", " "), row["drop"], kind=report.kinds[name]) for row in found["ranking"][:6]
        ]
        rows = [[escape(row["name"].replace("_", " ")), _points(row["drop"])] for row in found["ranking"]]
        listed = table(("corruption or attack", "points lost"), rows)
        if marks:
            boxes.append(
                figure(whiskers(marks, "accuracy lost", gap=True), f"{title}: the mean loss of accuracy.", listed)
            )
    return join(boxes)


def _details(report: Report, name: str) -> Html:
    found = report.stress[name]
    title = markup("<h3>{}</h3>", name_of(name, report.kinds[name])) if not report.single else EMPTY
    return markup('<div class="box">{}{}{}</div>{}', title, _grid(found), _mce(found), _attacks(found))


def _grid(found: dict[str, Any]) -> Html:
    clean = found["clean"]["accuracy"]
    levels = [s["severity"] for s in found["corruptions"][0]["severities"]] if found["corruptions"] else []
    relative = any(row.get("relative") is not None for row in found["corruptions"])
    head = ["corruption", "kind", *map(str, levels), "error", *(["relative"] if relative else [])]
    rows = []
    for row in found["corruptions"]:
        cells = [markup("<td>{}</td>", escape(row["family"]))]
        for level in row["severities"]:
            lost = max(0.0, clean - level["accuracy"]) / clean if clean else 0.0
            cells.append(
                markup('<td class="shade" style="--a:{:.2f}">{:.1f}</td>', 0.75 * lost, 100 * level["accuracy"])
            )
        cells.append(markup("<td>{}</td>", escape(percent(row["error"], 1))))
        if relative:
            cells.append(markup("<td>{}</td>", escape(percent(row.get("relative")))))
        rows.append(markup('<tr><th scope="row">{}</th>{}</tr>', escape(row["name"].replace("_", " ")), join(cells)))
    top = join(markup('<th scope="col">{}</th>', escape(text)) for text in head)
    grid = markup('<table class="shaded"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>', top, join(rows))
    return scroll(grid, "accuracy by corruption and severity, percent")


def _mce(found: dict[str, Any]) -> Html:
    clean = found["clean"]
    text = (
        f"Accuracy in percent at severities 1 to 5, on {found['n']:,} images of {found['dataset']} {found['split']}; "
        f"clean {percent(clean['accuracy'], 1)} (95 %: {span(clean['accuracy_interval'])}). Error: the mean over them."
    )
    if found.get("mce") is not None:
        text += f" Mean corruption error {percent(found['mce'], 1)}"
        text += f" of that of {found['baseline']}." if found.get("baseline") else "."
    return note(text)


def _attacks(found: dict[str, Any]) -> Html:
    if not found.get("attacks"):
        return EMPTY
    rows = [
        [
            escape(row["name"]),
            markup("{:.3g}/255", 255 * row["epsilon"]),
            markup("{:,}", row["n"]),
            with_span(percent(row["accuracy"], 1), row.get("accuracy_interval")),
            markup("{:,.0f}", row["queries"]) if row.get("queries") is not None else Html("gradients"),
        ]
        for row in found["attacks"]
    ]
    listed = table(("attack", "epsilon", "images", "accuracy left", "queries"), rows)
    told = Html(
        '<p class="soft">Somebody who wants a wrong answer changes every pixel by at most epsilon. '
        "What is left is an upper bound: a stronger attack may leave less.</p>"
    )
    return markup('<div class="box"><h3>Attacks</h3>{}{}</div>', listed, told)


def _points(drop: float) -> Html:
    return markup("{:.1f}", 100 * drop)
