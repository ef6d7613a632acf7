"""What comes first: the figures to quote, each with its interval, and what they mean in words."""

from typing import Any

import numpy as np

from mien.evaluation.report.components import figure, name_of, section, span, with_span
from mien.evaluation.report.model import Report
from mien.evaluation.result import Result
from mien.evaluation.scores import Scores
from mien.evaluation.statistics.clusters import by
from mien.evaluation.statistics.intervals import chance_error, wilson
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
"""What to know of a data set's labels before quoting a figure."""


def summary(report: Report) -> Html:
    """The figures to quote, each with its interval, and what they do and do not mean."""
    shown = _tiles(report) if report.single else _side_by_side(report)
    return section("summary", "Summary", shown, *_words(report))


def _tiles(report: Report) -> Html:
    (f,) = report.figures.values()
    clean = f["clean"]
    return tiles(
        [
            (percent(f["accuracy"], 1), f"accuracy on all {f['n']:,} images", _within(f["accuracy_interval"], f)),
            (
                percent(clean["accuracy"], 1),
                "twins in training: not searched"
                if clean["n"] is None
                else f"accuracy on the {clean['n']:,} without a twin in training",
                _within(clean["accuracy_interval"], clean),
            ),
            (percent(f["macro_f1"], 1), "macro-F1, every expression alike", _within(f["macro_f1_interval"], f)),
            (percent(f["top2"], 1), "label among the two likeliest", _within(f.get("top2_interval"), f)),
            (percent(f["ece"], 1), "calibration error (ECE), chance included", _true(f.get("ece_interval"))),
        ]
    )


def _side_by_side(report: Report) -> Html:
    shown = {"accuracy": "accuracy", "macro_f1": "macro-F1", "top2": "top-2", "ece": "ECE"}
    rows = []
    for name, f in report.figures.items():
        clean = f["clean"]
        cells = [with_span(percent(f[key], 1), f.get(f"{key}_interval")) for key in shown]
        cells.insert(1, with_span(percent(clean["accuracy"], 1), clean["accuracy_interval"]))
        few = "twins not searched" if clean["n"] is None else f"{clean['n']:,} clean"
        sizes = markup("{:,}<small>{}</small>", f["n"], escape(few))
        where = " ".join(str(f[key]) for key in ("dataset", "split") if f.get(key))
        place = element("small", escape(where)) if where else EMPTY
        named = join([name_of(name, report.kinds[name]), place])
        rows.append([named, sizes, *cells, _plain(f["nll"])])
    head = ("weights", "images", "accuracy", "clean accuracy", *list(shown.values())[1:], "log loss")
    marks = [
        Whisker(name, f["accuracy"], f["accuracy_interval"], report.kinds[name], what == "all")
        for name, whole in report.figures.items()
        for what, f in (("all", whole), ("without twins", whole["clean"]))
        if what == "all" or f["n"]
    ]
    caption = "Accuracy with its 95 % interval; faint with the images that have a twin in the training split."
    told = Html(
        '<p class="soft">ECE counts chance and its interval does not, see <a href="#definitions">below</a>.</p>'
    )
    return join([table(head, rows), told, figure(whiskers(marks, "accuracy"), caption)])


def _words(report: Report) -> list[Html]:
    means = [
        say
        for name, f in report.figures.items()
        if report.single
        for say in _means(f, report.scores[name], report.results[name])
    ]
    if not report.single:
        means = [_together(report), *_leader(report)]
    not_means = dict.fromkeys(say for f in report.figures.values() for say in _means_not(f, report.single))
    told = (("What this says", means), ("What this does not say", list(not_means)))
    boxes = (
        markup(
            '<div class="box"><h3>{}</h3><ul class="says">{}</ul></div>',
            escape(title),
            join(element("li", escape(s)) for s in says),
        )
        for title, says in told
    )
    return [markup('<div class="two">{}</div>', join(boxes))]


def _together(report: Report) -> str:
    if report.paired:
        return (
            "All answered the same images, so differences are to be judged image by image, as under Differences: "
            "intervals that overlap above do not by themselves mean that there is no difference."
        )
    where = ", ".join(f"{name}: {f.get('dataset')} {f.get('split')}" for name, f in report.figures.items())
    return (
        f"These were not measured on the same images ({where}): the figures stand side by side, and no difference "
        "between them is to be read as one between weights."
    )


def _leader(report: Report) -> list[str]:
    """Return who reads most without twins, where that can be compared."""
    known = {name: f["clean"] for name, f in report.figures.items() if f["clean"]["n"]}
    if not report.paired or len(known) < 2:
        return []
    first, *_, last = sorted(known, key=lambda name: -known[name]["accuracy"])
    told = (
        f"{name} reads {percent(known[name]['accuracy'], 1)} rightly ({span(known[name]['accuracy_interval'])})"
        for name in (first, last)
    )
    return [f"Without the images that have a twin in training, {', '.join(told)}."]


def _means(f: dict[str, Any], scores: Scores, result: Result) -> list[str]:
    """Return sentences that say in words what the figures are."""
    if not f["n"]:
        return ["No image was measured."]
    support = {name: row["support"] for name, row in f["per_class"].items()}
    common = max(support, key=lambda name: support[name])
    share = support[common] / f["n"]
    return [
        f"For {percent(f['accuracy'], 1)} of the images the likeliest expression is the labelled one. "
        f"Always answering {common} would be right for {percent(share, 1)}.",
        *_restricted(scores),
        _clean(f),
        _extremes(f),
        _confidence(f, result),
        *_people(f),
    ]


def _restricted(scores: Scores) -> list[str]:
    """Return what is wrong by its label set alone, and the figure on the common labels under its name."""
    part = scores.restricted
    if part is None:
        return []
    shown = f"{percent(part.accuracy, 1)} of {part.n:,} ({span(part.accuracy_interval)})"
    told = f"{part.name.capitalize()}: {shown}."
    return [*(f"{note[:1].upper()}{note[1:]}." for note in label_sets(scores)), told]


def _clean(f: dict[str, Any]) -> str:
    clean = f["clean"]
    if clean["n"] is None:
        return f"Twins in training were {clean['reason']}. The figures may be better than on new faces."
    twins = f["n"] - clean["n"]
    if not clean["n"]:
        return "Every image also stands in the training split: nothing is left to measure on new faces."
    if not twins:
        return "No image has a twin in the training split."
    gap = 100 * (f["accuracy"] - clean["accuracy"])
    way = f"{abs(gap):.1f} points {'lower' if gap > 0 else 'higher'}" if abs(gap) >= 0.05 else "just the same"
    return (
        f"{twins:,} images also stand in the training split, equal or nearly so. Without them accuracy is "
        f"{percent(clean['accuracy'], 1)} ({span(clean['accuracy_interval'])}), {way}: quote this figure for new faces."
    )


def _extremes(f: dict[str, Any]) -> str:
    recall = {name: row["recall"] for name, row in f["per_class"].items() if row["support"]}
    best, worst = (pick(recall, key=lambda name: recall[name]) for pick in (max, min))
    k = f["labels"].index(worst)
    row = np.array(f["confusion"][k])
    row[k] = -1
    other, share = f["labels"][int(row.argmax())], row.max() / f["per_class"][worst]["support"]
    return (
        f"{best.capitalize()} is found most often ({percent(recall[best])} of its images), {worst} least "
        f"({percent(recall[worst])}); {worst} is mostly mistaken for {other} ({percent(share)})."
    )


def _confidence(f: dict[str, Any], result: Result) -> str:
    return (
        f"Confidence and accuracy lie {100 * f['ece']:.1f} points apart on average over 15 bins (calibration error); "
        f"probabilities that mean just what they say may reach {100 * chance_error(result.probs):.1f} on as many "
        "images."
    )


def _people(f: dict[str, Any]) -> list[str]:
    ceiling = (f.get("people") or {}).get("accuracy")
    if ceiling is None:
        return []
    found = f["votes"]["accuracy"]
    return [
        f"Against the raters' votes: one rater agrees with the most frequent vote of the others in "
        f"{percent(ceiling, 1)} of images, these weights with that of all in {percent(found, 1)}."
    ]


def _means_not(f: dict[str, Any], alone: bool) -> list[str]:
    says = ["That a feeling was recognised: a label is what people saw in a still image, not what somebody felt."]
    if note := KNOWN.get(str(f.get("dataset"))):
        says.append(note)
    if f.get("split") == "val":
        says.append("How good the weights are on unseen images: val is what they were chosen on.")
    says.append(
        "How it goes with other cameras, ages, skin tones or cultures: the intervals hold for other draws of images "
        "like these, not for other training seeds and not for other data."
    )
    on = "" if alone or not f.get("dataset") else f" on {f['dataset']} {f['split']}"
    few = {name: row for name, row in f["per_class"].items() if 0 < row["support"] < FEW}
    for name, row in few.items():
        low, high = wilson(row["support"] // 2, row["support"])
        says.append(
            f"Much about {name}{on}: with {row['support']} images its recall is uncertain by up to "
            f"{50 * (high - low):.0f} points each way."
        )
    return says


def _within(interval: list[float] | None, f: dict[str, Any]) -> str:
    told = f"95 % {by(f.get('groups'))}".rstrip()
    return f"{told}: {ends}" if (ends := span(interval)) else ""


def _true(interval: list[float] | None) -> str:
    """Return the interval of a calibration error, which is that of the error without chance."""
    return f"without chance, 95 %: {ends}" if (ends := span(interval)) else ""


def _plain(value: float | None) -> Html:
    return Html("-") if value is None else markup("{:.3f}", value)
