"""Metrics: `f(probs, target) -> float` in plain numpy, by key in `METRICS`, each with the way that is better.

Probabilities are (N, K) floats.  Targets are (N, K) distributions: one-hot for hard labels, otherwise the fractions of
votes.  Where several classes tie for the top of a target, any of them is right.  Skew-normalised ones end in `_norm`.
Undefined values are NaN.  All metrics together take some 20 ms on 3,589 x 8.

`VOTES`, `MIXED` and `PEOPLE` are measured against people's votes, `REGRESSION` is for valence and arousal, `UNITS` for
action units, each in its own module.
"""

from mien.evaluation.metrics.confidence import BINS, bin_of, brier, briers, ece, ece_width, nll, nlls, reliability
from mien.evaluation.metrics.counts import (
    Counts,
    Floats,
    accuracies_norm,
    accuracy_of,
    alpha_norm_of,
    alpha_of,
    balanced_accuracy_of,
    f1s_norm,
    kappa_norm_of,
    kappa_of,
    kappas_norm,
    macro_f1_of,
    one_vs_rest,
    per_class,
    precisions_norm,
    recalls,
    undersampled,
)
from mien.evaluation.metrics.labels import (
    accuracy,
    alpha,
    alpha_norm,
    balanced_accuracy,
    confusion,
    kappa,
    kappa_norm,
    macro_f1,
    macro_f1_norm,
    macro_precision,
    macro_precision_norm,
    macro_recall,
    top1,
)
from mien.evaluation.metrics.metric import Metric, higher, lower
from mien.evaluation.metrics.ranking import pr_auc, roc_auc, top2, top2_confusion, top2_f1, top2_f1_norm, top2_hits
from mien.evaluation.metrics.regression import REGRESSION
from mien.evaluation.metrics.units import UNITS, icc
from mien.evaluation.metrics.votes import MIXED, PEOPLE, VOTES

__all__ = [
    "BINS",
    "METRICS",
    "MIXED",
    "OF_LABELS",
    "PEOPLE",
    "REGRESSION",
    "UNITS",
    "VOTES",
    "Counts",
    "Floats",
    "Metric",
    "accuracies_norm",
    "accuracy",
    "accuracy_of",
    "alpha",
    "alpha_norm_of",
    "alpha_of",
    "balanced_accuracy",
    "balanced_accuracy_of",
    "bin_of",
    "brier",
    "briers",
    "confusion",
    "ece",
    "f1s_norm",
    "icc",
    "kappa_norm_of",
    "kappa_of",
    "kappas_norm",
    "macro_f1",
    "macro_f1_of",
    "nll",
    "nlls",
    "one_vs_rest",
    "per_class",
    "precisions_norm",
    "recalls",
    "reliability",
    "top1",
    "top2",
    "top2_confusion",
    "top2_hits",
    "undersampled",
]

METRICS: dict[str, Metric] = {
    "accuracy": higher(accuracy),
    "balanced_accuracy": higher(balanced_accuracy),
    "macro_f1": higher(macro_f1),
    "macro_precision": higher(macro_precision),
    "macro_recall": higher(macro_recall),
    "top2": higher(top2),
    "top2_f1": higher(top2_f1),
    "kappa": higher(kappa),
    "alpha": higher(alpha),
    "roc_auc": higher(roc_auc),
    "pr_auc": higher(pr_auc),
    "ece": lower(ece),
    "ece_width": lower(ece_width),
    "nll": lower(nll),
    "brier": lower(brier),
    "accuracy_norm": higher(balanced_accuracy),
    "macro_precision_norm": higher(macro_precision_norm),
    "macro_f1_norm": higher(macro_f1_norm),
    "top2_f1_norm": higher(top2_f1_norm),
    "kappa_norm": higher(kappa_norm),
    "alpha_norm": higher(alpha_norm),
}
"""Metric by key, with the way that is better."""

OF_LABELS = frozenset(key for key, metric in METRICS.items() if metric.measure.__module__.endswith(".labels"))
"""Keys of the metrics that need only the predicted label."""
