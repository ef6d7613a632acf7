"""Whether confidence can be trusted: reliability, and what abstaining gains."""

import numpy as np
from numpy.typing import NDArray

from mien.evaluation import metrics
from mien.evaluation.calibration.selective import aurc, risk_coverage
from mien.evaluation.report.components import figure, key, key_of, section, span
from mien.evaluation.report.model import Report
from mien.evaluation.result import Result
from mien.html.chart import Line, lines
from mien.html.markup import EMPTY, Html, escape, join, markup
from mien.html.page import note, percent, table

COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.25)


def calibration(report: Report) -> Html:
    """Accuracy against confidence, as a diagram and a table."""
    known = _graded(report)
    if not known:
        return EMPTY
    curves = {name: metrics.reliability(result.probs, result.target) for name, result in known.items()}
    drawn = [Line("perfect", [0, 1], [0, 1], 0)]
    drawn += [Line(name, x.tolist(), y.tolist(), report.kinds[name]) for name, (x, y, _) in curves.items()]
    chart = lines(drawn, "confidence", "accuracy", unit=True, shares=(True, True))
    marks = key((line.name, line.kind, line.kind == 0) for line in drawn)
    caption = (
        "Reliability: each point holds equally many images. Above the dashed line the weights are underconfident, "
        "below it overconfident."
    )
    bins = join(_bins(name if not report.single else "", *columns) for name, columns in curves.items())
    return section(
        "calibration",
        "Calibration",
        markup('<div class="two">{}{}</div>', figure(chart, caption, bins, marks), _errors(report, known)),
    )


def risk(report: Report) -> Html:
    """The error among the most confident predictions, when the weights abstain from the others."""
    known = _graded(report)
    if not known:
        return EMPTY
    curves = {name: risk_coverage(result.probs, result.target) for name, result in known.items()}
    drawn = [Line(name, *_thin(*curve), report.kinds[name]) for name, curve in curves.items()]
    chart = lines(drawn, "coverage", "error among predictions", shares=(True, True))
    caption = "Risk and coverage: the error among predictions when the weights abstain from the least confident images."
    marks = key_of(report)
    rows = [
        [escape(percent(coverage)), *(_at(coverage, known[name], curves[name]) for name in known)]
        for coverage in COVERAGES
    ]
    head = ("coverage", *(known if not report.single else ("accuracy",)))
    box = markup(
        '<div class="box"><h3>Accuracy by coverage</h3>{}{}</div>',
        table(head, rows),
        _areas(report, known),
    )
    return section(
        "risk",
        "Abstaining when unsure",
        markup('<div class="two">{}{}</div>', figure(chart, caption, marks=marks), box),
    )


def _areas(report: Report, known: dict[str, Result]) -> Html:
    """Return the areas under the curves, and the effect of the weights' own threshold."""
    areas = (f"{'' if report.single else f'{name} '}{aurc(r.probs, r.target):.3f}" for name, r in known.items())
    texts = [f"Area under the curve (AURC, less is better): {', '.join(areas)}."]
    for name in known:
        selective = report.scores[name].selective
        at = selective.accuracy_at_threshold if selective else None
        if at and at.n:
            own = "the weights" if report.single else name
            texts.append(
                f"At the threshold of {at.threshold:.2f} in the card, {own} predict {percent(at.coverage)} of the "
                f"images with an accuracy of {percent(at.accuracy, 1)} (95 %: {span(at.accuracy_interval) or '-'})."
            )
    return join(note(text) for text in texts)


def _graded(report: Report) -> dict[str, Result]:
    """Return the results with confidences; labels alone have none."""
    return {name: r for name, r in report.results.items() if len(r) and not r.provenance.labels_only}


def _thin(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[list[float], list[float]]:
    """Return the curve from 2 % coverage on, where it is more than the luck of a few images, at some 200 points."""
    first = int(np.searchsorted(x, 0.02))
    chosen = np.unique(np.linspace(first, len(x) - 1, 200).round().astype(int))
    return x[chosen].tolist(), y[chosen].tolist()


def _at(coverage: float, result: Result, curve: tuple[NDArray[np.float64], NDArray[np.float64]]) -> Html:
    """Return the accuracy at a coverage, and the least confidence there."""
    k = min(round(coverage * len(result)), len(result)) - 1
    threshold = np.sort(result.probs.max(1))[::-1][k]
    return markup("{}<small>from {:.3f} on</small>", escape(percent(1 - float(curve[1][k]), 1)), threshold)


def _bins(
    name: str, confidence: NDArray[np.floating], right: NDArray[np.floating], count: NDArray[np.floating]
) -> Html:
    bins = zip(confidence.tolist(), right.tolist(), count.tolist(), strict=True)
    rows = [[escape(percent(c, 1)), escape(percent(r, 1)), markup("{:,.0f}", n)] for c, r, n in bins]
    listed = table(("mean confidence", "accuracy", "images"), rows)
    return markup("<h3>{}</h3>{}", escape(name), listed) if name else listed


def _errors(report: Report, known: dict[str, Result]) -> Html:
    shown = {"ece": "ECE, equal mass", "ece_width": "ECE, equal width", "nll": "log loss", "brier": "Brier score"}
    rows = []
    for column, title in shown.items():
        values = [report.scores[name].values.get(column) for name in known]
        texts = [percent(v, 1) if column.startswith("ece") else "-" if v is None else f"{v:.3f}" for v in values]
        rows.append([escape(title), *map(escape, texts)])
    confidence = [escape(percent(float(result.probs.max(1).mean()), 1)) for result in known.values()]
    rows.append([escape("mean confidence"), *confidence])
    rows.append([escape("accuracy"), *(escape(percent(report.scores[name].accuracy, 1)) for name in known)])
    head = ("", *(known if not report.single else ("these weights",)))
    return markup('<div class="box"><h3>Errors of the probabilities</h3>{}</div>', table(head, rows))
