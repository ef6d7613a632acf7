"""Every score of one result: on all of its images, without near-duplicates of training images, on common labels."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from mien.evaluation import label_sets, metrics, prototypes
from mien.evaluation.calibration.selective import Selective, selective
from mien.evaluation.prototypes import enough
from mien.evaluation.result import Provenance, Result
from mien.evaluation.statistics import clusters, heads
from mien.evaluation.statistics.intervals import RESAMPLED, Ends, bootstrap, intervals, known_ends, proportion_interval
from mien.evaluation.training_duplicates import not_searched
from mien.hierarchy import GROUP_OF, group_probs, groups
from mien.html.markup import Html
from mien.labels import EXPRESSIONS, columns
from mien.printable import printable_in

Value = float | None
ClassScores = dict[str, float | int | None]


@dataclass(frozen=True, kw_only=True)
class SubsetScores:
    """Every metric on some images, with 95 % intervals; None where it is undefined.

    Attributes:
        n: how many images, or None where it is not known which ones belong to the subset.
        values: by key of `METRICS`.
        intervals: both ends, by key of `RESAMPLED`: Wilson's for accuracy, bootstrap for others, by group where known.
        groups: how many groups (subjects, clips) the images come from, None where that is unknown.
        undersampled: means over 200 draws with equally many images per class.
        further: the `group_level`, where expressions share a group; agreement with `votes`, recovery of `mixed` ones,
            and of `people` among themselves; for results that have them `valence`, `arousal`, `units`, and
            `prototypes` of these as expressions.
        reason: why `n` is None.
    """

    n: int | None
    values: Mapping[str, Value]
    intervals: Mapping[str, Ends | None]
    groups: int | None = None
    undersampled: Mapping[str, Value] | None = None
    further: Mapping[str, Mapping[str, Any] | None]
    reason: str = ""

    @property
    def accuracy(self) -> Value:
        """The fraction of images whose top-1 expression is the label."""
        return self.values["accuracy"]

    @property
    def accuracy_interval(self) -> Ends | None:
        """Both ends of the 95 % interval of the accuracy."""
        return self.intervals["accuracy"]

    @property
    def macro_f1(self) -> Value:
        """The mean F1 over expressions."""
        return self.values["macro_f1"]

    @property
    def ece(self) -> Value:
        """The expected calibration error, over 15 bins of equally many images."""
        return self.values["ece"]

    def to_dict(self) -> dict[str, Any]:
        """Return the scores as `mien evaluate --json` prints them."""
        end: dict[str, Any] = {"groups": self.groups, "undersampled": self.undersampled}
        return {
            "n": self.n,
            **self.values,
            **{f"{key}_interval": ends for key, ends in self.intervals.items()},
            **(end if self.n else dict(reversed(end.items()))),  # the order of files written so far
            **self.further,
            **({"reason": self.reason} if self.reason else {}),
        }


@dataclass(frozen=True, kw_only=True)
class RestrictedScores(SubsetScores):
    """Scores on the labels that weights and data both know, renormalised.

    Attributes:
        name: what they are called; labels: the common labels.
        only_weights: labels that only the weights know; predicted_so: how many images they predicted so.
        only_data: labels that only the data know; labelled_so: how many images are labelled so.
        left_out: how many images have no common label.
        clean: the same without near-duplicates of training images.
    """

    name: str
    labels: tuple[str, ...]
    only_weights: list[str]
    only_data: list[str]
    predicted_so: int
    labelled_so: int
    left_out: int
    clean: SubsetScores

    def to_dict(self) -> dict[str, Any]:
        """Return the scores as `mien evaluate --json` prints them under `restricted`."""
        return {
            "name": self.name,
            "labels": list(self.labels),
            "only_answers": self.only_weights,
            "only_labels": self.only_data,
            "answered": self.predicted_so,
            "labelled": self.labelled_so,
            "n": self.n,
            "left_out": self.left_out,
            **super().to_dict(),
            "clean": self.clean.to_dict(),
        }


@dataclass(frozen=True, kw_only=True)
class Scores(SubsetScores):
    """Every score of one result.

    Attributes:
        provenance: what was measured on what.
        per_class: `precision`, `recall`, `f1` and `support` by label; confusion: rows are labels, columns predictions.
        selective: what abstaining gains; None without images.
        clean: the scores without images that have a near-duplicate in the weights' own training data.
        restricted: the scores on the labels that weights and data both know; None where they know the same.
    """

    provenance: Provenance
    labels: tuple[str, ...]
    per_class: Mapping[str, ClassScores]
    confusion: list[list[int]]
    selective: Selective | None
    clean: SubsetScores
    restricted: RestrictedScores | None

    def to_dict(self) -> dict[str, Any]:
        """Return the scores as `mien evaluate --json` prints them."""
        return {
            **self.provenance.without("twins", "not_searched", "adjustment").to_dict(),
            **super().to_dict(),
            "per_class": self.per_class,
            "confusion": self.confusion,
            "labels": list(self.labels),
            "selective": None if self.selective is None else asdict(self.selective),
            "clean": self.clean.to_dict(),
            "restricted": None if self.restricted is None else self.restricted.to_dict(),
        }

    def __repr__(self) -> str:
        return f"Scores({self.provenance.weights!r}, n={self.n}, accuracy={self.accuracy})"

    def __str__(self) -> str:
        from mien.evaluation.text import to_text

        return to_text(printable_in(self))

    def _repr_html_(self) -> Html:
        from mien.evaluation.text import to_html

        return to_html(self)


def score(result: Result) -> Scores:
    """Return every score of a result."""
    matrix = metrics.confusion(result.probs, result.target)
    return Scores(
        **_fields(score_subset(result)),
        provenance=result.provenance,
        labels=result.labels,
        per_class=metrics.per_class(matrix, result.labels),
        confusion=matrix.tolist(),
        selective=selective(result.probs, result.target, result.provenance.threshold, result.group),
        clean=score_clean(result),
        restricted=score_restricted(result),
    )


def score_subset(result: Result) -> SubsetScores:
    """Return every metric of a result, see SubsetScores; without images all of them are None."""
    if not len(result):
        nothing = dict.fromkeys(_further(result))
        return SubsetScores(
            n=0, values=dict.fromkeys(metrics.METRICS), intervals=dict.fromkeys(RESAMPLED), further=nothing
        )
    result = result.in_order()
    matrix = metrics.confusion(result.probs, result.target)
    groups, ends = clusters.count(result.group), intervals(result.probs, result.target, group=result.group)
    if groups is None:
        ends["macro_f1"] = bootstrap(matrix, metrics.macro_f1_of)
    right = np.equal(*metrics.top1(result.probs, result.target))
    return SubsetScores(
        n=len(result),
        values={name: _number(metric(result.probs, result.target)) for name, metric in metrics.METRICS.items()},
        intervals={
            "accuracy": known_ends(proportion_interval(right, result.group)),
            **{k: known_ends(v) for k, v in ends.items()},
        },
        groups=groups,
        undersampled={key: _number(metrics.undersampled(matrix, of)) for key, of in EQUALISED.items()},
        further=_further(result),
    )


EQUALISED = {
    "accuracy": metrics.balanced_accuracy_of,
    "macro_f1": metrics.macro_f1_of,
    "kappa": metrics.kappa_of,
    "alpha": metrics.alpha_of,
}
"""What is also given for an under-sampled test set, in AffectNet's way."""


def _further(result: Result) -> dict[str, dict[str, Any]]:
    """Return what only some results have: the groups' level, agreement with votes, valence and arousal, units."""
    further: dict[str, dict[str, Any]] = {}
    if set(result.labels) <= GROUP_OF.keys() and len(groups(result.labels)) < len(result.labels):
        further["group_level"] = _group_level(result)
    if result.votes is not None:
        votes = result.votes.astype(np.int64)
        further["votes"] = {key: _number(metric(result.probs, votes)) for key, metric in metrics.VOTES.items()}
        further["mixed"] = {key: _number(metric(result.probs, votes)) for key, metric in metrics.MIXED.items()}
        further["people"] = {key: _number(metric(votes)) for key, metric in metrics.PEOPLE.items()}
    if result.regression is not None and result.regression_target is not None:
        pairs = zip(("valence", "arousal"), result.regression.T, result.regression_target.T, strict=True)
        for name, predicted, target in pairs:
            ends = heads.affect(predicted, target, result.group)
            values = {key: _number(metric(predicted, target)) for key, metric in metrics.REGRESSION.items()}
            further[name] = values | {f"{key}_interval": both for key, both in ends.items()}
    if result.units is not None and result.units_target is not None:
        units = list(zip(result.units.T, result.units_target.T, strict=True))
        names = {"labels": result.provenance.units} if result.provenance.units else {}
        further["units"] = names | {
            key: [_number(metric(*pair)) for pair in units] for key, metric in metrics.UNITS.items()
        }
        spans = [heads.action_unit(*pair, result.group) for pair in units]
        further["units"] |= {f"{key}_interval": [span[key] for span in spans] for key in metrics.UNITS}
        if set(result.labels) <= set(EXPRESSIONS) and enough(result.provenance.units or ()):
            probs = prototypes.probabilities(result.provenance.units or (), result.units.astype(np.float64))
            further["prototypes"] = prototypes.scores(result.labels, probs, result.target, result.group)
    return further


def _group_level(result: Result) -> dict[str, Any]:
    """Return the scores of the groups of mien.hierarchy, whose probabilities are the sums of their expressions'."""
    probs, target = (group_probs(part, result.labels) for part in (result.probs, result.target))
    right = np.equal(*metrics.top1(probs, target))
    return {
        "labels": list(groups(result.labels)),
        "accuracy": _number(metrics.accuracy(probs, target)),
        "accuracy_interval": known_ends(proportion_interval(right, result.group)),
        "macro_f1": _number(metrics.macro_f1(probs, target)),
    }


def _number(value: float) -> Value:
    return float(value) if np.isfinite(value) else None


def _fields(scores: SubsetScores) -> dict[str, Any]:
    return {field.name: getattr(scores, field.name) for field in fields(scores)}


def score_clean(result: Result) -> SubsetScores:
    """Return the scores without near-duplicates of the weights' own training images; unknown where not searched."""
    rows = result.clean
    if rows is None:
        empty = score_subset(result.take([]))
        return SubsetScores(**{**_fields(empty), "n": None, "reason": f"not searched: {not_searched(result)}"})
    return score_subset(result.take(rows))


def score_restricted(result: Result) -> RestrictedScores | None:
    """Return the scores on the labels that weights and data both know, or None where they know the same."""
    if not label_sets.differ([result]):
        return None
    (part,) = label_sets.restrict([result])
    predictable, known = label_sets.predictable(result), label_sets.labelled(result)
    label, predicted = metrics.top1(result.probs, result.target)
    only_weights = [name for name in predictable if name not in known]
    only_data = [name for name in known if name not in predictable]
    return RestrictedScores(
        **_fields(score_subset(part)),
        name=label_sets.name(part.labels),
        labels=part.labels,
        only_weights=only_weights,
        only_data=only_data,
        predicted_so=int(np.isin(predicted, columns(result.labels, only_weights)).sum()),
        labelled_so=int(np.isin(label, columns(result.labels, only_data)).sum()),
        left_out=len(result) - len(part),
        clean=score_clean(part),
    )
