"""Fairness: are the weights as good for every group of people, as far as the data can show?

    fairness(result, {"sex": sexes, "age": ages})      # one word per sample of the result, "" where it is unknown

Per group: accuracy, calibration error, and each expression's false-positive and false-negative rate, with 95 %
intervals.  Between groups: the gap between the best and the worst, and the largest difference of error rates
(equalised odds: Hardt, Price and Srebro, 2016, one class against the rest), beside what chance makes of it.  Tests are
corrected for their number (Holm): those of accuracy over all columns, and those of the error rates over all columns and
expressions.

Of fewer than `min_group` samples only the count is reported.  A gap between the extremes of several groups is wide by
chance; its interval holds for all pairs at once (Bonferroni), so it may well include 0.  Where the result knows its
subjects or clips, all intervals and tests are by them: a hundred images of one woman are not a hundred women.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError, UsageError
from mien.evaluation import metrics
from mien.evaluation.fairness.conclusion import conclude
from mien.evaluation.fairness.odds import chance_gap, error_rates
from mien.evaluation.fairness.report import ColumnAudit, ErrorRates, FairnessReport, Gap, GroupScores, GroupTest
from mien.evaluation.metrics import Floats
from mien.evaluation.provenance import source_facts
from mien.evaluation.result import Result
from mien.evaluation.statistics import clusters
from mien.evaluation.statistics.intervals import Ends, intervals, known_ends, proportion_interval
from mien.evaluation.statistics.mcnemar import LEVEL, holm
from mien.evaluation.statistics.proportions import difference, equal_rates

MIN_GROUP = 30
"""Fewest samples, of a group or of a rate's denominator, from which anything is concluded."""

Words = NDArray[np.str_]
Mask = NDArray[np.bool_]


def fairness(
    result: Result, columns: Mapping[str, Sequence[str] | Words], min_group: int = MIN_GROUP
) -> FairnessReport:
    """Return the audit of a result by columns of group names, each as long as the result.

    UsageError for a `min_group` below 1, DataError for no columns or columns of another length.
    """
    if min_group < 1:
        raise UsageError(f"`min_group` {min_group}", "1 or more")
    if not columns:
        raise DataError("no column of groups", "at least one")
    named = {column: _words(column, words, len(result)) for column, words in columns.items()}
    order, ordered = np.argsort(result.ids, kind="stable"), result.in_order()
    audits = _corrected([_audit(ordered, column, words[order], min_group) for column, words in named.items()])
    audits = [replace(one, conclusion=conclude(one.groups, one.tests, one.gap, min_group)) for one in audits]
    grouped = np.any([words != "" for words in named.values()], axis=0)
    return FairnessReport(source_facts(result), tuple(audits), min_group, len(result), int((~grouped).sum()))


def _words(column: str, words: Sequence[str] | Words, n: int) -> Words:
    array = np.asarray(words).astype(np.str_)
    if array.shape != (n,):
        raise DataError(f"column {column} of shape {array.shape}", f"({n},), a word per sample")
    return array


def _corrected(audits: Sequence[ColumnAudit]) -> list[ColumnAudit]:
    """Return audits whose p values are corrected: those of accuracy as one family, those of error rates as another."""
    tests = [(k, test) for k, audit in enumerate(audits) for test in audit.tests]
    corrected: list[list[GroupTest]] = [[] for _ in audits]
    for main in (True, False):
        family = [(k, test) for k, test in tests if (test.what == "accuracy") == main]
        for (k, test), p in zip(family, holm([test.p for _, test in family]), strict=True):
            corrected[k].append(replace(test, p_holm=p))
    return [replace(audit, tests=tuple(own)) for audit, own in zip(audits, corrected, strict=True)]


def _audit(result: Result, column: str, words: Words, min_group: int) -> ColumnAudit:
    names = [str(name) for name in np.unique(words) if name != ""]
    groups = tuple(_group(result.take(words == name), name, min_group) for name in names)
    label, predicted = metrics.top1(result.probs, result.target)
    large = [group.group for group in groups if group.enough]
    rows, code = [words == name for name in large], clusters.codes(result.group)
    tests = [_test("accuracy", rows, label == predicted, code)] if len(rows) > 1 else []
    return ColumnAudit(
        column=column,
        groups=groups,
        tests=(*tests, *_class_tests(result.labels, label, predicted, rows, min_group, code)),
        gap=_gap(large, rows, label == predicted, code),
        by=clusters.count(result.group),
        equalised_odds_gap=_odds_gap(groups),
        equalised_odds_chance=chance_gap(result.labels, label, predicted, rows, min_group, code),
        left_out=int((words == "").sum()),
        conclusion="",
    )


def _group(part: Result, name: str, min_group: int) -> GroupScores:
    label, predicted = metrics.top1(part.probs, part.target)
    n, enough = len(part), len(part) >= min_group
    fewest = min_group if enough else n + 1
    right = int((label == predicted).sum())
    return GroupScores(
        group=name,
        n=n,
        enough=enough,
        accuracy=right / n if enough else None,
        accuracy_interval=known_ends(proportion_interval(label == predicted, part.group)) if enough else None,
        ece=metrics.ece(part.probs, part.target) if enough else None,
        ece_interval=known_ends(intervals(part.probs, part.target, group=part.group)["ece"]) if enough else None,
        per_class={
            word: ErrorRates(
                int((label == k).sum()),
                *_rate(predicted == k, label != k, part.group, fewest),
                *_rate(predicted != k, label == k, part.group, fewest),
            )
            for k, word in enumerate(part.labels)
        },
    )


def _rate(wrong: Mask, among: Mask, group: Words | None, min_n: int) -> tuple[float | None, Ends | None]:
    """Return a rate among some samples and its interval, None of fewer than `min_n`."""
    if among.sum() < min_n:
        return None, None
    ends = proportion_interval(wrong[among], None if group is None else group[among])
    return float(wrong[among].mean()), known_ends(ends)


def _test(what: str, rows: Sequence[Mask], hit: Mask, code: NDArray[np.intp] | None) -> GroupTest:
    """Return the test of one rate in all sets of rows, by subject or clip where those are known."""
    if code is None:
        p = equal_rates([int(hit[own].sum()) for own in rows], [int(own.sum()) for own in rows])
    else:
        word = np.select(list(rows), list(range(1, len(rows) + 1)), 0)
        p = clusters.permuted_p(word[word > 0].astype(np.str_), hit[word > 0], code[word > 0])
    return GroupTest(what, p, p)


def _class_tests(
    labels: Sequence[str],
    label: metrics.Counts,
    predicted: metrics.Counts,
    rows: Sequence[Mask],
    min_n: int,
    code: NDArray[np.intp] | None,
) -> list[GroupTest]:
    """Return the tests of equal false negatives and positives, over the groups with enough samples for a rate."""
    tests = []
    for what, among, wrong in error_rates(labels, label, predicted):
        large = [own & among for own in rows if (own & among).sum() >= min_n]
        if len(large) > 1:
            tests.append(_test(what, large, wrong, code))
    return tests


def _gap(names: Sequence[str], rows: Sequence[Mask], hit: Mask, code: NDArray[np.intp] | None) -> Gap | None:
    """Return the gap between the extremes of several groups; its interval holds for all pairs at once."""
    if len(names) < 2:
        return None
    hits, sizes = [int(hit[own].sum()) for own in rows], [int(own.sum()) for own in rows]
    rates = [right / size for right, size in zip(hits, sizes, strict=True)]
    worst = min(range(len(names)), key=rates.__getitem__)
    best = max(range(len(names)), key=lambda k: (rates[k], k != worst))  # where all are equal, another than the worst
    gap, pairs = rates[best] - rates[worst], len(names) * (len(names) - 1) / 2
    z = NormalDist().inv_cdf(1 - LEVEL / 2 / pairs)
    if code is None:
        ends = difference((hits[best], hits[worst]), (sizes[best], sizes[worst]), z)
    elif min(len(np.unique(code[rows[k]])) for k in (best, worst)) < clusters.MIN_GROUPS:
        ends = float("nan"), float("nan")
    else:
        half = z * float(_deviation(rows, hit, code)[best, worst])
        ends = (gap - half, gap + half)
    return Gap(names[worst], names[best], gap, known_ends(ends))


def _deviation(rows: Sequence[Mask], hit: Mask, code: NDArray[np.intp]) -> Floats:
    """Return the standard deviation of the difference of every two sets' rates over draws of whole groups."""
    wide = np.stack(rows, 1).astype(float)
    sums, _ = clusters.GroupDraws(code).sums(np.hstack([wide * hit[:, None], wide]))
    rates = sums[:, : len(rows)] / np.maximum(sums[:, len(rows) :], 1)
    return np.asarray(np.std(rates[:, :, None] - rates[:, None, :], axis=0))


def _odds_gap(groups: Sequence[GroupScores]) -> float | None:
    """Return the largest difference between groups in any class's false-positive or false-negative rate."""
    rates: dict[tuple[str, str], list[float]] = {}
    for group in groups:
        for word, row in group.per_class.items():
            for name, rate in (("fpr", row.fpr), ("fnr", row.fnr)):
                if rate is not None:
                    rates.setdefault((word, name), []).append(rate)
    return max((max(values) - min(values) for values in rates.values() if len(values) > 1), default=None)
