"""stress.json and fairness.json of results: from beside a result, or given on their own.

A file that is about other weights is left out with the reason.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mien.errors import DataError, UsageError
from mien.evaluation.provenance import mismatch_reason
from mien.evaluation.records.fairness import Fairness
from mien.evaluation.records.stress import StressReport
from mien.evaluation.result import Result
from mien.reading.documents import read_json
from mien.reading.guard import parsing
from mien.reading.shape import fits

KINDS: dict[str, tuple[str, type[StressReport] | type[Fairness]]] = {
    "stress": ("corruptions", StressReport),
    "fairness": ("columns", Fairness),
}
"""Kinds of measurement, in files called KIND.json: the key that tells them apart, and their type."""


@dataclass(frozen=True)
class Measurements:
    """Measurements by the name of the result that they are of, and why others are left out, by kind."""

    stress: dict[str, StressReport] = field(default_factory=dict)
    fairness: dict[str, Fairness] = field(default_factory=dict)
    left_out: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    def add(self, name: str, measurement: StressReport | Fairness) -> None:
        """Add a measurement of a result."""
        if isinstance(measurement, StressReport):
            self.stress[name] = measurement
        else:
            self.fairness[name] = measurement


def measurements(
    results: Mapping[str, Result], where: Mapping[str, Path], given: Sequence[Path], beside: Callable[..., Path | None]
) -> Measurements:
    """Return the measurements of results, by name, whose files are `where`.

    `given` are files named on their own, each of which must belong to one of the results: else a UsageError says why
    not.  `beside(file, name)` returns a file next to a result's, or None.
    """
    all_of_them = Measurements()
    for name, file in where.items():
        for kind in KINDS:
            if path := beside(file, f"{kind}.json"):
                measurement = _read(path, kind)
                if reason := mismatch_reason(measurement.source, results[name]):
                    all_of_them.left_out[kind].append(f"{path} is left out: {reason}.")
                else:
                    all_of_them.add(name, measurement)
    for path in given:
        measurement = _read(path)
        all_of_them.add(_owner(path, measurement, results), measurement)
    return all_of_them


def _read(path: Path, kind: str = "") -> StressReport | Fairness:
    """Return a measurement; without a `kind` its content decides.  DataError for a file that is not one."""
    document = read(path)
    kind = kind or next((kind for kind, (key, _) in KINDS.items() if key in document), "")
    if not kind:
        raise DataError(f"{path} is neither of {' nor '.join(KINDS)}", "a JSON file that one of these wrote")
    with parsing(path, f"what `mien {kind} --out` writes"):
        return fits(KINDS[kind][1], document)


def _owner(path: Path, measurement: StressReport | Fairness, results: Mapping[str, Result]) -> str:
    """Return the name of the result that a measurement is of, one of the same split where there are several."""
    reasons = {name: mismatch_reason(measurement.source, result) for name, result in results.items()}
    own = [name for name, reason in reasons.items() if not reason]
    if not own:
        raise UsageError(f"{path}: {next(iter(reasons.values()))}", "the result that it is about as well")
    same = [name for name in own if results[name].provenance.split == measurement.split]
    return (same or own)[0]


def files(path: Path, results: Sequence[str]) -> list[Path]:
    """Return the measurements that a path stands for: a JSON file, or a folder with them but none of `results`."""
    if not path.is_dir():
        return [path] if path.suffix == ".json" else []
    if any((path / name).is_file() for name in results):
        return []
    return [path / f"{kind}.json" for kind in KINDS if (path / f"{kind}.json").is_file()]


def read(path: Path | None) -> dict[str, Any]:
    """Return the content of a JSON file, nothing for None; DataError for another file."""
    return {} if path is None else read_json(path, "a JSON file that mien wrote")
