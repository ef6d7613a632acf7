"""Fairness: are the weights as good for every group of people, as far as the data can tell?

    fairness(result, {"sex": sexes, "age": ages})      # one word per sample of the result, "" where it is not known

Per group: accuracy, calibration error, and each expression's false-positive and false-negative rate, with 95 %
intervals; between groups: the gap between the best and the worst, the largest difference of error rates (equalised
odds: Hardt, Price and Srebro, 2016, one class against the rest), and tests, corrected for their number (Holm): those
of accuracy over all columns, and those of the error rates over all columns and expressions.
From fewer than `min_group` samples no rate is computed and nothing is concluded: their counts are told, and that is
all.  A gap between the extremes of several groups is wide by chance; its interval holds for all pairs at once
(Bonferroni), so it may well include 0.  Where the result knows its subjects or clips, all intervals and tests are by
them: a hundred images of one woman are not a hundred women.
"""

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError, UsageError
from mien.evaluation import metrics
from mien.evaluation.metrics import Floats
from mien.evaluation.provenance import source_facts
from mien.evaluation.result import Result
from mien.evaluation.statistics import clusters
from mien.evaluation.statistics.intervals import intervals, known_ends, proportion_interval
from mien.evaluation.statistics.mcnemar import LEVEL, holm
from mien.evaluation.statistics.proportions import difference, equal_rates

MIN_GROUP = 30
"""Fewest samples, of a group or of a rate's denominator, from which anything is concluded."""

Words = NDArray[np.str_]
Test = dict[str, Any]


def fairness(
    result: Result, columns: Mapping[str, Sequence[str] | Words], min_group: int = MIN_GROUP
) -> dict[str, Any]:
    """Return the audit of a result by columns of group names, each as long as the result: what `--json` prints.

    It names the weights, the data and a digest of the answers that it is about.
    UsageError for a `min_group` below 1, DataError for columns of another length or none at all.
    """
    if min_group < 1:
        raise UsageError(f"`min_group` {min_group}", "1 or more")
    if not columns:
        raise DataError("no column of groups", "at least one")
    named = {column: _words(column, words, len(result)) for column, words in columns.items()}
    audits = [_audit(result, column, words, min_group) for column, words in named.items()]
    tests = [test for audit in audits for test in audit["tests"]]
    for main in (True, False):  # whether accuracy differs is one question, in which error rates it does another
        family = [test for test in tests if (test["what"] == "accuracy") == main]
        for test, corrected in zip(family, holm([test["p"] for test in family]), strict=True):
            test["p_holm"] = corrected
    for audit in audits:
        audit["conclusion"] = _conclusion(audit, min_group)
    grouped = np.any([words != "" for words in named.values()], axis=0)
    left_out = int((~grouped).sum())
    return {**source_facts(result), "columns": audits, "min_group": min_group, "n": len(result), "left_out": left_out}


def _words(column: str, words: Sequence[str] | Words, n: int) -> Words:
    found = np.asarray(words).astype(np.str_)
    if found.shape != (n,):
        raise DataError(f"column {column} of shape {found.shape}", f"({n},), a word per sample")
    return found


def _audit(result: Result, column: str, words: Words, least: int) -> dict[str, Any]:
    names = [str(name) for name in np.unique(words) if name != ""]
    groups = [_group(result.take(words == name), name, least) for name in names]
    label, predicted = metrics.top1(result.probs, result.target)
    rows = [words == group["group"] for group in groups if group["enough"]]
    sizes, hits = [int(own.sum()) for own in rows], [int((label == predicted)[own].sum()) for own in rows]
    code = clusters.codes(result.group)
    tests = [{"what": "accuracy", "p": _equal(rows, label == predicted, code)}] if len(rows) > 1 else []
    tests += _class_tests(result.labels, label, predicted, rows, least, code)
    deviation, enough = _deviation(rows, label == predicted, code), [g["group"] for g in groups if g["enough"]]
    return {
        "column": column,
        "groups": groups,
        "tests": tests,
        **_gap(enough, hits, sizes, deviation),
        "by": clusters.count(result.group),
        "equalised_odds_gap": _odds_gap(groups),
        "left_out": int((words == "").sum()),
    }


def _group(part: Result, name: str, least: int) -> dict[str, Any]:
    label, predicted = metrics.top1(part.probs, part.target)
    n, enough = len(part), len(part) >= least
    right = int((label == predicted).sum())
    return {
        "group": name,
        "n": n,
        "enough": enough,
        "accuracy": right / n if enough else None,
        "accuracy_interval": known_ends(proportion_interval(label == predicted, part.group)) if enough else None,
        "ece": metrics.ece(part.probs, part.target) if enough else None,
        "ece_interval": known_ends(intervals(part.probs, part.target, group=part.group)["ece"]) if enough else None,
        "per_class": {
            word: {
                "n": int((label == k).sum()),
                **_rate("fpr", predicted == k, label != k, part.group, least if enough else n + 1),
                **_rate("fnr", predicted != k, label == k, part.group, least if enough else n + 1),
            }
            for k, word in enumerate(part.labels)
        },
    }


def _rate(
    name: str, wrong: NDArray[np.bool_], among: NDArray[np.bool_], group: Words | None, least: int
) -> dict[str, Any]:
    """Return a rate among some samples and its interval, None of fewer than `least`."""
    if among.sum() < least:
        return {name: None, f"{name}_interval": None}
    ends = proportion_interval(wrong[among], None if group is None else group[among])
    return {name: float(wrong[among].mean()), f"{name}_interval": known_ends(ends)}


def _equal(rows: list[NDArray[np.bool_]], hit: NDArray[np.bool_], code: NDArray[np.intp] | None) -> float:
    """Return the p value of one rate in all sets of rows, by subject or clip where those are known."""
    if code is None:
        return equal_rates([int(hit[own].sum()) for own in rows], [int(own.sum()) for own in rows])
    word = np.select(rows, list(range(1, len(rows) + 1)), 0)
    return clusters.permuted_p(word[word > 0].astype(np.str_), hit[word > 0], code[word > 0])


def _deviation(rows: list[NDArray[np.bool_]], hit: NDArray[np.bool_], code: NDArray[np.intp] | None) -> Floats | None:
    """Return the standard deviation of the difference of every two sets' rates over draws of whole groups, or None."""
    if code is None or not rows:
        return None
    wide = np.stack(rows, 1).astype(float)
    sums, _ = clusters.GroupDraws(code).sums(np.hstack([wide * hit[:, None], wide]))
    rates = sums[:, : len(rows)] / np.maximum(sums[:, len(rows) :], 1)
    return np.asarray(np.std(rates[:, :, None] - rates[:, None, :], axis=0))


def _class_tests(
    labels: Sequence[str],
    label: metrics.Counts,
    predicted: metrics.Counts,
    rows: list[NDArray[np.bool_]],
    least: int,
    code: NDArray[np.intp] | None,
) -> list[Test]:
    """Return the tests of equal false negatives and positives, over the groups that have enough to tell."""
    tests = []
    for k, word in enumerate(labels):
        asked = {"false negatives": (label == k, predicted != k), "false positives": (label != k, predicted == k)}
        for what, (among, wrong) in asked.items():
            known = [own & among for own in rows if (own & among).sum() >= least]
            if len(known) > 1:
                p = _equal(known, wrong, code)
                tests.append({"what": f"{what} of {word}", "p": p})
    return tests


def _gap(names: list[str], hits: list[int], sizes: list[int], deviation: Floats | None) -> dict[str, Any]:
    if len(names) < 2:
        return {"worst_group": None, "best_group": None, "gap": None, "gap_interval": None}
    shares = [hit / size for hit, size in zip(hits, sizes, strict=True)]
    worst = min(range(len(names)), key=shares.__getitem__)
    best = max(range(len(names)), key=lambda k: (shares[k], k != worst))  # where all are equal, another than the worst
    pairs = len(names) * (len(names) - 1) / 2
    z = NormalDist().inv_cdf(1 - LEVEL / 2 / pairs)
    ends = difference((hits[best], hits[worst]), (sizes[best], sizes[worst]), z)
    if deviation is not None:
        half, gap = z * float(deviation[best, worst]), shares[best] - shares[worst]
        ends = (gap - half, gap + half)
    return {
        "worst_group": names[worst],
        "best_group": names[best],
        "gap": shares[best] - shares[worst],
        "gap_interval": list(ends),
    }


def _odds_gap(groups: list[dict[str, Any]]) -> float | None:
    """Return the largest difference between groups in any class's false-positive or false-negative rate."""
    rates: dict[tuple[str, str], list[float]] = {}
    for group in groups:
        for word, row in group["per_class"].items():
            for name in ("fpr", "fnr"):
                if row[name] is not None:
                    rates.setdefault((word, name), []).append(row[name])
    return max((max(found) - min(found) for found in rates.values() if len(found) > 1), default=None)


def _conclusion(audit: dict[str, Any], least: int) -> str:
    small = ", ".join(f"{g['n']} < {least} in {g['group']}" for g in audit["groups"] if not g["enough"])
    if audit["gap"] is None:
        return f"too few to conclude: {small or 'there are not two groups'}"
    first, *others = audit["tests"]
    low, high = (100 * end for end in audit["gap_interval"])
    apart = (
        f"{audit['worst_group']} is {100 * audit['gap']:.1f} points below {audit['best_group']} "
        f"(95 %: {low:.1f} to {high:.1f})"
    )
    if first["p_holm"] < LEVEL:
        parts = [f"accuracy differs between the groups ({p_text(first['p_holm'])} after Holm): {apart}"]
    else:
        parts = [f"no difference in accuracy is shown ({p_text(first['p_holm'])} after Holm): {apart}"]
    if differ := [f"{test['what']} ({p_text(test['p_holm'])})" for test in others if test["p_holm"] < LEVEL]:
        parts.append(f"different between the groups: {', '.join(differ)}")
    if small:
        parts.append(f"too few to conclude: {small}")
    return "; ".join(parts)


def p_text(p: float) -> str:
    """Return a p value in words.

    >>> p_text(0.0312), p_text(0.00002)
    ('p = 0.031', 'p < 0.001')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
