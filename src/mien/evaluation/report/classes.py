"""The expressions one by one: how often each is recognised, and what it is mistaken for."""

import numpy as np
from numpy.typing import NDArray

from mien.evaluation import metrics
from mien.evaluation.report.components import figure, key_of, known_ends, name_of, section, toggle, with_span
from mien.evaluation.report.model import Report
from mien.evaluation.result import Result
from mien.evaluation.scores import Scores
from mien.evaluation.statistics import intervals
from mien.evaluation.statistics.intervals import Interval
from mien.evaluation.text import with_mark
from mien.html.chart import Whisker, whiskers
from mien.html.markup import EMPTY, Html, element, escape, join, markup
from mien.html.page import dotted, note, percent, scroll, table
from mien.labels import ordered

MAX_MISTAKES = 8
"""Mistakes that are listed."""
RECALL = "Recall by expression with its 95 % interval."


def expressions(report: Report) -> Html:
    """Precision, recall, F1 and top-2 by expression; of several results F1 and recall side by side."""
    if not any(len(result) for result in report.results.values()):
        return EMPTY
    (name, *others) = report.results
    shown = _side_by_side(report) if others else _single(report.results[name], report.scores[name])
    return section("expressions", "By expression", shown)


def confusion(report: Report) -> Html:
    """What is mistaken for what: counts, and fractions of each row."""
    known = {name: scores for name, scores in report.scores.items() if scores.n}
    if not known:
        return EMPTY
    panes = {}
    for title, fractions in (("Images", False), ("Fraction of each row", True)):
        grids = join(_matrix(report, name, fractions) for name in known)
        panes[title] = grids if report.single else markup('<div class="two">{}</div>', grids)
    explanation = note(
        "Rows are labels, columns predictions; the diagonal is right. Shades follow the fraction of the row."
    )
    shown = toggle("confusion", panes)
    if report.single:
        shown = markup('<div class="two">{}{}</div>', shown, _mistakes(*known.values()))
    return section("confusion", "Confusion", explanation, shown)


def _single(result: Result, scores: Scores) -> Html:
    top2, ends = _top2(result), _recall_intervals(result)
    rows, marks = [], []
    for label, row in scores.per_class.items():
        precision, f1, two = (escape(percent(v, 1)) for v in (row["precision"], row["f1"], top2.get(label)))
        recall = with_span(percent(row["recall"], 1), ends.get(label))
        rows.append([with_mark(label, row), markup("{:,}", row["support"] or 0), precision, recall, f1, two])
        marks.append(Whisker(label, row["recall"] if row["support"] else None, known_ends(ends.get(label))))
    listed = table(("expression", "images", "precision", "recall", "F1", "top-2"), rows)
    explanation = note(
        "Recall: the fraction of the images of an expression that are predicted so. Precision: the fraction of its "
        "predictions that are right. Top-2: the label is among the two expressions with the highest probability."
    )
    box, chart = element("div", listed, explanation, cls="box"), figure(whiskers(marks, "recall"), RECALL)
    return markup('<div class="two wide">{}{}</div>', box, chart)


def _side_by_side(report: Report) -> Html:
    """Return F1 and recall of every expression side by side, and the recalls with their intervals as a chart."""
    labels = ordered(list({label for scores in report.scores.values() for label in scores.per_class}))
    boxes = []
    for key, title in (("f1", "F1"), ("recall", "Recall")):
        rows = []
        for label in labels:
            known = (scores.per_class.get(label) for scores in report.scores.values())
            rows.append([dotted(label), *(escape(percent(row[key] if row else None, 1)) for row in known)])
        listed = table(("expression", *report.scores), rows)
        boxes.append(markup('<div class="box"><h3>{}</h3>{}</div>', escape(title), listed))
    ends = {name: _recall_intervals(result) for name, result in report.results.items()}
    marks = [
        Whisker(label, row["recall"], known_ends(ends[name].get(label)), report.kinds[name])
        for label in labels
        for name, scores in report.scores.items()
        if (row := scores.per_class.get(label)) and row["support"]
    ]
    chart = figure(whiskers(marks, "recall"), RECALL, marks=key_of(report))
    return markup('<div class="two">{}</div>{}', join(boxes), chart)


def _recall_intervals(result: Result) -> dict[str, Interval]:
    """Return the interval of each label's recall, by group where groups are known."""
    label, predicted = metrics.top1(result.probs, result.target)
    own = {text: label == k for k, text in enumerate(result.labels) if (label == k).any()}
    group = result.group
    return {
        text: intervals.proportion_interval((label == predicted)[rows], None if group is None else group[rows])
        for text, rows in own.items()
    }


def _top2(result: Result) -> dict[str, float]:
    """Return the top-2 accuracy of each label's images."""
    label, _ = metrics.top1(result.probs, result.target)
    hits = metrics.top2_hits(result.probs, result.target)
    return {text: float(hits[label == k].mean()) for k, text in enumerate(result.labels) if (label == k).any()}


def _matrix(report: Report, name: str, as_fractions: bool) -> Html:
    labels, counts = report.scores[name].labels, np.asarray(report.scores[name].confusion)
    fractions = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    head = join(markup('<th scope="col"><span>{}</span></th>', escape(label)) for label in labels)
    rows = join(
        markup('<tr><th scope="row">{}</th>{}</tr>', escape(label), _cells(counts[k], fractions[k], k, as_fractions))
        for k, label in enumerate(labels)
    )
    corner = Html("<td>prediction →<br>label ↓</td>")
    grid = markup('<table class="matrix"><thead><tr>{}{}</tr></thead><tbody>{}</tbody></table>', corner, head, rows)
    title = EMPTY if report.single else markup("<h3>{}</h3>", name_of(name, report.kinds[name]))
    region = f"confusion of {name}, {'fractions of each row' if as_fractions else 'images'}"
    return markup('<div class="box">{}{}</div>', title, scroll(grid, region))


def _mistakes(scores: Scores) -> Html:
    """Return the most frequent mistakes, in a box."""
    counts, labels = np.array(scores.confusion), scores.labels
    support = counts.sum(1)
    np.fill_diagonal(counts, 0)
    top = np.argsort(-counts, axis=None, kind="stable")[:MAX_MISTAKES]
    pairs = [(int(k) // len(labels), int(k) % len(labels)) for k in top]
    rows = [
        [
            join((dotted(labels[k]) for k in (i, j)), " \N{RIGHTWARDS ARROW} "),
            escape(f"{counts[i, j]:,}"),
            escape(percent(counts[i, j] / support[i])),
        ]
        for i, j in pairs
        if counts[i, j]
    ]
    listed = table(("label \N{RIGHTWARDS ARROW} prediction", "images", "fraction"), rows)
    return markup('<div class="box"><h3>The most frequent mistakes</h3>{}</div>', listed)


def _cells(counts: NDArray[np.int64], fractions: NDArray[np.float64], own: int, as_fractions: bool) -> Html:
    cells = []
    for k, (count, fraction) in enumerate(zip(counts.tolist(), fractions.tolist(), strict=True)):
        text = escape(percent(fraction).removesuffix(" %")) if as_fractions else markup("{:,}", count)
        cells.append(element("td", text, cls="own" if k == own else None, style=f"--a:{fraction:.2f}"))
    return join(cells)
