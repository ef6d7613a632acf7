"""What comes first: the scores to quote, each with its interval, and what they mean in words."""

from collections.abc import Mapping

import numpy as np

from mien.evaluation.report.components import figure, known_ends, name_of, section, span, with_span
from mien.evaluation.report.model import Report
from mien.evaluation.result import Result
from mien.evaluation.scores import Scores, SubsetScores
from mien.evaluation.statistics.clusters import by
from mien.evaluation.statistics.intervals import Ends, chance_error_by, wilson
from mien.evaluation.text import label_sets
from mien.html.chart import Whisker, whiskers
from mien.html.markup import EMPTY, Html, element, escape, join, markup
from mien.html.page import percent, table, tiles

FEW = 100
"""Images of a class below which the page warns of its chance error."""

KNOWN = {
    "fer2013": "FER2013's labels are noisy: they equal the plurality of ten later raters (FERPlus) in 62.6 % of "
    "images, so no reader of faces can come near 100 %.",
    "ferplus": "FERPlus keeps images on which most raters agree; harder images were left out before measuring.",
}
"""What to know of a data set's labels before quoting a score."""

SHOWN = {"accuracy": "accuracy", "macro_f1": "macro-F1", "top2": "top-2", "ece": "ECE"}
"""Scores that are listed for several results."""


def summary(report: Report) -> Html:
    """The scores to quote, each with its interval, and what they do and do not mean."""
    shown = _tiles(*report.scores.values()) if report.single else _side_by_side(report)
    return section("summary", "Summary", shown, _words(report))


def _tiles(scores: Scores) -> Html:
    clean, values, ends = scores.clean, scores.values, scores.intervals
    on_clean = (
        "near-duplicates in training: not searched"
        if clean.n is None
        else f"accuracy on the {clean.n:,} without a near-duplicate in training"
    )
    return tiles(
        [
            (percent(scores.accuracy, 1), f"accuracy on all {scores.n:,} images", _within(scores, "accuracy")),
            (percent(clean.accuracy, 1), on_clean, _within(clean, "accuracy")),
            (percent(scores.macro_f1, 1), "macro-F1, every expression alike", _within(scores, "macro_f1")),
            (percent(values["top2"], 1), "top-2 accuracy", _within(scores, "top2")),
            (percent(scores.ece, 1), "calibration error (ECE), as measured", _without_chance(ends.get("ece"))),
        ]
    )


def _side_by_side(report: Report) -> Html:
    rows = [_row(report, name, scores) for name, scores in report.scores.items()]
    head = ("weights", "images", "accuracy", "clean accuracy", *list(SHOWN.values())[1:], "log loss")
    marks = [
        Whisker(name, part.accuracy, known_ends(part.accuracy_interval), report.kinds[name], part is scores)
        for name, scores in report.scores.items()
        for part in (scores, scores.clean)
        if part is scores or part.n
    ]
    caption = "Accuracy with its 95 % interval; faint with the images that have a near-duplicate in the training split."
    ece = Html(
        '<p class="soft">The measured ECE includes gaps that arise by chance. '
        'Its interval leaves them out: see <a href="#definitions">below</a>.</p>'
    )
    return join([table(head, rows), ece, figure(whiskers(marks, "accuracy"), caption)])


def _row(report: Report, name: str, scores: Scores) -> list[Html]:
    clean, nll, where = scores.clean, scores.values["nll"], scores.provenance.measured_on
    cells = [with_span(percent(scores.values[key], 1), scores.intervals.get(key)) for key in SHOWN]
    cells.insert(1, with_span(percent(clean.accuracy, 1), clean.accuracy_interval))
    few = "near-duplicates not searched" if clean.n is None else f"{clean.n:,} clean"
    sizes = markup("{:,}<small>{}</small>", scores.n or 0, escape(few))
    place = element("small", escape(where)) if where else EMPTY
    named = join([name_of(name, report.kinds[name]), place])
    return [named, sizes, *cells, Html("-") if nll is None else markup("{:.3f}", nll)]


def _words(report: Report) -> Html:
    if report.single:
        ((name, scores),) = report.scores.items()
        means = _means(scores, report.results[name])
    else:
        means = [_together(report), *_leader(report)]
    means_not = dict.fromkeys(text for one in report.scores.values() for text in _means_not(one, report.single))
    boxes = (
        markup(
            '<div class="box"><h3>{}</h3><ul class="says">{}</ul></div>',
            escape(title),
            join(element("li", escape(text)) for text in texts),
        )
        for title, texts in (("What the scores mean", means), ("What they do not mean", means_not))
    )
    return markup('<div class="two">{}</div>', join(boxes))


def _together(report: Report) -> str:
    if report.paired:
        return (
            "All results are on the same images. So compare them image by image, as under Differences: overlapping "
            "intervals above do not mean that there is no difference."
        )
    where = ", ".join(f"{name}: {scores.provenance.measured_on}" for name, scores in report.scores.items())
    return (
        f"These were not measured on the same images ({where}). The scores are side by side, and no difference "
        "between them can be read as one between weights."
    )


def _leader(report: Report) -> list[str]:
    """Return the best and the worst without near-duplicates, where that can be compared."""
    clean = {name: scores.clean for name, scores in report.scores.items() if scores.clean.n}
    if not report.paired or len(clean) < 2:
        return []
    first, *_, last = sorted(clean, key=lambda name: -(clean[name].accuracy or 0))
    both = (
        f"{name} has an accuracy of {percent(clean[name].accuracy, 1)} ({span(clean[name].accuracy_interval) or '-'})"
        for name in (first, last)
    )
    return [f"Without the images that have a near-duplicate in training, {', '.join(both)}."]


def _means(scores: Scores, result: Result) -> list[str]:
    """Return in words what the scores are."""
    if not scores.n:
        return ["No image was measured."]
    support = _column(scores, "support")
    common = max(support, key=lambda name: support[name])
    return [
        f"For {percent(scores.accuracy, 1)} of the images the top-1 expression is the labelled one. "
        f"Always predicting {common} would be right for {percent(support[common] / scores.n, 1)}.",
        *_restricted(scores),
        _clean(scores),
        _extremes(scores),
        _confidence(scores, result),
        *_people(scores),
    ]


def _column(scores: Scores, key: str) -> dict[str, float]:
    """Return one score by expression, of those that have images."""
    rows = scores.per_class.items()
    return {name: float(row[key] or 0) for name, row in rows if row["support"]}


def _restricted(scores: Scores) -> list[str]:
    """Return what is wrong by its label set alone, and the accuracy on the common labels under its name."""
    part = scores.restricted
    if part is None:
        return []
    accuracy = f"{percent(part.accuracy, 1)} of {part.n:,} ({span(part.accuracy_interval) or '-'})"
    notes = [f"{note[:1].upper()}{note[1:]}." for note in label_sets(scores)]
    return [*notes, f"{part.name.capitalize()}: {accuracy}."]


def _clean(scores: Scores) -> str:
    clean = scores.clean
    if clean.n is None:
        return f"Near-duplicates in training were {clean.reason}. The scores may be better than on new faces."
    if not clean.n:
        return "Every image is in the training split as well: none is left to measure on new faces."
    duplicates = (scores.n or 0) - clean.n
    if not duplicates:
        return "No image has a near-duplicate in the training split."
    gap = 100 * ((scores.accuracy or 0) - (clean.accuracy or 0))
    way = f"{abs(gap):.1f} points {'lower' if gap > 0 else 'higher'}" if abs(gap) >= 0.05 else "just the same"
    return (
        f"{duplicates:,} images are in the training split as well, equal or nearly so. Without them accuracy is "
        f"{percent(clean.accuracy, 1)} ({span(clean.accuracy_interval) or '-'}), {way}: quote this score for new faces."
    )


def _extremes(scores: Scores) -> str:
    recall: Mapping[str, float] = _column(scores, "recall")
    best, worst = (pick(recall, key=lambda name: recall[name]) for pick in (max, min))
    k = scores.labels.index(worst)
    row = np.array(scores.confusion[k])
    row[k] = -1
    other, fraction = scores.labels[int(row.argmax())], row.max() / _column(scores, "support")[worst]
    return (
        f"{best.capitalize()} is recognised most often ({percent(recall[best])} of its images), {worst} least "
        f"({percent(recall[worst])}); {worst} is mostly mistaken for {other} ({percent(fraction)})."
    )


def _confidence(scores: Scores, result: Result) -> str:
    chance = chance_error_by(result.group, result.probs, result.target)
    return (
        f"Confidence and accuracy are {100 * (scores.ece or 0):.1f} points apart on average over 15 bins (calibration "
        f"error, ECE). With this number of images, chance alone can make that up to "
        f"{100 * chance:.1f} points, even where the probabilities are perfectly calibrated."
    )


def _people(scores: Scores) -> list[str]:
    people, votes = scores.further.get("people") or {}, scores.further.get("votes") or {}
    if people.get("accuracy") is None:
        return []
    return [
        f"Against the raters' votes: one rater agrees with the most frequent vote of the others in "
        f"{percent(people['accuracy'], 1)} of images, these weights with that of all in "
        f"{percent(votes['accuracy'], 1)}."
    ]


def _means_not(scores: Scores, alone: bool) -> list[str]:
    facts = scores.provenance
    texts = ["That a feeling was recognised: a label is what people saw in a still image, not what somebody felt."]
    if note := KNOWN.get(facts.dataset or ""):
        texts.append(note)
    if why := facts.may_hold_training:
        texts.append(f"How good the weights are on unseen images: {why}.")
    if facts.split == "val":
        texts.append("How good the weights are on unseen images: val is what they were chosen on.")
    texts.append(
        "How the weights do with other cameras, ages, skin tones or cultures: the intervals hold for other draws of "
        "images like these, not for other training seeds or other data."
    )
    on = "" if alone or not facts.dataset else f" on {facts.measured_on}"
    few = {name: int(support) for name, support in _column(scores, "support").items() if 1 <= support < FEW}
    if few:
        fewest = min(few.values())
        low, high = wilson(fewest // 2, fewest)
        counted = [f"{name} ({n} {'image' if n == 1 else 'images'})" for name, n in few.items()]
        recall = "the recall of each" if len(few) > 1 else "recall"
        texts.append(
            f"How often the weights recognise {', '.join(counted)}{on}: with so few images, {recall} is uncertain by "
            f"up to {50 * (high - low):.0f} points in either direction."
        )
    return texts


def _within(scores: SubsetScores, key: str) -> str:
    interval = f"95 % {by(scores.groups)}".rstrip()
    return f"{interval}: {ends}" if (ends := span(scores.intervals.get(key))) else ""


def _without_chance(interval: Ends | None) -> str:
    """Return the interval of a calibration error, which is that of the error without chance."""
    return f"without what chance explains, 95 %: {ends}" if (ends := span(interval)) else ""
