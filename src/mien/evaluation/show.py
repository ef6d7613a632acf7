"""An evaluation as text: the headline with its intervals, the classes, the confusion matrix."""

from typing import Any

SHORT = 9  # letters of a column's name


def to_text(figures: dict[str, Any]) -> str:
    """Return the figures of `describe` as lines for a terminal."""
    f, clean = figures, figures["clean"]
    lines = [f"{f['weights']} on {f['dataset']} {f['split']}", ""]
    lines += [_headline("all images", f), _headline("without twins", clean), ""]
    lines += [note, ""] if (note := left_out(f)) else []
    lines += [*raters(f), ""] if f.get("votes") else []
    lines.append(f"{'in %':12s}{'precision':>10s}{'recall':>10s}{'F1':>10s}{'images':>10s}")
    for name, row in f["per_class"].items():
        lines.append(
            f"{name:12s}"
            + "".join(f"{100 * row[k]:9.1f} " for k in ("precision", "recall", "f1"))
            + f"{row['support']:9d}"
        )
    lines += [
        "",
        "images by label (row) and prediction (column)",
        f"{'':12s}" + "".join(f"{name[:SHORT]:>10s}" for name in f["labels"]),
    ]
    for name, row in zip(f["labels"], f["confusion"], strict=True):
        lines.append(f"{name:12s}" + "".join(f"{count:10d}" for count in row))
    return "\n".join(lines)


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
    agreed = ", ".join(f"{head} {100 * votes[key]:.2f} %" for head, key in zip(heads, keys, strict=True))
    alone = ", ".join(f"{100 * people[key]:.2f} %" for key in keys)
    return [f"{agreed}, KL {votes['kl']:.3f}", f"one rater with the others: {alone}"]


def left_out(figures: dict[str, Any]) -> str:
    """Say on which labels weights and data were compared where theirs differ; empty where they do not.

    >>> left_out({"labels": ["fear", "anger"], "labels_left_out": ["contempt"], "left_out": 13})
    'compared on the 2 expressions that weights and data share, renormalised: without contempt, 13 images left out'
    """
    if not figures["labels_left_out"]:
        return f"{figures['left_out']:,} images without a label left out" if figures["left_out"] else ""
    names, count = ", ".join(figures["labels_left_out"]), len(figures["labels"])
    shared = f"compared on the {count} expressions that weights and data share, renormalised"
    return f"{shared}: without {names}, {figures['left_out']:,} images left out"


def _headline(name: str, f: dict[str, Any]) -> str:
    if not f["n"]:
        return f"{name:14s} none"
    low, high = (100 * v for v in f["accuracy_interval"])
    return (
        f"{name:14s} n {f['n']:5d}  accuracy {100 * f['accuracy']:.2f} % (95 %: {low:.2f} to {high:.2f})  "
        f"macro-F1 {100 * f['macro_f1']:.2f} %  top-2 {100 * f['top2']:.2f} %  ECE {100 * f['ece']:.2f} %  "
        f"NLL {f['nll']:.3f}"
    )
