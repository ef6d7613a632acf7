"""The expressions one by one: how often each is found, and what it is taken for."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.evaluation import metrics
from mien.evaluation.report.components import figure, key_of, name_of, section, toggle, with_span
from mien.evaluation.report.model import Report
from mien.evaluation.statistics import intervals
from mien.evaluation.statistics.intervals import Interval
from mien.html.chart import Whisker, whiskers
from mien.html.markup import EMPTY, Html, element, escape, join, markup
from mien.html.page import dotted, note, percent, scroll, table
from mien.labels import ordered


def expressions(report: Report) -> Html:
    """Precision, recall, F1 and top-2 by expression; of several results F1 and recall side by side."""
    if not any(len(result) for result in report.results.values()):
        return EMPTY
    if not report.single:
        return section("expressions", "By expression", _compared(report))
    (name,) = report.results
    seconds, spans = _among_two(report, name), _recall_spans(report, name)
    rows, marks = [], []
    for label, row in report.figures[name]["per_class"].items():
        within = spans.get(label)
        shares = [escape(percent(row[key], 1)) for key in ("precision", "f1")]
        found = with_span(percent(row["recall"], 1), within)
        two = escape(percent(seconds.get(label), 1))
        rows.append([dotted(label), markup("{:,}", row["support"]), shares[0], found, shares[1], two])
        marks.append(Whisker(label, row["recall"] if row["support"] else None, within))
    listed = table(("expression", "images", "precision", "recall", "F1", "in top two"), rows)
    caption = "Recall by expression with its 95 % interval."
    told = note(
        "Recall: the share of the images of an expression that is found. Precision: the share of the "
        "answers that is right. In top two: the label is among the two likeliest."
    )
    beside = element("div", listed, told, cls="box")
    return section(
        "expressions",
        "By expression",
        markup('<div class="two wide">{}{}</div>', beside, figure(whiskers(marks, "recall"), caption)),
    )


def confusion(report: Report) -> Html:
    """Who is taken for whom: counts, and shares of each row."""
    known = {name: f for name, f in report.figures.items() if f["n"]}
    if not known:
        return EMPTY
    panes = {}
    for title, shares in (("Images", False), ("Share of each row", True)):
        grids = join(_matrix(report, name, shares) for name in known)
        panes[title] = grids if report.single else markup('<div class="two">{}</div>', grids)
    told = note(
        "Rows are labels, columns what was answered; the diagonal is right. Shades follow the share of the row."
    )
    shown = toggle("confusion", panes)
    if report.single:
        shown = markup('<div class="two">{}{}</div>', shown, _confused(*known.values()))
    return section("confusion", "Confusion", told, shown)


MOST = 8
"""Mistakes that are listed."""


def _compared(report: Report) -> Html:
    """Return F1 and recall of every expression side by side, and the recalls with their intervals as a chart."""
    labels = ordered(list({label for f in report.figures.values() for label in f["per_class"]}))
    boxes = []
    for key, title in (("f1", "F1"), ("recall", "Recall")):
        rows = []
        for label in labels:
            found = [f["per_class"].get(label) for f in report.figures.values()]
            rows.append([dotted(label), *(escape(percent(row[key] if row else None, 1)) for row in found)])
        listed = table(("expression", *report.figures), rows)
        boxes.append(markup('<div class="box"><h3>{}</h3>{}</div>', escape(title), listed))
    spans = {name: _recall_spans(report, name) for name in report.figures}
    marks = [
        Whisker(label, row["recall"], spans[name].get(label), report.kinds[name])
        for label in labels
        for name, f in report.figures.items()
        if (row := f["per_class"].get(label)) and row["support"]
    ]
    caption = "Recall by expression with its 95 % interval."
    chart = figure(whiskers(marks, "recall"), caption, marks=key_of(report))
    return markup('<div class="two">{}</div>{}', join(boxes), chart)


def _recall_spans(report: Report, name: str) -> dict[str, Interval]:
    """Return the interval of each label's recall, by group where groups are known."""
    result = report.results[name]
    label, predicted = metrics.top1(result.probs, result.target)
    own = {text: label == k for k, text in enumerate(result.labels) if (label == k).any()}
    group = result.group
    return {
        text: intervals.proportion_interval((label == predicted)[rows], None if group is None else group[rows])
        for text, rows in own.items()
    }


def _among_two(report: Report, name: str) -> dict[str, float]:
    """Return the share of each label's images whose label is among the two likeliest."""
    result = report.results[name]
    label, _ = metrics.top1(result.probs, result.target)
    hits = metrics.top2_hits(result.probs, result.target)
    return {text: float(hits[label == k].mean()) for k, text in enumerate(result.labels) if (label == k).any()}


def _matrix(report: Report, name: str, shares: bool) -> Html:
    f = report.figures[name]
    counts = np.asarray(f["confusion"])
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    head = join(markup('<th scope="col"><span>{}</span></th>', escape(label)) for label in f["labels"])
    rows = join(
        markup('<tr><th scope="row">{}</th>{}</tr>', escape(label), _cells(counts[k], share[k], k, shares))
        for k, label in enumerate(f["labels"])
    )
    corner = Html("<td>answer →<br>label ↓</td>")
    grid = markup('<table class="matrix"><thead><tr>{}{}</tr></thead><tbody>{}</tbody></table>', corner, head, rows)
    title = EMPTY if report.single else markup("<h3>{}</h3>", name_of(name, report.kinds[name]))
    told = f"confusion of {name}, {'shares of each row' if shares else 'images'}"
    return markup('<div class="box">{}{}</div>', title, scroll(grid, told))


def _confused(f: dict[str, Any]) -> Html:
    """Return the mistakes made most often, in a box."""
    counts, labels = np.array(f["confusion"]), f["labels"]
    support = counts.sum(1)
    np.fill_diagonal(counts, 0)
    most = np.argsort(-counts, axis=None, kind="stable")[:MOST]
    pairs = [(int(k) // len(labels), int(k) % len(labels)) for k in most]
    rows = [
        [
            join((dotted(labels[k]) for k in (i, j)), " \N{RIGHTWARDS ARROW} "),
            escape(f"{counts[i, j]:,}"),
            escape(share),
        ]
        for i, j in pairs
        if counts[i, j] and (share := percent(counts[i, j] / support[i]))
    ]
    listed = table(("label \N{RIGHTWARDS ARROW} answer", "images", "share"), rows)
    return markup('<div class="box"><h3>The most frequent mistakes</h3>{}</div>', listed)


def _cells(counts: NDArray[np.int64], shares: NDArray[np.float64], own: int, as_shares: bool) -> Html:
    cells = []
    for k, (count, share) in enumerate(zip(counts.tolist(), shares.tolist(), strict=True)):
        text = escape(percent(share).removesuffix(" %")) if as_shares else markup("{:,}", count)
        cells.append(element("td", text, cls="own" if k == own else None, style=f"--a:{share:.2f}"))
    return join(cells)
