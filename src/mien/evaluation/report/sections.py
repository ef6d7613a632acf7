"""The sections of an evaluation report: plain functions from a Report to HTML."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mien.evaluation.metrics import reliability
from mien.evaluation.report.chart import lines
from mien.evaluation.result import Result
from mien.evaluation.show import left_out
from mien.page import dot, escape, facts, percent, scroll, table, tiles


@dataclass(frozen=True, eq=False)
class Report:
    """What the sections draw on: a result, its figures as `mien evaluate --json` prints them, a run's log if any."""

    result: Result
    figures: dict[str, Any]
    history: list[dict[str, Any]] = field(default_factory=list)


def headline(report: Report) -> str:
    """The figures to quote, each with its interval."""
    f, clean = report.figures, report.figures["clean"]
    cells = [
        (percent(f["accuracy"], 1), f"accuracy on {f['n']:,} images", _span(f["accuracy_interval"])),
        (percent(clean["accuracy"], 1), f"on {clean['n']:,} without twins", _span(clean["accuracy_interval"])),
        (percent(f["macro_f1"], 1), "macro-F1", _span(f["macro_f1_interval"])),
        (percent(f["top2"], 1), "label among the two likeliest", ""),
        (percent(f["ece"], 1), "calibration error (ECE)", "15 equal-mass bins"),
    ]
    return tiles(cells)


def protocol(report: Report) -> str:
    """What was measured on what."""
    f = report.figures
    about = {
        "weights": f["weights"],
        "file (sha256)": f["weights_sha256"][:16],
        "data": f"{f['dataset']}, {f['split']} split" + (f", {f['options']}" if f["options"] else ""),
        "images": f"{f['n']:,}, of which {f['clean']['n']:,} have no twin in training (equal or correlated ≥ 0.98)",
        "left out": left_out(f),
        "data fingerprint": f["fingerprint"],
        "mien": f["version"],
    }
    return f'<div class="box"><h3>Protocol</h3>{facts(about)}</div>'


def curves(report: Report) -> str:
    """Loss and val accuracy by epoch."""
    if len(report.history) < 2:
        return ""
    epochs = [row["epoch"] for row in report.history]
    drawn = [("val_accuracy", "accuracy on val"), ("loss", "training loss")]
    charts = (lines([(what, epochs, [row[key] for row in report.history])], "epoch", what) for key, what in drawn)
    figures = "".join(f'<figure class="box">{chart}</figure>' for chart in charts)
    return f'<h2>Training</h2><div class="two">{figures}</div>'


def classes(report: Report) -> str:
    """Precision, recall, F1 and support by expression."""
    rows = [
        [
            dot(name) + escape(name),
            *(escape(percent(row[key], 1)) for key in ("precision", "recall", "f1")),
            f"{row['support']:,}",
        ]
        for name, row in report.figures["per_class"].items()
    ]
    return "<h2>By expression</h2>" + table(("expression", "precision", "recall", "F1", "images"), rows)


def confusion(report: Report) -> str:
    """Counts, shaded by their share of the row."""
    matrix = np.asarray(report.figures["confusion"])
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    labels = report.figures["labels"]
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in labels)
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(_cell(n, s) for n, s in zip(counts, row, strict=True))
        + "</tr>"
        for name, counts, row in zip(labels, matrix, shares, strict=True)
    )
    heat = f'<table class="heat"><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table>'
    told = "Rows are labels, columns predictions: images, and their share of the row."
    return f'<h2>Confusion</h2><div class="box"><p class="soft">{told}</p>{scroll(heat, "confusion matrix")}</div>'


def calibration(report: Report) -> str:
    """Accuracy against confidence, as a diagram and a table."""
    confidence, right, count = (c.tolist() for c in reliability(report.result.probs, report.result.target))
    both = [("perfect", [0, 1], [0, 1]), ("these weights", confidence, right)]
    chart = lines(both, "confidence", "accuracy", unit=True)
    told = "Each point holds equally many images; above the dashed line the weights are too modest, below it too sure."
    bins = zip(confidence, right, count, strict=True)
    rows = [[escape(percent(c, 1)), escape(percent(r, 1)), f"{n:,.0f}"] for c, r, n in bins]
    listed = table(("mean confidence", "accuracy", "images"), rows)
    return (
        f'<h2>Calibration</h2><div class="two"><figure class="box">{chart}<figcaption>{told}</figcaption></figure>'
        f'<div class="box">{listed}</div></div>'
    )


def _span(interval: list[float] | None) -> str:
    return "" if interval is None else f"95 %: {100 * interval[0]:.1f} to {100 * interval[1]:.1f}"


def _cell(count: int, share: float) -> str:
    deep = ' class="deep"' if share > 0.75 else ""
    return f'<td{deep} style="--a:{share:.2f}">{count:,}<small>{escape(percent(share))}</small></td>'
