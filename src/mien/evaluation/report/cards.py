"""What the images and the weights are, and how the figures are defined."""

from typing import Any

import numpy as np

from mien.card import licences
from mien.data.terms import TERMS
from mien.evaluation import metrics
from mien.evaluation.report.components import name_of, section
from mien.evaluation.report.model import Report
from mien.evaluation.result import Result
from mien.evaluation.statistics.intervals import ECE_TOLD
from mien.evaluation.training_duplicates import not_searched
from mien.html.markup import EMPTY, Html, escape, join, markup
from mien.html.page import dotted, facts, percent, table


def data_card(report: Report) -> Html:
    """The images measured on: source, counts by expression, twins, agreement of the raters, terms."""
    cards, seen = [], set()
    for name, result in report.results.items():
        facts_of = result.provenance
        which = (facts_of.dataset, facts_of.split, facts_of.fingerprint, len(result))
        if which in seen or not len(result):
            continue
        seen.add(which)
        cards.append(_data(result, report.figures[name]))
    return section("data", "Data", *cards)


def model_card(report: Report) -> Html:
    """What the weights say about themselves."""
    cards = []
    for name in report.results:
        if not (card := report.known(name, "card")):
            continue
        title = EMPTY if report.single else markup("<h3>{}</h3>", name_of(name, report.kinds[name]))
        cards.append(markup('<div class="box">{}{}</div>', title, facts(_weights(card))))
    whole = join(cards)
    return section(
        "weights", "Weights", whole if report.single or not whole else markup('<div class="two">{}</div>', whole)
    )


def definitions(report: Report) -> Html:
    """How every figure on the page is defined."""
    told = {
        "accuracy": "the share of images whose likeliest expression is the label; where several labels tie for most "
        "votes, any of them is right; an expression that only the weights or only the labels know "
        "counts as wrong. Interval: Wilson.",
        "clean": "without the images that have a twin in the Training that these weights saw: equal pixels, or a "
        "Pearson correlation of at least 0.98; searched only where its fingerprint is the one in the weights' card.",
        "macro-F1": "the mean over expressions of the harmonic mean of precision and recall. Interval: 2,000 bootstrap "
        "draws, stratified by expression.",
        "top-2": "the share of images whose label is among the two likeliest expressions.",
        "ECE": "expected calibration error: the mean distance of confidence and accuracy over 15 bins of equally "
        f"many images (equal width where that is said). {ECE_TOLD}",
        "log loss": "the mean of minus the logarithm of the probability given to the label, in nats; against the "
        "raters' distribution where there is one.",
        "intervals": "95 %, over the draw of test images, of whole subjects or clips where those are known, which is "
        "then said; they hold neither other seeds nor other data.",
    }
    return section("definitions", "How it is measured", markup('<div class="box">{}</div>', facts(told)))


def _data(result: Result, f: dict[str, Any]) -> Html:
    label, _ = metrics.top1(result.probs, result.target)
    clean, agreed = result.clean, result.target.max(1)
    twin = np.zeros(len(result), bool) if clean is None else ~clean
    voted = bool((agreed < 1).any())
    rows = []
    for k, text in enumerate(result.labels):
        own = label == k
        share = escape(percent(own.mean(), 1))
        twins = escape("-" if clean is None else f"{(own & twin).sum():,}")
        cells = [escape(f"{own.sum():,}"), share, twins]
        if voted:
            cells.append(escape(percent(float(agreed[own].mean()) if own.any() else None)))
        rows.append([dotted(text), *cells])
    head = ("expression", "images", "share", "with a twin", *(["raters agreed"] if voted else []))
    source, terms = TERMS.get(str(f.get("dataset")), ("", ""))
    about = {
        "data set": " ".join(str(f[key]) for key in ("dataset", "split") if f.get(key)),
        "source": source,
        "terms": terms,
        "images": f"{len(result):,}",
        "groups": f"{len(np.unique(result.group)):,} subjects or clips" if result.group is not None else "",
        "twins in training": f"{int(twin.sum()):,}" if clean is not None else f"not searched: {not_searched(result)}",
        "fingerprint of this split": str(f.get("fingerprint") or ""),
    }
    return markup(
        '<div class="two"><div class="box">{}</div><div class="box">{}</div></div>', facts(about), table(head, rows)
    )


def _weights(card: dict[str, Any]) -> dict[str, str]:
    data = card.get("data", {})
    threshold = card.get("threshold")
    kind = "grey" if card["channels"] == 1 else "RGB"
    return {
        "name": card["name"],
        "expressions": ", ".join(card["labels"]),
        "takes": f"crops of {card['size']} x {card['size']}, {kind}, framed as {card['framing']}",
        "trained on": ", train split with the fingerprint ".join(
            str(data[key]) for key in ("name", "fingerprint") if data.get(key)
        ),
        "calibration": f"temperature {card['temperature']:.2f}, fitted on val",
        "abstains below": f"confidence {threshold:.2f}" if threshold is not None else "",
        **licences(card),
        "notes": card["notes"],
        "not for": "people's grades, jobs, credit, treatment or liberty: it reads images, not feelings",
    }
