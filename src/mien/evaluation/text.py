"""An evaluation as text: the headline with its intervals, the classes, the confusion matrix."""

from typing import Any

from mien.evaluation.statistics.clusters import by
from mien.html.page import percent

SHORT = 9  # letters of a column's name


def to_text(figures: dict[str, Any]) -> str:
    """Return the figures of `describe` as lines for a terminal."""
    f = figures
    lines = [f"{f['weights']} on {f['dataset']} {f['split']}", ""]
    lines += [_headline("all images", f), _headline("without twins", f["clean"]), *beside(f), ""]
    lines += [*notes, ""] if (notes := label_sets(f)) else []
    lines += [*raters(f), ""] if f.get("votes") else []
    lines.append(f"{'in %':12s}{'precision':>10s}{'recall':>10s}{'F1':>10s}{'images':>10s}")
    for name, row in f["per_class"].items():
        lines.append(
            f"{name:12s}"
            + "".join(f"{hundredths(row[k]):>9s} " for k in ("precision", "recall", "f1"))
            + f"{row['support']:9d}"
        )
    return "\n".join([*lines, "", *_confusion(f)])


def _confusion(f: dict[str, Any]) -> list[str]:
    """Return the matrix: a row for each expression that the labels know, a column for each that can be predicted."""
    rows, columns = (set(f.get(key) or f["labels"]) for key in ("truth_labels", "answer_labels"))
    wide = [k for k, name in enumerate(f["labels"]) if name in columns]
    lines = ["images by label (row) and prediction (column)"]
    lines.append(f"{'':12s}" + "".join(f"{f['labels'][k][:SHORT]:>10s}" for k in wide))
    for name, counts in zip(f["labels"], f["confusion"], strict=True):
        if name in rows:
            lines.append(f"{name:12s}" + "".join(f"{counts[k]:10d}" for k in wide))
    return lines


def beside(figures: dict[str, Any]) -> list[str]:
    """Return the headlines of the figures restricted to the common labels, under their name; empty where none are."""
    part = figures.get("restricted")
    if not part:
        return []
    return ["", f"{part['name']}:", _headline("all images", part), _headline("without twins", part["clean"])]


def label_sets(figures: dict[str, Any]) -> list[str]:
    """Say which expressions only the weights or only the labels know, and what became of those images.

    >>> told = {"only_answers": ["neutral"], "answered": 412, "only_labels": ["contempt"], "labelled": 13}
    >>> print(*label_sets({"restricted": told, "labels_left_out": [], "left_out": 0}), sep="\\n")
    no image is labelled neutral, which the weights can predict: 412 images predicted so count as wrong
    the weights cannot predict contempt: 13 images labelled so always count as wrong, with 36 nats each in the NLL
    """
    lines, part = [], figures.get("restricted") or {}
    if names := ", ".join(part.get("only_answers", ())):
        told = f"{part['answered']:,} images predicted so count as wrong"
        lines.append(f"no image is labelled {names}, which the weights can predict: {told}")
    if names := ", ".join(part.get("only_labels", ())):
        told = f"{part['labelled']:,} images labelled so always count as wrong, with 36 nats each in the NLL"
        lines.append(f"the weights cannot predict {names}: {told}")
    return [*lines, *([note] if (note := left_out(figures)) else [])]


def raters(figures: dict[str, Any]) -> list[str]:
    """Say how well the weights agree with the people who labelled the images, and how well one of those does.

    >>> agreed = {"accuracy": 0.87, "soft_accuracy": 0.77, "within_top2": 0.97, "kl": 0.42}
    >>> print(*raters({"votes": agreed, "people": {key: 0.8 for key in agreed}}), sep="\\n")
    with most raters 87.00 %, with a rater 77.00 %, with one of their two choices 97.00 %, KL 0.420
    one rater with the others: 80.00 %, 80.00 %, 80.00 %
    """
    votes, people = figures["votes"], figures["people"]
    keys = ("accuracy", "soft_accuracy", "within_top2")
    heads = ("with most raters", "with a rater", "with one of their two choices")
    if any(part[key] is None for part in (votes, people) for key in keys):
        return []
    agreed = ", ".join(f"{head} {hundredths(votes[key], 2)} %" for head, key in zip(heads, keys, strict=True))
    alone = ", ".join(f"{hundredths(people[key], 2)} %" for key in keys)
    return [f"{agreed}, KL {votes['kl']:.3f}", f"one rater with the others: {alone}"]


def left_out(figures: dict[str, Any]) -> str:
    """Say which images were left out before measuring; empty where none were.

    >>> left_out({"labels": ["fear", "anger"], "labels_left_out": ["contempt"], "left_out": 13})
    'measured on 2 expressions alone, fear, anger: 13 images left out, those labelled contempt or without a label'
    """
    if not figures["labels_left_out"]:
        return f"{figures['left_out']:,} images without a label left out" if figures["left_out"] else ""
    names, kept = (", ".join(figures[key]) for key in ("labels_left_out", "labels"))
    told = f"{figures['left_out']:,} images left out, those labelled {names} or without a label"
    return f"measured on {len(figures['labels'])} expressions alone, {kept}: {told}"


def _headline(name: str, f: dict[str, Any]) -> str:
    if not f["n"]:
        return f"{name:14s} {f.get('reason', 'none')}"
    low, high = (hundredths(v, 2) for v in f["accuracy_interval"])
    told = f"95 % {by(f['groups'])}".rstrip() if f.get("groups") else "95 %"
    f1, two, ece = (hundredths(f[key], 2) for key in ("macro_f1", "top2", "ece"))
    return (
        f"{name:14s} n {f['n']:5d}  accuracy {hundredths(f['accuracy'], 2)} % ({told}: {low} to {high})  "
        f"macro-F1 {f1} %  top-2 {two} %  ECE {ece} %  NLL {f['nll']:.3f}"
    )


def hundredths(share: float | None, digits: int = 1) -> str:
    """Return a fraction in percent without the sign: a dash where there is none, and no false 0 or 100.

    >>> hundredths(0.876), hundredths(0.99996, 2), hundredths(0.00001, 2), hundredths(1.0), hundredths(None)
    ('87.6', '>99.99', '<0.01', '100.0', '-')
    """
    return percent(share, digits).removesuffix(" %")
