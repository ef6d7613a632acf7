"""Scores as text and in notebooks: the headline with its intervals, the classes, the confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mien.evaluation.metrics import REGRESSION, UNITS
from mien.evaluation.prototypes import SCORES
from mien.evaluation.statistics.clusters import by
from mien.html.markup import EMPTY, Html, escape, join, markup
from mien.html.page import dotted, percent, table
from mien.reliability import RULE, WEAK, is_weak

if TYPE_CHECKING:
    from mien.evaluation.scores import ClassScores, Scores, SubsetScores

SHORT = 9  # letters of a column's name
INTERVAL = "_interval"  # the end of its key
NO_SPLITS = "no splits: every image is read"
RATES = ("precision", "recall", "f1")


def to_text(scores: Scores) -> str:
    """Return scores as lines for a terminal."""
    facts = scores.provenance
    under = f", prior {facts.prior}" if facts.prior else ""
    lines = [f"{facts.weights} on {facts.measured_on}{under}", ""]
    lines += [_headline("all images", scores), _headline("without near-duplicates", scores.clean), *beside(scores), ""]
    lines += [*notes, ""] if (notes := label_sets(scores)) else []
    lines += [*agreement, ""] if (agreement := raters(scores)) else []
    lines += [*more, ""] if (more := beside_expression(scores)) else []
    wide = _width(scores)
    lines.append(f"{'in %':{wide}s}{'precision':>10s}{'recall':>10s}{'F1':>10s}{'images':>10s}")
    for name, row in scores.per_class.items():
        mark = f"  {WEAK}" if is_weak(row) else ""
        lines.append(
            f"{name:{wide}s}" + "".join(f"{hundredths(row[k]):>9s} " for k in RATES) + f"{row['support']:9d}{mark}"
        )
    lines += [RULE] if any(map(is_weak, scores.per_class.values())) else []
    return "\n".join([*lines, "", *_confusion(scores)])


def to_html(scores: Scores) -> Html:
    """Return scores as two tables: the headlines with their intervals, and the classes."""
    parts = [("all images", scores), ("without near-duplicates", scores.clean)]
    parts += [(part.name, part)] if (part := scores.restricted) else []
    heads = ("images", "accuracy", "95 %", "macro-F1", "top-2", "ECE")
    headlines = table((scores.provenance.measured_on, *heads), (_html_row(*part) for part in parts))
    rows = (
        [with_mark(name, row), *(escape(percent(row[key], 1)) for key in RATES), markup("{:,}", row["support"] or 0)]
        for name, row in scores.per_class.items()
    )
    return markup("{}{}", headlines, table(("expression", "precision", "recall", "F1", "images"), rows))


def with_mark(label: str, scores: ClassScores) -> Html:
    """Return an expression's name after its disc, and whether it is weak; HTML."""
    return join([dotted(label), escape(f", {WEAK}")]) if is_weak(scores) else dotted(label)


def _html_row(name: str, scores: SubsetScores) -> list[Html]:
    if not scores.n:
        return [escape(name), escape(scores.reason or "none"), *([EMPTY] * 5)]
    f1, top2, ece = (escape(percent(scores.values[key], 1)) for key in ("macro_f1", "top2", "ece"))
    cells = (escape(percent(scores.accuracy, 1)), escape(f"{span(scores.accuracy_interval, 1)}"), f1, top2, ece)
    return [escape(name), markup("{:,}", scores.n), *cells]


def _width(scores: Scores) -> int:
    """Return the letters that the longest label needs, at least those of the vocabulary."""
    return max(12, *(len(label) + 1 for label in scores.labels))


def _confusion(scores: Scores) -> list[str]:
    """Return the matrix: a row for each expression that the labels know, a column for each that can be predicted."""
    rows, columns = (scores.provenance.truth_labels or scores.labels, scores.provenance.answer_labels or scores.labels)
    shown, width = [k for k, name in enumerate(scores.labels) if name in columns], _width(scores)
    lines = ["images by label (row) and prediction (column)"]
    lines.append(f"{'':{width}s}" + "".join(f"{scores.labels[k][:SHORT]:>10s}" for k in shown))
    for name, counts in zip(scores.labels, scores.confusion, strict=True):
        if name in rows:
            lines.append(f"{name:{width}s}" + "".join(f"{counts[k]:10d}" for k in shown))
    return lines


def beside(scores: Scores) -> list[str]:
    """Return the headlines of the scores restricted to the common labels, under their name; empty without any."""
    part = scores.restricted
    if part is None:
        return []
    return ["", f"{part.name}:", _headline("all images", part), _headline("without near-duplicates", part.clean)]


def label_sets(scores: Scores) -> list[str]:
    """Return sentences on missing splits, images that may be of the training, and labels that one side alone knows."""
    facts, part = scores.provenance, scores.restricted
    lines = [*([NO_SPLITS] if facts.split_from == "none" else []), *filter(None, [facts.may_hold_training])]
    if part and part.only_weights:
        n = part.predicted_so
        counted = f": {n:,} {'image' if n == 1 else 'images'} predicted so count{'s' * (n == 1)} as wrong" if n else ""
        lines.append(f"no image is labelled {', '.join(part.only_weights)}, which the weights can predict{counted}")
    if part and part.only_data:
        counted = f"{part.labelled_so:,} images labelled so always count as wrong, with 36 nats each in the NLL"
        lines.append(f"the weights cannot predict {', '.join(part.only_data)}: {counted}")
    return [*lines, *([note] if (note := left_out(scores)) else [])]


def raters(scores: Scores) -> list[str]:
    """Return how well the weights agree with the people who labelled the images, and how well one of those does."""
    votes, people = (scores.further.get(key) for key in ("votes", "people"))
    keys = ("accuracy", "soft_accuracy", "within_top2")
    heads = ("with most raters", "with a rater", "with one of their two choices")
    if not votes or not people or any(part[key] is None for part in (votes, people) for key in keys):
        return []
    agreed = ", ".join(f"{head} {hundredths(votes[key], 2)} %" for head, key in zip(heads, keys, strict=True))
    alone = ", ".join(f"{hundredths(people[key], 2)} %" for key in keys)
    return [f"{agreed}, KL {votes['kl']:.3f}", f"one rater with the others: {alone}"]


def beside_expression(scores: Scores) -> list[str]:
    """Return the scores of groups of expressions, of valence and arousal, and of action units, as far as there are."""
    lines, further = [], scores.further
    if level := further.get("group_level"):
        accuracy, f1 = (hundredths(level[key], 2) for key in ("accuracy", "macro_f1"))
        names, within = ", ".join(level["labels"]), span(level["accuracy_interval"])
        lines.append(f"by group ({names}): accuracy {accuracy} % (95 %: {within})  macro-F1 {f1} %")
    lines += [
        f"{head:12s}" + "  ".join(f"{key.upper()} {_spanned(known[key], known, key)}" for key in REGRESSION)
        for head in ("valence", "arousal")
        if (known := further.get(head))
    ]
    if units := further.get("units"):
        ends = [
            {key: spans[k] for key, spans in units.items() if key.endswith(INTERVAL)} for k in range(len(units["f1"]))
        ]
        lines += [
            f"{name:12s}" + "  ".join(f"{key.upper()} {_spanned(units[key][k], ends[k], key)}" for key in UNITS)
            for k, name in enumerate(units.get("labels") or ())
        ]
    if known := further.get("prototypes"):
        lines.append(prototype_line(known))
    return lines


def prototype_line(scores: Mapping[str, Any], name: str = "prototypes") -> str:
    """Return the scores of expressions by prototypes of action units (mien.evaluation.prototypes) as a line."""
    accuracy, balanced, f1, two = (hundredths(scores[key], 2) for key in SCORES)
    line = f"{name}, n {scores['n']:,}: accuracy {accuracy} % (95 %: {span(scores['accuracy_interval'])})"
    return f"{line}  balanced {balanced} %  macro-F1 {f1} %  top-2 {two} %"


def _spanned(value: float | None, ends: Mapping[str, Any], key: str) -> str:
    """Return a number with its 95 % interval, where there is one."""
    low, high = ends.get(key + INTERVAL) or (None, None)
    span = "" if low is None or high is None else f" ({low:.3f} to {high:.3f})"
    return "-" if value is None else f"{value:.3f}{span}"


def left_out(scores: Scores) -> str:
    """Return which images were left out before measuring; empty where none were."""
    facts = scores.provenance
    if not facts.labels_left_out:
        return f"{facts.left_out:,} images without a label left out" if facts.left_out else ""
    names, kept = ", ".join(facts.labels_left_out), ", ".join(scores.labels)
    why = f"{facts.left_out:,} images left out, those labelled {names} or without a label"
    return f"measured on {len(scores.labels)} expressions alone, {kept}: {why}"


def _headline(name: str, scores: SubsetScores) -> str:
    if not scores.n:
        return f"{name:24s} {scores.reason or 'none'}"
    level = f"95 % {by(scores.groups)}".rstrip() if scores.groups else "95 %"
    accuracy, f1, two, ece = (hundredths(scores.values[key], 2) for key in ("accuracy", "macro_f1", "top2", "ece"))
    return (
        f"{name:24s} n {scores.n:5d}  accuracy {accuracy} % ({level}: {span(scores.accuracy_interval)})  "
        f"macro-F1 {f1} %  top-2 {two} %  ECE {ece} %  NLL {scores.values['nll']:.3f}"
    )


def hundredths(fraction: float | None, digits: int = 1) -> str:
    """Return a fraction in percent without the sign: a dash where there is none, and no false 0 or 100.

    >>> hundredths(0.876), hundredths(0.99996, 2), hundredths(0.00001, 2), hundredths(1.0), hundredths(None)
    ('87.6', '>99.99', '<0.01', '100.0', '-')
    """
    return percent(fraction, digits).removesuffix(" %")


def span(interval: Sequence[float | None] | None, digits: int = 2) -> str:
    """Return an interval of fractions in percent, a dash where it is undefined.

    >>> span([0.6691, 0.6996], 1), span([None, None])
    ('66.9 to 70.0', '-')
    """
    if interval is None or None in interval:
        return "-"
    return " to ".join(hundredths(end, digits) for end in interval)
