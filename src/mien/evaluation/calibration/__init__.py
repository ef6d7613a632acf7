"""Fit calibration on one result and measure it on another: what `mien calibrate VAL TEST` reports.

Fitted are a temperature, a temperature per class, the confidence for `--abstain` and conformal sets: all of them on the
first result alone.  Every score is of the second.
"""

from collections.abc import Sequence

import numpy as np

from mien.errors import DataError
from mien.evaluation import label_sets, metrics
from mien.evaluation.calibration import conformal
from mien.evaluation.calibration.report import CalibrationReport, Source
from mien.evaluation.calibration.selective import TARGET_ACCURACY, score_at
from mien.evaluation.calibration.temperature import fit_temperature, fit_temperatures, fit_threshold, logs, softmax
from mien.evaluation.result import Result
from mien.evaluation.statistics import clusters
from mien.labels import columns
from mien.prior import NATURAL

SCORED = ("accuracy", "ece", "nll", "brier")
"""Metrics of the probabilities before and after."""


def recalibrate(first: Result, second: Result, coverage: float = 0.9) -> CalibrationReport:
    """Return what is fitted on the first result and how it scores on the second.

    `coverage` is that of the conformal sets.  DataError for results of different weights or labels, of common samples,
    of a train split, or fitted on a test split.
    """
    _check(first, second)
    labels = label_sets.predictable(first)
    fitted, target = _predictable(first, labels)
    temperature, temperatures = fit_temperature(logs(fitted), target), fit_temperatures(fitted, target)
    z = logs(second.probs[:, columns(second.labels, labels)])
    variants: dict[str, metrics.Floats] = {
        "as_is": second.probs,
        "temperature": label_sets.spread(softmax(z, temperature), labels, second.labels),
        "temperatures": label_sets.spread(softmax(z, temperatures), labels, second.labels),
    }
    threshold = fit_threshold(first.probs, first.target, TARGET_ACCURACY)
    return CalibrationReport(
        weights=first.provenance.weights or first.provenance.table,
        fitted_on=_source(first),
        measured_on=_source(second),
        groups=clusters.count(second.group),
        groups_in_both=_groups_in_both(first, second),
        temperature=temperature,
        temperatures=dict(zip(labels, temperatures.tolist(), strict=True)),
        calibration={
            name: {key: float(metrics.METRICS[key](probs, second.target)) for key in SCORED}
            for name, probs in variants.items()
        },
        abstention=None if threshold is None else score_at(threshold, second.probs, second.target, second.group),
        coverage=coverage,
        conformal={name: _sets(first, second, coverage, score) for name, score in conformal.SCORES.items()},
    )


def _sets(first: Result, second: Result, coverage: float, score: conformal.Score) -> conformal.SetScores:
    quantile = conformal.fit_quantile(first.probs, first.target, coverage, score)
    return conformal.measure(second.probs, second.target, quantile, score, second.group)


def _predictable(result: Result, labels: Sequence[str]) -> tuple[metrics.Floats, metrics.Floats]:
    """Return probabilities and targets over the labels that the system can predict, of the samples labelled so.

    No temperature makes an expression possible that a system cannot predict: those are measured, but not fitted on.
    """
    if tuple(labels) == result.labels:
        return result.probs, result.target
    wide = columns(result.labels, labels)
    target = result.target[:, wide].astype(np.float64)
    kept = target.sum(1) > 0.5
    if not kept.any():
        raise DataError("no sample has a label that the system can predict", "at least one")
    return result.probs[kept][:, wide], target[kept] / target[kept].sum(1, keepdims=True)


def _source(result: Result) -> Source:
    return Source(result.provenance.dataset, result.provenance.split, len(result))


def _groups_in_both(first: Result, second: Result) -> int | None:
    """Return how many subjects or clips of the second result are in the first, too; None where they are not known."""
    if first.group is None or second.group is None or first.provenance.dataset != second.provenance.dataset:
        return None
    return int((np.intersect1d(first.group, second.group) != "").sum())


def _check(first: Result, second: Result) -> None:
    """Refuse two results of which the second cannot measure what the first was fitted on."""
    one, other = first.provenance, second.provenance
    if one.split == "test":
        got = f"the first result is of {_source(first)}, and nothing is fitted on test"
        raise DataError(got, "VAL, then TEST", "the two are swapped" if other.split == "val" else "")
    if "train" in (one.split, other.split):
        got = f"results of {_source(first)} and {_source(second)}: weights are surer on what they were trained on"
        raise DataError(got, "VAL, then TEST")
    if first.labels != second.labels:
        raise DataError(f"results with the labels {', '.join(first.labels)} and {', '.join(second.labels)}", "the same")
    if not len(first) or not len(second):
        raise DataError(f"results of {len(first)} and {len(second)} samples", "at least one in each")
    if bool(one.table) != bool(other.table):
        names = " and of ".join(f"the table {p.table}" if p.table else str(p.weights) for p in (one, other))
        raise DataError(f"results of {names}", "predictions of one system on val and on another split")
    if one.weights and other.weights and one.weights != other.weights:
        raise DataError(f"results of {one.weights} and of {other.weights}", "the same weights on val and another split")
    if one.weights_sha256 and other.weights_sha256 and one.weights_sha256 != other.weights_sha256:
        raise DataError(  # seeds of a recipe share its name
            f"results of two files called {one.weights}", "predictions of the same", "`mien evaluate WEIGHTS --out DIR`"
        )
    if one.prior != other.prior:
        priors = " and ".join(p.prior or NATURAL for p in (one, other))
        raise DataError(f"results under the priors {priors}", "one prior", "`mien evaluate WEIGHTS --prior PRIOR`")
    if len(common := np.intersect1d(first.ids, second.ids)):
        some = ", ".join(common[:3].tolist())
        raise DataError(f"{len(common)} samples in both results ({some}, ...)", "results without a common sample")
