"""One system's metrics, resampled: of one run, or the mean over the runs of a recipe on the same images.

An image is drawn with the predictions of all runs, so runs add no images: n and intervals are those of the images.
How much the runs differ from one another is a standard deviation beside the interval.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

import numpy as np

from mien.data.groups import named
from mien.evaluation import metrics
from mien.evaluation.metrics import OF_LABELS, Floats
from mien.evaluation.result import Result
from mien.evaluation.statistics.clusters import GroupDraws
from mien.evaluation.statistics.intervals import Draws, Interval, proportion_interval, replicates


@dataclass(frozen=True, eq=False)
class Measured:
    """A system on N images.

    Attributes:
        runs: its results, one for each run.
        each: by key of `METRICS`, every run's value; resampled: by key of `RESAMPLED`, replicates of their mean.
        right: float64 (N,), the fraction of runs that get an image right.
    """

    runs: Sequence[Result]
    each: dict[str, list[float]]
    resampled: dict[str, Floats]
    right: Floats

    @classmethod
    def of(cls, runs: Sequence[Result], drawn: Draws | GroupDraws) -> "Measured":
        """Return the measures of runs on the same images, drawn again as `drawn` says."""
        values = [replicates(run.probs, run.target, drawn) for run in runs]
        return cls(
            runs,
            {key: [metric(run.probs, run.target) for run in runs] for key, metric in metrics.METRICS.items()},
            {key: np.mean([own[key] for own in values], axis=0) for key in values[0] if defined(runs[0], key)},
            np.mean([_right(run) for run in runs], axis=0),
        )

    @property
    def name(self) -> str:
        """What the system is called."""
        return name_of(self.runs[0])

    @property
    def several(self) -> bool:
        """Whether it has more than one run."""
        return len(self.runs) > 1

    def mean(self, key: str) -> float:
        """Return the mean of a metric over the runs."""
        return mean(self.each[key])

    def accuracy_interval(self) -> Interval:
        """Return the 95 % interval of accuracy; the predictions of several runs for an image are one group."""
        first = self.runs[0]
        group = first.ids if self.several else None
        if first.group is not None:
            group = named(first.group, first.ids)  # an image without a subject is one group in all runs
        tiled = None if group is None else np.tile(group, len(self.runs))
        return proportion_interval(np.concatenate([_right(run) for run in self.runs]), tiled)


def by_name(systems: Sequence[Result]) -> dict[str, list[Result]]:
    """Return the runs of each system."""
    runs: dict[str, list[Result]] = {}
    for system in systems:
        runs.setdefault(name_of(system), []).append(system)
    return runs


def name_of(system: Result) -> str:
    """Return what a system is called."""
    return str(system.provenance.weights)


def defined(system: Result, key: str) -> bool:
    """Return whether a system has a metric: one of labels without probabilities only those that need no more."""
    return key in OF_LABELS or not system.provenance.labels_only


def deviation(values: Sequence[float]) -> float | None:
    """Return the standard deviation of runs; None of one run.

    >>> round(deviation([0.5, 0.7]) or 0, 4), deviation([0.5])
    (0.1414, None)
    """
    return number(stdev(values)) if len(values) > 1 else None


def deviation_of_gap(a: Measured, b: Measured, key: str) -> float | None:
    """Return the standard deviation over runs of a minus b: run by run of the same seeds, or against a single run.

    None where both have several runs, with other seeds.
    """
    seeds = [[run.provenance.run for run in one.runs] for one in (a, b)]
    if a.several and b.several and seeds[0] != seeds[1]:
        return None
    return deviation(np.subtract(a.each[key], b.each[key]).tolist())


def number(value: float) -> float | None:
    """Return a value as JSON carries it: None where it is undefined."""
    return float(value) if np.isfinite(value) else None


def _right(run: Result) -> Floats:
    return np.equal(*metrics.top1(run.probs, run.target)).astype(np.float64)
