"""What the images and the weights are, and how the scores are defined."""

import numpy as np

from mien.card import Card, licences
from mien.data.terms import TERMS
from mien.evaluation import metrics
from mien.evaluation.report.components import name_of, section
from mien.evaluation.report.model import Report
from mien.evaluation.result import Result
from mien.evaluation.statistics.intervals import ECE_NOTE
from mien.evaluation.training_duplicates import not_searched
from mien.html.markup import EMPTY, Html, escape, join, markup
from mien.html.page import dotted, facts, percent, table


def data_card(report: Report) -> Html:
    """The images measured on: source, counts by expression, near-duplicates, agreement of the raters, terms."""
    cards, seen = [], set()
    for result in report.results.values():
        own = result.provenance
        which = (own.dataset, own.split, own.fingerprint, len(result))
        if which in seen or not len(result):
            continue
        seen.add(which)
        cards.append(_data(result))
    return section("data", "Data", *cards)


def model_card(report: Report) -> Html:
    """What the cards of the weights state."""
    cards = []
    for name in report.results:
        if not (card := report.facts_of(name).card):
            continue
        title = EMPTY if report.single else markup("<h3>{}</h3>", name_of(name, report.kinds[name]))
        cards.append(markup('<div class="box">{}{}</div>', title, facts(_weights(card))))
    whole = join(cards)
    return section(
        "weights", "Weights", whole if report.single or not whole else markup('<div class="two">{}</div>', whole)
    )


def definitions(report: Report) -> Html:
    """How every score on the page is defined."""
    texts = {
        "accuracy": "the fraction of images whose top-1 expression is the label. Where several labels tie for most "
        "votes, any of them is right. An expression that only the weights or only the labels know counts as wrong. "
        "Interval: Wilson.",
        "clean": "without the images that have a near-duplicate (twin) in the Training that these weights saw: equal "
        "pixels, or a Pearson correlation of at least 0.98. It is searched only where its fingerprint is the one in "
        "the weights' card.",
        "macro-F1": "the mean over expressions of the harmonic mean of precision and recall. Interval: 2,000 bootstrap "
        "draws, stratified by expression.",
        "top-2": "the fraction of images whose label is among the two expressions with the highest probability.",
        "ECE": "expected calibration error: the mean distance of confidence and accuracy over 15 bins of equally "
        f"many images (equal width where stated). {ECE_NOTE}",
        "log loss": "the mean of minus the logarithm of the probability given to the label, in nats; against the "
        "raters' distribution where there is one.",
        "intervals": "95 %, over the draw of test images, or of whole subjects or clips where those are known, as then "
        "stated. They cover neither other seeds nor other data.",
    }
    return section("definitions", "How it is measured", markup('<div class="box">{}</div>', facts(texts)))


def _data(result: Result) -> Html:
    label, _ = metrics.top1(result.probs, result.target)
    clean, agreed, own_facts = result.clean, result.target.max(1), result.provenance
    duplicate = np.zeros(len(result), bool) if clean is None else ~clean
    voted = bool((agreed < 1).any())
    rows = []
    for k, text in enumerate(result.labels):
        own = label == k
        duplicates = escape("-" if clean is None else f"{(own & duplicate).sum():,}")
        cells = [escape(f"{own.sum():,}"), escape(percent(own.mean(), 1)), duplicates]
        if voted:
            cells.append(escape(percent(float(agreed[own].mean()) if own.any() else None)))
        rows.append([dotted(text), *cells])
    head = ("expression", "images", "fraction", "near-duplicates", *(["raters agreed"] if voted else []))
    source, terms = TERMS.get(own_facts.dataset or "", ("", ""))
    about = {
        "data set": own_facts.measured_on,
        "source": source,
        "terms": terms,
        "images": f"{len(result):,}",
        "groups": f"{len(np.unique(result.group)):,} subjects or clips" if result.group is not None else "",
        "near-duplicates in training": f"{int(duplicate.sum()):,}"
        if clean is not None
        else f"not searched: {not_searched(result)}",
        "fingerprint of this split": own_facts.fingerprint or "",
    }
    return markup(
        '<div class="two"><div class="box">{}</div><div class="box">{}</div></div>', facts(about), table(head, rows)
    )


def _weights(card: Card) -> dict[str, str]:
    colours = "grey" if card.channels == 1 else "RGB"
    return {
        "name": card.name,
        "expressions": ", ".join(card.labels),
        "takes": f"crops of {card.size} x {card.size}, {colours}, framed as {card.framing}",
        "trained on": ", train split with the fingerprint ".join(
            str(card.data[key]) for key in ("name", "fingerprint") if card.data.get(key)
        ),
        "calibration": f"temperature {card.temperature:.2f}, fitted on val",
        "abstains below": f"confidence {card.threshold:.2f}" if card.threshold is not None else "",
        **licences(card.model_dump()),
        "notes": card.notes,
        "not for": "people's grades, jobs, credit, treatment or liberty: it reads images, not feelings",
    }
