"""The report of one result, or of several side by side: SECTIONS, each from a Report to an HTML fragment or nothing.

    write(gather([run], root), run / "report.html")

One self-contained file that fetches nothing.  A new section: one function in a file here, one line in SECTIONS.
"""

import re
from collections.abc import Callable
from pathlib import Path

from mien.evaluation.report.calibration import calibration, risk
from mien.evaluation.report.cards import data_card, definitions, model_card
from mien.evaluation.report.classes import confusion, expressions
from mien.evaluation.report.components import contents
from mien.evaluation.report.differences import differences
from mien.evaluation.report.fairness import fairness
from mien.evaluation.report.gallery import gallery
from mien.evaluation.report.heads import group_level, heads
from mien.evaluation.report.model import Report
from mien.evaluation.report.protocol import protocol
from mien.evaluation.report.robustness import stress
from mien.evaluation.report.style import STYLE
from mien.evaluation.report.summary import summary
from mien.evaluation.report.training import training
from mien.html.markup import Html, join
from mien.html.page import page

__all__ = ["SECTIONS", "Report", "write"]

SECTIONS: dict[str, Callable[[Report], Html]] = {
    "summary": summary,
    "differences": differences,
    "protocol": protocol,
    "training": training,
    "expressions": expressions,
    "confusion": confusion,
    "groups": group_level,
    "heads": heads,
    "calibration": calibration,
    "risk": risk,
    "stress": stress,
    "fairness": fairness,
    "gallery": gallery,
    "data": data_card,
    "weights": model_card,
    "definitions": definitions,
}


def write(report: Report, path: Path) -> Path:
    """Write one self-contained HTML file about a report's results and return its path."""
    sections = [fragment for make in SECTIONS.values() if (fragment := make(report))]
    body = join((contents(sections), *sections), "\n")
    body = Html(re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", body))
    path.write_text(page(_title(report), body, lede=_lede(report), style=STYLE), encoding="utf-8")
    return path


def _title(report: Report) -> str:
    if not report.single:
        return f"{len(report.results)} results side by side"
    ((name, result),) = report.results.items()
    facts = result.provenance
    return f"{name} on {facts.measured_on}" if facts.dataset else name


def _lede(report: Report) -> str:
    lede = "How accurately apparent facial expressions were recognised."
    return lede if report.single else f"{lede} {', '.join(report.results)}."
