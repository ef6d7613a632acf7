"""The report of an evaluation: SECTIONS, each a function from a Report to an HTML fragment, empty when it has no data.

write(result, figures, Path("report.html"), history=rows)
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mien.evaluation.report.sections import Report, calibration, classes, confusion, curves, headline, protocol
from mien.evaluation.result import Result
from mien.page import page

__all__ = ["SECTIONS", "Report", "write"]

SECTIONS: dict[str, Callable[[Report], str]] = {
    "headline": headline,
    "protocol": protocol,
    "curves": curves,
    "classes": classes,
    "confusion": confusion,
    "calibration": calibration,
}


def write(result: Result, figures: dict[str, Any], path: Path, history: list[dict[str, Any]] | None = None) -> Path:
    """Write one self-contained HTML file about a result and return its path; `history` is a run's log, if any."""
    report = Report(result, figures, history or [])
    body = "\n".join(section(report) for section in SECTIONS.values())
    title = f"{figures['weights']} on {figures['dataset']} {figures['split']}"
    path.write_text(page(title, body, lede="How well apparent facial expressions were read."), encoding="utf-8")
    return path
