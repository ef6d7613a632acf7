"""Whether several results on the same images differ by more than chance: paired differences, McNemar, Holm."""

from collections.abc import Callable
from dataclasses import replace

from mien.evaluation.compare.comparison import Difference, Subset
from mien.evaluation.compare.measure import subset, without_duplicates
from mien.evaluation.compare.text import title
from mien.evaluation.report.components import figure, known_ends, section
from mien.evaluation.report.fairness import p_value
from mien.evaluation.report.gallery import rows_of
from mien.evaluation.report.model import Report
from mien.html.chart import Whisker, whiskers
from mien.html.markup import EMPTY, Html, escape, markup
from mien.html.page import note, table

SHOWN = {"accuracy": "accuracy", "macro_f1": "macro-F1", "nll": "NLL"}
"""Differences that are listed, of those that a comparison knows; that of the ECE has no interval."""


def differences(report: Report) -> Html:
    """Every pair's difference in accuracy, on all images and without near-duplicates, with intervals and tests."""
    if not report.paired:
        return EMPTY
    named = [replace(r, provenance=r.provenance.updated(weights=name)) for name, r in report.results.items()]
    aligned = [r.take(rows_of(r, named[0].ids)) for r in named]
    explanation = note(
        "First minus second, in points (NLL: in nats), on the same images. p: McNemar's test (by whole subjects or "
        "clips where known) on the images that only one of the two gets right, then with Holm's correction for the "
        "number of pairs. A difference is significant below 0.05. A difference between two weights need not be one "
        "between two ways of training."
    )
    boxes = [_box(part) for part in (subset(aligned), without_duplicates(aligned)) if part.pairs]
    return section("differences", "Differences", explanation, *boxes) if boxes else EMPTY


def _box(part: Subset) -> Html:
    name, rows, marks = title(part).capitalize(), [], []
    for pair in part.pairs:
        both, worth = f"{pair.a} \N{MINUS SIGN} {pair.b}", "significant" if pair.significant else "may be chance"
        cells = [_cell(pair.differences.get(key), _plain if key == "nll" else _signed) for key in SHOWN]
        only = markup("{:,} / {:,}", pair.a_only, pair.b_only)
        rows.append([escape(both), *cells, only, p_value(pair.p), p_value(pair.p_holm), escape(worth)])
        gap = pair.differences["accuracy"]
        marks.append(Whisker(both, gap.difference, known_ends(gap.interval), faint=not pair.significant))
    head = ("pair", *SHOWN.values(), "only one right", "p", "p (Holm)", "")
    caption = f"{name}, n {part.n:,}: differences in accuracy with 95 % intervals; faint where it may be chance."
    chart = figure(whiskers(marks, "difference in accuracy", gap=True), caption)
    return markup("<h3>{}, n {:,}</h3>{}{}", escape(name), part.n or 0, table(head, rows), chart)


def _cell(own: Difference | None, signed: Callable[[float], str]) -> Html:
    if own is None or own.difference is None:
        return Html("-")
    gap, ends = escape(signed(own.difference)), known_ends(own.interval)
    return gap if ends is None else markup("{}<small>{} to {}</small>", gap, *(escape(signed(end)) for end in ends))


def _plain(value: float) -> str:
    """Return a difference with its sign, as it is."""
    return f"{round(value, 3) + 0.0:+.3f}"


def _signed(value: float) -> str:
    """Return a difference in points with its sign, and no minus before a zero."""
    return f"{round(100 * value, 1) + 0.0:+.1f}"
