"""Compare systems on the same pictures: paired differences with intervals, tests, a ranking, and where they disagree.

    comparison = compare(Request((Path("a.npz"), Path("api.csv")), data="fer2013", split="test"))

A system is a result of ours or any table of predictions of somebody else's, so a commercial service or another toolkit
is judged as our weights are: by the same truth, on all pictures and on those without a twin in training.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mien.data import load
from mien.data.hygiene import find_twins
from mien.data.samples import Samples
from mien.errors import DataError, UsageError
from mien.evaluation.compare.align import Truth, align, from_samples
from mien.evaluation.compare.answers import read_answers
from mien.evaluation.compare.columns import read_mapping
from mien.evaluation.compare.measure import measure
from mien.evaluation.compare.page import to_html
from mien.evaluation.compare.show import to_rows, to_text
from mien.evaluation.published import about

__all__ = ["Request", "compare", "keep", "pictures", "to_text"]

SOURCES = ("auto", "csv")


@dataclass(frozen=True)
class Request:
    """What to compare, and how.

    Attributes:
        paths: results, folders of them, tables of answers; one alone is measured against the truth.
        source: `csv` takes every path that is no .npz for a table, `auto` goes by the suffix.
        columns: FIELD=COLUMN words on what the columns of tables hold.
        data, root, split: the data set that tells the truth where no system does; split also names the result to take
            from a folder.
        intersect: compare on the pictures that all answered; published: list published figures beside.
    """

    paths: tuple[Path, ...]
    source: str = "auto"
    columns: tuple[str, ...] = ()
    data: str | None = None
    root: Path | None = None
    split: str = "test"
    intersect: bool = False
    published: bool = False


def compare(request: Request) -> dict[str, Any]:
    """Return what `mien compare --json` prints; DataError and UsageError say what cannot be compared."""
    if request.source not in SOURCES:
        raise UsageError(f"--from {request.source!r}", " or ".join(SOURCES))
    told, tables = read_mapping(request.columns), request.source == "csv"
    systems = [read_answers(path, told, request.split, tables) for path in request.paths]
    results, notes = align(systems, _truth(request), request.intersect)
    found = {"notes": [*(note for system in systems for note in system.notes), *notes], **measure(results)}
    if request.published:
        found["published"] = [asdict(record) for record in about(str(found["dataset"]))]
    return found


def _truth(request: Request) -> Truth | None:
    if not request.data:
        return None
    samples = load(request.data, request.root, request.split)
    return from_samples(samples, find_twins(samples, request.root).index >= 0)


def pictures(comparison: Mapping[str, Any], root: Path | None) -> Samples | None:
    """Return the pictures that were compared where their data set can be found, else None."""
    try:
        return load(str(comparison["dataset"]), root, str(comparison["split"]), **comparison["options"])
    except DataError:
        return None


def keep(comparison: Mapping[str, Any], out: Path, samples: Samples | None = None) -> list[Path]:
    """Write compare.json, compare.csv and compare.html into a folder; with samples the page shows pictures."""
    files = {
        "compare.json": json.dumps(comparison, indent=2) + "\n",
        "compare.csv": to_rows(comparison),
        "compare.html": to_html(comparison, samples),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (out / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--out: {out} cannot be written: {error.strerror}", "a folder") from None
    return [out / name for name in files]
