"""A calibration report as text for a terminal, and in notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mien.evaluation.calibration.conformal import MEANINGS
from mien.evaluation.calibration.selective import TARGET_ACCURACY, ThresholdScores
from mien.evaluation.statistics import clusters
from mien.evaluation.text import span
from mien.html.markup import Html, escape, markup
from mien.html.page import percent, table

if TYPE_CHECKING:
    from mien.evaluation.calibration.report import CalibrationReport


def to_text(report: CalibrationReport) -> str:
    """Return a report as lines for a terminal."""
    lines = [
        f"{report.weights}: fitted on {report.fitted_on}, measured on {report.measured_on}",
        *([f"intervals {clusters.by(report.groups)}"] if report.groups else []),
        *_in_both(report),
        "",
        f"{'':20s}{'accuracy':>10s}{'ECE':>9s}{'NLL':>8s}{'Brier':>8s}",
    ]
    for key, row in report.calibration.items():
        errors = f"{100 * row['accuracy']:8.2f} %{100 * row['ece']:7.2f} %{row['nll']:8.3f}{row['brier']:8.3f}"
        lines.append(f"{_name(report, key):20s}{errors}")
    temperatures = ", ".join(f"{label} {value:.2f}" for label, value in report.temperatures.items())
    lines += ["", f"temperatures: {temperatures}", "", _abstention(report.abstention), "", *_sets(report)]
    return "\n".join([*lines, "", *(f"{name}: {MEANINGS[name]}" for name in report.conformal)])


def to_html(report: CalibrationReport) -> Html:
    """Return a report as a table of the probabilities as they are and recalibrated."""
    rows = [
        [
            escape(_name(report, key)),
            escape(percent(row["accuracy"], 1)),
            escape(percent(row["ece"], 1)),
            markup("{:.3f}", row["nll"]),
            markup("{:.3f}", row["brier"]),
        ]
        for key, row in report.calibration.items()
    ]
    head = ("probabilities", "accuracy", "ECE", "log loss", "Brier score")
    return markup("{}<p>{}.</p>", table(head, rows), escape(_abstention(report.abstention)))


def _in_both(report: CalibrationReport) -> list[str]:
    if not report.groups_in_both:
        return []
    total = "" if report.groups is None else f" of the {report.groups:,}"
    return [f"{report.groups_in_both:,}{total} subjects or clips are in both: on others the fit may do worse"]


def _name(report: CalibrationReport, key: str) -> str:
    return {"as_is": "as they are", "temperatures": "one per class"}.get(key, f"temperature {report.temperature:.3f}")


def _sets(report: CalibrationReport) -> list[str]:
    lines = [f"{'sets that should hold':22s}{'measured':>10s}{'95 %':>16s}{'size':>7s}{'95 %':>14s}"]
    for name, row in report.conformal.items():
        smallest, largest = row.size_interval
        size = "-" if smallest is None or largest is None else f"{smallest:.2f} to {largest:.2f}"
        wanted, held = f"{100 * report.coverage:g} % ({name})", span(row.coverage_interval)
        lines.append(f"{wanted:22s}{100 * row.coverage:8.2f} %{held:>16s}{row.size:7.2f}{size:>14s}".rstrip())
    return lines


def _abstention(scores: ThresholdScores | None) -> str:
    if scores is None:
        return f"no confidence reaches {100 * TARGET_ACCURACY:g} % accuracy on the first result"
    if scores.accuracy is None or scores.accuracy_interval is None:
        return f"predicting from a confidence of {scores.threshold:.3f}: no image reaches it"
    return (
        f"predicting from a confidence of {scores.threshold:.3f}: {100 * scores.coverage:.1f} % of the images, "
        f"{100 * scores.accuracy:.2f} % accuracy (95 %: {span(scores.accuracy_interval)})"
    )
