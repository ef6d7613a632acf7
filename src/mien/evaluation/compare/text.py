"""A comparison as text for a terminal and as one tidy table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mien.evaluation.published.record import Published
from mien.evaluation.statistics.clusters import by
from mien.evaluation.statistics.intervals import RESAMPLED
from mien.evaluation.text import hundredths
from mien.html.page import count

if TYPE_CHECKING:
    from mien.evaluation.compare.comparison import Comparison, Disagreement, Ends, Pair, Rank, Subset

NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced",
    "macro_f1": "macro-F1",
    "kappa": "kappa",
    "top2": "top-2",
    "ece": "ECE",
    "nll": "NLL",
    "brier": "Brier",
}
PERCENT = {"accuracy", "balanced_accuracy", "macro_f1", "top2", "ece"}
HEADS = {key: f"{name} %" if key in PERCENT else name for key, name in NAMES.items()}
"""Heads of columns of scores."""
GAPS = {key: f"{name}, points" if key in PERCENT else name for key, name in NAMES.items()}
"""Heads of columns of differences."""
OF_SEVERAL_RUNS = (
    "Values of several runs are means. Their intervals and tests are over images, for these runs; a deviation is the "
    "standard deviation over the runs. A gap that is not well above it may come from the seeds."
)
NOT_CORRECTED = (
    "Intervals are not corrected for the number of pairs. Where an interval excludes zero and the test with Holm's "
    "correction still says noise, believe the test."
)

ECE_DIFFERENCE = (
    "A difference in ECE has no interval: chance alone adds to both errors, and not equally. Compare NLL or Brier "
    "instead."
)
"""The note wherever differences in calibration errors are listed."""


def to_text(comparison: Comparison) -> str:
    """Return the comparison as lines: systems, ranking and pairs on both sets of images, then disagreement."""
    lines = []
    for part in (comparison.full, comparison.clean):
        lines += [*_subset(part), ""]
    if restricted := comparison.restricted:
        lines.append(f"{restricted.name}, {count(restricted.left_out, 'image')} left out:")
        lines += [*_systems(restricted.full), *_systems(restricted.clean), ""]
    for pair in comparison.disagreement:
        lines += [*_disagreement(pair), ""]
    if several(comparison.full):
        lines += [OF_SEVERAL_RUNS, ""]
    if len(comparison.full.pairs) > 1:
        lines += [NOT_CORRECTED, ""]
    if any("ece" in pair.differences for pair in comparison.full.pairs):
        lines += [ECE_DIFFERENCE, ""]
    lines += _published(comparison)
    return "\n".join(lines).rstrip()


def to_rows(comparison: Comparison) -> str:
    """Return CSV with a row per set of images, system (or pair: a minus b) and metric."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["subset", "n", "a", "b", "metric", "value", "low", "high", "p", "p_holm", "runs", "deviation"])
    parts = {"full": comparison.full, "clean": comparison.clean}
    if restricted := comparison.restricted:
        parts |= {"restricted_full": restricted.full, "restricted_clean": restricted.clean}
    for key, part in parts.items():
        for name, scores in part.systems.items():
            for metric in RESAMPLED:
                ends, spread = scores.intervals[metric] or ("", ""), (scores.runs, _cell(scores.deviations.get(metric)))
                table.writerow([key, part.n, name, "", metric, _cell(scores.values[metric]), *ends, "", "", *spread])
        for pair in part.pairs:
            for metric, own in pair.differences.items():
                tested = (pair.p, pair.p_holm) if metric == "accuracy" else ("", "")
                value = _cell(own.difference)
                table.writerow(
                    [key, part.n, pair.a, pair.b, metric, value, *own.interval, *tested, "", _cell(own.deviation)]
                )
    return text.getvalue()


def shown(key: str, value: float | None, signed: bool = False) -> str:
    """Return a metric as it is shown: fractions in percent, the rest with three decimals, a dash where there is none.

    >>> shown("accuracy", 0.7312), shown("nll", 0.5, signed=True), shown("ece", None)
    ('73.12', '+0.500', '-')
    """
    if value is None:
        return "-"
    plus = "+" if signed else ""
    if key in PERCENT and not signed:
        return hundredths(value, 2)
    return f"{100 * value:{plus}.2f}" if key in PERCENT else f"{value:{plus}.3f}"


def span(key: str, ends: Ends | None, signed: bool = False) -> str:
    """Return an interval as it is shown, a dash where it is not known, empty where there is none.

    >>> span("accuracy", [0.7, 0.75]), span("nll", None)
    ('70.00 to 75.00', '')
    """
    if ends and None in ends:
        return "-"
    return "" if not ends else " to ".join(shown(key, end, signed) for end in ends)


def p_value(p: float) -> str:
    """Return a p value as it is shown.

    >>> p_value(0.00002), p_value(0.0312)
    ('< 0.001', '0.031')
    """
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def verdict(rank: Rank) -> str:
    """Return in words whether the gap to the next system is significant; empty for the last.

    >>> from mien.evaluation.compare.comparison import Rank
    >>> verdict(Rank(1, "a", 0.9, gap=0.012, p=0.02, p_holm=0.2, pairs=10, noise=True))
    '1.20 points above the next: may be noise (p 0.020 alone, 0.200 corrected for 10 pairs)'
    """
    if rank.gap is None or rank.p is None or rank.p_holm is None:
        return ""
    worth = "may be noise" if rank.noise else "significant"
    p = f"p {p_value(rank.p)}"
    if rank.pairs > 1:
        p = f"{p} alone, {p_value(rank.p_holm)} corrected for {rank.pairs} pairs"
    return f"{100 * rank.gap:.2f} points above the next: {worth} ({p})"


def together(groups: Sequence[Sequence[str]]) -> str:
    """Return in words which systems do not differ significantly; empty where all do.

    >>> together([["a", "b"], ["c"]])
    'no significant difference: a, b'
    """
    runs = [", ".join(group) for group in groups if len(group) > 1]
    return f"no significant difference: {'; '.join(runs)}" if runs else ""


def title(part: Subset) -> str:
    """Return in words which images a part is of, and for which systems near-duplicates were not searched.

    >>> from mien.evaluation.compare.comparison import Subset
    >>> title(Subset(9, searched=["a"], not_searched={"b": "its Training is not here"}))
    'without near-duplicates in the training of a (not searched for b: its Training is not here)'
    """
    if part.searched is None:
        return "all images"
    reasons = "; ".join(f"{name}: {reason}" for name, reason in (part.not_searched or {}).items())
    if not part.searched:
        return f"without near-duplicates in training: not searched ({reasons})"
    if not reasons:
        return "without near-duplicates in training"
    return f"without near-duplicates in the training of {', '.join(part.searched)} (not searched for {reasons})"


def grouped(part: Subset) -> str:
    """Return in words that intervals and tests are by group; empty where they are by images.

    >>> from mien.evaluation.compare.comparison import Subset
    >>> grouped(Subset(900, by=118)), grouped(Subset(900))
    ('intervals and tests by 118 subjects or clips', '')
    """
    return f"intervals and tests {by(part.by)}" if part.by else ""


def several(part: Subset) -> bool:
    """Return whether a system of a part is the mean of several runs."""
    return any(scores.runs > 1 for scores in part.systems.values())


def spread_of(key: str, value: float | None) -> str:
    """Return a standard deviation over runs as it is shown; empty where there is none.

    >>> spread_of("accuracy", 0.0042), spread_of("nll", 0.01), spread_of("nll", None)
    ('deviation 0.42', 'deviation 0.010', '')
    """
    return "" if value is None else f"deviation {shown(key, value)}"


def fewer(record: Published, comparison: Comparison) -> str:
    """Return in words that a published result is on fewer expressions than the comparison; empty where it is not."""
    n = len(record.labels or ())
    return f"of {n} expressions only" if 0 < n < len(comparison.target_labels) else ""


def _subset(part: Subset) -> Iterator[str]:
    yield from _systems(part)
    if not part.n:
        return
    yield from (f"  {rank.name}: {verdict(rank)}" for rank in part.ranking if rank.gap is not None)
    if tied := together(part.groups):
        yield f"  {tied}"
    for pair in part.pairs:
        yield from _pair(pair)


def _systems(part: Subset) -> Iterator[str]:
    yield title(part) if part.n is None else ", ".join(filter(None, (title(part), f"n {part.n:,}", grouped(part))))
    if not part.n:
        return
    width = max(*map(len, part.systems), 24 if several(part) else 0) + 2
    rest = "".join(f"{name:>12s}" for name in list(HEADS.values())[1:])
    yield f"{'':{width}s}{HEADS['accuracy']:>10s}  {'95 % interval':16s}{rest}"
    for rank in part.ranking:
        scores = part.systems[rank.name]
        rest = "".join(f"{shown(key, scores.values[key]):>12s}" for key in list(NAMES)[1:])
        ends = span("accuracy", scores.intervals["accuracy"])
        yield f"{rank.name:{width}s}{shown('accuracy', scores.values['accuracy']):>10s}  {ends:16s}{rest}"
        if scores.runs > 1:
            rest = "".join(f"{shown(key, scores.deviations[key]):>12s}" for key in list(NAMES)[1:])
            head = f"  deviation over {scores.runs} runs"
            yield f"{head:{width}s}{shown('accuracy', scores.deviations['accuracy']):>10s}  {'':16s}{rest}"


def _pair(pair: Pair) -> Iterator[str]:
    yield f"  {pair.a} minus {pair.b}, with 95 % intervals:"
    for key, own in pair.differences.items():
        ends = "  ".join(filter(None, (span(key, own.interval, True), spread_of(key, own.deviation))))
        yield f"    {GAPS[key]:18s}{shown(key, own.difference, True):>8s}  {ends}"
    test = "by group" if pair.by else "by image" if pair.several else "McNemar"
    counts = f"only {pair.a} right {pair.a_only:,}, only {pair.b} right {pair.b_only:,}"
    if pair.several:
        counts = f"{pair.a} right in more of its runs {pair.a_only:,}, {pair.b} {pair.b_only:,}"
    yield f"    {test:18s}{counts}, p {p_value(pair.p)}, with Holm's correction {p_value(pair.p_holm)}"


def _disagreement(pair: Disagreement) -> Iterator[str]:
    yield f"A = {pair.a}, B = {pair.b}: the same prediction for {count(pair.same_prediction, 'image')}"
    heads = {"n": "images", "both": "both right", "a_only": "only A", "b_only": "only B", "neither": "neither"}
    yield f"{'':12s}" + "".join(f"{head:>12s}" for head in heads.values())
    for name, counts in pair.by_label.items():
        yield f"{name:12s}" + "".join(f"{counts[key]:12,d}" for key in heads)


def _published(comparison: Comparison) -> Iterator[str]:
    if not comparison.published:
        return
    yield f"published on {comparison.dataset}, in percent; not measured here, and splits and selection differ"
    for one in comparison.published:
        note = f"; {one.note}" if one.note else ""
        few = f" ({words})" if (words := fewer(one, comparison)) else ""
        yield f"  {100 * one.value:6.2f}  {one.what}{few} [{one.split}] {one.source}{note}"


def _cell(value: float | None) -> float | str:
    return "" if value is None else value
