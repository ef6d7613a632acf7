"""What was measured on other labs' faces: the section of a model card, from results/other_labs.jsonl.

`benchmarks/other_labs.py` writes that file.  Its lines belong to the weights whose sha256 they hold.  Weights that were
trained again have none until they are measured.  The lines on the natural prior were measured at
commit d4fadbe.  The files were changed since, and give the same probabilities to the bit on all val images.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mien.experiments.table import grid
from mien.html.page import percent

NAMES = {
    "ckplus48": "CK+, 48 px, posed",
    "jaffe": "JAFFE, posed",
    "cfee": "CFEE, posed",
    "lfw": "LFW, photographs, 5 expressions",
}
"""Sets in words."""

MEANT = """
### On other labs' faces

{text}

{table}
"""

MEASURED = (
    "No weights, prior or threshold were chosen by these images.  Intervals are by person.  Accuracy, calibration and "
    "what `--abstain auto` keeps differ from those on the test images above, for better or worse: what this card says "
    "of them holds for photographs like the training images.  `--prior uniform` is "
    "meant for posed or balanced images.  Where no line of this table has that prior, its effect was not measured."
)

UNMEASURED = (
    "Not measured since these weights were trained.  On other weights that ship, accuracy and calibration there were "
    "often far from those on the test images."
)

ELSEWHERE = (
    "The file does not hold this.  The model cards in results/ of the project do, for weights that were measured.  "
    "Calibration and `--abstain auto` hold for photographs like the training images."
)

HEADS = ("images", "people", "prior", "accuracy (95 %)", "ECE", "coverage at auto", "accuracy at auto")


def of(results: Path, sha256: str) -> list[dict[str, Any]]:
    """Return the lines on the weights with this sha256, in the order of the file."""
    path = results / "other_labs.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [entry for entry in map(json.loads, lines) if entry["weights_sha256"] == sha256]


def section(lines: Sequence[dict[str, Any]] | None) -> str:
    """Return the section of a model card; None where the table of measurements is not at hand."""
    if lines is None:
        return MEANT.format(text=ELSEWHERE, table="").rstrip() + "\n"
    if not lines:
        return MEANT.format(text=UNMEASURED, table="").rstrip() + "\n"
    rows = [[NAMES.get(one["set"], one["set"]), *_cells(one)] for one in lines]
    return MEANT.format(text=MEASURED, table=grid(("", *HEADS), rows))


def _cells(one: dict[str, Any]) -> list[str]:
    value, low, high = one["accuracy"]
    at = one["accuracy_at_auto"]
    return [
        f"{one['n']:,}",
        f"{one['people']:,}",
        one["prior"],
        f"{percent(value)} ({100 * low:.1f} to {100 * high:.1f})",
        percent(one["ece"][0]),
        percent(one["coverage_at_auto"]) if at else "-",
        percent(at[0]) if at else "-",
    ]
