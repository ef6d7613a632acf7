"""What was measured of a result or its weights and lies in a file: robustness and fairness, if it is theirs.

A file is taken from beside its result, or given on its own; one that is about other weights is left out, and said.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mien.errors import DataError, UsageError
from mien.evaluation.provenance import mismatch_reason
from mien.evaluation.report.schema import KINDS as SCHEMAS
from mien.evaluation.result import Result
from mien.reading.documents import read_json
from mien.reading.guard import parsing
from mien.reading.shape import fits

KINDS = {"stress": "corruptions", "fairness": "columns"}
"""Kinds of measurement, whose file is called KIND.json, and the key by which their figures are known."""


@dataclass(frozen=True)
class Measured:
    """Figures by kind and by the name of the result they belong to, and sentences, by kind, on what is left out."""

    figures: dict[str, dict[str, Any]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    strangers: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS})


def measured(
    results: Mapping[str, Result], where: Mapping[str, Path], given: Sequence[Path], beside: Callable[..., Path | None]
) -> Measured:
    """Return what is measured of results, by name, whose files are `where`.

    `given` are files named on their own, each of which must belong to one of the results, or a UsageError says why not;
    `beside(file, name)` finds a file that lies with a result's.
    """
    found = Measured()
    for name, file in where.items():
        for kind in KINDS:
            if path := beside(file, f"{kind}.json"):
                figures = read(path)
                _check(path, kind, figures)
                if why := mismatch_reason(figures, results[name]):
                    found.strangers[kind].append(f"{path} is left out: {why}.")
                else:
                    found.figures[kind][name] = figures
    for path in given:
        figures = read(path)
        kind = next((kind for kind, key in KINDS.items() if key in figures), "")
        if not kind:
            raise DataError(f"{path} is neither of {' nor '.join(KINDS)}", "a JSON file that one of these wrote")
        _check(path, kind, figures)
        whys = {name: mismatch_reason(figures, result) for name, result in results.items()}
        own = [name for name, why in whys.items() if not why]
        if not own:
            raise UsageError(f"{path}: {next(iter(whys.values()))}", "the result it is about beside it")
        same = [name for name in own if results[name].provenance.split == figures.get("split")]
        found.figures[kind][(same or own)[0]] = figures
    return found


def _check(path: Path, kind: str, figures: Mapping[str, Any]) -> None:
    with parsing(path, f"what `mien {kind} --out` writes"):
        fits(SCHEMAS[kind], figures)


def files(path: Path, taken: Sequence[str]) -> list[Path]:
    """Return the measurements that a path stands for: a JSON file, or a folder that has no result but them."""
    if not path.is_dir():
        return [path] if path.suffix == ".json" else []
    if any((path / name).is_file() for name in taken):
        return []
    return [path / f"{kind}.json" for kind in KINDS if (path / f"{kind}.json").is_file()]


def read(path: Path | None) -> dict[str, Any]:
    """Return the figures in a JSON file, nothing for None; DataError for what is none."""
    return {} if path is None else read_json(path, "a JSON file that mien wrote")
