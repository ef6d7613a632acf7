"""Whether confidence can be trusted: reliability, and what is gained by not answering when unsure."""

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

SHARES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.25)


def calibration(report: Report) -> Html:
    """Accuracy against confidence, as a diagram and a table."""
    known = _graded(report)
    if not known:
        return EMPTY
    found = {name: metrics.reliability(result.probs, result.target) for name, result in known.items()}
    drawn = [Line("perfect", [0, 1], [0, 1], 0)]
    drawn += [Line(name, x.tolist(), y.tolist(), report.kinds[name]) for name, (x, y, _) in found.items()]
    chart = lines(drawn, "confidence", "accuracy", unit=True, shares=(True, True))
    marks = key((line.name, line.kind, line.kind == 0) for line in drawn)
    caption = (
        "Reliability: each point holds equally many images. Above the dashed line the weights are too modest, "
        "below it too sure of themselves."
    )
    bins = join(_bins(name if not report.single else "", *columns) for name, columns in found.items())
    return section(
        "calibration",
        "Calibration",
        markup('<div class="two">{}{}</div>', figure(chart, caption, bins, marks), _errors(report, known)),
    )


def risk(report: Report) -> Html:
    """The share of wrong answers among the images answered, when the least confident are not."""
    known = _graded(report)
    if not known:
        return EMPTY
    curves = {name: risk_coverage(result.probs, result.target) for name, result in known.items()}
    drawn = [Line(name, *_thin(*curve), report.kinds[name]) for name, curve in curves.items()]
    chart = lines(drawn, "answered", "wrong among the answered", shares=(True, True))
    caption = "Risk and coverage: the share of wrong answers when only the most confident images are answered."
    marks = key_of(report)
    rows = [
        [escape(percent(share)), *(_answered(known[name], curves[name], share) for name in known)] for share in SHARES
    ]
    head = ("answered", *(known if not report.single else ("accuracy",)))
    beside = markup(
        '<div class="box"><h3>When only the surest are answered</h3>{}{}</div>',
        table(head, rows),
        _areas(report, known),
    )
    return section(
        "risk",
        "Answering only when sure",
        markup('<div class="two">{}{}</div>', figure(chart, caption, marks=marks), beside),
    )


def _areas(report: Report, known: dict[str, Result]) -> Html:
    """Return what the curves come to, and what the weights' own threshold does."""
    areas = (f"{'' if report.single else f'{name} '}{aurc(r.probs, r.target):.3f}" for name, r in known.items())
    says = [f"Area under the curve (AURC, less is better): {', '.join(areas)}."]
    for name in known:
        at = (report.figures[name].get("selective") or {}).get("accuracy_at_threshold")
        if at and at["n"]:
            own = "the weights" if report.single else name
            says.append(
                f"From the confidence of {at['threshold']:.2f} in the card on, {own} answer {percent(at['coverage'])}, "
                f"{percent(at['accuracy'], 1)} of them rightly (95 %: {span(at['accuracy_interval'])})."
            )
    return join(note(text) for text in says)


def _graded(report: Report) -> dict[str, Result]:
    """Return the results that say how sure they are; bare labels do not."""
    return {name: r for name, r in report.results.items() if len(r) and not r.provenance.labels_only}


def _thin(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[list[float], list[float]]:
    """Return the curve from 2 % coverage on, where it is more than the luck of a few images, at some 200 points."""
    first = int(np.searchsorted(x, 0.02))
    chosen = np.unique(np.linspace(first, len(x) - 1, 200).round().astype(int))
    return x[chosen].tolist(), y[chosen].tolist()


def _answered(result: Result, curve: tuple[NDArray[np.float64], NDArray[np.float64]], share: float) -> Html:
    """Return the accuracy where a share of the images is answered, and the least confidence there; HTML."""
    k = min(round(share * len(result)), len(result)) - 1
    least = np.sort(result.probs.max(1))[::-1][k]
    return markup("{}<small>from {:.3f} on</small>", escape(percent(1 - float(curve[1][k]), 1)), least)


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
        found = [report.figures[name].get(column) for name in known]
        texts = [percent(v, 1) if column.startswith("ece") else "-" if v is None else f"{v:.3f}" for v in found]
        rows.append([escape(title), *map(escape, texts)])
    confidence = [escape(percent(float(result.probs.max(1).mean()), 1)) for result in known.values()]
    rows.append([escape("mean confidence"), *confidence])
    rows.append([escape("accuracy"), *(escape(percent(report.figures[name]["accuracy"], 1)) for name in known)])
    head = ("", *(known if not report.single else ("these weights",)))
    return markup('<div class="box"><h3>Errors of the probabilities</h3>{}</div>', table(head, rows))
