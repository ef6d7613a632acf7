"""Every figure of one result."""

from typing import Any

import numpy as np

from mien.evaluation import label_sets, metrics
from mien.evaluation.calibration.selective import selective
from mien.evaluation.result import Result
from mien.evaluation.statistics import clusters
from mien.evaluation.statistics.intervals import RESAMPLED, bootstrap, intervals, known_ends, share
from mien.evaluation.training_duplicates import not_searched
from mien.labels import columns


def describe(result: Result) -> dict[str, Any]:
    """Return the figures about a result: the object that `mien evaluate --json` prints."""
    facts = {k: v for k, v in result.provenance.items() if k not in ("twins", "not_searched")}
    matrix = metrics.confusion(result.probs, result.target)
    return {
        **facts,
        "n": len(result),
        **figures(result),
        "per_class": metrics.per_class(matrix, result.labels),
        "confusion": matrix.tolist(),
        "labels": list(result.labels),
        "selective": selective(result.probs, result.target, facts.get("threshold"), result.group),
        "clean": clean(result),
        "restricted": restricted(result),
    }


def figures(result: Result) -> dict[str, Any]:
    """Return every metric of a result, with 95 % intervals: Wilson's for accuracy, bootstrap for others.

    Where samples come in groups, all of them are by group, and `groups` says of how many (else None).

    `undersampled` holds the means over 200 draws with equally many samples per class; where the samples have votes,
    `votes` holds agreement with them and `people` how well one person agrees with the others.  What is undefined, as
    everything is without samples, is None.
    """
    if not len(result):
        ends = (f"{key}_interval" for key in RESAMPLED)
        return dict.fromkeys((*metrics.METRICS, *ends, "undersampled", "groups", *_further(result)))
    matrix = metrics.confusion(result.probs, result.target)
    groups, found = clusters.count(result.group), intervals(result.probs, result.target, group=result.group)
    if groups is None:
        found["macro_f1"] = bootstrap(matrix, metrics.macro_f1_of)
    scores = {name: _number(metric(result.probs, result.target)) for name, metric in metrics.METRICS.items()}
    return {
        **scores,
        "accuracy_interval": known_ends(share(np.equal(*metrics.top1(result.probs, result.target)), result.group)),
        **{f"{key}_interval": known_ends(ends) for key, ends in found.items()},
        "groups": groups,
        "undersampled": {key: _number(metrics.undersampled(matrix, of)) for key, of in EQUALISED.items()},
        **_further(result),
    }


EQUALISED = {
    "accuracy": metrics.balanced_accuracy_of,
    "macro_f1": metrics.macro_f1_of,
    "kappa": metrics.kappa_of,
    "alpha": metrics.alpha_of,
}
"""What is also given for an under-sampled test set, in AffectNet's way."""


def _further(result: Result) -> dict[str, Any]:
    """Return what only some results can tell: agreement with votes, valence and arousal, action units."""
    found: dict[str, Any] = {}
    if result.votes is not None:
        votes = result.votes.astype(np.int64)
        found["votes"] = {key: _number(metric(result.probs, votes)) for key, metric in metrics.VOTES.items()}
        found["people"] = {key: _number(metric(votes)) for key, metric in metrics.PEOPLE.items()}
    if result.regression is not None and result.regression_target is not None:
        pairs = zip(("valence", "arousal"), result.regression.T, result.regression_target.T, strict=True)
        for name, predicted, truth in pairs:
            found[name] = {key: _number(metric(predicted, truth)) for key, metric in metrics.REGRESSION.items()}
    if result.units is not None and result.units_target is not None:
        units = list(zip(result.units.T, result.units_target.T, strict=True))
        found["units"] = {key: [_number(metric(*pair)) for pair in units] for key, metric in metrics.UNITS.items()}
    return found


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def clean(result: Result) -> dict[str, Any]:
    """Return the figures without twins in the weights' own Training; None all, with `reason`, where not searched."""
    rows = result.clean
    if rows is None:
        nothing = dict.fromkeys(figures(result.take([])))
        return {"n": None, **nothing, "reason": f"not searched: {not_searched(result)}"}
    part = result.take(rows)
    return {"n": len(part), **figures(part)}


def restricted(result: Result) -> dict[str, Any] | None:
    """Return the figures on the labels that weights and data both know, or None where they know the same.

    Beside them: which labels only one of them knows, how often the weights answered one that no label is, and how
    many samples have a label that the weights cannot answer.
    """
    if not label_sets.differ([result]):
        return None
    (part,) = label_sets.restrict([result])
    answers, truth = label_sets.answerable(result), label_sets.labelled(result)
    label, predicted = metrics.top1(result.probs, result.target)
    only = {
        "only_answers": [name for name in answers if name not in truth],
        "only_labels": [name for name in truth if name not in answers],
    }
    return {
        "name": label_sets.name(part.labels),
        "labels": list(part.labels),
        **only,
        "answered": int(np.isin(predicted, columns(result.labels, only["only_answers"])).sum()),
        "labelled": int(np.isin(label, columns(result.labels, only["only_labels"])).sum()),
        "n": len(part),
        "left_out": len(result) - len(part),
        **figures(part),
        "clean": clean(part),
    }
