"""Whether several results on the same images differ by more than chance: paired differences, McNemar, Holm."""

from dataclasses import replace
from typing import Any

from mien.evaluation.compare.text import title
from mien.evaluation.report.components import figure, section
from mien.evaluation.report.fairness import p_value
from mien.evaluation.report.gallery import rows_of
from mien.evaluation.report.model import Report
from mien.evaluation.statistics.paired import subset, without_twins
from mien.html.chart import Whisker, whiskers
from mien.html.markup import EMPTY, Html, escape, markup
from mien.html.page import note, table

SHOWN = {"accuracy": "accuracy", "macro_f1": "macro-F1", "ece": "ECE"}
"""Differences that are listed, of those that a comparison knows."""


def differences(report: Report) -> Html:
    """Every pair's difference in accuracy, on all images and on those without twins, with intervals and tests."""
    if not report.paired:
        return EMPTY
    named = [replace(r, provenance=r.provenance.updated(weights=name)) for name, r in report.results.items()]
    aligned = [r.take(rows_of(r, named[0].ids)) for r in named]
    parts = {"All images": subset(aligned)}
    clean = without_twins(aligned)
    parts[title("clean", clean).capitalize()] = clean
    told = note(
        "First minus second, in points, on the same images. p: McNemar's test (by whole "
        "subjects or clips where known) on the "
        "images that only one of the two reads rightly, and after the correction of Holm for the number of pairs; "
        "below 0.05 the two are told apart. A difference between two weights is not yet one between two ways of "
        "training."
    )
    boxes = [box for name, found in parts.items() if (box := _box(name, found))]
    return section("differences", "Differences", told, *boxes) if boxes else EMPTY


def _box(name: str, found: dict[str, Any]) -> Html:
    if not found["pairs"]:
        return EMPTY
    rows, marks = [], []
    for pair in found["pairs"]:
        both = f"{pair['a']} \N{MINUS SIGN} {pair['b']}"
        cells = [_cell(pair["differences"].get(key)) for key in SHOWN]
        told = "told apart" if pair["told_apart"] else "may be chance"
        only = markup("{:,} / {:,}", pair["a_only"], pair["b_only"])
        rows.append([escape(both), *cells, only, p_value(pair["p"]), p_value(pair["p_holm"]), escape(told)])
        gap = pair["differences"]["accuracy"]
        marks.append(Whisker(both, gap["difference"], gap["interval"], faint=not pair["told_apart"]))
    head = ("pair", *SHOWN.values(), "only one right", "p", "p (Holm)", "")
    caption = f"{name}, n {found['n']:,}: differences in accuracy with 95 % intervals; faint where it may be chance."
    chart = figure(whiskers(marks, "difference in accuracy", gap=True), caption)
    return markup("<h3>{}, n {:,}</h3>{}{}", escape(name), found["n"], table(head, rows), chart)


def _cell(found: dict[str, Any] | None) -> Html:
    if found is None or found["difference"] is None:
        return Html("-")
    ends, gap = found["interval"], escape(_signed(found["difference"]))
    if None in ends:
        return gap
    return markup("{}<small>{} to {}</small>", gap, *(escape(_signed(end)) for end in ends))


def _signed(share: float) -> str:
    """Return a difference in points with its sign, and no minus before a zero."""
    return f"{round(100 * share, 1) + 0.0:+.1f}"
