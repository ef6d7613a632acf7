"""An evaluation as files: result.npz, metrics.json and report.html in one folder."""

import json
from pathlib import Path

from mien.evaluation.report import write
from mien.evaluation.report.collect import gather
from mien.evaluation.result import Result
from mien.evaluation.scores import Scores
from mien.outputs import Outputs, into

KEPT = ("result.npz", "metrics.json", "report.html")
"""What `keep` writes."""


def keep(result: Result, scores: Scores, out: Path | Outputs, root: Path | str | None = None) -> list[Path]:
    """Write result.npz, metrics.json and report.html into a folder and return their paths.

    The images of the report come from `root` or MIEN_DATA.
    """
    outputs = into(out)
    with outputs.staged("result.npz") as path:
        result.save(path)
    outputs.write("metrics.json", f"{json.dumps(scores.to_dict(), indent=2)}\n".encode())
    with outputs.staged("report.html") as path:
        write(gather([outputs.folder / "result.npz"], root), path)
    return [outputs.folder / name for name in KEPT]
