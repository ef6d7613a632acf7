"""The values of a comparison.  Each has `to_dict`: what `mien compare --json` prints of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mien.evaluation.published.record import Published
from mien.printable import printable_in

Value = float | None
Ends = list[Value]
KEYS = {"significant": "told_apart", "same_prediction": "same_answer"}
"""Names in JSON, a contract, where they differ."""


@dataclass(frozen=True)
class SystemScores:
    """One system's metrics on a set of images; None where a metric is undefined or needs probabilities.

    Attributes:
        values: by key of `METRICS`; intervals: both 95 % ends, by key of `RESAMPLED`; recall: by expression.
        labels_only: the system gives labels without probabilities.
        runs: how many runs values and recall are means over; deviations: their standard deviations over the runs, by
            key of `RESAMPLED`, none for one run; folds: how many runs predict a part of the images each.
    """

    values: Mapping[str, Value]
    intervals: Mapping[str, Ends | None]
    recall: Mapping[str, Value]
    labels_only: bool = False
    runs: int = 1
    deviations: Mapping[str, Value] = field(default_factory=dict)
    folds: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Return the scores as JSON."""
        ends = {f"{key}_interval": interval for key, interval in self.intervals.items()}
        own = {"recall": dict(self.recall), "labels_only": self.labels_only, "runs": self.runs, "folds": self.folds}
        return {**self.values, **ends, **own, **{f"{key}_deviation": value for key, value in self.deviations.items()}}


@dataclass(frozen=True)
class Difference:
    """The difference between two systems in one metric, first minus second, with its 95 % interval.

    `deviation` is its standard deviation over runs with the same seeds; None where there are no such runs.
    """

    difference: Value
    interval: Ends
    deviation: Value = None


@dataclass(frozen=True)
class Pair:
    """Two systems `a` and `b` on the same images.

    Attributes:
        differences: by metric, those that both systems have.
        a_only, b_only: how many images only one of them gets right; of several runs, one in a larger part of its runs.
        by: how many groups the test is by, None for McNemar's by images; p: its p value.
        p_holm: p with Holm's correction for all pairs; significant: whether that is below 0.05.
        several: one of them has several runs, so the test flips the signs of images' (or groups') mean differences.
    """

    a: str
    b: str
    differences: Mapping[str, Difference]
    a_only: int
    b_only: int
    by: int | None
    p: float
    p_holm: float = 1.0
    significant: bool = False
    several: bool = False


@dataclass(frozen=True)
class Rank:
    """A system's place by accuracy, and its gap to the next one: None for the last.

    `pairs` is the number of pairs that `p_holm` is corrected for; `noise` says that the gap may be chance.
    """

    rank: int
    name: str
    accuracy: float
    gap: float | None
    p: float | None
    p_holm: float | None
    pairs: int
    noise: bool | None


@dataclass(frozen=True)
class Subset:
    """The systems on one set of images.

    Attributes:
        n: how many images; 0 and None (unknown which) leave everything else empty.
        by: how many groups intervals are by, None where they are by images.
        systems, pairs, ranking: scores by name, paired differences, and the order by accuracy.
        groups: runs of the ranking in which no two systems differ significantly.
        searched: systems whose Training was searched for near-duplicates; not_searched: why not, by name.  None for
            all images.
    """

    n: int | None
    by: int | None = None
    systems: Mapping[str, SystemScores] = field(default_factory=dict)
    pairs: Sequence[Pair] = ()
    ranking: Sequence[Rank] = ()
    groups: Sequence[Sequence[str]] = ()
    searched: Sequence[str] | None = None
    not_searched: Mapping[str, str] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the subset as JSON."""
        sought = {"searched": self.searched, "not_searched": self.not_searched} if self.searched is not None else {}
        return {
            "n": self.n,
            **({"by": self.by} if self.n else {}),
            "systems": {name: scores.to_dict() for name, scores in self.systems.items()},
            "pairs": [asdict(pair, dict_factory=_json) for pair in self.pairs],
            "ranking": [asdict(rank) for rank in self.ranking],
            "groups": [list(group) for group in self.groups],
            **sought,
        }


@dataclass(frozen=True)
class Restricted:
    """The comparison on the expressions that the data and all systems know, probabilities renormalised over them."""

    name: str
    labels: Sequence[str]
    left_out: int
    full: Subset
    clean: Subset

    def to_dict(self) -> dict[str, Any]:
        """Return the part as JSON."""
        own = {"name": self.name, "labels": list(self.labels), "left_out": self.left_out}
        return {**own, "full": self.full.to_dict(), "clean": self.clean.to_dict()}


@dataclass(frozen=True)
class Example:
    """An image that one system gets right and the other wrong: its label, both predictions, how one-sided it is."""

    id: str
    label: str
    a: str
    b: str
    margin: float


@dataclass(frozen=True)
class Disagreement:
    """How often each of two systems is right, overall and by label, and the most one-sided images of each side."""

    a: str
    b: str
    both: int
    a_only: int
    b_only: int
    neither: int
    same_prediction: int
    by_label: Mapping[str, Mapping[str, int]]
    a_right: Sequence[Example]
    b_right: Sequence[Example]


@dataclass(frozen=True)
class Comparison:
    """Systems on the same images.

    Attributes:
        notes: what was read from where, inferred and left out.
        labels: every expression that the data or a system knows; target_labels: those that the data knows.
        dataset, split, options: what was measured on, where known; n: how many images; paths: files by system.
        full, clean: all images, and those without near-duplicates in the systems' Training.
        restricted: the same on the expressions that all know, None where all know the same.
        disagreement: of every two systems of one run.
        published: published results on the data set, None unless requested.
    """

    labels: Sequence[str]
    target_labels: Sequence[str]
    dataset: str | None
    split: str | None
    options: Mapping[str, Any]
    n: int
    paths: Mapping[str, str]
    full: Subset
    clean: Subset
    restricted: Restricted | None
    disagreement: Sequence[Disagreement]
    notes: Sequence[str] = ()
    published: Sequence[Published] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what `mien compare --json` prints."""
        return {
            "notes": list(self.notes),
            "labels": list(self.labels),
            "truth_labels": list(self.target_labels),
            "dataset": self.dataset,
            "split": self.split,
            "options": self.options,
            "n": self.n,
            "paths": self.paths,
            "full": self.full.to_dict(),
            "clean": self.clean.to_dict(),
            "restricted": self.restricted and self.restricted.to_dict(),
            "disagreement": [asdict(pair, dict_factory=_json) for pair in self.disagreement],
            **({"published": [asdict(one) for one in self.published]} if self.published is not None else {}),
        }

    def __repr__(self) -> str:
        accuracy = {one.name: round(one.accuracy, 4) for one in self.full.ranking}
        return f"Comparison(n={self.n}, accuracy={accuracy})"

    def __str__(self) -> str:
        from mien.evaluation.compare.text import to_text

        return to_text(printable_in(self))

    def _repr_html_(self) -> str:
        from mien.evaluation.compare.page import fragment

        return fragment(self)


def _json(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {KEYS.get(name, name): value for name, value in pairs}
